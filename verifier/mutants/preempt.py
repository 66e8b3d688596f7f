"""The chase among schedules: how many preemptions a planted bug takes, and how many sessions.

    for k = 0, 1, 2, 3 preemptions: every small program, one session alone first, under all its schedules
    of exactly k or fewer, until the wanted kind shows

Invariants
  1  what is found with k preemptions was not found with k - 1 in any program that was searched
  2  `sessions` is 1 where a session alone, with a checkpoint or without, shows the kind
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any, Final

from msgspec.structs import replace

from ..concurrent import split
from ..interleavings import alone, pairs, search_lanes, tape_of, wider
from ..schedule import Bounded
from ..tape import Kind, Tape, encode_tape
from ..verdict import Breach, Violation

__all__ = ["chase_schedules", "count_beside"]

PREEMPTIONS_MAX: Final = 3
SCHEDULES_MAX: Final = (1, 400, 1_500, 3_000)  # Of one program, by preemptions.
PROGRAMS_MAX: Final = (10_000, 10_000, 150, 60)
_GEOMETRIES: Final = ("narrow", "colliding")

Answer = dict[str, Any]


def programs() -> Iterator[Tape]:
    """What is searched, in order."""
    for program in chain(alone(), pairs(), pairs(has_checkpoint=True), wider()):
        for geometry in _GEOMETRIES:
            yield tape_of(program, geometry)


def count_beside(tape: Tape) -> tuple[int, int]:
    """(operations side by side, sessions that issue them)."""
    _, beside = split(tape.eras[-1].program)
    return len(beside), len({operation.session for operation in beside if operation.kind < Kind.CHECKPOINT})


def chase_schedules(request: Answer) -> Answer:
    """Look for the wanted kind; where it was found, and what else was."""
    wanted = Violation(request["oracle"], Breach[request["breach"]], "")
    others: dict[str, int] = {}
    schedules = searched = distinct = 0
    for preemptions in range(PREEMPTIONS_MAX + 1):
        for number, tape in enumerate(programs()):
            if number >= PROGRAMS_MAX[preemptions]:
                break
            strategy = Bounded(preemptions, limit=SCHEDULES_MAX[preemptions])
            seen = search_lanes(tape, [strategy], SCHEDULES_MAX[preemptions])
            searched += 1
            schedules += seen.exploration.schedules
            distinct += seen.exploration.distinct
            if seen.verdict is None or seen.tape is None:
                continue
            if not wanted.is_same_kind(seen.verdict):
                kind = f"{seen.verdict.oracle}: {seen.verdict.breach.value}"
                others[kind] = others.get(kind, 0) + 1
                continue
            operations, sessions = count_beside(seen.tape)
            return {
                "tape": encode_tape(replace(seen.tape, bug=request["bug"])).decode(),
                "operations": operations,
                "sessions": sessions,
                "preemptions": preemptions,
                **_counts(others, searched, distinct, schedules),
            }
    return {"tape": "", "operations": 0, **_counts(others, searched, distinct, schedules)}


def _counts(others: dict[str, int], programs: int, distinct: int, checked: int) -> Answer:
    return {"others": others, "programs": programs, "distinct": distinct, "checked": checked}
