"""The flush worker driven by a program: what it says is held against what the log has come to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from powercut.engine import Flusher
from powercut.engine.log.flushing import Flushing
from powercut.faultfs import FaultDevice
from powercut.verifier.faster.flushing import FLUSHES, FlushError
from powercut.verifier.faster.geometries import make_faster
from powercut.verifier.faster.subject import FasterSubject
from powercut.verifier.spec.model import issue
from powercut.verifier.tapes.tape import SIZES, Kind, Operation

STOP = Operation(Kind.FLUSH, 0, 0, 3)


def filled(geometry: str) -> FasterSubject:
    """A store with eight large values, nothing of which was flushed."""
    subject: Any = make_faster(geometry)(FaultDevice())
    for key in range(8):
        subject.apply(issue(Operation(Kind.UPSERT, 0, key, SIZES - 1), key + 1))
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
            "wrote .* bytes",
        ),
        (Flusher, "_flush_last", lambda right: lambda worker: None, "stopped with"),
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
