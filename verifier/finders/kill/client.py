"""The client of the kills: starts a worker for one task, and hears its tally.

Forking is safe only where no thread runs, and a gate may have some; so a sweep has a process of its
own.

    task    one line of JSON on the worker's standard input, which then stays open
    answer  one line of JSON on its standard output; sooner, where that input is closed

Invariants
  1  the worker has ended before `run_task` returns or raises, and its folder is gone
  2  Ctrl-C is this process's alone: it is held back from the worker since before it is born
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from contextlib import suppress
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import IO, Final

import msgspec

from ...errors import HarnessError
from ...reach.seen import Seen, is_watching, note_seen
from ...tapes.tape import Tape
from .tally import Tally

__all__ = ["Answer", "Task", "ask", "run_task", "scratch"]

_SHARED_MEMORY: Final = Path("/dev/shm")


class Task(msgspec.Struct, frozen=True):
    """Tapes to sweep; or, where `states` says how many, crash states of each to write into folders."""

    tapes: tuple[Tape, ...]
    start_steps: tuple[int, ...] = ()  # From which step on each is swept; 0 where absent.
    states: int = 0
    seed: str = ""  # Of which states.
    is_watched: bool = False  # Tell too what of the engine it takes.
    traced: bool = True  # False: kill at calls of the device even where system calls can be traced.


class Answer(msgspec.Struct):
    """The tally, or the error of the worker."""

    tally: Tally | None = None
    error: str = ""
    seen: Seen | None = None


def run_task(task: Task, *, deadline: float = inf) -> Tally:
    """Have a worker do it; what it has by the deadline, a moment of the monotonic clock.

    Raises HarnessError where it breaks.
    """
    task = msgspec.structs.replace(task, is_watched=is_watching())
    line = ask(f"{__package__}.worker", msgspec.json.encode(task), deadline)
    answer = msgspec.json.decode(line, type=Answer)
    if answer.tally is None:
        raise HarnessError(answer.error)
    note_seen(answer.seen)
    return answer.tally


def ask(module: str, task: bytes, deadline: float) -> bytes:
    """Have that module, run as a process of its own, answer. Raises HarnessError where it does not.

    It is given a folder as its argument, and a line as its input; where that is closed it is wanted no more.
    """
    with scratch() as home:
        process = _start(module, home)
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            with suppress(BrokenPipeError):  # It ended early; what it said, if anything, tells why.
                process.stdin.write(task + b"\n")
                process.stdin.flush()
            if not _is_answering(process.stdout, deadline):
                process.stdin.close()  # No more is wanted, and this tells it so.
            line = process.stdout.readline()
        finally:
            with suppress(BrokenPipeError):
                process.stdin.close()
            process.stdout.close()
            status = process.wait()
    if not line:
        raise HarnessError(f"the worker of the kills ended with status {status}")
    return line


def _is_answering(answers: IO[bytes], deadline: float) -> bool:
    """Wait for the answer; whether it began by then."""
    patience = None if deadline == inf else max(0.0, deadline - monotonic())
    return bool(select.select([answers], [], [], patience)[0])


def scratch() -> TemporaryDirectory[str]:
    """A folder to kill in: where TMPDIR says, else in memory, since a kill loses nothing of the cache."""
    is_there = _SHARED_MEMORY.is_dir() and os.access(_SHARED_MEMORY, os.W_OK | os.X_OK)
    is_ours = is_there and "TMPDIR" not in os.environ
    return TemporaryDirectory(prefix="powercut-", dir=_SHARED_MEMORY if is_ours else None)


def _start(module: str, home: str) -> subprocess.Popen[bytes]:
    root = str(Path(__file__).parents[4])  # Where the package powercut is found.
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # Invariant 2.
    try:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", module, home],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
