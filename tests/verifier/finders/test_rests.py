"""Worlds at rest and known endings: what is gone on from, and what is known, is as if it had been played."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from random import Random

import pytest
from msgspec.structs import replace

from powercut.faultfs import Effect, EventKind, Fault, FaultDevice
from powercut.verifier.faster.geometries import GEOMETRIES, make_faster
from powercut.verifier.faster.stepped import SteppedRuntime
from powercut.verifier.faster.subject import FasterSubject
from powercut.verifier.finders import beginnings, faults
from powercut.verifier.finders.beginnings import Kept
from powercut.verifier.finders.coverage import Coverage
from powercut.verifier.finders.crashes import search_tape
from powercut.verifier.finders.endings import Endings
from powercut.verifier.finders.faults import sweep
from powercut.verifier.finders.rests import Rests, copy_of, shut
from powercut.verifier.finders.templates import PROGRAMS, torn
from powercut.verifier.runs.world import World
from powercut.verifier.spec.spec import StoreMaker
from powercut.verifier.spec.subject import Subject
from powercut.verifier.tapes.programs import random_program, small_programs
from powercut.verifier.tapes.tape import Era, Kind, Operation, Tape
from powercut.verifier.verdict import OK, Breach, Violation

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
        segment.passages,
        segment.checkpointed,
        world.device.image().key(),
        world.model.content,
        world.model.history,
        world.model.issued,
        world.verdict,
    )


def played(program: tuple[Operation, ...]) -> World:
    world = World(make_faster("tiny"))
    assert world.open()
    assert all(world.step(operation) for operation in program)
    assert world.inspect()
    return world


@pytest.mark.parametrize("has_faults", [False, True])
def test_a_run_that_goes_on_from_a_rest_is_the_run_from_the_start(has_faults: bool) -> None:
    gone_on = 0
    for seed in range(12):
        random = Random(seed)
        program = random_program(random, 10)
        program = (*program[:3], _REOPEN, *program[3:6], _REOPEN, *program[6:])
        rests = Rests()
        first = World(make_faster("tiny"), has_faults=has_faults)
        first.fault_oracle.arm(first.device, ())
        assert rests.play(first, program)
        rest = rests.latest(program)
        assert rest is not None
        taken, second = rest
        assert program[taken - 1] == _REOPEN
        gone_on += taken
        assert rests.play(second, program, taken)
        assert first.inspect()
        assert second.inspect()
        assert seen(first) == seen(second)
        assert first.fault_oracle.plan.reached == second.fault_oracle.plan.reached
    assert gone_on > 12 * 3


def test_a_copy_and_its_world_go_on_apart() -> None:
    world = World(make_faster("tiny"))
    assert world.open()
    assert world.step(Operation())
    assert shut(world)
    before = seen(world)
    twin = copy_of(world)
    assert seen(twin) == before
    assert twin.open()
    assert all(twin.step(operation) for operation in (_RMW, _CHECKPOINT, _REOPEN, _RMW))
    assert seen(world) == before
    assert world.open()
    assert world.step(_RMW)
    other = copy_of(rest(world))
    assert seen(other) == seen(world)


def rest(world: World) -> World:
    assert shut(world)
    return world


def test_an_open_store_is_not_copied() -> None:
    with pytest.raises(AssertionError, match="at rest"):
        copy_of(played((Operation(),)))


def test_a_rest_is_of_the_same_first_steps_or_none() -> None:
    rests = Rests()
    assert rests.latest(_PROGRAM) is None
    assert rests.play(World(make_faster("tiny")), _PROGRAM)
    for program, taken in (
        (_PROGRAM, 6),
        (_PROGRAM[:7], 6),
        (_PROGRAM[:5], 4),
        ((*_PROGRAM[:4], _CHECKPOINT, _REOPEN), 4),
    ):
        found = rests.latest(program)
        assert found is not None
        assert found[0] == taken
    assert rests.latest(_PROGRAM[:3]) is None
    assert rests.latest((_RMW, *_PROGRAM[1:])) is None
    assert rests.latest(_PROGRAM, lambda world: len(world.segment.step_starts) < 5)[0] == 4  # type: ignore[index]


def test_a_world_to_which_an_oracle_objects_is_not_kept() -> None:
    rests = Rests()
    world = World(lambda device: _Forgetful(device, GEOMETRIES["tiny"], SteppedRuntime()))
    assert not rests.play(world, (Operation(), _CHECKPOINT, _REOPEN, _RMW, _REOPEN, _RMW))
    assert isinstance(world.verdict, Violation)
    kept = rests.latest((Operation(), _CHECKPOINT, _REOPEN, _RMW, _REOPEN, _RMW))
    assert kept is not None
    assert kept[0] == 3  # At rest nothing was wrong yet; the next opening was.
    assert kept[1].verdict == OK


def test_programs_are_searched_alike_from_rests_and_from_the_start() -> None:
    kept, anew = Coverage(), Coverage()
    rests = Rests()
    for program in list(small_programs(3))[::9]:
        tape = Tape((Era(program),), "tiny")
        last = len(program) - 1 if program else None
        for coverage, known in ((kept, rests), (anew, None)):
            found, finding = search_tape(tape, start_step=last, depth=0, rests=known)
            assert finding is None
            coverage.merge(found)
    assert kept == anew


def _sweeps() -> Iterator[Coverage]:
    templates = [
        Fault(Effect.ERROR, EventKind.WRITE),
        Fault(Effect.ERROR, EventKind.SYNC, sticky=True, after=True),
        Fault(Effect.FULL, EventKind.WRITE),
        Fault(Effect.ROT, EventKind.READ),
        Fault(Effect.LYING, EventKind.SYNC_NAMES),
        Fault(Effect.MISDIRECTED, EventKind.WRITE),
    ]
    for number, (program, before) in enumerate((("reopened", ()), ("cold", ()), ("opened", torn(1)))):
        some = templates[number::3]
        coverage, finding = sweep(PROGRAMS[program], "tiny", "posix", some, limit=8, before=before)
        assert finding is None
        yield coverage


def test_a_sweep_from_rests_with_known_endings_is_the_sweep_that_plays_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened = [0, 0]
    store = make_faster("tiny")

    def counting(place: int) -> None:
        def open_one(device: FaultDevice) -> Subject:
            opened[place] += 1
            return store(device)

        monkeypatch.setattr(faults, "maker_of", lambda *_: StoreMaker(open_one, store.spec))

    counting(0)
    short = list(_sweeps())
    counting(1)
    monkeypatch.setattr(beginnings.Known, "play", lambda *_: None)
    monkeypatch.setattr(Endings, "_is_explained", lambda *_: False)
    assert short == list(_sweeps())
    assert opened[0] < opened[1]


def test_an_ending_is_held_against_the_history_of_the_run_at_hand() -> None:
    """A content on which another run ended well is no excuse for the run that owes more."""
    endings = Endings()
    saved, owing = (World(make_faster("tiny"), has_faults=True) for _ in range(2))
    for world, program in ((saved, (Operation(), _CHECKPOINT)), (owing, (Operation(), _CHECKPOINT, _RMW))):
        assert world.open()
        assert all(world.step(operation) for operation in program)
        assert shut(world)
    assert endings.play(copy_of(saved))
    owing.device = saved.device.copy()
    owing.segment.acks.append((0, {0: 2}))  # The second operation too was acknowledged.
    assert not endings.play(owing)
    assert isinstance(owing.verdict, Violation)
    assert owing.verdict.breach is Breach.LOST_ACK


def test_a_fault_that_strays_from_no_run_played_before_is_counted_and_not_played(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Sticky faults with no call left to strike, and strikes past the last call, come to what was seen."""
    once = Fault(Effect.ERROR, EventKind.SYNC)
    templates = [
        once,
        Fault(Effect.KEPT, EventKind.SYNC),
        replace(once, sticky=True),
        replace(once, after=True),
    ]
    runs = [0, 0]
    run = faults._Strike.run

    def counted(place: int) -> None:
        def running(self: faults._Strike) -> object:
            runs[place] += 1
            return run(self)

        monkeypatch.setattr(faults._Strike, "run", running)

    counted(0)
    short, finding = sweep(PROGRAMS["saved"], "tiny", "posix", templates, limit=8)
    assert finding is None
    counted(1)
    monkeypatch.setattr(beginnings.Played, "is_last", lambda *_: False)
    monkeypatch.setattr(beginnings.Known, "play", lambda *_: None)
    whole, finding = sweep(PROGRAMS["saved"], "tiny", "posix", templates, limit=8)
    assert finding is None
    assert short == whole
    assert short.programs == runs[1] + 3  # Three of four templates end past the last call.
    assert runs[0] < runs[1]
    parted = Coverage()
    for template in templates:
        parted.merge(sweep(PROGRAMS["saved"], "tiny", "posix", [template], limit=8)[0])
    assert replace(parted, checked=0) == replace(short, checked=0)


def test_sweeps_of_one_template_that_keep_what_they_found_out_count_as_those_that_do_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Runs without a power cut serve other templates; what is opened behind one is opened for each."""
    once = Fault(Effect.ERROR, EventKind.SYNC)
    templates = [once, Fault(Effect.KEPT, EventKind.SYNC), replace(once, sticky=True)]
    opened = [0, 0]
    store = make_faster("tiny")

    def counting(place: int) -> None:
        def open_one(device: FaultDevice) -> Subject:
            opened[place] += 1
            return store(device)

        monkeypatch.setattr(faults, "maker_of", lambda *_: StoreMaker(open_one, store.spec))

    def sweeps(kept: Kept | None) -> list[Coverage]:
        found = []
        for limit, before, template in product((0, 8), ((), torn(1)), templates):
            program = () if before else PROGRAMS["saved"]
            coverage, finding = sweep(
                program, "tiny", "posix", [template], limit=limit, before=before, kept=kept
            )
            assert finding is None
            found.append(coverage)
        return found

    counting(0)
    fresh = sweeps(None)
    counting(1)
    assert sweeps(Kept()) == fresh
    assert sum(coverage.checked for coverage in fresh) > 0
    assert opened[1] < opened[0]


def test_an_ending_is_played_where_the_store_before_failed_to_open() -> None:
    """It may have left its device locked: the content is known, and opens no more."""
    endings = Endings()
    saved = World(make_faster("tiny"), has_faults=True)
    assert saved.open()
    assert saved.step(_CHECKPOINT)
    assert shut(saved)
    assert endings.play(copy_of(saved))
    locked = copy_of(saved)
    locked.device.lock_owner = object()
    assert endings.play(locked)  # It is known, and closed in order.
    locked.segment.passages[-1].opened = None
    assert not endings.play(locked)
    assert isinstance(locked.verdict, Violation)
