"""Programs for the search among schedules: how many of each, and what counts as a find.

    0   every small program, one session alone first, under its default schedule
    1   every one with two sessions, where pages turn first, then two checkpoints beside one, and a walk
        beside a key that moves, under schedules of one preemption
    2   two sessions where a page turns, or a checkpoint runs or has begun, under schedules of two

The bank says whether a bug takes 1 or 2, `interleavings` which programs those are.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice
from typing import Final

from ...concurrency import aside
from ...concurrency.again import again_tapes
from ...concurrency.appenders import lanes_of_log
from ...concurrency.cached import cached_tapes
from ...concurrency.flushed import flushed_tapes
from ...concurrency.kinds import kinds_tapes
from ...concurrency.lanes import FAR_LANE, lanes_of, split
from ...concurrency.rarer import moved_tapes
from ...concurrency.skewed import skewed_tapes
from ...tapes.tape import APPENDERS, Tape

__all__ = ["SCHEDULES_MAX", "count_beside", "programs"]

_FEW: Final = 8
SCHEDULES_MAX: Final = (1, 400, 30_000)  # Of one program, by preemptions.


def count_beside(tape: Tape) -> tuple[int, int]:
    """(operations side by side, sessions that issue them)."""
    _, beside = split(tape.eras[-1].program)
    if tape.subject == APPENDERS:
        return len(beside), len(lanes_of_log(beside))
    return len(beside), sum(lane < FAR_LANE for lane in lanes_of(beside))


def programs(preemptions: int, oracle: str) -> Iterator[Tape]:
    """The tapes searched with at most so many preemptions for a planted bug of that oracle."""
    more = {
        1: chain(
            again_tapes("many"),
            kinds_tapes("narrow"),
            moved_tapes("narrow"),
            *map(cached_tapes, ("kept", "shared")),
        ),
        2: skewed_tapes("narrow"),
    }
    flushed = chain(flushed_tapes("gathered"), flushed_tapes("behind"))
    # The worker is at work in these alone, and whoever does not touch it has no use for them.
    few = islice(flushed, 0, None, 1 if preemptions else _FEW)
    return chain(aside.programs(preemptions, oracle), more.get(preemptions, ()), few)
