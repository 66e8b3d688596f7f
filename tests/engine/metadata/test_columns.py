"""Extents asked all at once: what is said of all of them is what holds of each."""

import random
from itertools import pairwise

import pytest

from powercut.engine.metadata.columns import Extent, Extents

pytestmark = pytest.mark.once

UNIT, LONGEST = 512, 2048


def is_whole(extent: Extent) -> bool:
    start, length = extent[:2]
    within = (start + length - 1) // LONGEST == start // LONGEST
    return bool(length and start % UNIT == length % UNIT == 0 and within)


def do_follow(extents: list[Extent]) -> bool:
    pairs = pairwise(extents)
    return all(e.length for e in extents) and all(a.start + a.length == b.start for a, b in pairs)


def drawn(chosen: random.Random) -> list[Extent]:
    """A few that follow one another, and in every other case one number of them changed."""
    at, extents = UNIT * chosen.randrange(9), list[Extent]()
    for _ in range(chosen.randrange(9)):
        length = chosen.randrange(UNIT, LONGEST - at % LONGEST + 1, UNIT)
        extents.append(Extent(at, length, chosen.getrandbits(32), chosen.getrandbits(64)))
        at += length
    if extents and chosen.random() < 0.5:
        number = chosen.randrange(len(extents))
        start, length, crc, life = extents[number]
        sizes = (0, 1, UNIT, LONGEST, LONGEST + UNIT, length - 1, (1 << 32) - 1, (1 << 32) - UNIT)
        starts = (0, start + 1, start + UNIT, start ^ 1 << 63, 1 << 62, (1 << 64) - 1, (1 << 64) - LONGEST)
        is_start = chosen.random() < 0.5
        extents[number] = Extent(
            chosen.choice(starts) if is_start else start,
            length if is_start else chosen.choice(sizes),
            crc,
            life,
        )
    return extents


def test_true_is_said_only_where_it_holds_of_each() -> None:
    chosen = random.Random(5)
    seen = set()
    for _ in range(20_000):
        extents = drawn(chosen)
        columns = Extents.of(extents)
        said, holds = columns.are_whole(UNIT, LONGEST), all(map(is_whole, extents))
        assert said == holds, extents
        follows = do_follow(extents)
        if max((extent.start for extent in extents), default=0) < 1 << 62:
            assert columns.follow() == follows, extents
        else:
            assert not columns.follow()
        seen.add((said, follows))
    assert len(seen) == 4


def test_they_are_a_sequence_as_a_list_of_them_is() -> None:
    wanted = [Extent(512 * n, 512, n << 20 | 1, n + 1) for n in range(5)]
    extents = Extents.of(wanted)
    assert Extents.of(extents) is extents
    assert extents == wanted
    assert wanted == extents
    assert extents == Extents(extents.data)
    assert extents != wanted[1:]
    assert extents != 5
    assert list(extents) == wanted
    assert [extents[n] for n in range(-5, 5)] == wanted + wanted
    for start in range(-6, 7):
        for stop in range(-6, 7):
            assert extents[start:stop] == wanted[start:stop]
            assert extents[start:stop:-2] == wanted[start:stop:-2]
    assert len(Extents()) == 0
    assert not Extents()
    with pytest.raises(IndexError):
        extents[5]
