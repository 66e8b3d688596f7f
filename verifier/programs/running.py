"""The process that records: started for one recording, it traces and answers with the recording or an error.

It is a process of its own, so that it hears of no other children, and nothing else of its caller is traced.

    request    over the descriptor that is its argument: a Request
    answer     over the same: a byte, b"+" before a recording, b"-" before why there is none
    output     of the commands: its own, of which each is a pipe of the caller
"""

from __future__ import annotations

import os
import socket
import sys
import traceback

import msgspec

from ..garbage import collect_seldom
from ..tracing.requests import adopt_orphans, die_with_parent, is_possible_here
from .agreement import check
from .entries import Entries
from .found import start
from .mappings import Mappings
from .recording import Recording, RecordingError, Step
from .stops import Context
from .tracer import Tracer
from .tree import NotRecordedError, Tree

__all__ = ["Request", "answer"]


class Request(msgspec.Struct, frozen=True):
    """One recording that is asked for."""

    root: str
    commands: list[tuple[str, ...]]
    caller: int  # The process that asks.
    lines: bool  # Python programs keep the lines of their calls.
    sector_bytes: int = 512


def _record(request: Request) -> Recording:
    reason = is_possible_here()
    if reason:
        raise NotRecordedError(reason)
    adopt_orphans()
    collect_seldom()
    if request.lines:
        paths = [os.path.join(os.path.dirname(__file__), "hook"), os.environ.get("PYTHONPATH", "")]
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    root = os.path.realpath(request.root)
    tree = Tree(root)
    names, inodes = start(root, tree)
    entries = Entries()
    context = Context(tree, entries, Mappings(tree, request.sector_bytes), 1, 2)
    tracer = Tracer(context)
    steps = []
    for number, command in enumerate(request.commands):
        entries.mark("step", number)
        status = tracer.run(command, number)
        entries.mark("done", number)
        steps.append(Step(command, status))
    tracer.end()
    events, calls = entries.told()
    recording = Recording(
        root, names, inodes, events, calls, tracer.processes, steps, sector_bytes=request.sector_bytes
    )
    check(recording)
    return recording


def answer(descriptor: int) -> None:
    """Read the request, record, write the answer."""
    with socket.socket(fileno=descriptor) as wire:
        parts = []
        while part := wire.recv(1 << 16):
            parts.append(part)
        request = msgspec.msgpack.decode(b"".join(parts), type=Request)
        die_with_parent(request.caller)
        try:
            told = b"+" + msgspec.msgpack.encode(_record(request))
        except RecordingError as error:
            told = b"-" + str(error).encode()
        except OSError as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{os.path.basename(where.filename)}:{where.lineno}"
            told = b"-" + f"{error.filename or 'a call of the recorder'}: {error.strerror} ({place})".encode()
        wire.sendall(told)


if __name__ == "__main__":
    answer(int(sys.argv[1]))
