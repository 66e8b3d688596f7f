"""The flush worker driven by a program: what it says is held against what the log has come to."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Any

import pytest

from powercut.engine import Flusher
from powercut.engine.flush.aims import Aims
from powercut.engine.flush.metrics import Recorder
from powercut.engine.flush.pressure import Pressure
from powercut.engine.log.flushing import Flushing
from powercut.faultfs import FaultDevice
from powercut.verifier.faster.flushing import FLUSHES, FlushError
from powercut.verifier.faster.geometries import make_faster
from powercut.verifier.faster.subject import FasterSubject
from powercut.verifier.spec.model import issue
from powercut.verifier.tapes.tape import SIZES, Kind, Operation

STOP = Operation(Kind.FLUSH, 0, 0, 3)


def filled(geometry: str, pages: int = 8) -> FasterSubject:
    """A store with so many large values, nothing of which was flushed."""
    subject: Any = make_faster(geometry)(FaultDevice())
    for key in range(pages):
        subject.apply(issue(Operation(Kind.UPSERT, 0, key % 8, SIZES - 1), 2 * key + 1))
        if pages > 8:  # What was deleted is not written over.
            subject.apply(issue(Operation(Kind.DELETE, 0, key % 8), 2 * key + 2))
    assert isinstance(subject, FasterSubject)
    return subject


@pytest.mark.parametrize("geometry", FLUSHES)
@pytest.mark.parametrize("size", range(SIZES + 1))
def test_rounds_move_what_they_say_that_they_move(geometry: str, size: int) -> None:
    subject = filled(geometry)
    for _round in range(3):
        subject.drive_flushes(Operation(Kind.FLUSH, 0, 0, size))
    assert subject.store.flusher.state == "idle"
    if geometry == "lagging" and size != 3:
        assert subject.store.flusher.metrics().bytes > 0


def test_old_pages_are_flushed_when_a_second_has_passed() -> None:
    subject = filled("ageing")
    subject.drive_flushes(Operation(Kind.FLUSH))
    assert subject.store.flusher.metrics().bytes == 0
    for _round in range(2):
        subject.drive_flushes(Operation(Kind.FLUSH, 0, 0, 1))
    assert subject.store.flusher.metrics().bytes > 0


def test_store_without_a_worker_is_left_alone() -> None:
    subject = filled("roomy")
    before = bytes(subject.store.spaces[0])
    subject.drive_flushes(Operation(Kind.FLUSH, 0, 0, 2))
    assert bytes(subject.store.spaces[0]) == before


@pytest.mark.parametrize(
    ("owner", "name", "change", "why"),
    [
        (
            Flushing,
            "write_piece",
            lambda right: lambda *given, **more: right(*given, **more) and 1,
            "bytes is 4: expected 2048",
        ),
        (
            Flusher,
            "_flush_last",
            lambda right: lambda worker: None,
            "the log came to .*: expected .*flushed=2048",
        ),
    ],
)
def test_worker_that_says_otherwise_is_told(
    monkeypatch: pytest.MonkeyPatch, owner: type, name: str, change: Callable[[Any], Any], why: str
) -> None:
    monkeypatch.setattr(owner, name, change(getattr(owner, name)))
    subject = filled("lagging")
    subject.store._parts.log.ring.shift_read_only(2048)  # Frozen, and not flushed.
    with pytest.raises(FlushError, match=why):
        subject.drive_flushes(STOP)


ROUNDS = Operation(Kind.FLUSH, 0, 0, 2)


@pytest.mark.parametrize(
    ("geometry", "owner", "name", "change", "why"),
    [
        ("lagging", Pressure, "lag_bytes", lambda right: lambda *_: 0, "the log came to"),
        ("lagging", Pressure, "used", lambda right: lambda *given: right(*given) / 2, "it waited until"),
        ("lagging", Aims, "is_due", lambda right: lambda *_: False, "the log came to"),
        ("flushed", Flusher, "_sleep", lambda right: lambda *_, **more: None, "it waited until"),
        ("flushed", Flusher, "_try_round", lambda right: lambda worker: False, "rounds is 0: expected 3"),
    ],
)
def test_rounds_that_come_to_something_else_are_told(
    monkeypatch: pytest.MonkeyPatch,
    geometry: str,
    owner: type,
    name: str,
    change: Callable[[Any], Any],
    why: str,
) -> None:
    monkeypatch.setattr(owner, name, change(getattr(owner, name)))
    subject = filled(geometry, 16)
    with pytest.raises(FlushError, match=why):
        drive(subject, 3)


def drive(subject: FasterSubject, times: int) -> None:
    for _round in range(times):
        subject.drive_flushes(ROUNDS)


def test_pauses_after_failures_double_and_end_at_the_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    subject = filled("lagging")
    monkeypatch.setattr(FaultDevice, "write", refuse)
    drive(subject, 4)
    told = subject.store.flusher.metrics()
    assert (told.failures, told.in_a_row, told.flushes) == (12, 12, 0)
    # Between three rounds are two pauses; from the eighth failure on they are 5 s.
    assert subject._runtime.now() == pytest.approx(0.05 + 0.1 + 0.4 + 0.8 + 3.2 + 3 * 5.0)
    monkeypatch.setattr(Recorder, "in_a_row", property(lambda _: 1, lambda *_: None), raising=False)
    with pytest.raises(FlushError, match="in_a_row is 1: expected 15"):
        subject.drive_flushes(ROUNDS)


def refuse(*_: object) -> int:
    raise OSError(errno.EIO, "refused")


def test_failure_is_logged_with_its_number_in_a_row(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    subject = filled("lagging")
    monkeypatch.setattr(FaultDevice, "write", refuse)
    drive(subject, 1)
    told = [record.getMessage().partition(":")[0] for record in caplog.records]
    assert told == [f"flush failed, {number} in a row" for number in (1, 2, 3)]
