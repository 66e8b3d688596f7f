"""Watched chunks: what one takes is a function of the chunk, whatever ran before it in the process."""

from __future__ import annotations

from math import inf
from typing import Final

import pytest

from powercut.verifier.gate.chunks import Chunk, Until
from powercut.verifier.gate.families import FamilyTapes
from powercut.verifier.gate.stages.crash import SmallPrograms
from powercut.verifier.gate.stages.faults import StruckCalls
from powercut.verifier.gate.stages.model import FamilyPart
from powercut.verifier.gate.stages.schedule import FamilyLanes, RandomLanes, SmallLanes
from powercut.verifier.gate.workers import _run
from powercut.verifier.reach.monitor import IS_WATCHING
from powercut.verifier.reach.seen import Seen

# Two of each kind that go on from the same ground, as far as programs share one.
CHUNKS: Final[tuple[Chunk, ...]] = (
    SmallLanes(0, 2, "narrow", 1, 50),
    SmallLanes(2, 4, "narrow", 1, 50),
    FamilyLanes("rarer", 0, 2, "narrow", 0, 50, 1),
    FamilyLanes("rarer", 2, 4, "narrow", 0, 50, 1),
    RandomLanes("0", 2, 4, ("narrow",)),
    SmallPrograms(0, 9, 2, "tiny", "posix", 64, 1),
    FamilyTapes("lettered", 0, 1, "posix", 64, 0),
    FamilyPart("phases", "tiny", "interpreted", 0, 4),
    StruckCalls("opened", "tiny", "posix", 4, 0, 40),
)


def seen_of(chunk: Chunk) -> Seen:
    seen = _run(chunk, Until.of(inf), True).seen
    assert seen is not None
    return seen


@pytest.mark.skipif(not IS_WATCHING, reason="there is no monitor before Python 3.12")
def test_what_a_chunk_takes_does_not_depend_on_those_before_it() -> None:
    first = [seen_of(chunk) for chunk in CHUNKS]
    again = [seen_of(chunk) for chunk in reversed(CHUNKS)][::-1]
    for chunk, one, other in zip(CHUNKS, first, again, strict=True):
        assert one.pairs, chunk
        assert one.pairs == other.pairs, chunk
        assert one.ways == other.ways, chunk
