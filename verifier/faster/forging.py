"""Forging: every wrong value that somebody could plant in the metadata, with every checksum made right again.

    field      of a root, of a table block, or of one of its entries: one more, one less, none, the most, a
               step of an address, and whatever the same field says elsewhere
    entry      an extent, a void range or a session twice, missing, or in the place of another; two entries
               with one field exchanged; a list as another block has it
    pointer    a root or a block that names another block, or none

A forged block has another checksum, so all blocks behind it and the roots are made anew around what they say.
Roots are forged all three alike, and the newest alone.

Nothing on the disk contradicts (FORMAT.md says why)
    serials    of a session that a block lists, from above what the blocks before say of it to below what the
               next one does that lists it; and its entry missing, so that the older serial is its own
    newest     roots that name an earlier block, or whose sequences make another copy the newest
    counter    of the newest block, higher
    previous   an earlier block, where nothing of those between is needed

Invariant: a forgery changes what it names, and else nothing but checksums and pointers to what moved.

Source: FORMAT.md; in FASTER's metadata the checksum leaves out every serial, so any of these passes there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from itertools import combinations
from struct import Struct
from typing import Final, NamedTuple

from fastcrc import crc32

from powercut.engine.metadata.layout import ROOT_BYTES, Pointer, checksum, decode_root
from powercut.engine.metadata.roots import ROOT_FILES
from powercut.engine.metadata.tables import TABLE_FILE

from .records import (
    BLOCK,
    COUNTER,
    ENTRIES,
    HEADER,
    LENGTH,
    ROOT,
    Entry,
    Field,
    lists_of,
    name_of,
    rolls_of,
)

__all__ = ["Forgeries", "Forgery", "forgeries_of"]

Changes = dict[str, bytes | None]
Change = Callable[[bytes, Sequence[bytes]], bytes]


_POINTER: Final = Struct("<QQI")
_PREVIOUS: Final = 80
_HEAD: Final = 104
_CRC_BYTES: Final = 4
_WORD: Final = 8
_NOBODY: Final = bytes(_POINTER.size)
_KEPT: Final = 4  # Contents: forgeries of one are planted one after another.


class Forgery(NamedTuple):
    """A value planted somewhere.

    words   of the place: the kind of record, and the field or entry
    way     of the wrong value
    block   the number of the block, oldest first; -1: of a root
    change  the record as it says it, given it and the pointers to all blocks
    is_alone  of roots: only the newest copy says it
    """

    words: str
    way: str
    block: int
    change: Change
    is_alone: bool = False


class Forgeries:
    """All forgeries of a content, in a fixed order; each made when it is asked for."""

    def __init__(self, content: Mapping[str, bytes]) -> None:
        self._content = content
        roots = {file: content.get(file, b"")[:ROOT_BYTES] for file in ROOT_FILES}
        found = {file: decode_root(data, file) for file, data in roots.items()}
        valid = {file: root for file, root in found.items() if not isinstance(root, str)}
        self._roots = {file: roots[file] for file in valid}
        self._newest = max(valid, key=lambda file: valid[file].sequence, default="")
        self.tables: list[bytes] = []  # The blocks, oldest first.
        self._heads: dict[str, int] = {}  # By root: which block it names, -1 for none.
        self.every: list[Forgery] = []
        self.sites: list[str] = []
        if not valid:
            return
        newest = valid[self._newest]
        self._store_id, self._unit = newest.store_id, newest.geometry[2]
        places = self._read(newest.head)
        self._heads = {
            file: places[root.head.offset] for file, root in valid.items() if root.head.offset in places
        }
        self.every = [*_of_roots(self._roots, self._newest), *_of_blocks(self.tables)]
        self.every += _of_pointers(len(self.tables))
        self.sites = [forgery.words for forgery in self.every]  # The record and field of each.

    def _read(self, pointer: Pointer) -> dict[int, int]:
        """Read the chain; the number of the block at each offset."""
        table = self._content.get(TABLE_FILE, b"")
        offsets: list[int] = []
        while pointer.length:
            data = table[pointer.offset : pointer.offset + pointer.length]
            self.tables.insert(0, data)
            offsets.insert(0, pointer.offset)
            pointer = Pointer(*_POINTER.unpack_from(data, _PREVIOUS))
        return {offset: number for number, offset in enumerate(offsets)}

    @property
    def blocks(self) -> int:
        """The number of blocks that two roots name: what one names alone, nobody was told of."""
        named = sorted(self._heads.get(file, -1) for file in self._roots)
        return named[-2] + 1 if len(named) > 1 else 0

    def tell(self, number: int) -> str:
        """Forgery `number` in words."""
        words, way, block, _, is_alone = self.every[number]
        where = f" of block {block}" if block >= 0 else f" in {self._newest} alone" if is_alone else ""
        return f"{words}{where}: {way}"

    def is_contradicted(self, number: int) -> bool:
        """True if something else on the disk contradicts it."""
        words, way, block, change, _ = self.every[number]
        if block < 0:
            return words not in ("root head", "root sequence")
        if (words, way) == ("block previous", _names(0)):
            return False
        own = self.tables[block]
        forged = change(own, [_NOBODY] * len(self.tables))
        if words == "block counter":
            return block < len(self.tables) - 1 or COUNTER.get(forged) < COUNTER.get(own)
        return not words.startswith("session") or not self._could_be(block, forged)

    def _could_be(self, block: int, forged: bytes) -> bool:
        """True if the sessions of a block could be those that it lists then."""
        blocks = self.tables
        own, made = rolls_of(blocks), rolls_of([*blocks[:block], forged, *blocks[block + 1 :]])
        if own is None or made is None:
            return False
        known = {(each.name, each.number) for roll in own for each in roll.values()}
        return all((each.name, each.number) in known for roll in made for each in roll.values())

    def changes(self, number: int) -> Changes:
        """The files with forgery `number` in them that hold something else than they did."""
        if not 0 <= number < len(self.every):
            return {}
        forgery = self.every[number]
        table, pointers = self._lay(forgery)
        made: Changes = {} if forgery.block < 0 else {TABLE_FILE: table}
        for file, data in self._roots.items():
            root = data[:-_CRC_BYTES]
            if file in self._heads:
                root = _placed(root, _HEAD, pointers[self._heads[file]])
            if forgery.block < 0 and (file == self._newest or not forgery.is_alone):
                root = forgery.change(root, pointers)
            made[file] = root + crc32.iscsi(root).to_bytes(_CRC_BYTES, "little")
        return {name: data for name, data in made.items() if data != self._content.get(name)}

    def _lay(self, forgery: Forgery) -> tuple[bytes, list[bytes]]:
        """The tables, block by block, and the pointer to each."""
        table, pointers = bytearray(), [_NOBODY]
        for number, block in enumerate(self.tables):
            data = _placed(block, _PREVIOUS, pointers[-1])
            if number == forgery.block:
                data = forgery.change(data, pointers[1:])
            offset = -(-len(table) // self._unit) * self._unit
            table += bytes(offset - len(table)) + data
            crc = checksum(data, self._store_id, TABLE_FILE, offset, 0)
            pointers.append(_POINTER.pack(offset, len(data), crc))
        return bytes(table), pointers[1:]


def forgeries_of(content: Mapping[str, bytes]) -> Forgeries:
    """The forgeries of a content, made once for all that have these roots and tables."""
    return _forgeries(tuple((name, content[name]) for name in (*ROOT_FILES, TABLE_FILE) if name in content))


@lru_cache(maxsize=_KEPT)
def _forgeries(files: tuple[tuple[str, bytes], ...]) -> Forgeries:
    return Forgeries(dict(files))


def _placed(data: bytes, at: int, piece: bytes) -> bytes:
    return data[:at] + piece + data[at + len(piece) :]


# -- which there are ---------------------------------------------------------------------------------


def _of_roots(roots: Mapping[str, bytes], newest: str) -> Iterator[Forgery]:
    own = roots[newest]
    for field in ROOT:
        others = (field.get(data) for data in roots.values())
        for way, value in _values(field, field.get(own), others):
            for is_alone in (False, True):
                yield Forgery(f"root {field.name}", way, -1, partial(_set, field, value), is_alone)


def _of_blocks(blocks: Sequence[bytes]) -> Iterator[Forgery]:
    every = [lists_of(block) for block in blocks]
    for number, block in enumerate(blocks):
        for field in BLOCK:
            for way, value in _values(field, field.get(block), (field.get(other) for other in blocks)):
                yield Forgery(f"block {field.name}", way, number, partial(_set, field, value))
        for which, entry in enumerate(ENTRIES):
            own = every[number][which]
            others = [lists[which] for at, lists in enumerate(every) if at != number]
            for way, entries in _lists(entry, own, others):
                yield Forgery(f"{entry.name} list", way, number, partial(_listed, which, entries))
            elsewhere = [each for other in (own, *others) for each in other]
            for at, data in enumerate(own):
                for field in entry.fields:
                    for way, value in _values(field, field.get(data), map(field.get, elsewhere)):
                        entries = [*own[:at], field.put(data, value), *own[at + 1 :]]
                        change = partial(_listed, which, entries)
                        yield Forgery(f"{entry.name} {field.name}", way, number, change)


def _of_pointers(count: int) -> Iterator[Forgery]:
    """A block that names another than the one before it, or none; and roots that do."""
    for number in range(count):
        for other in range(-1, number - 1):
            yield Forgery("block previous", _names(other), number, partial(_point, _PREVIOUS, other))
    for other in range(-1, count - 1):
        for is_alone in (False, True):
            yield Forgery("root head", _names(other), -1, partial(_point, _HEAD, other), is_alone)


def _names(block: int) -> str:
    return "none" if block < 0 else "an older one"


def _values(field: Field, own: int, elsewhere: Iterable[int]) -> Iterator[tuple[str, int]]:
    """Wrong values of a field, each once."""
    most = (1 << 8 * field.size) - 1
    ways = [
        ("one more", own + 1),
        ("one less", own - 1),
        ("none", 0),
        ("the most", most),
        ("beyond", most >> 1),
    ]
    if field.is_address:
        ways += [("a word more", own + _WORD), ("a word less", own - _WORD)]
    ways += [("of another", value) for value in elsewhere]
    seen = {own}
    for way, value in ways:
        if 0 <= value <= most and value not in seen:
            seen.add(value)
            yield way, value


def _lists(
    entry: Entry, own: list[bytes], others: Iterable[list[bytes]]
) -> Iterator[tuple[str, list[bytes]]]:
    """A list with an entry twice, missing, or changed with another; or as another block has it."""
    for at, data in enumerate(own):
        yield "twice", [*own[:at], data, *own[at:]]
        yield "missing", [*own[:at], *own[at + 1 :]]
    pairs = combinations(range(len(own)), 2)
    for one, two in pairs:
        if not entry.is_named and two > one + 1:
            continue
        yield "in the place of another", _with(own, {one: own[two], two: own[one]})
        for field in entry.fields[:-1] if entry.is_named else entry.fields:
            a, b = field.get(own[one]), field.get(own[two])
            if a != b:
                yield (
                    f"{field.name} exchanged",
                    _with(own, {one: field.put(own[one], b), two: field.put(own[two], a)}),
                )
        if entry.is_named:
            head = entry.size - entry.fields[-1].size
            changed = {one: own[one][:head] + own[two][head:], two: own[two][:head] + own[one][head:]}
            yield "name exchanged", _with(own, changed)
    for other in others:
        if other != own:
            yield "of another block", other


def _with(entries: list[bytes], changed: Mapping[int, bytes]) -> list[bytes]:
    return [changed.get(at, data) for at, data in enumerate(entries)]


# -- how they are made -------------------------------------------------------------------------------


def _set(field: Field, value: int, data: bytes, pointers: Sequence[bytes]) -> bytes:
    return field.put(data, value)


def _point(at: int, block: int, data: bytes, pointers: Sequence[bytes]) -> bytes:
    return _placed(data, at, _NOBODY if block < 0 else pointers[block])


def _listed(which: int, entries: list[bytes], data: bytes, pointers: Sequence[bytes]) -> bytes:
    """The block with another list, its count and its length as they are then."""
    lists = lists_of(data)
    lists[which] = entries
    made = data[:HEADER] + b"".join(each for entries in lists for each in entries) + name_of(data)
    made = ENTRIES[which].counted.put(made, len(entries))
    return LENGTH.put(made, len(made))
