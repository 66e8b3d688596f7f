"""The fork server: a clean process from which every child with a planted bug descends.

    server    what is not ours imported, and of ours what needs no engine; has run nothing
      stem    one bug planted (or none), then everything imported; has run nothing
        child   one question: a search, or a replay

A bug of the bank is grafted (`graft`) in a child of the stem that has none, where that is the same as to
import everything with it; else it has a stem of its own.

Run as a module by `client`, which says who answers and what is imported before. Lines of JSON are exchanged:

    request   {"task": ..., "bug": name or "", "limit_seconds": ..., "deadline": ..., ...}; "edits": (name,
              module, spans) of what no bank has, by place, one a module; "environment": what is added to it
    answer    {"unknown": "" or why there is no result, "result": ..., "cpu_seconds": ...}; "broken": true
              where nothing can be imported with the bug in it

Invariants
  1  every stem starts from a process in which nothing of the engine is imported, nor of what records and
     judges programs, where all bugs are; every child starts from a stem in which nothing has run but imports
  2  requests are answered one at a time, in order; a child ends with its answer or is killed
  3  there are two stems at most: that of the unchanged code, which stays, and that of the last bug
  4  when the requests end, because the client closed them or died, so do child, stems and server
  5  Ctrl-C is the client's alone: it is held back from the server since before the server is born,
     and so from all that descends from it
  6  a child or a stem that breaks is told as `unknown`: it decided nothing

Threads: none; that is what makes forking safe.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from contextlib import nullcontext, suppress
from importlib import import_module
from typing import Any, Final, NoReturn

from ..garbage import collect_seldom
from .bank import find
from .compiled import Compiled
from .graft import Imported
from .hook import install, plant_all
from .planted import Edit, Span

__all__ = ["LEFT", "OURS", "WARM", "serve"]

WALL_FACTOR: Final = 6  # A child may wait this much longer than it may work: others work beside it.
GRACE_SECONDS: Final = 5
# What a stem would import besides our own. A missing name costs time and nothing else; a test finds it.
WARM: Final = (
    *("abc", "array", "ast", "asyncio", "bisect", "concurrent.futures.thread", "contextlib", "copyreg"),
    *("ctypes", "dataclasses", "enum", "fcntl", "functools", "hashlib", "heapq", "itertools", "math", "mmap"),
    *("importlib.util", "operator", "pathlib", "pkgutil", "platform", "queue", "random", "subprocess"),
    *("struct", "tempfile", "threading", "types", "typing", "uuid", "warnings"),
    *("fastcrc", "greenlet", "msgspec", "msgspec.json", "msgspec.structs", "typing_extensions"),
)
# And of our own what brings no engine: once for all stems.
OURS: Final = (
    *("powercut.faultfs", "powercut.verifier.finders.crashes", "powercut.verifier.finders.damage"),
    *("powercut.verifier.finders.faults", "powercut.verifier.finders.shared"),
    *("powercut.verifier.oracles.committed", "powercut.verifier.oracles.linear"),
    "powercut.verifier.reach.pairs",
    *("powercut.verifier.reducing.shrink", "powercut.verifier.tapes.appenders"),
    "powercut.verifier.tapes.families",
)
# What is left for a stem to import, by folder or file.
LEFT: Final = (
    *("engine", "verifier/answers", "verifier/concurrency", "verifier/faster", "verifier/finders/answers"),
    *("verifier/finders/cpr", "verifier/mutants"),
)
_ENGINE: Final = "powercut.engine"
_HUNTS: Final = "powercut.verifier.mutants.hunts.crash"
_CLIENT: Final = 0  # The descriptor on which the server is asked.

Request = dict[str, Any]
Task = Callable[[Request], bytes]


class _ClientGoneError(Exception):
    """The client has gone."""


def serve() -> None:
    """Answer requests until there are no more."""
    answers = os.dup(1)
    os.dup2(2, 1)  # What a child prints is no answer.
    answers_by, warm, folders = json.loads(sys.argv[1])
    for name in (*WARM, *OURS, *warm):
        import_module(name)
    sys.meta_path.insert(0, Compiled((*LEFT, *folders)))
    gc.freeze()  # What is there stays there, and need not be looked through in what descends from it.
    collect_seldom()
    stems: dict[str, _Stem] = {}
    try:
        with suppress(BrokenPipeError, _ClientGoneError):
            while line := sys.stdin.buffer.readline():
                os.write(answers, _ask(line, stems, answers_by or _HUNTS) + b"\n")
    finally:
        for stem in stems.values():
            stem.end()


def _ask(line: bytes, stems: dict[str, _Stem], answers_by: str) -> bytes:
    """The answer of the right stem; made if need be, in the place of another bug's (invariant 3)."""
    request = json.loads(line)
    bug = request["bug"]
    if bug and bug not in stems and not {"edits", "environment"} & request.keys():
        told = _ask_stem("", line, request, stems, answers_by)
        if not json.loads(told).get("takes_import"):
            return told
    return _ask_stem(bug, line, request, stems, answers_by)


def _ask_stem(bug: str, line: bytes, request: Request, stems: dict[str, _Stem], answers_by: str) -> bytes:
    """The answer of the stem that has this bug."""
    if bug not in stems:
        for other in [name for name in stems if name and bug]:
            stems.pop(other).end()
        stems[bug] = _Stem({**request, "bug": bug}, answers_by, stems.values())
    told = stems[bug].ask(line, _patience(request) + GRACE_SECONDS)
    if told:
        return told
    why = f"the process with the bug in it {stems.pop(bug).end(is_killed=True)}"
    return json.dumps({"unknown": why, "result": None, "cpu_seconds": 0.0}).encode()


def _patience(request: Request) -> float:
    """Seconds that a child may take: until its deadline, and never longer than its limit lets it work."""
    seconds: float = request["limit_seconds"] * WALL_FACTOR
    deadline: float | None = request.get("deadline")
    return seconds if deadline is None else min(seconds, max(0.0, deadline - time.monotonic()))


class _Stem:
    """A process with a bug in it, as the server sees it."""

    def __init__(self, request: Request, answers_by: str, others: Iterable[_Stem]) -> None:
        source, self._asks = os.pipe()
        self._answers, sink = os.pipe()
        self._process = os.fork()
        if self._process == 0:
            # Held here too, they would keep another stem from seeing that the server is gone.
            for descriptor in (self._asks, self._answers, *(other._asks for other in others)):
                os.close(descriptor)
            _grow(request, answers_by, source, sink)
        os.close(source)
        os.close(sink)

    def ask(self, line: bytes, wall_seconds: float) -> bytes:
        """The stem's answer; b"" where it has ended, or does not answer."""
        try:
            os.write(self._asks, line)
        except BrokenPipeError:
            return b""
        return _listen(self._answers, _CLIENT, wall_seconds)

    def end(self, *, is_killed: bool = False) -> str:
        """End the stem, and wait until it has; its exit status."""
        if is_killed:
            with suppress(ProcessLookupError):
                os.kill(self._process, signal.SIGKILL)
        os.close(self._asks)
        os.close(self._answers)
        _, status, _ = os.wait4(self._process, 0)
        if os.WIFSIGNALED(status):
            return f"died of signal {os.WTERMSIG(status)}"
        return f"ended with status {os.WEXITSTATUS(status)}"


def _listen(source: int, client: int, wall_seconds: float) -> bytes:
    """Read to a line's end or to the end of input; b"" where it takes too long.

    Raises _ClientGoneError: one thing is asked at a time, so what comes meanwhile is no words.
    """
    parts: list[bytes] = []
    deadline = time.monotonic() + wall_seconds
    while True:
        ready, _, _ = select.select([source, client], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            return b""
        if source not in ready:
            raise _ClientGoneError
        part = os.read(source, 1 << 16)
        parts.append(part.rstrip(b"\n"))
        if not part or part.endswith(b"\n"):
            return b"".join(parts)


# -- in a stem -------------------------------------------------------------------------------------


def _grow(first: Request, answers_by: str, source: int, sink: int) -> NoReturn:
    """Plant the bug, import everything, and fork a child for each question."""
    imported = None if first["bug"] else Imported()
    with imported or nullcontext():
        task, broken = _plant(first, answers_by)
    gc.freeze()
    spent = 0.0
    with suppress(BrokenPipeError, _ClientGoneError), open(source, "rb") as requests:
        while line := requests.readline():
            answer: Request = {"unknown": broken, "result": None, "broken": True}
            if task is not None:
                answer = _answer(task, imported, line, source)
            total = _seconds(resource.RUSAGE_SELF) + _seconds(resource.RUSAGE_CHILDREN)
            answer["cpu_seconds"], spent = total - spent, total
            os.write(sink, json.dumps(answer).encode() + b"\n")
    os._exit(0)


def _plant(first: Request, answers_by: str) -> tuple[Task | None, str]:
    """(what a child does, ""), or (None, why there is nothing to do)."""
    try:
        imported = sorted(name for name in sys.modules if name.startswith(_ENGINE))
        if imported:
            raise RuntimeError(f"the fork server has imported {imported}")
        os.environ.update(first.get("environment", {}))
        if edits := first.get("edits"):
            plant_all(
                [Edit(name, module, tuple(Span(*span) for span in spans)) for name, module, spans in edits]
            )
        elif first["bug"]:
            install(first["bug"])
        task: Task = import_module(answers_by).answer
        import_module("powercut.engine.compiler.inlining").load_inlined()  # Once for all children.
    except (Exception, SystemExit):  # noqa: BLE001 (told to the client: it decided nothing)
        return None, traceback.format_exc(limit=-3)
    return task, ""


def _seconds(who: int) -> float:
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


def _answer(task: Task, imported: Imported | None, line: bytes, client: int) -> Request:
    """Fork, and wait for the child's answer within its limits."""
    request = json.loads(line)
    source, sink = os.pipe()
    child = os.fork()
    if child == 0:
        _work(task, imported, request, sink)
    os.close(sink)
    told = b""
    try:
        told = _listen(source, client, _patience(request))
    finally:
        os.close(source)
        if not told:
            os.kill(child, signal.SIGKILL)  # Where it has ended it is not waited for yet.
        _, status = os.waitpid(child, 0)
    if told and os.WIFEXITED(status):
        answer: Request = json.loads(told)
        return answer
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) not in (signal.SIGXCPU, signal.SIGKILL):
        return {"unknown": f"the child died of signal {os.WTERMSIG(status)}", "result": None}
    if os.WIFEXITED(status):
        return {"unknown": "the child ended without a word", "result": None}
    return {"unknown": f"no answer within {request['limit_seconds']} s", "result": None}


def _work(task: Task, imported: Imported | None, request: Request, sink: int) -> NoReturn:
    """Do the task, and send its result; a bug that the stem does not have is grafted before."""
    try:
        limit = request["limit_seconds"]
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + GRACE_SECONDS))
        if imported is not None and request["bug"] and not imported.graft(find(request["bug"])):
            answer = json.dumps({"unknown": "", "result": None, "takes_import": True}).encode()
        else:
            answer = b'{"unknown": "", "result": ' + task(request) + b"}"
    except Exception:  # noqa: BLE001 (told to the client: it decided nothing)
        answer = json.dumps({"unknown": traceback.format_exc(limit=-3), "result": None}).encode()
    while answer:
        answer = answer[os.write(sink, answer) :]
    os._exit(0)


if __name__ == "__main__":
    serve()
