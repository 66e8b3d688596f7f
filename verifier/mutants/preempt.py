"""The chase among schedules: how many preemptions a planted bug takes, and how many sessions.

    0   every small program, one session alone first, under its default schedule
    1   programs in which a page turns first, then every one with two sessions, under all schedules of one
        preemption
    2   programs in which a page turns, under all schedules of two
    >   programs in which boundaries move, under random schedules

Invariants
  1  what is found with k preemptions was not found with fewer: in any program that was searched with fewer,
     and where k > 2, as far as shrinking goes
  2  `sessions` counts those of the program that shows it; 1 where one alone does
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice
from random import Random
from typing import Any, Final

from msgspec.structs import replace

from ..concurrent import split
from ..interleavings import Searched, alone, deeper, pairs, portfolio, search_lanes, tape_of, wider
from ..schedule import Bounded, Strategy, decode
from ..tape import Kind, Tape, encode_tape
from ..verdict import Breach, Violation

__all__ = ["chase_schedules", "count_beside", "programs"]

SCHEDULES_MAX: Final = (1, 400, 15_000)  # Of one program, by preemptions.
TURNING: Final = 12  # So many of the deeper programs begin on the last mutable page.
ROUNDS: Final = 6
RANDOM_SCHEDULES: Final = 120  # Of one program, a round.
GEOMETRIES: Final = ("narrow", "colliding")

Answer = dict[str, Any]


def programs(preemptions: int) -> Iterator[Tape]:
    """What is searched with so few preemptions, in order."""
    several = chain(pairs(), pairs(has_checkpoint=True), wider())
    if preemptions == 0:
        yield from (tape_of(program, GEOMETRIES[0]) for program in chain(alone(), several, deeper()))
        return
    yield from (tape_of(program, GEOMETRIES[0]) for program in islice(deeper(), TURNING))
    if preemptions == 1:
        for program in several:
            yield from (tape_of(program, geometry) for geometry in GEOMETRIES)


def count_beside(tape: Tape) -> tuple[int, int]:
    """(operations side by side, sessions that issue them)."""
    _, beside = split(tape.eras[-1].program)
    return len(beside), len({operation.session for operation in beside if operation.kind < Kind.CHECKPOINT})


def chase_schedules(request: Answer) -> Answer:
    """Look for the wanted kind; where it was found, and what else was."""
    chase = _Chase(Violation(request["oracle"], Breach[request["breach"]], ""), Random(request["seed"]))
    found = chase.few() or chase.many()
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

    def __init__(self, wanted: Violation, random: Random) -> None:
        self._wanted = wanted
        self._random = random
        self.others: dict[str, int] = {}
        self.programs = self.distinct = self.schedules = 0

    def few(self) -> Tape | None:
        """With none, with one, with two."""
        for preemptions, most in enumerate(SCHEDULES_MAX):
            for tape in programs(preemptions):
                found = self._search(tape, [Bounded(preemptions, most)], most)
                if found is not None:
                    return found
        return None

    def many(self) -> Tape | None:
        """With as many as chance has it."""
        for _ in range(ROUNDS):
            for program in deeper():
                for geometry in GEOMETRIES:
                    tape = tape_of(program, geometry)
                    found = self._search(tape, portfolio(self._random), RANDOM_SCHEDULES)
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
