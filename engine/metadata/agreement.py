"""Agreement: what a root, a block and the block before it must say alike; whoever reads them asks here.

A checksum says that bytes are as they were written. This is for bytes that were written wrong, by a faulty
store or by hand, with every checksum right: a value that something else on the disk contradicts is refused,
with what was found and what was expected.

Invariants
  1  nothing that a store writes is refused
  2  what is checked of one block is O(its entries), of two blocks too

What nothing contradicts: FORMAT.md, "Values that nothing contradicts".

Threads: functions of values.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from ..errors import CorruptionError, SerialError
from ..kernels import words as w
from .columns import Extents
from .layout import NO_IMAGE, Block, Root, VoidRange
from .marks import SessionMark
from .roots import LIVES_END
from .tables import TABLE_FILE

__all__ = ["check_block", "check_newest", "check_order", "voids_after"]

_COUNTERS: Final = 1 << 56  # The word of the system's state has room for so many, and a phase.


def check_newest(root: Root, block: Block) -> None:
    """Check the block that the root names. Raises CorruptionError."""
    at = root.head.offset
    if block.version.life > root.life:
        raise CorruptionError(
            TABLE_FILE, at, f"life {block.version.life}", f"at most {root.life}, the root's"
        )
    if block.begin != root.begin:
        raise CorruptionError(TABLE_FILE, at, f"begin {block.begin}", f"{root.begin}, the root's")


def check_block(block: Block, at: int, geometry: tuple[int, int, int, int, int]) -> None:
    """Check what a block says by itself, in a store of this geometry. Raises CorruptionError, SerialError."""
    for found, expected in _of_block(block, geometry):
        raise CorruptionError(TABLE_FILE, at, found, expected)
    for marks in (block.sessions, block.forgotten):
        _check_marks(block, marks, at)


def _check_marks(block: Block, marks: Sequence[SessionMark], at: int) -> None:
    before = ""
    for mark in marks:
        if not before < mark.name:
            raise SerialError(TABLE_FILE, at, f"session {mark.name!r} after {before!r}", "names that ascend")
        before = mark.name
        life, count = divmod(mark.number, LIVES_END)
        if not 1 <= life <= block.version.life or not count:
            expected = f"one of lives 1 to {block.version.life}"
            raise SerialError(TABLE_FILE, at, f"number {mark.number} of {mark.name!r}", expected)


def _of_block(block: Block, geometry: tuple[int, int, int, int, int]) -> Iterator[tuple[str, str]]:
    """(found, expected) of what is wrong."""
    page_bytes, _, unit, extent_bytes, _ = geometry
    life, counter = block.version
    if not 1 <= life < LIVES_END or not 1 <= counter < _COUNTERS:
        yield f"version {tuple(block.version)}", "a life and a counter from 1"
    if (
        not w.FIRST_ADDRESS <= block.begin <= block.fuzzy_start <= block.final < w.ADDRESS_LIMIT
        or block.fuzzy_start % w.WORD_BYTES
    ):
        found = f"begin {block.begin}, fuzzy start {block.fuzzy_start}, final {block.final}"
        yield found, f"addresses from {w.FIRST_ADDRESS} that ascend"
    if block.begin != w.FIRST_ADDRESS and block.begin % page_bytes:
        yield f"begin {block.begin}", f"{w.FIRST_ADDRESS}, or a multiple of {page_bytes}"
    extents = Extents.of(block.extents)
    # What it lists since the block before it was written with it; a full one lists older extents, too.
    oldest = 1 if block.is_full else life
    are_of_it = all(oldest <= each <= life for each in extents.all_lives())
    are_right = are_of_it and extents.are_whole(unit, extent_bytes)
    for extent in () if are_right else extents:
        end = extent.start + extent.length
        if (
            extent.start % unit
            or extent.length % unit
            or (end - 1) // extent_bytes != extent.start // extent_bytes
        ):
            yield (
                f"an extent of {extent.length} bytes at {extent.start}",
                f"units of {unit} within {extent_bytes}",
            )
        if not oldest <= extent.life <= life:
            yield f"an extent at {extent.start} of life {extent.life}", f"life {life}, the checkpoint's"
    low, least = 0, 0
    yield from _of_image(block)
    for void in block.voids:
        if not low <= void.low < void.high <= block.fuzzy_start or not least < void.counter <= counter:
            yield f"void range {tuple(void)}", f"ranges that ascend, up to {block.fuzzy_start}"
        low, least = void.high, void.counter


def _of_image(block: Block) -> Iterator[tuple[str, str]]:
    """(found, expected) of what is wrong with the image that a block names."""
    image = block.image
    if image == NO_IMAGE:
        return
    life, counter = image.version
    if not (1 <= life <= block.version.life and 1 <= counter <= block.version.counter):
        yield f"an image of version {tuple(image.version)}", f"one from {(1, 1)} to {tuple(block.version)}"
    if not w.FIRST_ADDRESS <= image.start <= image.final <= block.fuzzy_start:
        found = f"an image from {image.start} to {image.final}"
        yield found, f"addresses from {w.FIRST_ADDRESS} to {block.fuzzy_start} that ascend"
    if not 1 <= image.buckets <= image.used < w.REFUSED or image.buckets & (image.buckets - 1):
        yield f"an image of {image.buckets} and {image.used} buckets", "a power of two, and as many or more"


def check_order(older: Block, newer: Block) -> None:
    """Check a block against the one before it: versions and addresses only grow, and void ranges are those
    that a recovery between them has left. For sessions there is `rolls.follow`. Raises CorruptionError.
    """
    at = newer.previous.offset
    if older.format_version > newer.format_version:
        found = f"a block of format version {older.format_version}"
        raise CorruptionError(TABLE_FILE, at, found, f"none above {newer.format_version}, as later")
    if (
        older.version >= newer.version
        or older.version.counter >= newer.version.counter
        or older.final > newer.fuzzy_start
    ):
        found = f"checkpoint {tuple(older.version)} up to {older.final}"
        raise CorruptionError(
            TABLE_FILE, at, found, f"one before {tuple(newer.version)} and {newer.fuzzy_start}"
        )
    if older.begin > newer.begin:
        raise CorruptionError(TABLE_FILE, at, f"begin {older.begin}", f"none above {newer.begin}")
    voids = voids_after(older) if older.version.life < newer.version.life else list(older.voids)
    voids = [void for void in voids if void.high > newer.begin]
    # Between a full block and the one before it there may have been others, which were not kept.
    if not newer.is_full and voids != list(newer.voids):
        found = f"void ranges {[tuple(void) for void in newer.voids]} behind it"
        raise CorruptionError(TABLE_FILE, at, found, f"{[tuple(void) for void in voids]}")
    is_own = newer.image.version == newer.version
    if not (newer.is_full or is_own or newer.image in (NO_IMAGE, older.image)):
        found = f"an image of version {tuple(older.image.version)}"
        raise CorruptionError(TABLE_FILE, at, found, f"that of {tuple(newer.image.version)}, as later")


def voids_after(block: Block) -> list[VoidRange]:
    """The void ranges when this checkpoint is recovered: what it leaves of the next version joins its own."""
    voids = list(block.voids)
    if block.fuzzy_start < block.final:
        voids.append(VoidRange(block.version.counter + 1, block.fuzzy_start, block.final))
    return voids
