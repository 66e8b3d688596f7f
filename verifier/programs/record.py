"""Record commands: what they do to a folder, as a recording."""

from __future__ import annotations

import os
import selectors
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import IO, Final

import msgspec

from .recording import Recording
from .running import Request
from .tree import NotRecordedError

__all__ = ["FIRST", "record"]

_CHUNK = 1 << 16
FIRST: Final[list[str]] = []  # Statements that run first in each process that records: a bug that is planted.


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
    code = _WORKER.replace("from", "\n".join([*FIRST, "from"]), 1)
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            worker = subprocess.Popen(
                [sys.executable, "-P", "-c", code, str(theirs.fileno()), *sys.path],
                stdin=None if reads_input else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=folder,
                env=environment,
                pass_fds=[theirs.fileno()],
            )
        try:
            ours.sendall(msgspec.msgpack.encode(request))
            ours.shutdown(socket.SHUT_WR)
            told, errors = _relay(worker, ours, out, err)
        finally:
            worker.kill()
            worker.wait()
            for pipe in (worker.stdout, worker.stderr):
                assert pipe is not None
                pipe.close()
    if told[:1] == b"+":
        return msgspec.msgpack.decode(told[1:], type=Recording)
    if told[:1] == b"-":
        raise NotRecordedError(told[1:].decode(errors="replace"))
    raise NotRecordedError(f"the recorder ended: {errors.decode(errors='replace').strip()[-300:]}")


_WORKER = """\
import sys
sys.path[:] = sys.argv[2:]
from powercut.verifier.programs.running import answer
answer(int(sys.argv[1]))
"""


def _relay(
    worker: subprocess.Popen[bytes], wire: socket.socket, out: IO[bytes] | None, err: IO[bytes] | None
) -> tuple[bytes, bytes]:
    """Pass the output on until the answer is there; the answer, and the end of the error output."""
    assert worker.stdout is not None
    assert worker.stderr is not None
    sinks = {worker.stdout.fileno(): out, worker.stderr.fileno(): err}
    told, errors = [], b""
    with selectors.DefaultSelector() as ready:
        for source in (wire.fileno(), *sinks):
            ready.register(source, selectors.EVENT_READ)
        while ready.get_map():
            for key, _ in ready.select():
                data = os.read(key.fd, _CHUNK)
                if not data:
                    ready.unregister(key.fd)
                elif key.fd == wire.fileno():
                    told.append(data)
                else:
                    sink = sinks[key.fd]
                    if sink is not None:
                        sink.write(data)
                        sink.flush()
                    if key.fd == worker.stderr.fileno():
                        errors = (errors + data)[-_CHUNK:]
    return b"".join(told), errors
