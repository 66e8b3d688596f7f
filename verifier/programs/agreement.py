"""The self-check of a recording: its events, applied to the folder at the start, make that at the end.

Nothing of the recorder is asked but the recording itself. Compared are names, which names share a file,
kinds, bytes, targets of links and permission bits; not times, owners and extended attributes, which no
event says.
"""

from __future__ import annotations

import stat
from collections.abc import Iterable
from typing import NoReturn

from powercut.faultfs import Event, EventKind
from powercut.faultfs.disk.places import ROOT, key_of

from .found import rights, walk
from .recording import Recording
from .tree import Kind, NotRecordedError, kind_of

__all__ = ["Applied", "check"]


class Applied:
    """The folder that events make."""

    def __init__(self, recording: Recording) -> None:
        self.names = dict(recording.names)
        self.kinds = {number: kind_of(inode.mode) for number, inode in recording.inodes.items()}
        self.data = {number: bytearray(inode.data) for number, inode in recording.inodes.items()}
        self.modes = {number: stat.S_IMODE(inode.mode) for number, inode in recording.inodes.items()}
        self.apply(recording.events)

    def apply(self, events: Iterable[Event]) -> None:
        """The events in their order."""
        for event in events:
            self._apply(event)

    def _apply(self, event: Event) -> None:
        number = event.inode
        match event.kind:
            case EventKind.WRITE:
                self._fill(number, event.offset)
                self.data[number][event.offset : event.offset + len(event.data)] = event.data
            case EventKind.TRUNCATE:
                del self.data[number][event.size :]
                self._fill(number, event.size)
            case EventKind.ALLOCATE:
                self._fill(number, event.offset + event.size)
            case EventKind.CREATE | EventKind.UNNAMED:
                self._make(event, Kind.FILE, 0o644)
            case EventKind.FOLDER:
                self._make(event, Kind.FOLDER, 0o755)
            case EventKind.SYMLINK:
                self._make(event, Kind.LINK, 0o777)
            case EventKind.REMOVE:
                del self.names[event.name]
            case EventKind.RENAME:
                del self.names[event.name]
                self.names[event.target] = number
            case EventKind.LINK:
                self.names[event.target] = number
            case EventKind.EXCHANGE:
                names = self.names
                names[event.name], names[event.target] = names[event.target], names[event.name]
            case EventKind.MODE:
                self.modes[number] = event.size

    def _fill(self, number: int, size: int) -> None:
        data = self.data[number]
        data.extend(bytes(max(0, size - len(data))))

    def _make(self, event: Event, kind: Kind, mode: int) -> None:
        self.kinds[event.inode] = kind
        self.data[event.inode] = bytearray(event.data)
        self.modes[event.inode] = mode
        if event.name:
            self.names[event.name] = event.inode


def check(recording: Recording) -> None:
    """Compare with the disk. Raises NotRecordedError with the first path that differs."""
    applied = Applied(recording)
    left = dict(applied.names)
    numbers: dict[tuple[int, int], int] = {}  # Of the real things.
    real: dict[int, tuple[int, int]] = {}
    for found in walk(recording.root):
        folder = numbers.get(found.folder, ROOT)
        number = left.pop(key_of(folder, found.name), None)
        if number is None:
            _differ(found.path, "is there, and no recorded call made it")
        identity = found.stat.st_dev, found.stat.st_ino
        if numbers.setdefault(identity, number) != number or real.setdefault(number, identity) != identity:
            _differ(found.path, "is another file than recorded")
        if applied.kinds[number] is not found.kind:
            _differ(found.path, f"is a {found.kind.value}, and another kind was recorded")
        if found.kind is not Kind.LINK and rights(found.stat.st_mode) != rights(applied.modes[number]):
            was = applied.modes[number]
            _differ(found.path, f"has mode {rights(found.stat.st_mode):o}, recorded is {was:o}")
        data, told = found.data(), applied.data[number]
        if len(data) != len(told):
            _differ(found.path, f"has {len(data)} bytes, recorded are {len(told)}")
        if data != told:
            at = next(at for at, (one, other) in enumerate(zip(data, told, strict=True)) if one != other)
            _differ(found.path, f"has other bytes than recorded, from byte {at}")
    for key in sorted(left):
        _differ(f"{recording.root}: {key}", "was recorded, and is not there")


def _differ(path: str, how: str) -> NoReturn:
    raise NotRecordedError(f"self-check: {path} {how}: another program changed it, or a call was missed")
