"""Epochs: what a disk may hold when the power goes, from a log of what it was sent.

    records    W W F  W W W F  W        F: all that was answered before it is durable
    epochs     ---    -----    -        of the last one, any part may be on the disk

    image  =  all epochs before  +  a part of one epoch, in pieces of 4096 bytes, or torn at 512

Where the program stood is told in half steps: 2k when k calls had returned and no other had begun, 2k + 1
while call k (counted from 0) ran. Nothing but the log ties a disk to the program, so an image may be found at
every half step between the record that it needs and the flush that would have brought more; and a law must
allow it at each of them.

Invariants
  1  the parts chosen hold nothing and everything; up to `whole` pieces they are all parts
  2  the choice is a function of epoch and generator

Threads: pure.
"""

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from itertools import chain, combinations
from random import Random
from typing import Final, NamedTuple

BLOCK_BYTES: Final = 4096
SECTOR_BYTES: Final = 512


class Record(NamedTuple):
    """A request that was carried out: W with its bytes, F, or D with `size` bytes that read zeros now."""

    kind: str
    offset: int
    size: int
    data: bytes


class Piece(NamedTuple):
    """A part of a write that is on the disk as a whole or not at all; `data` is None where it makes zeros."""

    position: int
    offset: int
    size: int
    data: bytes | None


class Epoch(NamedTuple):
    """The pieces between two flushes, or after the last; `stop` is the position of the flush that ends it."""

    start: int
    stop: int
    pieces: list[Piece]


class Marks(NamedTuple):
    """The numbers of records before and after each call; `first` where the program began, `last` where it
    was over."""

    first: int
    calls: list[tuple[int, int]]
    last: int

    def half_steps(self, start: int, stop: int) -> tuple[int, int]:
        """The first and the last half step at which the disk had seen from `start` to `stop` records."""
        edges = [self.first, *chain.from_iterable(self.calls), self.last]
        found = [step for step in range(len(edges) - 1) if edges[step] <= stop and start <= edges[step + 1]]
        return (found[0], found[-1]) if found else (0, 0)


def epochs_of(records: Sequence[Record], first: int, last: int) -> list[Epoch]:
    """The epochs of the records from `first` to `last`; what was sent before is durable.

    Epochs that were over before `first` are none of these: the last one may begin before it.
    """
    found, pieces, start = [], list[Piece](), 0
    for position, record in enumerate(records[:last]):
        if record.kind == "W":
            pieces += _pieces(position, record)
        elif record.kind == "D":
            pieces.append(Piece(position, record.offset, record.size, None))
        elif position >= first:
            found.append(Epoch(start, position, pieces))
            pieces, start = [], position
        else:
            pieces, start = [], position
    found.append(Epoch(start, last, pieces))
    return found


def _pieces(position: int, record: Record) -> Iterator[Piece]:
    at = 0
    while at < record.size:
        offset = record.offset + at
        size = min(BLOCK_BYTES - offset % BLOCK_BYTES, record.size - at)
        yield Piece(position, offset, size, record.data[at : at + size])
        at += size


def parts(
    pieces: Sequence[Piece], generator: Random, *, whole: int, mixed: int, draws: int, torn: int
) -> tuple[list[tuple[bool, list[Piece]]], bool]:
    """Parts of an epoch, each with whether it is torn; and whether they are all that are not torn.

    All parts of up to `whole` pieces; else nothing, everything, prefixes, one alone and one missing, choices
    of the data (every one of up to `mixed` pieces) with none, all and some of the rest, and `draws` random
    ones. `torn` more are torn.
    """
    count = len(pieces)
    chosen: set[frozenset[int]] = set()
    is_complete = count <= whole
    every = frozenset(range(count))
    if is_complete:
        chosen = {frozenset(each) for size in range(count + 1) for each in combinations(range(count), size)}
    else:
        chosen = {frozenset(), every}
        step = max(1, count // max(1, draws // 4))
        for at in range(0, count, step):
            chosen |= {frozenset(range(at)), every - {at}, frozenset({at})}
        data = [at for at in every if is_data(pieces[at].data)]
        rest = every - frozenset(data)
        for selected in _selections(sorted(data), mixed, generator):
            some = frozenset(at for at in sorted(rest) if generator.random() < 0.7)
            chosen |= {selected, selected | rest, selected | some}
        for _ in range(draws):
            share = generator.choice((0.2, 0.5, 0.8, 0.95))
            chosen.add(frozenset(at for at in range(count) if generator.random() < share))
    ordered = sorted(chosen, key=lambda each: (len(each), sorted(each)))
    found = [(False, [pieces[at] for at in sorted(each)]) for each in ordered]
    if count:
        found += [(True, _tear(pieces, generator)) for _ in range(torn)]
    return found, is_complete


def _selections(data: list[int], mixed: int, generator: Random) -> list[frozenset[int]]:
    if len(data) <= mixed:
        sizes = range(len(data) + 1)
        return [frozenset(each) for size in sizes for each in combinations(data, size)]
    drawn = [frozenset(at for at in data if generator.random() < 0.5) for _ in range(2 * mixed)]
    return [frozenset(), frozenset(data), *drawn]


def _tear(pieces: Sequence[Piece], generator: Random) -> list[Piece]:
    kept = [piece for piece in pieces if generator.random() < 0.6] or [generator.choice(pieces)]
    found = []
    for piece in kept:
        if piece.data is None or generator.random() < 0.4:
            found.append(piece)
            continue
        for at in range(0, piece.size, SECTOR_BYTES):
            if generator.random() < 0.5:
                sector = piece.data[at : at + SECTOR_BYTES]
                found.append(Piece(piece.position, piece.offset + at, len(sector), sector))
    return found


def is_data(data: bytes | memoryview | None) -> bool:
    """True if the bytes begin as programs fill files, with one letter or digit often."""
    if data is None or len(data) < 64:
        return False
    head = bytes(data[:64])
    return head[:1].isalnum() and head.count(head[:1]) == 64


class Blocks:
    """The bytes of a disk, as the blocks that are not zero; with a key by which equal disks are known."""

    __slots__ = ("blocks", "key")

    def __init__(self, blocks: dict[int, bytes] | None = None) -> None:
        self.blocks: dict[int, bytes] = {}
        self.key = 0
        self.take(blocks or {})

    def after(self, pieces: Sequence[Piece]) -> dict[int, bytes]:
        """The blocks that these pieces, in this order, change, as they then are."""
        changed: dict[int, bytes] = {}
        for piece in pieces:
            at = piece.offset
            end = at + piece.size
            while at < end:
                number, inner = divmod(at, BLOCK_BYTES)
                size = min(BLOCK_BYTES - inner, end - at)
                data = _ZEROS[:size] if piece.data is None else piece.data[at - piece.offset :][:size]
                if size < BLOCK_BYTES:
                    before = changed.get(number) or self.blocks.get(number, _ZEROS)
                    data = before[:inner] + data + before[inner + size :]
                changed[number] = data
                at += size
        return {number: data for number, data in changed.items() if data != self.blocks.get(number, _ZEROS)}

    def key_with(self, changed: dict[int, bytes]) -> int:
        """The key of the disk with these blocks in place of its own."""
        key = self.key
        for number, data in changed.items():
            key ^= _block_key(number, data) ^ _block_key(number, self.blocks.get(number, _ZEROS))
        return key

    def take(self, changed: dict[int, bytes]) -> None:
        """Puts these blocks in place of its own."""
        self.key = self.key_with(changed)
        self.blocks |= changed
        for number, data in changed.items():
            if data == _ZEROS:
                del self.blocks[number]

    def runs(self) -> list[tuple[int, bytes]]:
        """Offset and bytes of each run of blocks that are not zero, in order."""
        found: list[tuple[int, list[bytes]]] = []
        following = -1
        for number, data in sorted(self.blocks.items()):
            if number == following:
                found[-1][1].append(data)
            else:
                found.append((number * BLOCK_BYTES, [data]))
            following = number + 1
        return [(offset, b"".join(parts)) for offset, parts in found]


_ZEROS: Final = bytes(BLOCK_BYTES)


def _block_key(number: int, data: bytes) -> int:
    if data == _ZEROS:
        return 0
    salt = number.to_bytes(16, "little")
    return int.from_bytes(blake2b(data, digest_size=16, salt=salt).digest(), "little")
