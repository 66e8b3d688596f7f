"""The chase among schedules: how many preemptions a planted bug takes, and how many sessions.

    0   every small program, one session alone first, under its default schedule
    1   every one with two sessions, where pages turn first, under all schedules of one preemption
    2   two sessions where a page turns, or a checkpoint runs, under all schedules of two

The bank says whether 1 or 2 are tried after 0.

Invariants
  1  what is found with k preemptions was not found with fewer in the program that shows it, and not with
     none in any program
  2  `sessions` counts those of the program that shows it; 1 where one alone does
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice
from typing import Any, Final

from msgspec.structs import replace

from ..concurrent import split
from ..interleavings import SETTINGS, Searched, alone, deeper, pairs, search_lanes, tape_of, wider
from ..schedule import Bounded, Strategy, decode
from ..tape import Kind, Tape, encode_tape
from ..verdict import Breach, Violation

__all__ = ["chase_schedules", "count_beside", "programs"]

SCHEDULES_MAX: Final = (1, 400, 30_000)  # Of one program, by preemptions.
TURNING: Final = 15  # So many of the deeper programs come first.
MEETING: Final = 3  # Pairs of operations in a setting of the deeper programs.
PREFIX: Final = "prefix"
GEOMETRIES: Final = ("narrow", "colliding")

Answer = dict[str, Any]


def programs(preemptions: int, oracle: str) -> Iterator[Tape]:
    """What is searched with so few preemptions, in order; for `prefix` checkpoints come first."""
    narrow, colliding = GEOMETRIES
    is_cut = oracle == PREFIX
    several = chain(pairs(), wider(), pairs(has_checkpoint=True))
    if preemptions == 0:
        yield from (tape_of(program, narrow) for program in chain(alone(), several, deeper()))
    elif preemptions == 1:
        moving = islice(deeper(), TURNING * is_cut, TURNING * (1 + is_cut))
        large = islice(wider(), len(SETTINGS))
        yield from (tape_of(program, narrow) for program in chain(moving, large, several))
        yield from (tape_of(program, colliding) for program in chain(pairs(), wider()))
    else:
        # A page turns under the first pair; a checkpoint runs beside the second, which a cut can tell apart.
        every = list(deeper())
        first = every[TURNING + MEETING + 1 if is_cut else 0]
        yield from (tape_of(program, narrow) for program in (first, *every))


def count_beside(tape: Tape) -> tuple[int, int]:
    """(operations side by side, sessions that issue them)."""
    _, beside = split(tape.eras[-1].program)
    return len(beside), len({operation.session for operation in beside if operation.kind < Kind.CHECKPOINT})


def chase_schedules(request: Answer) -> Answer:
    """Look for the wanted kind; where it was found, and what else was."""
    chase = _Chase(Violation(request["oracle"], Breach[request["breach"]], ""))
    found = chase.go(request["preemptions"])
    counts: Answer = {
        "others": chase.others,
        "programs": chase.programs,
        "distinct": chase.distinct,
        "checked": chase.schedules,
    }
    if found is None:
        return {"tape": "", "operations": 0, **counts}
    operations, sessions = count_beside(found)
    return {
        "tape": encode_tape(replace(found, bug=request["bug"])).decode(),
        "operations": operations,
        "sessions": sessions,
        "preemptions": len(decode(found.eras[-1].switches)),
        **counts,
    }


class _Chase:
    """The search for one kind of violation, and what it has seen."""

    def __init__(self, wanted: Violation) -> None:
        self._wanted = wanted
        self.others: dict[str, int] = {}
        self.programs = self.distinct = self.schedules = 0

    def go(self, most: int) -> Tape | None:
        """With no preemption, then with at most so many."""
        for preemptions in sorted({0, most}):
            limit = SCHEDULES_MAX[preemptions]
            for tape in programs(preemptions, self._wanted.oracle):
                found = self._search(tape, [Bounded(preemptions, limit)], limit)
                if found is not None:
                    return found
        return None

    def _search(self, tape: Tape, strategies: list[Strategy], schedules: int) -> Tape | None:
        seen: Searched = search_lanes(tape, strategies, schedules)
        self.programs += 1
        self.schedules += seen.exploration.schedules
        self.distinct += seen.exploration.distinct
        if seen.verdict is None:
            return None
        if self._wanted.is_same_kind(seen.verdict):
            return seen.tape
        kind = f"{seen.verdict.oracle}: {seen.verdict.breach.value}"
        self.others[kind] = self.others.get(kind, 0) + 1
        return None
