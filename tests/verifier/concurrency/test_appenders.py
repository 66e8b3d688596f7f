"""Tasks of a log side by side: complete where nothing is wrong, and told where something is."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from powercut.engine.fasterlog.files import LogFiles
from powercut.engine.fasterlog.groups import Groups
from powercut.engine.fasterlog.waiting import Waiters
from powercut.verifier.concurrency.grounds import play_beside
from powercut.verifier.concurrency.schedule import Bounded
from powercut.verifier.finders.cpr.cuts import search_cuts
from powercut.verifier.finders.search import search_programs
from powercut.verifier.tapes.appenders import LANES, SETTINGS, appenders_tape, appenders_tapes, thirds_tapes
from powercut.verifier.telling.timeline import tell_beside
from powercut.verifier.verdict import OK, Breach, Violation

GEOMETRY = "tiny"


def programs() -> list[str]:
    return [str(tape.eras) for tape in (*appenders_tapes(GEOMETRY), *thirds_tapes(GEOMETRY))]


def test_each_program_is_there_once_and_each_lane_in_one() -> None:
    assert len(set(programs())) == len(programs())
    told = {operation.kind for tape in appenders_tapes(GEOMETRY) for operation in tape.eras[0].program}
    assert {operation.kind for lane in LANES.values() for operation in lane} <= told
    assert set(SETTINGS) == {"nothing", "committed", "open", "pages"}


@pytest.mark.parametrize(
    "lanes", [("durable", "await"), ("tail", "truncate less"), ("durable", "failing write")]
)
def test_every_schedule_of_one_preemption_stands_and_so_does_every_power_cut(lanes: tuple[str, ...]) -> None:
    strategy = Bounded(1)
    searched, tally = search_cuts(appenders_tape("open", lanes, GEOMETRY), strategy, 2000)
    assert searched.verdict is None
    assert searched.is_complete
    assert tally.traces > 1
    assert tally.contents > 1
    assert searched.exploration.distinct > 1


def test_a_commit_without_its_sync_is_found_with_the_power_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LogFiles, "sync", lambda self: None)
    tape = appenders_tape("open", ("durable", "await"), GEOMETRY)
    searched, _ = search_cuts(tape, Bounded(1), 2000)
    assert isinstance(searched.verdict, Violation)
    assert (searched.verdict.oracle, searched.verdict.breach) == ("committed", Breach.LOST_ACK)
    assert searched.tape is not None
    assert searched.tape.eras[0].crash is not None
    run = play_beside(searched.tape)
    assert run.verdict == searched.verdict
    assert run.digest() == play_beside(searched.tape).digest()
    story = "\n".join(tell_beside(run))
    assert "enqueue" in story
    assert "complete" in story
    assert "0 preemptions" in story
    found, runs = search_programs(tape)
    assert found is not None
    assert runs


def test_who_is_told_of_the_wrong_commit_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    tell: Callable[..., None] = Waiters.tell
    monkeypatch.setattr(Waiters, "tell", lambda self, end, error=None: tell(self, 1 << 40, error))
    searched, _ = search_cuts(appenders_tape("open", ("durable", "await"), GEOMETRY), Bounded(1), 2000)
    assert isinstance(searched.verdict, Violation)
    assert (searched.verdict.oracle, searched.verdict.breach) == ("committed", Breach.LOST_ACK)


def test_who_waits_in_vain_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Groups, "failure_of", lambda self, address: None)
    searched, _ = search_cuts(appenders_tape("open", ("wait", "failing write"), GEOMETRY), Bounded(1), 2000)
    assert isinstance(searched.verdict, Violation)
    assert (searched.verdict.oracle, searched.verdict.breach) == ("progress", Breach.HANG)


def test_equal_tapes_run_alike() -> None:
    tape = appenders_tape("pages", ("tail", "close"), GEOMETRY)
    first, second = play_beside(tape), play_beside(tape)
    assert first.verdict == second.verdict == OK
    assert first.digest() == second.digest()
