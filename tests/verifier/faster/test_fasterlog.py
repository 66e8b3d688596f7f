"""FasterLog on the bench: its operations mean to it what the model says, and to a store nothing."""

import pytest

from powercut.faultfs import FaultDevice
from powercut.verifier.faster.fasterlog.geometries import make_log
from powercut.verifier.faster.fasterlog.seams import LOG_GEOMETRIES
from powercut.verifier.finders.crashes import search_tape
from powercut.verifier.finders.faults import sweep
from powercut.verifier.finders.templates import OF_SUBJECT, PROGRAMS, TEMPLATES
from powercut.verifier.runs.play import play
from powercut.verifier.spec.model import TRUNCATIONS, issue
from powercut.verifier.tapes.families import family_tapes
from powercut.verifier.tapes.kept import UnsupportedTapeError
from powercut.verifier.tapes.tape import LOGS, Crash, Era, Kind, Operation, Tape
from powercut.verifier.verdict import OK

ENQUEUE, MANY, COMMIT, REOPEN = (
    Operation(Kind.ENQUEUE),
    Operation(Kind.ENQUEUE_MANY, 0, 0, 2),
    Operation(Kind.CHECKPOINT),
    Operation(Kind.REOPEN),
)
TRUNCATE, ROLLBACK = Operation(Kind.TRUNCATE_AT, 0, 0, 1), Operation(Kind.ROLLBACK, 0, 0, 1)


@pytest.mark.parametrize("geometry", list(LOG_GEOMETRIES))
def test_a_run_with_every_operation_is_fine_and_so_are_its_crash_states(geometry: str) -> None:
    program = (ENQUEUE, COMMIT, MANY, ROLLBACK, ENQUEUE, COMMIT, TRUNCATE, REOPEN, MANY)
    tape = Tape((Era(program[:6], Crash(1, 0, (0, 1))), Era(program)), geometry, subject=LOGS)
    assert play(tape).verdict == OK
    coverage, finding = search_tape(tape, limit=64)
    assert finding is None
    assert coverage.reached["rolled back"] == 2
    assert coverage.reached["truncated at once"] == 1


def test_a_log_says_which_operations_it_holds() -> None:
    device = FaultDevice()
    log = make_log("tiny").mount(device)
    assert log.recovers is not None
    assert log.truncates_at_once is not None
    assert log.recovers.recovered() == {}
    for serial in (1, 2, 3):
        log.subject.apply(issue(ENQUEUE, serial))
    assert log.subject.checkpoint() == {0: 3}
    begin, bound = log.truncates_at_once.truncate_at_once(TRUNCATE)
    assert bound == {0: 3, TRUNCATIONS: begin}
    log.subject.apply(issue(ENQUEUE, 4))
    assert len(log.subject.read_all()) == 3
    log.subject.close()
    device.acquire(None)
    device.release(None)
    again = make_log("tiny").mount(device)
    assert again.recovers is not None
    assert again.recovers.recovered() == bound
    assert len(again.subject.read_all()) == 2


def test_a_store_has_no_use_for_what_a_log_is_given() -> None:
    assert play(Tape((Era((ENQUEUE, MANY, ROLLBACK, COMMIT)),))).verdict == OK


def test_a_geometry_that_no_log_has_is_refused() -> None:
    with pytest.raises(UnsupportedTapeError, match="a log has tiny"):
        play(Tape(geometry="colliding", subject=LOGS))


def test_programs_go_on_after_each_way_of_losing_a_part_of_a_commit() -> None:
    tapes = list(family_tapes("logged"))
    assert len(tapes) == 750
    assert len({tape.eras[0].crash for tape in tapes if len(tape.eras) > 1}) == 18
    assert {tape.subject for tape in tapes} == {LOGS}


def test_a_failed_write_and_a_failed_sync_of_a_log_are_told() -> None:
    told = [each for each in TEMPLATES if each.name in ("write error EIO after", "sync kept")]
    assert set(OF_SUBJECT) == {"logged", "logged ahead", "logged again"}
    coverage, finding = sweep(PROGRAMS["logged ahead"], "tiny", "posix", told, limit=0, subject=LOGS)
    assert finding is None
    assert sorted(coverage.fired) == ["sync kept", "write error EIO after"]
