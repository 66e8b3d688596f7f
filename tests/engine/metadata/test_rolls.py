"""Rolls: what blocks list gives each checkpoint its sessions again; what contradicts the rest is refused."""

from collections.abc import Sequence
from typing import Any

import pytest

from powercut.engine import SerialError
from powercut.engine.metadata.layout import Block, Pointer, Version, decode_block, encode_block
from powercut.engine.metadata.marks import SessionMark
from powercut.engine.metadata.rolls import changed, follow, marks_of
from powercut.engine.metadata.tables import NO_BLOCK

LIFE = 1 << 32
A, B = SessionMark("a", LIFE + 1, 5), SessionMark("b", LIFE + 2, 7)
C = SessionMark("c", LIFE + 3, 1)
FIRST = Block(Version(1, 1), 64, 512, 64, NO_BLOCK, False, [], [], [A, B])
NEXT = Block(
    Version(1, 2),
    512,
    1024,
    64,
    Pointer(4096, 300, 1),
    False,
    [],
    [],
    [B._replace(serial=8), C],
    places=[],
    total=3,
)


def roll_of(*blocks: Block) -> list[SessionMark]:
    """The sessions of the last of these, oldest first."""
    *_, (_, roll) = follow(blocks[::-1])
    return roll.marks()


def test_what_is_not_listed_is_as_the_block_before_says() -> None:
    assert roll_of(FIRST) == marks_of([FIRST]) == [A, B]
    assert roll_of(FIRST, NEXT) == marks_of([NEXT, FIRST]) == [A, B._replace(serial=8), C]


@pytest.mark.parametrize(
    "now",
    [
        [A, B],
        [],
        [A._replace(serial=6), B, C],
        [B],
        [A, SessionMark("b", LIFE + 4, 0)],
        [SessionMark("aa", LIFE + 4, 0), B._replace(serial=9)],
    ],
    ids=[
        "nothing new",
        "all forgotten",
        "changed and new",
        "forgotten",
        "one of the same name",
        "some of all",
    ],
)
def test_sessions_come_back_from_what_is_new_in_them(now: list[SessionMark]) -> None:
    block = changed(NEXT._replace(sessions=now), [A, B])
    stored = decode_block(encode_block(block), "tables", 0)
    assert stored == block._replace(forgotten=block.forgotten or ())
    assert roll_of(FIRST, stored) == now
    assert not {A, B} & set(stored.sessions)
    full = NEXT._replace(sessions=now, is_full=True)
    assert roll_of(FIRST, full) == roll_of(full) == now


def test_a_block_of_the_first_version_lists_all() -> None:
    old = NEXT._replace(sessions=[A, C], format_version=1)
    assert roll_of(FIRST._replace(format_version=1), old) == [A, C]
    last = NEXT._replace(sessions=[A._replace(serial=9)], total=2)
    assert roll_of(FIRST._replace(format_version=1), old, last) == [A._replace(serial=9), C]


@pytest.mark.parametrize("is_full", [True, False])
@pytest.mark.parametrize(
    ("sessions", "match"),
    [
        ([A, B._replace(serial=6), C], "found serial 7 of 'b', expected none above"),
        ([A._replace(serial=4), B, C], "found serial 5 of 'a', expected none above"),
        ([A._replace(name="aa"), B, C], "found session 4294967297 as 'a', expected 'aa'"),
        ([A._replace(number=LIFE + 2), B._replace(number=LIFE + 1), C], "as 'b', expected 'a'"),
        ([A, B, C._replace(number=LIFE)], "expected it, or a later number"),
        ([A, B, C._replace(number=7)], "expected it, or a later number"),
    ],
    ids=str,
)
def test_sessions_that_contradict_those_before_are_a_serial_error(
    is_full: bool, sessions: list[SessionMark], match: str
) -> None:
    block = NEXT._replace(sessions=sessions)
    block = block._replace(is_full=True) if is_full else changed(block, [A, B])
    with pytest.raises(SerialError, match=f"tables at byte 4096: .*{match}"):
        roll_of(FIRST, block)


@pytest.mark.parametrize(
    "wrong",
    [
        {"sessions": [A, C]},
        {"sessions": [C], "forgotten": [B._replace(serial=6)]},
        {"sessions": [C], "forgotten": [B._replace(number=LIFE + 1)]},
        {"sessions": [C], "forgotten": [SessionMark("bb", LIFE + 2, 7)]},
        {"total": 2},
        {"total": 4},
        {"sessions": [C], "total": 2},
        {"is_full": False, "sessions": [], "total": 1},
    ],
    ids=str,
)
def test_a_change_that_is_none_is_a_serial_error(wrong: dict[str, Any]) -> None:
    with pytest.raises(SerialError):
        roll_of(FIRST, NEXT._replace(**wrong))


def test_a_session_that_was_forgotten_never_comes_back() -> None:
    gone = changed(NEXT._replace(sessions=[A]), [A, B])
    later = NEXT._replace(version=Version(1, 3), sessions=[B._replace(serial=9)], total=2)
    with pytest.raises(SerialError, match="expected it, or a later number"):
        roll_of(FIRST, gone, later)


def test_a_session_of_an_earlier_life_than_the_block_before_is_none() -> None:
    second = NEXT._replace(version=Version(2, 2))
    third = NEXT._replace(version=Version(2, 3), sessions=[SessionMark("d", LIFE + 9, 1)], total=4)
    with pytest.raises(SerialError, match="expected it, or a later number"):
        roll_of(FIRST, second, third)
    assert len(roll_of(FIRST, second, third._replace(sessions=[SessionMark("d", 2 * LIFE + 1, 1)]))) == 4


@pytest.mark.parametrize("blocks", [[NEXT], [NEXT, NEXT._replace(version=Version(1, 3), total=3)]])
def test_of_a_chain_that_is_cut_is_known_what_it_lists(blocks: Sequence[Block]) -> None:
    assert marks_of(blocks) == [B._replace(serial=8), C]
