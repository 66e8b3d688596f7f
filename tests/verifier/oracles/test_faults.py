"""FaultOracle: what is excused after which fault, what is owed, what an operation that raised may have
done."""

from __future__ import annotations

import errno

import pytest

from powercut.engine import CorruptionError, DeviceError, InvariantError, PoisonedError
from powercut.faultfs import Effect, Event, EventKind, Fault, FaultDevice, Trace
from powercut.verifier.faster.geometries import GEOMETRIES, make_faster
from powercut.verifier.faster.stepped import SteppedRuntime
from powercut.verifier.faster.subject import FASTER, FasterSubject
from powercut.verifier.finders.faults import search_strike
from powercut.verifier.oracles.faults import FaultOracle, Firings, settle, without_effect
from powercut.verifier.runs.play import play
from powercut.verifier.runs.steps import step
from powercut.verifier.runs.world import World
from powercut.verifier.spec.history import Segment, crash_at
from powercut.verifier.spec.model import Issued, Result, apply, issue
from powercut.verifier.spec.spec import Errors, StoreMaker
from powercut.verifier.spec.subject import Bound
from powercut.verifier.tapes.tape import Crash, Era, Kind, Operation, Tape
from powercut.verifier.verdict import OK, Breach, Violation

IO = DeviceError(errno.EIO, "planted")
POISONED = PoisonedError("planted")
CORRUPT = CorruptionError("segment", 0, "this", "that")
BROKEN = InvariantError("A1", "planted")
UPSERT, CHECKPOINT = Operation(), Operation(Kind.CHECKPOINT)
SYNC_OF_A_SEGMENT = 8  # Of a new store's first checkpoint; what comes before are roots.


def fired(*effects: Effect, call: str = "WRITE") -> Trace:
    """A trace in which these have fired, with something after each."""
    events = []
    for effect in effects:
        events += [Event(EventKind.FAULT, size=effect, target=call), Event(EventKind.LIST)]
    return Trace(events=events)


def doubting(*effects: Effect, call: str = "WRITE") -> FaultOracle:
    """FaultOracle in the middle of a call in which these faults have fired."""
    fault_oracle = FaultOracle(FASTER.errors, has_faults=True)
    fault_oracle.reopen(Trace())
    fault_oracle._trace = fired(*effects, call=call)
    return fault_oracle


@pytest.mark.parametrize(
    ("effects", "call", "error", "is_excused"),
    [
        ((), "WRITE", IO, False),
        ((Effect.ERROR,), "WRITE", IO, True),
        ((Effect.ERROR,), "WRITE", BROKEN, False),
        ((Effect.ERROR,), "WRITE", OSError(errno.EIO, "bare"), False),
        ((Effect.ERROR,), "WRITE", ValueError(), False),
        ((Effect.FULL,), "WRITE", IO, True),
        ((Effect.SHORT,), "WRITE", IO, False),
        ((Effect.DELAYED,), "WRITE", IO, False),
        ((Effect.LYING,), "SYNC", POISONED, False),
        ((Effect.LATE,), "SYNC", POISONED, False),
        ((Effect.KEPT,), "SYNC", POISONED, True),
        ((Effect.KEPT,), "SYNC", IO, False),  # It must say that it is poisoned.
        ((Effect.ROT,), "READ", CORRUPT, True),
        ((Effect.ROT,), "READ", BROKEN, False),
    ],
)
def test_what_an_error_answers(
    effects: tuple[Effect, ...], call: str, error: Exception, is_excused: bool
) -> None:
    assert doubting(*effects, call=call).excuses(error) is is_excused


def test_damage_is_an_excuse_for_every_later_call_an_error_is_not() -> None:
    for effect, stays in ((Effect.ROT, True), (Effect.MISDIRECTED, True), (Effect.ERROR, False)):
        fault_oracle = doubting(effect)
        assert fault_oracle.excuses(CORRUPT)
        fault_oracle.begin(fault_oracle._trace)
        assert fault_oracle.excuses(CORRUPT) is stays


def test_after_a_failed_sync_a_store_without_an_error_of_its_own_for_that_may_give_any_refusal() -> None:
    """No fault fires in the later call: it is the sync of the first that is the excuse."""

    class OwnError(OSError): ...

    for errors, is_excused in ((Errors(), True), (Errors(poisoned=(OwnError,)), False)):
        fault_oracle = FaultOracle(errors, has_faults=True)
        fault_oracle.reopen(Trace())
        fault_oracle._trace = fired(Effect.KEPT, call="SYNC")
        assert fault_oracle.excuses(OwnError(errno.EIO, "planted"))
        fault_oracle.begin(fault_oracle._trace)
        assert fault_oracle.excuses(OSError(errno.EIO, "later")) is is_excused


def test_once_poisoned_every_entry_says_so_until_the_store_is_opened_again() -> None:
    fault_oracle = doubting(Effect.KEPT, call="SYNC")
    assert fault_oracle.excuses(POISONED)
    trace = fault_oracle._trace
    fault_oracle.begin(trace)
    assert fault_oracle.excuses(POISONED)
    assert not fault_oracle.excuses(IO)
    verdict = fault_oracle.judge_return(is_entry=True)
    assert isinstance(verdict, Violation)
    assert verdict.breach is Breach.UNPOISONED
    assert fault_oracle.judge_return(is_entry=False) == OK
    fault_oracle.reopen(trace)
    assert fault_oracle.judge_return(is_entry=True) == OK


@pytest.mark.parametrize("effect", [Effect.KEPT, Effect.REVERTED, Effect.ERROR])
def test_a_call_may_not_return_when_its_sync_has_failed(effect: Effect) -> None:
    verdict = doubting(effect, call="SYNC").judge_return(is_entry=True)
    assert isinstance(verdict, Violation)
    assert verdict.breach is Breach.SWALLOWED
    assert doubting(Effect.ERROR, call="REMOVE").judge_return(is_entry=True) == OK


def test_without_faults_nothing_is_excused_and_nothing_judged() -> None:
    fault_oracle = FaultOracle(FASTER.errors)
    fault_oracle.begin(fired(Effect.ERROR))
    assert not fault_oracle.excuses(IO)
    assert fault_oracle.judge_return(is_entry=True) == OK
    assert type(fault_oracle.disk()) is FaultDevice


# -- what is owed ------------------------------------------------------------------------------------------


def test_after_a_lying_sync_a_power_cut_may_leave_what_was_acknowledged_before_it() -> None:
    trace = fired(Effect.DELAYED, Effect.LYING, Effect.LYING)
    firings, segment = Firings(trace), Segment(trace, {})
    assert [firings.owed_at(segment, index, is_cut=True) for index in range(7)] == [0, 1, 2, 2, 2, 2, 2]
    assert firings.owed_at(segment, 6, is_cut=False) == 6
    assert [index for index in range(7) if Firings(trace).is_damaged_at(index)] == [3, 4, 5, 6]


def test_after_one_damage_all_is_owed_and_after_two_nothing() -> None:
    trace = fired(Effect.LOST, Effect.ROT)
    firings, segment = Firings(trace), Segment(trace, {})
    assert [firings.owed_at(segment, index, is_cut=False) for index in range(5)] == [0, 1, 2, -1, -1]
    assert [index for index in range(3) if Firings(trace).is_damaged_at(index)] == [1, 2]
    assert not Firings(fired(Effect.ERROR, Effect.KEPT)).is_damaged_at(4)


def test_damage_may_cost_the_last_acknowledgement_that_nothing_has_confirmed() -> None:
    trace = fired(Effect.DELAYED, Effect.ROT)
    segment = Segment(trace, {}, acks=[(0, {0: 1}), (1, {0: 2}), (3, {0: 3})], late={1, 3})
    assert [segment.confirmed_until(index) for index in range(5)] == [0, 0, 0, 2, 2]
    after = Segment(trace, {0: 3}, sure={0: 2})
    assert [after.acked_by(index) for index in (4, -1, after.confirmed_until(4))] == [{0: 3}, {0: 3}, {0: 2}]
    assert [Firings(trace).owed_at(segment, index, is_cut=False) for index in range(5)] == [0, 1, 2, 2, 2]


# -- what is in doubt --------------------------------------------------------------------------------------


def upsert(serial: int, session: int = 0) -> Issued:
    return issue(Operation(Kind.UPSERT, session, 0), serial)


def test_an_operation_that_raised_has_its_effect_or_none() -> None:
    issued = upsert(2)
    before = {b"key-0": b"old"}
    assert settle(issued, dict(before), before) == without_effect(issued)
    assert settle(issued, {b"key-0": issued.value}, before) == issued
    assert settle(issued, {b"key-0": b"half"}, before) is None
    assert settle(issued, {**before, b"key-1": b"other"}, before) is None


def test_what_could_not_be_looked_at_is_settled_by_the_next_recovery() -> None:
    fault_oracle, (first, second) = FaultOracle(FASTER.errors, has_faults=True), (upsert(1), upsert(2))
    history: list[Issued] = [first, second]
    without = [first, without_effect(second)]
    fault_oracle.unresolved = second
    for value, expected in ((second.value, history), (first.value, without)):
        assert fault_oracle.judge_recovery(history, {}, {0: 2}, {b"key-0": value}) == (OK, expected)
    verdict, _ = fault_oracle.judge_recovery(history, {}, {0: 2}, {})
    assert verdict != OK
    fault_oracle.unresolved = None
    assert fault_oracle.judge_recovery(history, {}, {0: 2}, {b"key-0": first.value})[0] != OK


# -- the world ---------------------------------------------------------------------------------------------


def world_of(fault: Fault, *program: Operation) -> World:
    world = World(make_faster("tiny"), has_faults=True)
    world.fault_oracle.arm(world.device, fault.digits)
    assert world.open()
    assert all(step(world, operation) for operation in program)
    return world


def test_an_operation_that_raised_without_effect_keeps_its_serial() -> None:
    large = tuple(Operation(Kind.UPSERT, 0, key, 2) for key in range(6))
    fault = Fault(Effect.ERROR, EventKind.WRITE, 6)
    world = world_of(fault, *large, CHECKPOINT)
    history = world.segment.lives[-1].history
    assert [each.serial for each in history] == [1, 2, 3, 4, 5, 6]
    assert [each.kind for each in history].count(Kind.READ) == 1
    assert world.segment.acks[-1][1] == {0: 6}
    assert len(world.model.content) == 5


def test_what_a_poisoned_store_refused_was_not_issued() -> None:
    world = world_of(
        Fault(Effect.KEPT, EventKind.SYNC, SYNC_OF_A_SEGMENT), UPSERT, CHECKPOINT, UPSERT, UPSERT
    )
    assert world.fault_oracle.is_poisoned
    assert [each.serial for each in world.segment.lives[-1].history] == [1]
    assert len(world.segment.lives[-1].issued_at) == 1


def test_a_lying_sync_and_a_power_cut_may_leave_less_but_never_something_else() -> None:
    """Every survivor choice of one crash behind a lying sync is played: refused, older, or right."""
    outcomes: set[str] = set()
    fault = Fault(Effect.LYING, EventKind.SYNC, SYNC_OF_A_SEGMENT, sticky=True)
    world = world_of(fault, UPSERT, CHECKPOINT, UPSERT, CHECKPOINT)
    trace = world.segment.trace
    for digits in ((), (9,) * 9, *(tuple(9 * (place == at) for at in range(9)) for place in range(9))):
        crash = crash_at(trace, len(trace), digits)
        run = play(Tape((Era((UPSERT, CHECKPOINT, UPSERT, CHECKPOINT), crash, faults=fault.digits), Era())))
        assert run.verdict == OK
        life = run.segments[-1].lives[-1]
        outcomes.add("refused" if life.recovered is None else str(life.recovered))
    assert outcomes >= {"refused", "{}", "{0: 2}"}


@pytest.mark.parametrize("effect", [Effect.KEPT, Effect.REVERTED])
def test_after_a_failed_sync_and_a_power_cut_nothing_may_be_refused(effect: Effect) -> None:
    fault = Fault(effect, EventKind.SYNC, SYNC_OF_A_SEGMENT)
    coverage, finding = search_strike(Tape((Era((UPSERT, CHECKPOINT), faults=fault.digits),)))
    assert finding is None
    assert coverage.fired == {f"sync {effect.name.lower()}": 1}
    assert coverage.reached["struck sync segment"] == 1
    assert coverage.distinct >= 2


def test_a_store_that_cannot_be_opened_may_say_so_and_its_program_is_skipped() -> None:
    fault = Fault(Effect.ERROR, EventKind.LIST, sticky=True)
    run = play(Tape((Era((UPSERT, CHECKPOINT), faults=fault.digits), Era((UPSERT,)))))
    assert run.verdict == OK
    assert [len(life.history) for life in run.segments[0].lives] == [0, 1]


def test_power_cuts_carry_damage_on() -> None:
    rot = Fault(Effect.ROT, EventKind.SYNC, SYNC_OF_A_SEGMENT)
    eras = (Era((UPSERT, CHECKPOINT), Crash(), faults=rot.digits), Era((), Crash()), Era())
    run = play(Tape(eras))
    assert run.verdict == OK
    assert [segment.lives[-1].recovered for segment in run.segments] == [{}, None, None]


@pytest.mark.parametrize(
    ("fault", "program"),
    [
        (Fault(Effect.ROT, EventKind.WRITE, 8), (UPSERT, CHECKPOINT, UPSERT, CHECKPOINT)),
        (Fault(Effect.STALE, EventKind.READ, 3, sticky=True), (UPSERT, CHECKPOINT, Operation(Kind.REOPEN))),
    ],
    ids=["damage after the cut", "a read that lied"],
)
def test_a_power_cut_excuses_nothing_that_did_not_come_to_the_medium_before_it(
    fault: Fault, program: tuple[Operation, ...]
) -> None:
    """The store refuses what the first power cut left, where nothing is wrong with it."""

    def make_store(device: FaultDevice) -> FasterSubject:
        if device.trace.initial.content():
            raise DeviceError(errno.EIO, "it will not open")
        return FasterSubject(device, GEOMETRIES["tiny"], SteppedRuntime())

    whole = Tape((Era(program, faults=fault.digits), Era()))
    trace = play(whole, StoreMaker(make_store, FASTER)).segments[0].trace
    (at, *_) = [index for index, event in enumerate(trace.events) if event.kind is EventKind.FAULT]
    early = next(index for index in trace.syncs() if index > 4)
    assert early < at
    crash = crash_at(trace, early if fault.effect is Effect.ROT else len(trace), ())
    cut = Tape((Era(program, crash, faults=fault.digits), Era()))
    verdict = play(cut, StoreMaker(make_store, FASTER)).verdict
    assert isinstance(verdict, Violation)
    assert verdict.breach is Breach.UNOPENABLE


def test_store_of_ones_own_may_hand_on_what_its_device_raised() -> None:
    class Plain:
        """Writes each checkpoint into a new file, and recovers nothing: enough to be struck."""

        def __init__(self, device: FaultDevice) -> None:
            self.device, self.content = device, dict[bytes, bytes]()

        def apply(self, issued: Issued) -> Result:
            return apply(self.content, issued)

        def checkpoint(self) -> Bound:
            self.device.create("now")
            return 0

        def recovered(self) -> Bound:
            return 0

        def read_all(self) -> dict[bytes, bytes]:
            return dict(self.content)

        def close(self) -> None: ...

    class Hasty(Plain):
        def checkpoint(self) -> Bound:
            raise OSError(errno.EIO, "of its own")

    class Wrong(Plain):
        def checkpoint(self) -> Bound:
            try:
                return super().checkpoint()
            except OSError as error:
                raise KeyError("lost") from error

    struck = Tape((Era((UPSERT, CHECKPOINT), faults=Fault(Effect.ERROR, EventKind.CREATE).digits),))
    assert play(struck, Plain).verdict == OK
    for subject in (Hasty, Wrong):
        verdict = play(struck, subject).verdict
        assert isinstance(verdict, Violation)
        assert verdict.breach is Breach.ERROR
