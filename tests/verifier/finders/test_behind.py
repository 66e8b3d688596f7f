"""The power cut behind a fault: one that fired in close, and points of more states than the limit."""

from __future__ import annotations

from powercut.engine import DeviceError
from powercut.faultfs import Effect, EventKind, Fault, FaultDevice
from powercut.verifier.faster.geometries import GEOMETRIES
from powercut.verifier.faster.stepped import SteppedRuntime
from powercut.verifier.faster.subject import FasterSubject
from powercut.verifier.finders.faults import search_strike
from powercut.verifier.finders.templates import PROGRAMS
from powercut.verifier.oracles.faults import Firings
from powercut.verifier.runs.play import play, play_eras
from powercut.verifier.runs.world import World
from powercut.verifier.tapes.tape import Era, Kind, Operation, Tape

UPSERT, CHECKPOINT = Operation(Kind.UPSERT), Operation(Kind.CHECKPOINT)


def struck(fault: Fault, *program: Operation) -> Tape:
    return Tape((Era(program, faults=fault.digits), Era()))


class GivesUpWhenClosing(FasterSubject):
    """A store whose closing, where the disk refuses, leaves a file behind that it wipes and writes anew."""

    def __init__(self, device: FaultDevice) -> None:
        super().__init__(device, GEOMETRIES["tiny"], SteppedRuntime())

    def close(self) -> None:
        device = self.store._parts.disk.device
        try:
            device.list()
        except DeviceError:
            raise
        except OSError as error:
            device.truncate("root-a", 0)
            device.truncate("root-b", 0)
            device.sync("root-a")
            device.sync("root-b")
            super().close()
            raise DeviceError(error.errno, "the disk refuses") from None
        super().close()


def test_a_fault_that_fires_in_close_gets_its_power_cut_and_the_tape_replays() -> None:
    # The number of the first call of its kind that is made in close.
    world = World(GivesUpWhenClosing, has_faults=True)
    assert next(play_eras(world, struck(Fault(), UPSERT, CHECKPOINT))).is_fine
    before, lists = len(world.segment.trace), world.fault_oracle.plan.counted(EventKind.LIST)
    tape = struck(Fault(Effect.ERROR, EventKind.LIST, lists), UPSERT, CHECKPOINT)
    coverage, finding = search_strike(tape, make_store=GivesUpWhenClosing)
    assert coverage.fired == {"list error EIO before": 1}
    assert finding is not None
    assert finding.tape.eras[1].crash is not None
    assert finding.tape.eras[0].crash is None
    replayed = play(finding.tape, GivesUpWhenClosing)
    assert replayed.verdict == finding.verdict
    fired = Firings(replayed.segments[0].trace).all
    assert [at >= before for at, _, _ in fired] == [True]


def test_crash_points_behind_a_fault_are_closed_by_what_recoveries_ask() -> None:
    tape = struck(Fault(Effect.ERROR, EventKind.SYNC, 9), *PROGRAMS["reopened"])
    coverage, finding = search_strike(tape, limit=4)
    assert finding is None
    assert coverage.closed > 5
    assert coverage.bounded == 0
    wide, _ = search_strike(tape, limit=1 << 12)
    assert (wide.bounded, wide.closed) == (0, 0)  # The same, listed one by one.
