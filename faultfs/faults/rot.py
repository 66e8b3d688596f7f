"""Damage at rest: one damage of a medium as integers, and the files that it changes.

    damage     (how, size, file, position, argument, is open); missing numbers are 0, and 0 is the dullest
    how        0 none · flip · zero · garble · stale · swap · `cut` · forge
    size       bytes of a piece: 1 a byte, a sector, an extent; 0: the whole file
    file       number in the order of the names, those of files that are gone included
    position   number of the piece in its file
    argument   flip of a byte: which bit · garble: seed · stale: how many contents back · swap: number of the
               other piece, over all files in the order of the names (of the other file, for whole ones) ·
               forge: which one, of those that there are for a store of its kind
    is open    0: the store is closed · 1: it is open

    flip    a byte: one bit; more: every bit
    stale   the piece takes a content that it really had before; so does a file, also one that is gone
    swap    two pieces of one length change places; nothing smaller than a sector does
    `cut`   the file ends before the piece; a whole file goes
    forge   a wrong value with every checksum made right: who knows the store's format makes it, nobody here

Invariants
  1  decoding clamps and rejects nothing; a damage for which there is no such file, piece or earlier
     content changes nothing
  2  equal damages of equal contents with equal pasts make equal contents

Sources: the media faults of IRON file systems (Prabhakaran et al., SOSP 2005) and of CORDS (FAST 2017).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import IntEnum
from random import Random
from typing import Final, NamedTuple

from ..disk.events import Event, EventKind
from ..disk.paths import Paths
from ..disk.trace import SECTOR_BYTES, Trace

__all__ = ["Changes", "Damage", "How", "Past", "Span", "changes", "describe", "spans", "touches", "versions"]

# What each path held, oldest first, each content once and the one it holds now among them.
Past = Mapping[str, list[bytes]]
# What files hold after the damage, where that is something else; None: the file is gone.
Changes = dict[str, bytes | None]

FLIPPED: Final = bytes(255 - value for value in range(256))
OPEN: Final = 1  # Damage that comes while the store is open.


class How(IntEnum):
    """The kind of damage to a piece; numbers are only ever appended to, kept tapes carry them."""

    NONE = 0
    FLIP = 1
    ZERO = 2
    GARBLE = 3
    STALE = 4
    SWAP = 5
    CUT = 6
    FORGE = 7


class Damage(NamedTuple):
    """One damage of one site."""

    how: int = 0
    size: int = 0
    file: int = 0
    position: int = 0
    argument: int = 0
    is_open: int = 0

    @classmethod
    def of(cls, numbers: Iterable[int]) -> Damage:
        """The damage that these numbers name. Invariant 1."""
        how, size, file, position, argument, is_open = [*(max(0, n) for n in numbers), *[0] * 6][:6]
        how = min(how, max(How))
        if how == How.SWAP and size:
            size = max(size, SECTOR_BYTES)  # Two damaged copies of one root are two sites.
        return cls(how, size, file, position, argument, min(is_open, OPEN))

    def digits(self) -> tuple[int, ...]:
        """The numbers, without the zeros at the end."""
        numbers = tuple(int(number) for number in self)
        while numbers and not numbers[-1]:
            numbers = numbers[:-1]
        return numbers


class Span(NamedTuple):
    """A run of bytes of a file that are no longer as they were."""

    name: str
    start: int
    stop: int

    def meets(self, name: str, offset: int, length: int) -> bool:
        """True if a call on these bytes touches it."""
        return name == self.name and offset < self.stop and offset + length > self.start


def versions(traces: Iterable[Trace]) -> dict[str, list[bytes]]:
    """All contents that were at each path in the course of these traces, one after another."""
    past: dict[str, dict[bytes, None]] = {}
    for trace in traces:
        paths = Paths(trace.initial, trace.events)
        names, files = dict(trace.initial.names), dict(trace.initial.files)
        changed = set(files)
        for index in range(len(trace.events) + 1):
            if index:
                event = trace.events[index - 1]
                is_moved, is_filled = _bind(names, event), _fill(files, event)
                changed = set(files) if is_moved else {event.inode} if is_filled else set()
            for key, inode in names.items():
                if inode in changed:
                    past.setdefault(paths.path(key, index), {})[files[inode]] = None
    return {name: list(contents) for name, contents in past.items()}


def _bind(names: dict[str, int], event: Event) -> bool:
    """Do what the event does to names, of folders too; True if a file may have come to another path."""
    match event.kind:
        case EventKind.CREATE | EventKind.FOLDER:
            names[event.name] = event.inode
        case EventKind.REMOVE:
            names.pop(event.name, None)
        case EventKind.RENAME if names.get(event.target) != event.inode:
            names.pop(event.name, None)
            names[event.target] = event.inode
            return True
        case EventKind.LINK:
            names[event.target] = event.inode
            return True
        case EventKind.EXCHANGE:
            names[event.name], names[event.target] = names[event.target], names[event.name]
            return True
    return False


def _fill(files: dict[int, bytes], event: Event) -> bool:
    """Do what the event does to the bytes of its file; False if that is nothing."""
    data = files.get(event.inode, b"")
    match event.kind:
        case EventKind.CREATE | EventKind.UNNAMED:
            data = b""
        case EventKind.WRITE:
            before, after = data[: event.offset], data[event.offset + len(event.data) :]
            data = before.ljust(event.offset, b"\0") + event.data + after
        case EventKind.TRUNCATE:
            data = data[: event.size].ljust(event.size, b"\0")
        case EventKind.ALLOCATE:
            data = data.ljust(event.offset + event.size, b"\0")
        case _:
            return False
    files[event.inode] = data
    return True


def touches(trace: Trace, since: int = 0) -> list[tuple[EventKind, str, int, int]]:
    """Reads and writes from that event on: the path, the first byte and how many."""
    paths = Paths(trace.initial, trace.events)
    return [
        (event.kind, paths.path(event.name, index), event.offset, event.size)
        for index, event in enumerate(trace.events[since:], since)
        if event.kind in (EventKind.READ, EventKind.WRITE)
    ]


def changes(damage: Damage, content: Mapping[str, bytes], past: Past) -> Changes:
    """The files that the damage changes, with their bytes after it."""
    names = sorted(content.keys() | past.keys())
    if damage.how in (How.NONE, How.FORGE) or not names:
        return {}
    name = names[min(damage.file, len(names) - 1)]
    changed = _of_piece if damage.size else _of_file
    found = changed(damage, name, content, past)
    return {each: data for each, data in found.items() if data != content.get(each)}


def _of_file(damage: Damage, name: str, content: Mapping[str, bytes], past: Past) -> Changes:
    if damage.how == How.CUT:
        return {name: None}
    if damage.how == How.STALE:
        old = [data for data in reversed(past.get(name, [])) if data != content.get(name)]
        return {name: old[min(damage.argument, len(old) - 1)]} if old else {}
    if name not in content:
        return {}
    if damage.how == How.SWAP:
        others = sorted(content)
        other = others[min(damage.argument, len(others) - 1)]
        return {name: content[other], other: content[name]}
    return {name: _spoiled(damage, content[name])}


def _of_piece(damage: Damage, name: str, content: Mapping[str, bytes], past: Past) -> Changes:
    data, size = content.get(name, b""), damage.size
    if not data:
        return {}
    start = min(damage.position, (len(data) - 1) // size) * size
    piece = data[start : start + size]

    def placed(new: bytes) -> bytes:
        return data[:start] + new + data[start + len(piece) :]

    if damage.how == How.CUT:
        return {name: data[:start]}
    if damage.how == How.STALE:
        earlier = (each[start : start + size] for each in reversed(past.get(name, [])))
        old = list(dict.fromkeys(each for each in earlier if len(each) == len(piece) and each != piece))
        return {name: placed(old[min(damage.argument, len(old) - 1)])} if old else {}
    if damage.how == How.SWAP:
        return _swapped(damage, name, start, content)
    return {name: placed(_spoiled(damage, piece))}


def _swapped(damage: Damage, name: str, start: int, content: Mapping[str, bytes]) -> Changes:
    size = damage.size
    places = [(each, at) for each in sorted(content) for at in range(0, len(content[each]), size)]
    other, at = places[min(damage.argument, len(places) - 1)]
    new = {each: bytearray(content[each]) for each in (name, other)}
    one, two = content[name][start : start + size], content[other][at : at + size]
    if len(one) != len(two):
        return {}
    new[name][start : start + size] = two
    new[other][at : at + size] = one
    return {each: bytes(data) for each, data in new.items()}


def _spoiled(damage: Damage, data: bytes) -> bytes:
    if damage.how == How.ZERO:
        return bytes(len(data))
    if damage.how == How.GARBLE:
        return Random(damage.argument).randbytes(len(data))
    assert damage.how == How.FLIP
    return bytes([data[0] ^ 1 << damage.argument % 8]) if damage.size == 1 else data.translate(FLIPPED)


def spans(content: Mapping[str, bytes], changed: Changes) -> list[Span]:
    """For each changed file, the bytes from the first that differs to the last."""
    return [Span(name, *_ends(content.get(name, b""), data or b"")) for name, data in changed.items()]


def _ends(old: bytes, new: bytes) -> tuple[int, int]:
    length = max(len(old), len(new))
    shorter = min(len(old), len(new))
    differing = int.from_bytes(old[:shorter], "little") ^ int.from_bytes(new[:shorter], "little")
    if not differing:
        return shorter, length
    start = ((differing & -differing).bit_length() - 1) // 8
    return start, length if len(old) != len(new) else (differing.bit_length() - 1) // 8 + 1


def describe(damage: Damage, touched: list[Span]) -> str:
    """The damage in words."""
    if not touched:
        return "nothing"
    where = " and ".join(f"{name} from byte {start} to {stop}" for name, start, stop in touched)
    when = ", while the store is open" if damage.is_open else ""
    return f"{How(damage.how).name.lower()}: {where}{when}"
