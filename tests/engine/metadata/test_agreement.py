"""Roots and blocks must agree: every value that something else contradicts is refused."""

from collections.abc import Sequence
from typing import Any

import pytest

from powercut.engine import CorruptionError, SerialError
from powercut.engine.metadata.agreement import check_block, check_newest, check_order, voids_after
from powercut.engine.metadata.layout import (
    NO_IMAGE,
    Block,
    Extent,
    Image,
    Pointer,
    Root,
    Version,
    VoidRange,
)
from powercut.engine.metadata.marks import SessionMark
from powercut.engine.metadata.tables import NO_BLOCK

GEOMETRY = (1024, 2048, 512, 512, 0)
ONE, TWO = SessionMark("a", (1 << 32) + 1, 5), SessionMark("b", (1 << 32) + 2, 7)
ROOT = Root(bytes(16), (2 << 32) + 1, 2, GEOMETRY, Pointer(512, 300, 1), 64, 2)
OLDER = Block(Version(1, 3), 512, 1024, 64, NO_BLOCK, False, [Extent(0, 512, 1, 1)], [], [ONE, TWO])
NEWER = Block(
    Version(2, 5),
    1024,
    1536,
    64,
    Pointer(0, 300, 1),
    False,
    [Extent(1024, 512, 1, 2)],
    [VoidRange(4, 512, 1024)],
    [TWO._replace(serial=8)],
    total=2,
)


def test_what_a_store_writes_is_accepted() -> None:
    for block in (OLDER, NEWER):
        check_block(block, 0, GEOMETRY)
    check_newest(ROOT, NEWER)
    check_order(OLDER, NEWER)
    same_life = NEWER._replace(version=Version(1, 5), voids=[], extents=[])
    check_order(OLDER, same_life)
    assert voids_after(OLDER) == NEWER.voids
    assert voids_after(OLDER._replace(fuzzy_start=1024)) == []


@pytest.mark.parametrize(
    "changed",
    [
        {"version": Version(0, 3)},
        {"version": Version(1, 0)},
        {"version": Version(1 << 32, 3)},
        {"version": Version(1, 1 << 56)},
        {"begin": 0},
        {"begin": 512},
        {"begin": 2048},
        {"fuzzy_start": 513},
        {"fuzzy_start": 1032},
        {"final": 1 << 47},
        {"extents": [Extent(0, 512, 1, 2)]},
        {"extents": [Extent(0, 512, 1, 0)], "is_full": True},
        {"extents": [Extent(0, 1024, 1, 1)]},
        {"extents": [Extent(8, 512, 1, 1)]},
        {"extents": [Extent(0, 500, 1, 1)]},
        {"voids": [VoidRange(2, 64, 1024)]},
        {"voids": [VoidRange(2, 128, 64)]},
        {"voids": [VoidRange(4, 64, 128)]},
        {"voids": [VoidRange(2, 64, 256), VoidRange(3, 128, 512)]},
        {"voids": [VoidRange(2, 64, 128), VoidRange(2, 128, 512)]},
    ],
    ids=str,
)
def test_a_block_that_contradicts_itself_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(CorruptionError, match="tables at byte 77: found"):
        check_block(OLDER._replace(**changed), 77, GEOMETRY)


@pytest.mark.parametrize(
    "sessions",
    [
        [TWO, ONE],
        [ONE, TWO._replace(name="a")],
        [ONE._replace(name="")],
        [ONE._replace(number=(2 << 32) + 1)],
        [ONE._replace(number=1)],
        [ONE._replace(number=1 << 32)],
    ],
    ids=str,
)
def test_sessions_of_a_block_have_their_order_and_a_number_that_can_be(
    sessions: Sequence[SessionMark],
) -> None:
    with pytest.raises(SerialError):
        check_block(OLDER._replace(sessions=sessions), 0, GEOMETRY)
    with pytest.raises(SerialError):
        check_block(OLDER._replace(forgotten=sessions), 0, GEOMETRY)


def test_the_newest_block_is_the_one_that_the_root_means() -> None:
    with pytest.raises(CorruptionError, match="begin 64, expected 1024, the root's"):
        check_newest(ROOT._replace(begin=1024), NEWER)
    with pytest.raises(CorruptionError, match="life 2, expected at most 1, the root's"):
        check_newest(ROOT._replace(life=1), NEWER)


@pytest.mark.parametrize(
    "changed",
    [
        {"version": Version(2, 3)},
        {"version": Version(1, 3)},
        {"fuzzy_start": 1016},
        {"begin": 0},
        {"voids": []},
        {"voids": [VoidRange(5, 512, 1024)]},
        {"voids": [VoidRange(4, 520, 1024)]},
        {"format_version": 1},
    ],
    ids=str,
)
def test_a_block_that_contradicts_the_one_before_it_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(CorruptionError):
        check_order(OLDER, NEWER._replace(**changed))


# -- the image of the index that a block names ---------------------------------------------------------

OWN = Image(Version(1, 3), 64, 512, 2, 3, 9)


def test_a_block_may_have_an_image_of_its_own_or_the_one_before_it_or_none() -> None:
    older = OLDER._replace(image=OWN)
    check_block(older, 0, GEOMETRY)
    for image in (OWN, OWN._replace(version=NEWER.version, final=1024), NO_IMAGE):
        newer = NEWER._replace(image=image)
        check_block(newer, 0, GEOMETRY)
        check_order(older, newer)
    # Between a full block and the one before it there may have been one that had it.
    check_order(older, NEWER._replace(is_full=True, image=OWN._replace(version=Version(1, 4))))


@pytest.mark.parametrize(
    "changed",
    [
        {"version": Version(2, 3)},
        {"version": Version(1, 4)},
        {"version": Version(1, 0)},
        {"start": 56},
        {"start": 520},
        {"final": 513},
        {"buckets": 3},
        {"buckets": 4},
        {"buckets": 0},
        {"used": 1 << 63},
    ],
    ids=str,
)
def test_an_image_that_contradicts_its_block_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(CorruptionError, match="tables at byte 77: found"):
        check_block(OLDER._replace(image=OWN._replace(**changed)), 77, GEOMETRY)


@pytest.mark.parametrize("changed", [{"version": Version(1, 2)}, {"start": 72}, {"crc": 8}], ids=str)
def test_an_image_that_is_not_the_one_before_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(CorruptionError, match="an image of version"):
        check_order(OLDER._replace(image=OWN), NEWER._replace(image=OWN._replace(**changed)))
