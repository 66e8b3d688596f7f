"""Syncs that lied: what is excused of them, for which file, and until when."""

from __future__ import annotations

import pytest

from powercut.faultfs import Effect, Event, EventKind, Trace
from powercut.verifier.oracles.faults import Firings
from powercut.verifier.spec.history import Segment


def lied(*events: Event, of: str = "SYNC", effect: Effect = Effect.LYING) -> Firings:
    """The faults of a trace: a sync of file 1 that lied, the first event, and these."""
    return Firings(Trace(events=[Event(EventKind.FAULT, "a", 1, size=effect, target=of), *events]))


SYNC, DATASYNC = Event(EventKind.SYNC, "a", 1), Event(EventKind.DATASYNC, "a", 1)


def test_the_next_honest_sync_of_that_file_makes_good_for_one_that_lied() -> None:
    firings = lied(Event(EventKind.LIST), SYNC, Event(EventKind.LIST))
    segment = Segment(Trace(), {})
    assert [firings.owed_at(segment, index, is_cut=True) for index in range(5)] == [0, 0, 0, 3, 4]
    assert [firings.is_damaged_at(index) for index in range(5)] == [False, True, True, False, False]
    assert firings.turns(0, 4) == [0, 3, 4]


@pytest.mark.parametrize(
    ("of", "effect", "event", "is_good"),
    [
        ("SYNC", Effect.LYING, Event(EventKind.SYNC, "b", 2), False),  # Of another file,
        ("SYNC", Effect.LYING, Event(EventKind.SYNC, "c", 1), True),  # of the file under a new name.
        ("SYNC", Effect.LYING, Event(EventKind.SYNC_NAMES), False),
        ("SYNC", Effect.LYING, DATASYNC, False),  # A size that shrank is not in it.
        ("DATASYNC", Effect.LYING, DATASYNC, True),
        ("DATASYNC", Effect.LYING, SYNC, True),
        ("SYNC", Effect.LATE, SYNC, False),  # It is lost: nothing writes it again.
    ],
)
def test_what_is_excused_is_excused_by_file(of: str, effect: Effect, event: Event, is_good: bool) -> None:
    assert lied(event, of=of, effect=effect).is_damaged_at(2) is not is_good


def test_names_that_were_not_synced_are_by_the_next_sync_of_names() -> None:
    lie = Event(EventKind.FAULT, size=Effect.LYING, target="SYNC_NAMES")
    firings = Firings(Trace(events=[lie, SYNC, Event(EventKind.SYNC_NAMES)]))
    assert [firings.lied_at(index) for index in range(4)] == [0, 0, 0, 3]
