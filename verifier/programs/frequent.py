"""Frequent calls: write, pwrite64, fsync and fdatasync on files of the tree, most of what programs do.

They are recorded as their handlers would do it, at a third of the cost: without a script, and with no object
made for a call that is not kept. Whatever is not that plain (an output, a folder, a descriptor that leads
nowhere) is left to the handler.

Invariants
  1  a recording is the same with and without this module
  2  `owner` is the thread whose call is under way, 0 if there is none; one that comes while another's sleeps
     (tracer.py) is left to its handler

Threads: that of the tracer.
"""

from __future__ import annotations

import fcntl
import os
from typing import Final

from powercut.faultfs import Event, EventKind

from ..tracing.requests import take_descriptor
from .calls import files, syncs
from .entries import Entry
from .stops import LOST, Context, Handler, Stop
from .tracees import MemoryGoneError, Thread
from .tree import Kind, Node

__all__ = ["Frequent"]

_HERE, _THERE, _SYNC, _DATASYNC = range(4)
_KINDS: Final[dict[Handler, int]] = {
    files.write: _HERE,
    files.pwrite: _THERE,
    syncs.fsync: _SYNC,
    syncs.fdatasync: _DATASYNC,
}
_EVENTS: Final = {_SYNC: EventKind.SYNC, _DATASYNC: EventKind.DATASYNC}
_APPEND, _DSYNC, _END = os.O_APPEND, os.O_DSYNC, os.SEEK_CUR
_WRITE: Final = EventKind.WRITE
_fcntl, _F_GETFL = fcntl.fcntl, fcntl.F_GETFL  # As plain globals: these are the most frequent calls of all.
_close, _fstat, _lseek = os.close, os.fstat, os.lseek


class Frequent:
    """The call that is under way, if it is one of these."""

    def __init__(self, context: Context) -> None:
        self.owner = 0
        self._context = context
        self._kind = -1
        self._taken = -1
        self._name = ""
        self._arguments: tuple[int, ...] = ()
        self._offset = 0
        self._opened = 0
        self._thread: Thread
        self._node: Node

    def begin(self, thread: Thread, name: str, handler: Handler, arguments: tuple[int, ...]) -> bool:
        """Take in a call that is about to be done, with nobody inside; False where its handler has to."""
        kind = _KINDS.get(handler, -1)
        if kind < 0 or self.owner:
            return False
        process, number = thread.process, arguments[0]
        if number in process.elsewhere or process.handle < 0 or number >> 31:
            return False
        taken = take_descriptor(process.handle, number)
        if taken < 0:
            return False
        node = self._context.tree.find(_fstat(taken))
        if node is None or node.kind is not Kind.FILE:
            _close(taken)
            process.elsewhere.add(number)  # Where it leads now: a hint, for the handler can do it all.
            return False
        if kind <= _THERE:
            self._opened = opened = _fcntl(taken, _F_GETFL)
            if opened & _APPEND:
                self._offset = _fstat(taken).st_size
            elif kind == _HERE:
                self._offset = _lseek(taken, 0, _END)
            else:
                self._offset = 0 if arguments[3] >> 63 else arguments[3]
        self._kind, self._taken, self._name, self._arguments = kind, taken, name, arguments
        self.owner, self._thread, self._node = thread.tid, thread, node
        return True

    def finish(self, result: int) -> None:
        """The call has returned that, or LOST."""
        taken, self.owner = self._taken, 0
        try:
            if self._kind <= _THERE:
                self._wrote(taken, result)
            elif result == 0:
                self._synced()
        finally:
            _close(taken)

    def _wrote(self, taken: int, result: int) -> None:
        thread, node, offset = self._thread, self._node, self._offset
        if result < 0 and result != LOST:
            return
        try:
            if result == LOST:
                raise MemoryGoneError("")
            data = thread.process.exact(self._arguments[1], result)
        except MemoryGoneError:
            size = self._arguments[2] if result == LOST else result
            data = files.read_back(taken, offset, size)
        is_through = bool(self._opened & _DSYNC) and result != LOST
        if is_through or self._context.mappings:
            stop = Stop(thread, self._name, self._arguments, self._context)
            files.put(stop, node, offset, data, is_through=is_through)
            return
        count, context = len(data), self._context
        text = f"{self._name}({context.tree.path(node)}, {count} bytes, at {offset})"
        events = (Event(_WRITE, node.name, node.number, offset, data, count),) if count else ()
        context.entries.add(
            Entry(thread.process.place, thread.number, self._name, thread.site(), text, events)
        )

    def _synced(self) -> None:
        thread, node, context = self._thread, self._node, self._context
        text = f"{self._name}({context.tree.path(node)})"
        events = (Event(_EVENTS[self._kind], node.name, node.number),)
        context.entries.add(
            Entry(thread.process.place, thread.number, self._name, thread.site(), text, events)
        )
