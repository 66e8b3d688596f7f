"""Thin logs: one that is too long is told, and one that is given back before it has grown."""

from __future__ import annotations

import pytest

from powercut.engine import FasterKv, InvariantError, MemoryDevice, Session, Settings
from powercut.engine.upkeep.dead import DeadLog
from powercut.verifier.faster.stepped import SteppedRuntime
from powercut.verifier.faster.thin import Thin
from powercut.verifier.runs.play import play
from powercut.verifier.tapes.tape import SIZES, Era, Kind, Operation, Tape
from powercut.verifier.verdict import OK, Violation

PAGE = 512


def opened(segment_pages: int = 1) -> tuple[FasterKv, Session, Thin]:
    """A store that gives nothing back, and who looks at it."""
    settings = Settings(PAGE, segment_pages * PAGE, PAGE, PAGE, ring_pages=2, index_buckets=4)
    store = FasterKv.open(MemoryDevice(), create=True, settings=settings, runtime=SteppedRuntime())
    thin = Thin(0.5)
    thin.uses(b"0", b"1")
    thin.judge(store, 0)
    return store, store.session("s"), thin


def write(session: Session, *pages: int) -> None:
    for page in pages:
        session.upsert(b"%d" % page, bytes(400))


def test_log_that_only_grows_is_told_behind_seven_pages() -> None:
    store, session, thin = opened()
    write(session, *range(7))
    thin.judge(store, 0)
    write(session, 7)
    with pytest.raises(InvariantError, match="D1"):
        thin.judge(store, 0)
    for number in range(2, 8):
        thin.uses(b"%d" % number)
    thin.judge(store, 0)  # So much may be live.


def test_files_of_segments_that_stay_are_told() -> None:
    store, session, thin = opened()
    write(session, *range(6))
    thin.judge(store, 8 * PAGE)
    with pytest.raises(InvariantError, match="D1"):
        thin.judge(store, 8 * PAGE + 1)


@pytest.mark.parametrize("pages", [3, 6])
def test_begin_that_moves_is_told_before_the_log_has_grown_by_a_segment(pages: int) -> None:
    store, session, thin = opened(segment_pages=4)
    write(session, *range(pages))
    thin.judge(store, 0)
    write(session, pages)
    assert store.truncate_before(PAGE) == PAGE
    if pages > 4:
        thin.judge(store, 0)
        return
    with pytest.raises(InvariantError, match="D2"):
        thin.judge(store, 0)


@pytest.mark.parametrize("count", [4, 5])
def test_a_log_that_is_too_long_is_told_although_no_operation_follows(
    monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    program = tuple(Operation(Kind.UPSERT, 0, number % 3, SIZES - 1) for number in range(count))
    tape = Tape((Era(program),), "thinned")
    assert play(tape).verdict == OK
    monkeypatch.setattr(DeadLog, "is_due", False)
    verdict = play(tape).verdict
    assert (verdict == OK) == (count == 4)
    assert verdict == OK or (isinstance(verdict, Violation) and "D1" in verdict.detail)
