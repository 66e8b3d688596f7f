"""Record commands: what they do to a folder, as a recording."""

from __future__ import annotations

import os
import selectors
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import IO, Final, NamedTuple

import msgspec

from .recording import Recording
from .running import Request, answer
from .starting import copied, is_alone
from .tree import NotRecordedError

__all__ = ["FIRST", "record"]

_CHUNK = 1 << 16
FIRST: Final[list[str]] = []  # Statements that run first in a new Python that records: a bug that is planted.


def record(
    commands: Sequence[Sequence[str]],
    root: str | os.PathLike[str],
    *,
    folder: str | os.PathLike[str] | None = None,
    environment: Mapping[str, str] | None = None,
    out: IO[bytes] | None = None,
    err: IO[bytes] | None = None,
    reads_input: bool = False,
    lines: bool = False,
) -> Recording:
    """Run each command to its end, one step each, and record what they do below `root`, a folder that exists.

    `folder` and `environment` are those of the commands, default: of this process. Their output goes to `out`
    and `err`, or nowhere; it is in the recording. With `lines` each call of a Python program names the line
    of its own code behind it. Raises NotRecordedError where there can be no recording.
    """
    if not os.path.isdir(root):
        raise NotADirectoryError(20, os.strerror(20), os.fspath(root))
    request = Request(
        os.path.abspath(root),
        [tuple(os.fspath(word) for word in command) for command in commands],
        os.getpid(),
        lines,
    )
    ours, theirs = socket.socketpair()
    out_end, err_end = os.pipe(), os.pipe()
    with ours, open(out_end[0], "rb", 0) as outputs, open(err_end[0], "rb", 0) as errors:
        try:
            place = _Place(theirs.fileno(), out_end[1], err_end[1], reads_input, folder, environment)
            end = (_copied if is_alone() else _spawned)(place)
        finally:
            theirs.close()
            os.close(out_end[1])
            os.close(err_end[1])
        try:
            ours.sendall(msgspec.msgpack.encode(request))
            ours.shutdown(socket.SHUT_WR)
            told, said = _relay(ours.fileno(), (outputs.fileno(), out), (errors.fileno(), err))
        finally:
            end()
    if told[:1] == b"+":
        return msgspec.msgpack.decode(told[1:], type=Recording)
    if told[:1] == b"-":
        raise NotRecordedError(told[1:].decode(errors="replace"))
    raise NotRecordedError(f"the recorder ended: {said.decode(errors='replace').strip()[-300:]}")


_WORKER = """\
import sys
sys.path[:] = sys.argv[2:]
from powercut.verifier.programs.running import answer
answer(int(sys.argv[1]))
"""


class _Place(NamedTuple):
    """Descriptors, folder and environment of the process that records."""

    wire: int
    out: int
    err: int
    reads_input: bool
    folder: str | os.PathLike[str] | None
    environment: Mapping[str, str] | None


def _copied(place: _Place) -> Callable[[], None]:
    """Start it as a copy of this process; what ends it."""

    def work(wire: int) -> None:
        if place.folder is not None:
            os.chdir(place.folder)
        if place.environment is not None:
            os.environ.clear()
            os.environ.update(place.environment)
        answer(wire)

    with open(os.devnull, "rb") as nothing:
        own = 0 if place.reads_input else nothing.fileno()
        pid = copied(work, (own, place.out, place.err), place.wire)

    def end() -> None:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)

    return end


def _spawned(place: _Place) -> Callable[[], None]:
    """Start it as a new Python; what ends it."""
    code = _WORKER.replace("from", "\n".join([*FIRST, "from"]), 1)
    worker = subprocess.Popen(
        [sys.executable, "-P", "-c", code, str(place.wire), *sys.path],
        stdin=None if place.reads_input else subprocess.DEVNULL,
        stdout=place.out,
        stderr=place.err,
        cwd=place.folder,
        env=place.environment,
        pass_fds=[place.wire],
    )

    def end() -> None:
        worker.kill()
        worker.wait()

    return end


def _relay(
    wire: int, out: tuple[int, IO[bytes] | None], err: tuple[int, IO[bytes] | None]
) -> tuple[bytes, bytes]:
    """Pass the output on until the answer is there; the answer, and the end of the error output."""
    told, errors, sinks = [], b"", dict((out, err))
    with selectors.DefaultSelector() as ready:
        for source in (wire, *sinks):
            ready.register(source, selectors.EVENT_READ)
        while ready.get_map():
            for key, _ in ready.select():
                data = os.read(key.fd, _CHUNK)
                if not data:
                    ready.unregister(key.fd)
                elif key.fd == wire:
                    told.append(data)
                else:
                    sink = sinks[key.fd]
                    if sink is not None:
                        sink.write(data)
                        sink.flush()
                    if key.fd == err[0]:
                        errors = (errors + data)[-_CHUNK:]
    return b"".join(told), errors
