"""Walks: a run that goes on from a mark is the run that was played from its start."""

from __future__ import annotations

from random import Random

import pytest

from powercut.verifier.faster.geometries import GEOMETRIES, make_faster
from powercut.verifier.faster.stepped import SteppedRuntime
from powercut.verifier.faster.subject import FasterSubject
from powercut.verifier.finders.coverage import Coverage
from powercut.verifier.finders.crashes import search_tape
from powercut.verifier.registry import maker_of
from powercut.verifier.runs.walk import Walk
from powercut.verifier.runs.world import World
from powercut.verifier.tapes.programs import random_program, small_programs
from powercut.verifier.tapes.tape import Era, Kind, Operation, Tape
from powercut.verifier.verdict import OK, Violation

_CHECKPOINT, _REOPEN, _RMW = Operation(Kind.CHECKPOINT), Operation(Kind.REOPEN), Operation(Kind.RMW)
_PROGRAM = (Operation(), _CHECKPOINT, _RMW, _REOPEN, _RMW, _REOPEN, _CHECKPOINT, _RMW)


class _Forgetful(FasterSubject):
    """Lists nothing."""

    def read_all(self) -> dict[bytes, bytes]:
        return {}


def seen(world: World) -> tuple[object, ...]:
    segment = world.segment
    return (
        segment.trace.digest(),
        segment.observations,
        segment.acks,
        segment.step_starts,
        segment.lives,
        segment.checkpointed,
        world.device.image().key(),
        world.model.content,
        world.model.history,
        world.model.issued,
        world.verdict,
    )


def begun(*, has_faults: bool = False) -> World:
    world = World(make_faster("tiny"), has_faults=has_faults)
    world.fault_oracle.arm(world.device, ())
    return world


@pytest.mark.parametrize("has_faults", [False, True])
def test_a_run_that_goes_on_from_a_mark_is_the_run_from_the_start(has_faults: bool) -> None:
    """Whatever the walk has done meanwhile, checkpoints half done and stores opened anew included.

    A part: all that the gate counts along its walks is compared in `test_programs_are_searched_alike`.
    """
    walk = Walk(begun(has_faults=has_faults))
    for seed in range(6):
        random = Random(seed)
        base = random_program(random, 10)
        for program in (
            base,
            (*base[:4], _REOPEN, *base[4:]),
            (*base[:7], *random_program(random, 6)),
            base[:5],
        ):
            assert walk.play(program, is_last_marked=seed % 2 == 0)
            alone = begun(has_faults=has_faults)
            assert Walk(alone).play(program)
            assert walk.world.inspect()
            assert alone.inspect()
            assert seen(walk.world) == seen(alone)
            assert walk.world.fault_oracle.plan.reached == alone.fault_oracle.plan.reached


def test_a_mark_is_of_the_same_first_steps_or_none() -> None:
    walk = Walk(begun())
    assert walk.latest(_PROGRAM) is None
    for program, taken in (
        (_PROGRAM, 7),  # The world after the last step is not marked.
        (_PROGRAM[:5], 5),
        ((*_PROGRAM[:4], _CHECKPOINT, _REOPEN), 4),
        ((_RMW, *_PROGRAM[1:]), 0),
    ):
        assert walk.play(_PROGRAM)
        assert walk.latest(program) == taken
        assert len(walk.world.segment.step_starts) == taken
        assert walk.world.subject is not None
    assert walk.play(_PROGRAM, is_last_marked=True)
    assert walk.latest(_PROGRAM) == 8


def test_a_mark_fits_by_the_calls_that_were_counted_till_then() -> None:
    walk = Walk(begun(has_faults=True))
    assert walk.play(_PROGRAM, is_last_marked=True)
    counts = []
    for taken in range(9):
        assert walk.latest(_PROGRAM[:taken]) == taken
        counts.append(walk.world.fault_oracle.plan.reached.get("sync", 0))
    assert counts == sorted(counts)
    assert counts[0] < counts[-1]
    wanted = max(taken for taken, count in enumerate(counts) if count < counts[-1])
    assert walk.latest(_PROGRAM, lambda plan: plan.reached.get("sync", 0) < counts[-1]) == wanted
    assert walk.latest(_PROGRAM, lambda plan: False) is None
    assert walk.world.subject is None


def test_a_world_to_which_an_oracle_objects_is_not_marked() -> None:
    walk = Walk(World(lambda device: _Forgetful(device, GEOMETRIES["tiny"], SteppedRuntime())))
    program = (Operation(), _CHECKPOINT, _REOPEN, _RMW)
    for _ in range(2):
        assert not walk.play(program)
        assert isinstance(walk.world.verdict, Violation)
    assert walk.latest(program) == 2
    assert walk.world.verdict == OK


def test_an_open_store_is_no_beginning() -> None:
    world = begun()
    assert world.open()
    with pytest.raises(AssertionError, match="begins with an opening"):
        Walk(world)


def test_programs_are_searched_alike_along_a_walk_and_from_the_start() -> None:
    kept, anew = Coverage(), Coverage()
    walk = Walk(World(maker_of(Tape(geometry="tiny"))))
    for program in list(small_programs(3))[::9]:
        tape = Tape((Era(program),), "tiny")
        last = len(program) - 1 if program else None
        for coverage, known in ((kept, walk), (anew, None)):
            found, finding = search_tape(tape, start_step=last, depth=0, walk=known)
            assert finding is None
            coverage.merge(found)
    assert kept == anew
