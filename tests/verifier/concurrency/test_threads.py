"""Threads of one's own under every schedule: races, lost acknowledgements, deadlocks; told, and run again."""

from __future__ import annotations

import runpy
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from powercut.engine.runtime import Runtime
from powercut.faultfs import FaultDevice
from powercut.verifier import Breach, explore_threads

FLUSHER = Path(__file__).parents[3] / "docs" / "own-store" / "flusher.py"


def example(*, is_racing: bool) -> Any:
    made = runpy.run_path(str(FLUSHER))
    made["Log"].flush.__globals__["IS_RACING"] = is_racing
    return made["Two"]


def test_the_log_of_the_example_stands_all_schedules_of_two_preemptions() -> None:
    found = explore_threads(example(is_racing=False))
    assert found.violation is None
    assert found.is_complete
    assert found.schedules > 100
    assert "all of at most 2 preemptions: fine" in found.lines()[0]


def test_its_race_is_found_told_and_run_again() -> None:
    racing = example(is_racing=True)
    found = explore_threads(racing)
    assert found.violation is not None
    assert found.violation.breach is Breach.BROKEN_INVARIANT
    assert found.preemptions <= 2
    assert sum("is preempted" in line for line in found.story) == found.preemptions
    again = explore_threads(racing, switches=found.switches)
    assert (again.violation, again.story) == (found.violation, found.story)
    assert explore_threads(racing).lines() == found.lines()  # Nothing of it is chance.
    assert explore_threads(example(is_racing=False), switches=found.switches).violation is None


def test_schedules_that_were_not_run_are_told() -> None:
    found = explore_threads(example(is_racing=False), schedules=5)
    assert (found.schedules, found.is_complete) == (5, False)
    assert "not all" in found.lines()[0]


class Pair:
    """Two threads over one file each; a subclass says what they do."""

    calls: ClassVar[tuple[str, ...]] = ("one", "two")

    def start(self, runtime: Runtime, device: FaultDevice) -> Sequence[Callable[[], object]]:
        self.runtime, self.device = runtime, device
        self.first, self.second = runtime.lock(), runtime.lock()
        device.create("a")
        device.sync_names()
        return [getattr(self, name) for name in self.calls]

    def one(self) -> None: ...

    def two(self) -> None: ...

    def check(self, device: FaultDevice, acked: list[bytes]) -> str:
        return ""


class AcksEarly(Pair):
    """Whoever comes second trusts that the first has synced already."""

    is_dirty = False

    def one(self) -> None:
        if not self.is_dirty:
            self.is_dirty = True
            self.device.write("a", 0, b"1")
            self.device.sync("a")
        self.device.mark("acked", b"1")

    two = one

    def check(self, device: FaultDevice, acked: list[bytes]) -> str:
        return "" if not acked or device.read("a") == b"1" else "it is not there"


def test_an_acknowledgement_before_anothers_sync_is_lost_in_a_power_cut() -> None:
    found = explore_threads(AcksEarly)
    assert found.violation is not None
    assert found.violation.breach is Breach.LOST_ACK
    assert "after a power cut" in found.violation.detail
    assert found.preemptions == 1


class Deadlocks(Pair):
    def one(self) -> None:
        with self.first, self.second:
            self.runtime.turn("one")

    def two(self) -> None:
        with self.second, self.first:
            self.runtime.turn("two")


def test_locks_taken_in_two_orders_are_a_deadlock() -> None:
    found = explore_threads(Deadlocks)
    assert found.violation is not None
    assert found.violation.breach is Breach.DEADLOCK


class Turns(Pair):
    """A race that no call of the device stands in: the store names the place."""

    has_turn = True
    count = 0

    def one(self) -> None:
        count = self.count
        if self.has_turn:
            self.runtime.turn("counting")
        self.count = count + 1

    two = one

    def check(self, device: FaultDevice, acked: list[bytes]) -> str:
        return "" if self.count == 2 else f"counted {self.count}"


@pytest.mark.parametrize("has_turn", [True, False])
def test_between_two_points_a_task_is_alone(has_turn: bool) -> None:
    found = explore_threads(type("Named", (Turns,), {"has_turn": has_turn}))
    assert (found.violation is not None) == has_turn


class Raises(Pair):
    def one(self) -> None:
        raise KeyError("of its own")


class ChecksBadly(Pair):
    def check(self, device: FaultDevice, acked: list[bytes]) -> str:
        raise KeyError("of its own")


@pytest.mark.parametrize("threads", [Raises, ChecksBadly])
def test_an_error_of_a_thread_or_of_the_check_is_a_finding(threads: type[Pair]) -> None:
    found = explore_threads(threads)
    assert found.violation is not None
    assert "of its own" in found.violation.detail
