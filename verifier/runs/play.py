"""Playing a tape: era after era, the one order in which eras are opened, looked at and ended.

    play_eras   the eras of a tape in a world; whoever searches looks in between
    play        a whole tape, and what came of it

An era: faults and damage, opening, its program, `inspect`; then whoever asked for it may look at the
world; then its end, which is the power cut, or, without one, a clean close (of the last era: after
reads have been held against what is listed).

Invariant: equal tapes, equal runs, whoever looks in between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ..registry import maker_of
from ..spec.history import Segment, crash_index
from ..spec.subject import MakeStore
from ..tapes.tape import ANSWERS, SIDE_BY_SIDE, Era, Tape
from .run import Run
from .steps import take_steps
from .world import World

__all__ = ["RunEra", "Stop", "play", "play_eras", "run_era"]

# Opens an era, the one of that number, and runs its program; False if an oracle objects.
RunEra = Callable[[World, Era, int], bool]


@dataclass(frozen=True, slots=True)
class Stop:
    """An era that has run and has not ended."""

    place: int  # Among the eras of the tape.
    era: Era
    is_last: bool
    is_fine: bool  # No oracle objects; otherwise nothing comes after this stop.


def run_era(world: World, era: Era, place: int) -> bool:
    """An era from its opening to the end of its program."""
    return world.begin(era) and take_steps(world, era.program)


def play_eras(
    world: World,
    tape: Tape,
    ended: list[Segment] | None = None,
    *,
    first: int = 0,
    run: RunEra = run_era,
) -> Iterator[Stop]:
    """Play the tape's eras, and stop in each before its end.

    ended   takes the segments that a power cut ended
    first   the number of the era with which to begin: the world has those before behind it
    run     what opens an era and runs its program, where some of that is known already

    Afterwards `world.verdict` is that of the run. Whoever leaves the loop leaves the era as it is.
    """
    for place, era in enumerate(tape.eras[first:], first):
        is_last = place == len(tape.eras) - 1
        is_fine = run(world, era, place)
        # It reads, so it stands in the trace: a power cut may come after it.
        is_fine = is_fine and world.inspect()
        yield Stop(place, era, is_last, is_fine)
        if not is_fine:
            return
        if era.crash is not None:
            index = crash_index(world.segment.trace, era.crash)
            segment = world.cut(index, era.crash.survivors, tape.law)
            if ended is not None:
                ended.append(segment)
        elif not ((not is_last or world.probe()) and world.close()):
            return


def play(tape: Tape, make_store: MakeStore | None = None) -> Run:
    """Run the whole tape over the store that it names, or over `make_store`; stops at the first objection.

    Raises SubjectError, UnsupportedTapeError: the registry's.
    """
    if tape.subject in SIDE_BY_SIDE and make_store is None:
        from ..concurrency.grounds import play_beside

        beside = play_beside(tape)
        return Run(tape, [], beside.verdict, beside)
    if tape.subject == ANSWERS and make_store is None:
        from ..answers.player import play_answers

        asked = play_answers(tape)
        return Run(tape, [], asked.verdict, answers=asked)
    world = World(maker_of(tape, make_store), has_faults=any(era.faults for era in tape.eras))
    run = Run(tape)
    for _ in play_eras(world, tape, run.segments):
        pass
    run.segments.append(world.segment)
    world.let_go()
    run.verdict = world.verdict
    run.raised = world.raised
    run.damaged = world.damage_oracle.described
    return run
