"""Rolls: the sessions of a checkpoint, put together from what its block and those before it list.

    a full block, or the first        all sessions
    the next   b: 7 -> 8, d: new      a changed or new session with its commit point; a, c: not a byte
    the next   c: forgotten           as the block before has it, and marked

So a checkpoint writes the sessions in which something is new, however many there are, and a full block, at
least every CHAIN_BLOCKS_MAX, ends what has to be read. A block of version 1 lists all of them.

Invariants
  L1  a block that lists changes lists no session that is as it was: what stands there is new, or wrong
  L2  one that is forgotten was there, to the last bit; one that has come has a number above all before it

Threads: functions of values; a roll is its owner's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..errors import SerialError
from .layout import Block
from .marks import SessionMark
from .roots import LIFE_SHIFT
from .tables import TABLE_FILE

__all__ = ["Roll", "changed", "follow", "marks_of"]


def changed(block: Block, before: Sequence[SessionMark]) -> Block:
    """The block with those of its sessions alone that are not as the block before has them."""
    old = {mark.name: mark for mark in before}
    names = {mark.name for mark in block.sessions}
    return block._replace(
        sessions=[mark for mark in block.sessions if old.get(mark.name) != mark],
        forgotten=[mark for mark in before if mark.name not in names],
        total=len(block.sessions),
    )


class Roll:
    """The sessions of a checkpoint; of the next one, when its block was taken in."""

    def __init__(self) -> None:
        self._marks: dict[str, SessionMark] = {}
        self._names: dict[int, str] = {}  # By number.
        self._last = 0  # The highest number that there ever was.
        self._life = 0

    def __len__(self) -> int:
        return len(self._marks)

    def marks(self) -> list[SessionMark]:
        """All of them, by name. O(sessions)."""
        return [mark for _, mark in sorted(self._marks.items())]

    def check(self, block: Block, at: int) -> None:
        """Hold the next block against this one, which stands at byte `at`. Raises SerialError."""
        for mark in block.forgotten:
            if self._marks.get(mark.name) != mark:
                raise SerialError(TABLE_FILE, at, f"no {tuple(mark)}, later forgotten", "it, as forgotten")
        for mark in block.sessions:
            name = self._names.get(mark.number)
            if name is None:
                # Born after the older checkpoint began: whoever was forgotten before never comes back.
                if mark.number <= self._last or mark.number >> LIFE_SHIFT < self._life:
                    found = f"no session {mark.number}, later {mark.name!r}"
                    raise SerialError(TABLE_FILE, at, found, "it, or a later number")
            elif name != mark.name:
                found = f"session {mark.number} as {name!r}"
                raise SerialError(TABLE_FILE, at, found, f"{mark.name!r}, as later")
            elif (before := self._marks[name].serial) > mark.serial:
                found = f"serial {before} of {name!r}"
                raise SerialError(TABLE_FILE, at, found, "none above the later one")
            elif before == mark.serial and not block.lists_all:
                found = f"serial {before} of {name!r}"
                raise SerialError(TABLE_FILE, at, found, "less than the same, listed anew")

    def take(self, block: Block) -> None:
        """Let it be that of the next block."""
        if block.lists_all:
            self._marks, self._names = {}, {}
        for mark in block.forgotten:
            self._drop(mark.name)
        for mark in block.sessions:
            self._drop(mark.name)  # It may be another session of that name.
            self._marks[mark.name] = mark
            self._names[mark.number] = mark.name
            self._last = max(self._last, mark.number)
        self._life = block.version.life

    def _drop(self, name: str) -> None:
        mark = self._marks.pop(name, None)
        if mark is not None:
            del self._names[mark.number]


def follow(blocks: Sequence[Block]) -> Iterator[tuple[Block, Roll]]:
    """Blocks of a chain, newest first, in the order in which they were written, each with its roll, which is
    its own until the next is asked for. Raises SerialError for one that contradicts the one before.

    The oldest has to list all of its sessions.
    """
    roll = Roll()
    for number, block in enumerate(reversed(blocks)):
        if number:
            roll.check(block, block.previous.offset)
        roll.take(block)
        if not (block.lists_all or len(roll) == block.total):
            found, at = f"{len(roll)} sessions, with those listed behind", block.previous.offset
            raise SerialError(TABLE_FILE, at, found, f"{block.total}")
        yield block, roll


def marks_of(blocks: Sequence[Block]) -> list[SessionMark]:
    """The sessions of the first of these blocks, newest first, as far as they say; nothing is checked."""
    roll = Roll()
    for block in reversed(blocks):
        roll.take(block)
    return roll.marks()
