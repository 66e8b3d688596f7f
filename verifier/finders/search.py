"""Search: a tape's programs again, by the finder that the tape belongs to.

    sessions side by side   every schedule of few preemptions
    faults                  the same fault at every call
    damage                  every damage of the same kind
    every answer judged     the tape as it is
    else                    every crash state

Invariant: what is found is of the tape's own store, or of the one that was given, and of no other.
"""

from __future__ import annotations

from typing import Final

from ..runs.play import play
from ..spec.subject import MakeStore
from ..tapes.tape import ANSWERS, APPENDERS, SIDE_BY_SIDE, Tape
from ..verdict import Violation
from .crashes import Finding, search_tape
from .damage import search_damage
from .faults import search_again

__all__ = ["search", "search_programs"]

STATES_MAX: Final = 1024  # Of one crash point.
PREEMPTIONS: Final = 2
SCHEDULES_MAX: Final = 500  # Of one program.


def search(tape: Tape, make_store: MakeStore | None = None) -> Finding | None:
    """The first violation that the tape's programs show, with the tape that plays it."""
    found, _ = search_programs(tape, make_store)
    if found is None:
        return None
    verdict = play(found, make_store).verdict
    assert isinstance(verdict, Violation)
    return Finding(found, verdict)


def search_programs(tape: Tape, make_store: MakeStore | None = None) -> tuple[Tape | None, int]:
    """A tape of the same programs that shows a violation, if one was found; and how many runs it took."""
    if tape.subject in SIDE_BY_SIDE and make_store is None:
        from ..concurrency.programs import search_lanes
        from ..concurrency.schedule import Bounded
        from .cpr.cuts import search_cuts

        if tape.subject == APPENDERS:
            cut, _ = search_cuts(tape, Bounded(PREEMPTIONS, SCHEDULES_MAX), SCHEDULES_MAX)
            return cut.tape, cut.exploration.schedules
        seen = search_lanes(tape, [Bounded(PREEMPTIONS, SCHEDULES_MAX)], SCHEDULES_MAX)
        return seen.tape, seen.exploration.schedules
    if tape.subject == ANSWERS and make_store is None:
        is_found = isinstance(play(tape).verdict, Violation)  # It is judged as it is played.
        return (tape if is_found else None), 1
    if any(era.faults for era in tape.eras):
        return search_again(tape, make_store=make_store)
    if any(era.damage for era in tape.eras):
        return search_damage(tape, make_store)
    coverage, finding = search_tape(tape, limit=STATES_MAX, make_store=make_store)
    return (finding.tape if finding is not None else None), 1 + coverage.checked
