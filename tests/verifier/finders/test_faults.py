"""The fault sweep: it finds nothing in the store, but every kind of carelessness, and its findings replay."""

from __future__ import annotations

import errno
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from powercut.engine import DeviceError, EngineError, PoisonedError
from powercut.faultfs import Effect, EventKind, Fault, FaultDevice, Plan
from powercut.verifier.faster.geometries import GEOMETRIES
from powercut.verifier.faster.stepped import SteppedRuntime
from powercut.verifier.faster.subject import FasterSubject
from powercut.verifier.finders.faults import search_again, search_strike, sweep
from powercut.verifier.finders.templates import PROGRAMS, TEMPLATES, random_strikes
from powercut.verifier.runs.play import play
from powercut.verifier.spec.model import Issued, Result
from powercut.verifier.spec.subject import MakeStore
from powercut.verifier.tapes.operations import CHECKPOINTS
from powercut.verifier.tapes.tape import SIZES, Crash, Era, Kind, Operation, Tape, decode_tape, encode_tape
from powercut.verifier.verdict import OK, Breach, Verdict, Violation

UPSERT, CHECKPOINT, REOPEN, READ = (
    Operation(kind) for kind in (Kind.UPSERT, Kind.CHECKPOINT, Kind.REOPEN, Kind.READ)
)
LARGE = tuple(Operation(Kind.UPSERT, 0, key, SIZES - 1) for key in range(8))


def struck(fault: Fault, *program: Operation) -> Tape:
    return Tape((Era(program, faults=fault.digits), Era()))


def kind_of(verdict: Verdict) -> tuple[str, Breach]:
    assert isinstance(verdict, Violation)
    return verdict.oracle, verdict.breach


# -- the store stands it -------------------------------------------------------------------------------------


def test_every_call_of_small_programs_is_struck_by_everything_without_a_violation() -> None:
    """Each program by a quarter of the templates; the stage `faults` strikes each by all of them."""
    fired: set[str] = set()
    for number, (name, limit) in enumerate((("opened", 16), ("saved", 4), ("reopened", 0))):
        coverage, finding = sweep(PROGRAMS[name], "tiny", "posix", TEMPLATES[number::4], limit=limit)
        assert finding is None
        assert not limit or coverage.distinct > coverage.checked > 100
        fired |= set(coverage.fired)
    effects = {effect.name.lower() for effect in Effect if effect is not Effect.NONE}
    assert {effect for effect in effects if any(effect in name for name in fired)} == effects


@pytest.mark.parametrize("name", ["paged", "truncated"])
def test_stores_whose_pages_turn_stand_it_too(name: str) -> None:
    # Every fault of reads and writes (of many pages: a quarter), one of each other call, before and after it;
    # stage `faults` has all.
    single = [template for template in TEMPLATES if not template.sticky]
    common = [template for template in single if template.call in (EventKind.READ, EventKind.WRITE)]
    others = {(template.call, template.after): template for template in single if template not in common}
    templates = [*common[:: 4 if name == "truncated" else 1], *others.values()]
    coverage, finding = sweep(PROGRAMS[name], "tiny", "posix", templates, limit=0)
    assert finding is None
    assert coverage.reached["struck read segment"] > 5
    assert coverage.reached["struck write segment"] > 20
    assert name != "truncated" or coverage.reached["struck remove segment"] > 0


def test_random_programs_with_letters_and_random_faults_stand_it() -> None:
    letters = ("grow", "compact", "truncate_at", "checkpoint")
    tapes = list(random_strikes(Random(7), 40, ("parted", "paired"), "posix", 14, letters))
    own = {Kind.GROW, Kind.COMPACT, Kind.TRUNCATE_AT}
    assert own <= {each.kind for tape in tapes for era in tape.eras for each in era.program}
    for tape in tapes:
        assert search_strike(tape, limit=16)[1] is None, tape


def test_image_of_the_index_that_rots_is_no_finding_behind_a_power_cut() -> None:
    """A store does without it, and says that it was rejected; where nothing is damaged that is one."""
    image = Operation(Kind.CHECKPOINT, 0, 0, CHECKPOINTS.index("fold_over with index"))
    rot = Plan(Fault(Effect.ROT, EventKind.WRITE, number=0, sticky=True)).digits
    tape = Tape((Era((Operation(), image), Crash(2), faults=rot), Era()), "paired")
    found, finding = search_strike(tape, limit=16)
    assert finding is None
    assert found.distinct > 0


def test_random_programs_with_random_faults_stand_it() -> None:
    fired = 0
    for tape in random_strikes(Random(7), 40, sorted(GEOMETRIES)[:2], "posix", 14):
        coverage, finding = search_strike(tape, limit=16)
        assert finding is None, tape
        fired += sum(coverage.fired.values())
    assert fired > 32


def test_a_struck_run_repeats_and_its_tape_goes_there_and_back() -> None:
    for tape in random_strikes(Random(8), 15, ("tiny",), "posix", 10):
        assert decode_tape(encode_tape(tape)) == tape
        assert play(tape).digest() == play(tape).digest()


def test_a_sweep_strikes_every_call_once_and_then_ends() -> None:
    template = Fault(Effect.ERROR, EventKind.SYNC)
    coverage, _ = sweep((UPSERT, CHECKPOINT), "tiny", "posix", [template], limit=0)
    bare = play(Tape((Era((UPSERT, CHECKPOINT)),))).segments[0].trace
    syncs = sum(event.kind is EventKind.SYNC for event in bare.events)
    assert coverage.fired == {"sync error EIO before": syncs}
    assert coverage.programs == syncs + 1


# -- careless stores -----------------------------------------------------------------------------------------


class Device(FaultDevice):
    """A device seen through something: what is not overridden is the device's own."""

    def __init__(self, device: FaultDevice) -> None:
        self._device = device

    def __new__(cls, device: FaultDevice) -> Device:
        return object.__new__(cls)

    def __getattribute__(self, name: str) -> Any:
        if name in ("_device", *type(self).__dict__):
            return object.__getattribute__(self, name)
        return getattr(object.__getattribute__(self, "_device"), name)


class TriesAgain(Device):
    """A store that syncs again where a sync has failed."""

    def sync(self, name: str) -> None:
        try:
            self._device.sync(name)
        except OSError:
            self._device.sync(name)


class TakesShortForWhole(Device):
    def write(self, name: str, offset: int, buffer: Any) -> int:
        self._device.write(name, offset, buffer)
        return len(buffer)


class TakesFullForDone(Device):
    def write(self, name: str, offset: int, buffer: Any) -> int:
        try:
            return self._device.write(name, offset, buffer)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            return len(buffer)


class Store(FasterSubject):
    """FasterKv with one thing wrong."""

    seen: Callable[[FaultDevice], FaultDevice] = staticmethod(lambda device: device)

    def __init__(self, device: FaultDevice) -> None:
        device.label = "OPEN"
        super().__init__(self.seen(device), GEOMETRIES["tiny"], SteppedRuntime())


def seen_through(device: type[Device]) -> MakeStore:
    return type("Seen", (Store,), {"seen": staticmethod(device)})


class GoesOn(Store):
    """A store that forgets that it is poisoned."""

    def apply(self, issued: Issued) -> Result:
        self.store._parts.disk.poison.reason = None
        return super().apply(issued)


class HalfDone(Store):
    """An operation that raises, and has had a part of its effect."""

    def apply(self, issued: Issued) -> Result:
        try:
            return super().apply(issued)
        except DeviceError:
            self.store._parts.log.segments._device = (
                FaultDevice()
            )  # Nothing more of the log goes to the disk.
            self.open_session(1).upsert(issued.key, b"half")
            raise


class Bare(Store):
    """Errors as they came."""

    def apply(self, issued: Issued) -> Result:
        try:
            return super().apply(issued)
        except DeviceError as error:
            raise OSError(error.errno, "as it came") from None


class Older(Store):
    """A subject that takes for absent whatever cannot be read."""

    def read_all(self) -> dict[bytes, bytes]:
        try:
            return super().read_all()
        except PoisonedError:
            raise
        except EngineError:
            return {}


CARELESS: list[tuple[MakeStore, Fault, tuple[Operation, ...], tuple[str, Breach]]] = [
    (
        seen_through(TriesAgain),
        Fault(Effect.KEPT, EventKind.SYNC, 6),
        (UPSERT, CHECKPOINT),
        ("faults", Breach.SWALLOWED),
    ),
    (
        GoesOn,
        Fault(Effect.KEPT, EventKind.SYNC, 7),
        (UPSERT, CHECKPOINT, READ),
        ("faults", Breach.UNPOISONED),
    ),
    (
        seen_through(TakesShortForWhole),
        Fault(Effect.SHORT, EventKind.WRITE, 6),
        (UPSERT, CHECKPOINT),
        ("openable", Breach.UNOPENABLE),
    ),
    (
        seen_through(TakesFullForDone),
        Fault(Effect.FULL, EventKind.WRITE, amount=3 * 512),
        (UPSERT, CHECKPOINT),
        ("openable", Breach.UNOPENABLE),
    ),
    (Bare, Fault(Effect.ERROR, EventKind.WRITE, 6), LARGE, ("model", Breach.ERROR)),
    (
        Older,
        Fault(Effect.ROT, EventKind.SYNC, 7, amount=40),
        (*LARGE, CHECKPOINT, READ),
        ("model", Breach.WRONG_VALUE),
    ),
]


@pytest.mark.parametrize(("make_store", "fault", "program", "kind"), CARELESS, ids=range(len(CARELESS)))
def test_a_careless_store_is_caught_and_the_tape_replays(
    make_store: MakeStore, fault: Fault, program: tuple[Operation, ...], kind: tuple[str, Breach]
) -> None:
    assert (
        play(struck(Fault(fault.effect, fault.call, 999, amount=10**9), *program), make_store).verdict == OK
    )
    tape = struck(fault, *program)
    found, _ = search_again(tape, make_store=make_store)
    assert found is not None
    assert kind_of(play(found, make_store).verdict) == kind
    assert play(found).verdict == OK  # It is the store's fault, not the disk's.


def test_an_operation_that_raises_and_is_half_done_is_caught() -> None:
    tape = struck(Fault(Effect.ERROR, EventKind.WRITE, 6), *LARGE)
    verdict = play(tape, HalfDone).verdict
    assert kind_of(verdict) == ("model", Breach.WRONG_VALUE)
    assert "half done" in str(verdict)


class ReadsPastTheEnd(Device):
    def sync(self, name: str) -> None:
        self._device.read_into(name, 10**6, bytearray(8))
        self._device.sync(name)


def test_a_search_goes_on_behind_a_strike_that_does_nothing() -> None:
    """A read past the end cannot be made shorter: such reads come first here, and others after them."""
    tape = struck(Fault(Effect.SHORT, EventKind.READ), UPSERT, CHECKPOINT)
    found, runs = search_again(tape, make_store=seen_through(ReadsPastTheEnd))
    assert found is None
    assert runs > 10


class SyncsNoRoot(Device):
    def sync(self, name: str) -> None:
        if not name.startswith("root"):
            self._device.sync(name)


def test_what_only_a_power_cut_behind_a_fault_shows_is_found_and_replays() -> None:
    make_store = seen_through(SyncsNoRoot)
    tape = struck(Fault(Effect.SHORT, EventKind.WRITE), UPSERT, CHECKPOINT)
    assert play(tape, make_store).verdict == OK
    _, finding = search_strike(tape, make_store=make_store)
    assert finding is not None
    assert finding.tape.eras[0].crash is not None
    assert finding.tape.eras[0].faults == tape.eras[0].faults
    assert play(finding.tape, make_store).verdict == finding.verdict


# -- what is excused, and what is not ------------------------------------------------------------------------


def test_without_a_fault_no_error_is_excused() -> None:
    class Refuses(Store):
        def apply(self, issued: Issued) -> Result:
            raise DeviceError(errno.EIO, "planted")

    dull = struck(Fault(Effect.DELAYED, EventKind.WRITE, 0), UPSERT)
    assert kind_of(play(dull, Refuses).verdict) == ("model", Breach.ERROR)


def test_a_short_transfer_excuses_nothing() -> None:
    class Refuses(Store):
        def checkpoint(self) -> dict[int, int]:
            super().checkpoint()
            raise DeviceError(errno.EIO, "planted")

    short = struck(Fault(Effect.SHORT, EventKind.WRITE, 6), UPSERT, CHECKPOINT)
    assert kind_of(play(short, Refuses).verdict) == ("model", Breach.ERROR)


def test_a_shrunken_search_finds_the_call_again() -> None:
    tape = struck(Fault(Effect.KEPT, EventKind.SYNC, 3), UPSERT, UPSERT, CHECKPOINT)
    found, runs = search_again(tape, make_store=seen_through(TriesAgain))
    assert found is not None
    assert Plan.of(found.eras[0].faults).faults[0].number == 0
    assert runs > 0
    assert search_again(Tape((Era((UPSERT,)),))) == (None, 0)
