"""Shared: many crash searches that leave their results to one another.

By geometry and law: outcomes of openings, crash states of traces, the way that programs have in common. The
openings that a search counts (`checked`) depend on those before it; what it finds does not.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..registry import maker_of
from ..runs.walk import Walk
from ..runs.world import World
from ..tapes.tape import Era, Operation, Tape
from .continuations import Continuations, continuations
from .crashes import LIMIT, Coverage, Finding, search_tape
from .enumerated import Enumerations
from .lasting import of_before
from .recoveries import Opened, Recoveries

__all__ = ["Searches", "exhaust"]


class Searches:
    """Searches of tapes over the stores that they name.

    is_counted   decode every version vector too
    is_walked    play once what one tape after another begins with
    more         operations that are given to a store at most after each recovery; None: nothing is
    """

    def __init__(
        self,
        limit: int = LIMIT,
        *,
        depth: int = 1,
        is_counted: bool = False,
        is_walked: bool = False,
        more: int | None = None,
    ) -> None:
        self._limit, self._depth = limit, depth
        self._is_counted, self._is_walked = is_counted, is_walked
        self._more = more
        self._kept: dict[
            tuple[str, str, str], tuple[Recoveries, Enumerations, Walk | None, Continuations | None]
        ] = {}

    def search(self, tape: Tape, start_step: int | None = None) -> tuple[Coverage, Finding | None]:
        """Judge every crash state of the tape, as `search_tape` does."""
        own = tape.subject, tape.geometry, tape.law
        if own not in self._kept:
            maker = maker_of(tape)
            walk = Walk(World(maker)) if self._is_walked else None
            opened = of_before(Opened, *own, tape.kernels, self._limit)
            recoveries = Recoveries(maker, tape.law, self._limit, opened=opened)
            programs = () if self._more is None else continuations(self._more)
            further = Continuations(maker, tape.law, self._limit, programs, recoveries) if programs else None
            self._kept[own] = recoveries, Enumerations(tape.law, self._limit), walk, further
        recoveries, enumerations, walk, further = self._kept[own]
        return search_tape(
            tape,
            start_step=start_step,
            depth=self._depth,
            limit=self._limit,
            recoveries=recoveries,
            enumerations=enumerations,
            walk=walk,
            continuations=further,
            is_counted=self._is_counted,
        )


def exhaust(
    programs: Iterable[tuple[Operation, ...]],
    geometry: str,
    law: str,
    *,
    depth: int = 1,
    limit: int = LIMIT,
    more: int | None = None,
) -> tuple[Coverage, Finding | None]:
    """Search each program's last step: over all prefixes of a program, every step of it.

    Stops at the first violation.
    """
    coverage = Coverage()
    searches = Searches(limit, depth=depth, is_counted=True, is_walked=True, more=more)
    for program in programs:
        last = len(program) - 1 if program else None
        seen, finding = searches.search(Tape((Era(program),), geometry, law), last)
        coverage.merge(seen)
        if finding is not None:
            return coverage, finding
    return coverage, None
