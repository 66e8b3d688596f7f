"""The fork server: a clean process that forks a child for each question, and plants its bug there.

Run as a module by `hunt`. Requests and answers are lines of JSON:

    request   {"task": ..., "bug": name in the bank or "", "limit_seconds": ..., ...}
    answer    {"unknown": "" or why there is no result, "result": ..., "cpu_seconds": ...}

Invariants
  1  every child starts from a process in which nothing of engine and faultfs is imported, and of
     verifier only this package's data
  2  requests are answered one at a time, in order; a child ends with its answer or is killed
  3  when the requests end, because the client closed them or died, so do child and server
  4  Ctrl-C is the client's alone: it is held back from the server since before the server is born,
     and so from every child
  5  a child that breaks is told as `unknown`: it decided nothing

Threads: none; that is what makes forking safe.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import sys
import time
import traceback
from contextlib import suppress
from importlib import import_module
from typing import Any, Final

from .hook import install

__all__ = ["serve"]

WALL_FACTOR: Final = 6  # A child may wait this much longer than it may work: others work beside it.
GRACE_SECONDS: Final = 5
_WARM: Final = ("msgspec", "fastcrc", "bisect", "contextlib", "hashlib", "pathlib", "random")

Request = dict[str, Any]


def serve() -> None:
    """Answer requests until there are no more."""
    answers = os.dup(1)
    os.dup2(2, 1)  # What a child prints is no answer.
    for name in _WARM:
        import_module(name)
    with suppress(BrokenPipeError):  # The client died while its answer was made.
        while line := sys.stdin.buffer.readline():
            os.write(answers, _answer(json.loads(line)) + b"\n")


def _answer(request: Request) -> bytes:
    """Fork, and hear the child out within its limits."""
    source, sink = os.pipe()
    child = os.fork()
    if child == 0:
        _work(request, sink)
    os.close(sink)
    told = _listen(source, child, request["limit_seconds"] * WALL_FACTOR)
    os.close(source)
    _, status, usage = os.wait4(child, 0)
    answer: Request = {"unknown": f"no answer within {request['limit_seconds']} s", "result": None}
    if os.WIFEXITED(status):
        answer = json.loads(told) if told else {"unknown": "the child ended without a word", "result": None}
    elif os.WTERMSIG(status) not in (signal.SIGXCPU, signal.SIGKILL):
        answer["unknown"] = f"the child died of signal {os.WTERMSIG(status)}"
    answer["cpu_seconds"] = usage.ru_utime + usage.ru_stime
    return json.dumps(answer).encode()


def _listen(source: int, child: int, wall_seconds: float) -> bytes:
    """All that the child says; it is killed where it takes too long or nobody asks any more."""
    parts: list[bytes] = []
    deadline = time.monotonic() + wall_seconds
    while True:
        ready, _, _ = select.select([source, 0], [], [], max(0.0, deadline - time.monotonic()))
        if source not in ready:
            os.kill(child, signal.SIGKILL)
            if ready:  # The client asks one thing at a time, so these are no words: it is gone.
                os.waitpid(child, 0)
                sys.exit(0)
            return b""
        part = os.read(source, 1 << 16)
        if not part:
            return b"".join(parts)
        parts.append(part)


def _work(request: Request, sink: int) -> None:
    """Plant the bug, do the task, say what came of it; never returns."""
    try:
        limit = request["limit_seconds"]
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + GRACE_SECONDS))
        imported = sorted(name for name in sys.modules if name.partition(".")[0] in ("engine", "faultfs"))
        if imported:
            raise RuntimeError(f"the fork server has imported {imported}")
        if request["bug"]:
            install(request["bug"])
        task = import_module(".chase", __package__).answer
        answer = b'{"unknown": "", "result": ' + task(request) + b"}"
    except Exception:  # noqa: BLE001 (told to the client: it decided nothing)
        answer = json.dumps({"unknown": traceback.format_exc(limit=-3), "result": None}).encode()
    while answer:
        answer = answer[os.write(sink, answer) :]
    os._exit(0)


if __name__ == "__main__":
    serve()
