"""The report: says what happened, where the power went, what it took, and how to see it again."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from powercut.faultfs import FaultDevice
from powercut.verifier.faster.geometries import GEOMETRIES
from powercut.verifier.faster.stepped import SteppedRuntime
from powercut.verifier.faster.subject import FasterSubject
from powercut.verifier.finders.crashes import search_tape
from powercut.verifier.reducing.shrink import shrink
from powercut.verifier.runs.play import play
from powercut.verifier.runs.run import Run
from powercut.verifier.spec.history import Segment, crash_at
from powercut.verifier.spec.model import Issued, Result
from powercut.verifier.tapes.tape import Crash, Era, Kind, Operation, Tape, encode_tape
from powercut.verifier.telling.report import tell

_UPSERT, _CHECKPOINT, _REOPEN = Operation(), Operation(Kind.CHECKPOINT), Operation(Kind.REOPEN)


class _NoRootSync:
    """A device under a store that, once open, forgets to sync its roots."""

    is_open = False

    def __init__(self, device: FaultDevice) -> None:
        object.__setattr__(self, "_device", device)

    def __getattr__(self, name: str) -> object:
        return getattr(object.__getattribute__(self, "_device"), name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(object.__getattribute__(self, "_device"), name, value)

    def sync(self, name: str) -> None:
        if not (self.is_open and name.startswith("root")):
            object.__getattribute__(self, "_device").sync(name)


class _Careless(FasterSubject):
    def __init__(self, device: FaultDevice) -> None:
        careless = _NoRootSync(device)
        super().__init__(careless, GEOMETRIES["tiny"], SteppedRuntime())  # type: ignore[arg-type]
        object.__setattr__(careless, "is_open", True)


def _told(program: tuple[Operation, ...]) -> tuple[Tape, Run, list[str]]:
    """A lost acknowledgement, shrunk and told."""
    _, finding = search_tape(Tape((Era(program),)), make_store=_Careless)
    assert finding is not None
    small = shrink(finding.tape, _Careless, verdict=finding.verdict)
    run = play(small, _Careless)
    return small, run, tell(small, _Careless, run=run, path="lost.json").splitlines()


def test_lost_acknowledgement_is_told_from_the_operation_to_the_key() -> None:
    _, _, lines = _told((_UPSERT, Operation(Kind.RMW, 1, 1), _CHECKPOINT, Operation(Kind.READ)))
    text = "\n".join(lines)
    assert lines[0] == "VIOLATION  lost acknowledged operation"
    assert "said by   the prefix oracle" in text
    assert "   1  #1 upsert key-0 := '0.1;'" in lines
    assert "   2  --- checkpoint ---" in lines
    assert "durable from here on: s0 up to #1" in text
    assert "sync        tables  [PERSIST]  ============" in text
    assert any("write       root" in line and line.endswith("LOST") for line in lines)
    assert any(line.startswith("~~~~ THE POWER IS CUT after ") for line in lines)
    assert any("root" in line and line.endswith("lost)") for line in lines)
    assert sum(line.startswith("  real disks: ext4 (F26 to F28), xfs (") for line in lines) == 1
    assert "  s0                   1           0           1   <--" in lines
    assert any(line.startswith("  key-0     '0.1;'") and line.endswith("nothing   <--") for line in lines)
    assert lines[-1] == "repeat it:  powercut replay lost.json"


def test_only_what_the_cut_took_is_marked_as_lost() -> None:
    tape = Tape((Era((_UPSERT, _CHECKPOINT), Crash()), Era()))
    text = tell(tape)
    assert "LOST" not in text
    assert "lost: nothing" in text
    assert text.startswith("OK")


def _cut_at(program: tuple[Operation, ...], find: Callable[[Segment], int], lost: tuple[int, ...]) -> Tape:
    """The program, with the power cut at the index that `find` names."""
    segment = play(Tape((Era(program, Crash()), Era()))).segments[0]
    return Tape((Era(program, crash_at(segment.trace, find(segment), lost)), Era()))


def test_write_of_which_something_stays_is_lost_in_part() -> None:
    """The segment's first write makes a sector and a size; only the size goes."""

    def find(segment: Segment) -> int:
        names = [event.name for event in segment.trace.events if event.data]
        first = next(name for name in names if name.startswith("segment"))
        writes = [at for at, event in enumerate(segment.trace.events) if event.data and event.name == first]
        return writes[0] + 1

    tape = _cut_at((_UPSERT, _CHECKPOINT), find, (0, 1))
    marked = [line for line in tell(tape).splitlines() if "LOST" in line]
    assert len(marked) == 1
    assert "write       segment" in marked[0]
    assert marked[0].endswith("LOST IN PART")


def test_operation_that_the_cut_came_before_is_not_told_as_done() -> None:
    program = (_UPSERT, _CHECKPOINT, Operation(Kind.DELETE), _CHECKPOINT)
    tape = _cut_at(program, lambda segment: segment.step_starts[1] + 1, ())
    text = tell(tape)
    assert "--- checkpoint (cut short) ---" in text
    assert "delete" not in text
    assert "acknowledged by then: nothing yet" in text
    assert "never happened: the " in text


class _Wrong(FasterSubject):
    """Says that a delete has found nothing."""

    def __init__(self, device: FaultDevice) -> None:
        super().__init__(device, GEOMETRIES["tiny"], SteppedRuntime())

    def apply(self, issued: Issued) -> Result:
        result = super().apply(issued)
        return False if issued.kind is Kind.DELETE else result


def test_wrong_result_is_told_where_it_came_back() -> None:
    tape = Tape((Era((_UPSERT, _REOPEN, _UPSERT, Operation(Kind.DELETE))),))
    lines = tell(tape, _Wrong).splitlines()
    at = lines.index("   4  #2 delete key-0 -> False")
    assert lines[at + 1].strip() == "** expected True, got False"
    assert lines[at + 2].strip() == "** wrong result of an operation"
    assert not any(line.startswith("---- expected against recovered") for line in lines)


class _Unopenable(FasterSubject):
    """Cannot be opened a second time."""

    def __init__(self, device: FaultDevice) -> None:
        if device.list():
            raise OSError("planted")
        super().__init__(device, GEOMETRIES["tiny"], SteppedRuntime())

    def recovered(self) -> Mapping[int, int]:
        return {}


def test_store_that_cannot_be_opened_is_told_with_its_error() -> None:
    tape = Tape((Era((_UPSERT,), Crash()), Era()))
    text = tell(tape, _Unopenable)
    assert "recovered  none: OSError: planted" in text
    assert "** cannot be opened after a power cut" in text


def test_three_sessions_say_their_names() -> None:
    tape = Tape((Era(tuple(Operation(session=session) for session in range(3))),))
    text = tell(tape)
    for session in range(3):
        assert f"s{session} #1 upsert key-0 := '{session}.1;'" in text


def test_unkept_tape_is_in_the_report_itself() -> None:
    tape = Tape((Era((_UPSERT,)),))
    assert encode_tape(tape).decode() in tell(tape).splitlines()[-1]


def test_equal_runs_are_told_in_equal_words() -> None:
    small, run, lines = _told((_UPSERT, _CHECKPOINT))
    assert tell(small, _Careless, run=run, path="lost.json").splitlines() == lines
