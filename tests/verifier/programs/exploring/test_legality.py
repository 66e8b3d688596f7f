"""Legality: which answers a crash state may give at which index."""

from __future__ import annotations

import pytest

from powercut.faultfs import Event, EventKind
from powercut.verifier.programs.exploring.legality import Legality, Point, points_of
from powercut.verifier.programs.reading.readers import Answer
from powercut.verifier.programs.recording import Recording, Step


def mark(label: str, data: bytes = b"") -> Event:
    return Event(EventKind.MARK, data=data, label=label)


def write() -> Event:
    return Event(EventKind.WRITE, "f", 1, 0, b"x", 1)


def recording(events: list[Event], statuses: list[int]) -> Recording:
    return Recording("/d", {"f": 1}, {}, events, [], [], [Step(("s",), each) for each in statuses])


def answers(count: int) -> list[Answer]:
    return [Answer(0, b"%d" % number) for number in range(count)]


def legal_at(points: list[Point], length: int, index: int) -> set[bytes]:
    legality = Legality(points, answers(len(points)), length, {})
    (part,) = legality.meeting(index, index)
    return {each.output for each in legality.legal(part)}


STEPS = [mark("step", b"0"), write(), mark("done", b"0"), mark("step", b"1"), write(), mark("done", b"1")]


@pytest.mark.parametrize(
    ("index", "legal"),
    [(0, {b"0"}), (1, {b"0", b"1"}), (2, {b"0", b"1"}), (3, {b"1"}), (4, {b"1", b"2"}), (6, {b"2"})],
)
def test_a_step_is_legal_once_begun_and_owed_once_ended(index: int, legal: set[bytes]) -> None:
    points = points_of(recording(STEPS, [0, 0]))
    assert legal_at(points, len(STEPS), index) == legal


def test_a_step_that_failed_is_legal_and_not_owed() -> None:
    points = points_of(recording(STEPS, [1, 0]))
    assert legal_at(points, len(STEPS), 3) == {b"0", b"1"}
    assert legal_at(points, len(STEPS), 5) == {b"0", b"1", b"2"}
    assert legal_at(points, len(STEPS), 6) == {b"2"}


def test_a_line_that_matches_is_an_acknowledgement_where_it_ends() -> None:
    events = [mark("step", b"0"), write(), mark("out", b"ok 1\nnoise\nok"), write(), mark("out", b" 2\n")]
    events += [write(), mark("done", b"0")]
    points = points_of(recording(events, [0]), "^ok")
    assert [point.at for point in points] == [0, 3, 5, 7]
    assert [point.begun for point in points] == [0, 1, 3, 5]
    assert legal_at(points, len(events), 4) == {b"1", b"2"}


def test_what_a_kill_leaves_is_legal_only_while_the_step_is_under_way() -> None:
    points = points_of(recording(STEPS, [0, 0]))
    legality = Legality(points, answers(3), len(STEPS), {1: {Answer(0, b"half")}})
    (under_way,), (ended,) = legality.meeting(2, 2), legality.meeting(3, 3)
    assert Answer(0, b"half") in legality.legal(under_way)
    assert Answer(0, b"half") not in legality.legal(ended)
    assert legality.older(ended) == {Answer(0, b"0")}


def test_ranges_cover_every_index_once() -> None:
    points = points_of(recording(STEPS, [0, 0]))
    ranges = Legality(points, answers(3), len(STEPS), {}).ranges
    assert [index for part in ranges for index in range(part.start, part.stop + 1)] == list(range(7))
