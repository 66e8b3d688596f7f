"""A call at which a thread has stopped, and all that a handler of it may use.

A handler is a generator. It yields ALONE to be resumed when no other call is at work on the tree, and
GO to let its own call be done, which gives what that returned. One that ends before GO is not asked again:
the call is none of ours. A thread may be killed before its call returns: GO gives LOST then, and
the handler looks at the disk for what was done.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from enum import Enum
from typing import Final, NoReturn

from powercut.faultfs import Event, EventKind

from .entries import Entries, Entry
from .mappings import Mappings
from .tracees import Thread
from .tree import Node, NotRecordedError, Tree

__all__ = ["LOST", "Context", "Handler", "Script", "Stop", "Wish"]

LOST: Final = -(1 << 40)  # The result of a call in the midst of which its thread was killed.

_Identity = tuple[int, int]


class Wish(Enum):
    """The next thing that a handler needs."""

    ALONE = "alone"
    GO = "go"


Script = Generator[Wish, int, None]


class Context:
    """One recording under way."""

    def __init__(self, tree: Tree, entries: Entries, mappings: Mappings, out: int, err: int) -> None:
        self.tree = tree
        self.entries = entries
        self.mappings = mappings
        self._told = {_identity(err): "err", _identity(out): "out"}
        self._synced: dict[_Identity, tuple[int, int]] = {}  # Files outside, as they were when last synced.

    def label(self, found: os.stat_result) -> str:
        """The label of a mark for the command's own output; "" for other files."""
        return self._told.get((found.st_dev, found.st_ino), "")

    def synced(self, found: os.stat_result) -> None:
        """A file outside, of which this was told before, has been synced."""
        self._synced[found.st_dev, found.st_ino] = found.st_size, found.st_mtime_ns

    def wrote(self, found: os.stat_result) -> None:
        """A file outside is about to be written."""
        self._synced.pop((found.st_dev, found.st_ino), None)

    def is_synced(self, found: os.stat_result) -> bool:
        """True for a file that came from outside and was not written since it was synced there."""
        return self._synced.get((found.st_dev, found.st_ino)) == (found.st_size, found.st_mtime_ns)


def _identity(descriptor: int) -> _Identity:
    found = os.fstat(descriptor)
    return found.st_dev, found.st_ino


class Stop:
    """A thread at a call."""

    __slots__ = ("arguments", "context", "name", "thread", "tree")

    def __init__(self, thread: Thread, name: str, arguments: tuple[int, ...], context: Context) -> None:
        self.thread = thread
        self.name = name
        self.arguments = arguments
        self.context = context
        self.tree = context.tree

    def begin(self) -> Entry:
        """An entry of this call, at the place where the recording is now."""
        return self.context.entries.begin(
            self.thread.process.place, self.thread.number, self.name, self.thread.site()
        )

    def add(self, said: str, *events: Event) -> None:
        """Record the call: its arguments as they are told, and its events."""
        entry = self.begin()
        entry.text = f"{self.name}({said})"
        entry.events = events

    def with_mode(self, event: Event, node: Node, mode: int) -> tuple[Event, ...]:
        """The event that makes a node, with its permission bits where they are not the usual ones."""
        usual = 0o755 if event.kind is EventKind.FOLDER else 0o644
        mode &= 0o7777
        if mode == usual:
            return (event,)
        return event, Event(EventKind.MODE, event.name, node.number, size=mode)

    def took_effect(self, result: int, *keys: str) -> bool:
        """True if a call on these names was done; where nobody heard its result, the disk says it."""
        return result == 0 or (result == LOST and not all(map(self.tree.is_as_known, keys)))

    def end(self, why: str) -> NoReturn:
        """End the recording: no event says what the call did. Raises NotRecordedError."""
        raise NotRecordedError(f"{self.name}: {why} (process {self.thread.process.pid}); not recorded")


Handler = Callable[[Stop], Script]
