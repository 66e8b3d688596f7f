"""A week of a store is judged by value, ends with its work, and says no."""

from __future__ import annotations

from dataclasses import replace

import pytest

from powercut.engine import Device
from powercut.faultfs import FaultDevice, Image
from powercut.verifier.faster.stepped import SteppedRuntime
from powercut.verifier.finders.stress.campaign import run_week_stress
from powercut.verifier.finders.stress.limited import WeekSize, recorded
from powercut.verifier.finders.stress.week import Week
from powercut.verifier.verdict import OK, Breach, Violation

SMALL = WeekSize(keys=700, operations=40, days=2, kernels="interpreted")


def play(size: WeekSize = SMALL, seed: str = "0", **options: object) -> Week:
    week = Week(size, seed, recorded, SteppedRuntime)
    week.play()
    return week


def test_a_week_does_all_of_it_and_is_a_function_of_its_seed() -> None:
    first, again, other = play(), play(), play(seed="1")
    assert first.verdict == again.verdict == other.verdict == OK
    assert first.reached == again.reached != other.reached
    assert first.model.content == again.model.content != other.model.content
    for what in ("days", "cuts", "restarts", "growths", "forgotten", "compactions", "taken back"):
        assert first.reached[f"week {what}"], what
    assert first.reached["week states"] == 2 * (SMALL.states + 1)
    assert first.reached["week operations"] == 2 * 24 * SMALL.operations


@pytest.mark.parametrize("law", ["ext4", "posix_split", "pagecache", "prefix"])
def test_other_laws_and_an_even_load(law: str) -> None:
    week = play(replace(SMALL, law=law, skew=0.0, days=1, operations=100))
    assert week.verdict == OK
    assert week.reached["week by itself"]  # The budget was reached.


class _Forgetful(FaultDevice):
    """A disk that takes syncs of some files for done."""

    lost = ""

    def sync(self, name: str) -> None:
        if not name.startswith(self.lost):
            super().sync(name)


@pytest.mark.parametrize("lost", ["segment", "tables", "root"])
def test_a_sync_that_is_left_out_is_found(lost: str) -> None:
    def ground(image: Image | None) -> tuple[Device, FaultDevice]:
        disk = _Forgetful(image, record_reads=False)
        disk.lost = lost
        return disk, disk

    week = Week(replace(SMALL, states=20), "0", ground, SteppedRuntime)
    week.play()
    assert isinstance(week.verdict, Violation)
    assert week.verdict.breach in (Breach.LOST_ACK, Breach.UNOPENABLE)
    assert week.verdict.detail.startswith("day 1, hour 0, seed")  # Judged when the day is over.


def test_a_wrong_value_and_files_beyond_the_budget_are_found() -> None:
    week = Week(SMALL, "0", recorded, SteppedRuntime)
    week.model.content.update((b"key-%d" % number, b"what nobody wrote") for number in range(SMALL.keys))
    week.play()
    assert isinstance(week.verdict, Violation)
    assert week.verdict.breach is Breach.WRONG_RESULT

    def crowded(image: Image | None) -> tuple[Device, FaultDevice]:
        disk, _ = recorded(image)
        assert isinstance(disk, FaultDevice)
        disk.create("somebody-elses")
        disk.write("somebody-elses", 0, bytes(SMALL.disk))
        return disk, disk

    week = Week(SMALL, "0", crowded, SteppedRuntime)
    week.play()
    assert isinstance(week.verdict, Violation)
    assert week.verdict.breach in (Breach.BROKEN_INVARIANT, Breach.ERROR)


def test_an_operation_that_the_store_forgot_after_a_cut_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    week = Week(SMALL, "0", recorded, SteppedRuntime)
    whole = week.model.recover
    monkeypatch.setattr(week.model, "recover", lambda bounds: whole({**bounds, 0: bounds[0] - 1}))
    week.play()
    assert isinstance(week.verdict, Violation)
    assert week.verdict.breach is Breach.WRONG_SERIAL


def test_weeks_follow_each_other_until_the_work_is_done() -> None:
    amounts = {"week days": 3, "week states": 1}
    campaign = run_week_stress(amounts, SMALL, ("posix", "ext4"))
    assert campaign.verdict == OK
    assert campaign.reached["week days"] == 4
    assert not campaign.missing(amounts)
    assert not run_week_stress(amounts, SMALL, ("posix",), deadline=0.0).reached
