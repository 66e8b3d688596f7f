"""The schedule explorer on small races: found by each strategy, shrunk, replayed, the same everywhere."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import pytest

from powercut.engine.kernels import atomics
from powercut.verifier.concurrency.schedule import (
    Bounded,
    Exploration,
    Pos,
    Program,
    RandomWalk,
    Record,
    Scheduler,
    Strategy,
    decode,
    encode,
    explore,
    replay_schedule,
    shrink_switches,
)
from powercut.verifier.oracles.linear import Span, judge_linear
from powercut.verifier.spec.model import Issued, issue
from powercut.verifier.tapes.tape import Kind, Operation
from powercut.verifier.verdict import OK, Breach, Unknown, Verdict, Violation

Call = Callable[[], object]


def words(count: int) -> memoryview:
    return memoryview(bytearray(8 * count)).cast("Q")


def wrong(detail: str) -> Violation:
    return Violation("model", Breach.WRONG_VALUE, detail)


class LostUpdate:
    """Two tasks count up by a read and a write, amid accesses of their own."""

    def setup(self, scheduler: Scheduler) -> Sequence[Call]:
        self.space = words(64)
        scheduler.share(self.space, "cells")
        return [lambda: self.count(8), lambda: self.count(32)]

    def count(self, own: int) -> None:
        for word in range(own, own + 4):
            atomics.store(self.space, word, 1)
        atomics.store(self.space, 0, atomics.load(self.space, 0) + 1)
        for word in range(own, own + 4):
            atomics.load(self.space, word)

    def judge(self, record: Record) -> Verdict:
        return OK if self.space[0] == 2 else wrong(f"counted {self.space[0]} of 2")


class Counted(LostUpdate):
    """A counter without the race: each task counts by one access."""

    def count(self, own: int) -> None:
        atomics.fetch_add(self.space, 0, 1)


class CheckpointPhase:
    """A writer looks at the phase and then writes; meanwhile a checkpoint shifts and copies."""

    def setup(self, scheduler: Scheduler) -> Sequence[Call]:
        self.space = words(4)
        scheduler.share(self.space, "cells")
        self.copied = 0
        return [self.write, self.write, self.checkpoint]

    def write(self) -> None:
        if atomics.load(self.space, 0) == 0:  # Not shifted yet: this write belongs to the checkpoint.
            atomics.fetch_add(self.space, 1, 1)
            atomics.fetch_add(self.space, 2, 1)

    def checkpoint(self) -> None:
        atomics.store(self.space, 0, 1)
        self.copied = atomics.load(self.space, 2)

    def judge(self, record: Record) -> Verdict:
        return OK if self.copied == self.space[1] else wrong(f"copied {self.copied} of {self.space[1]}")


class TwoPhaseInsert:
    """A tag goes to a free entry; `looks_again` decides whether two tasks can give it two entries."""

    looks_again = False

    def setup(self, scheduler: Scheduler) -> Sequence[Call]:
        self.space = words(4)
        scheduler.share(self.space, "bucket")
        self.scheduler = scheduler
        return [lambda: self.insert(range(4)), lambda: self.insert(range(3, -1, -1))]

    def insert(self, order: Sequence[int]) -> None:
        for _ in range(8):
            if any(atomics.load(self.space, slot) == 7 for slot in order):
                return
            free = next(slot for slot in order if atomics.load(self.space, slot) == 0)
            if not atomics.cas(self.space, free, 0, 9 if self.looks_again else 7):
                continue
            if not self.looks_again:
                return
            if any(atomics.load(self.space, slot) in (7, 9) for slot in order if slot != free):
                atomics.store(self.space, free, 0)
                self.scheduler.turn("give the entry back")
                continue
            atomics.store(self.space, free, 7)
            return

    def judge(self, record: Record) -> Verdict:
        entries = sum(entry == 7 for entry in self.space)
        return OK if entries <= 1 else wrong(f"{entries} entries of one tag")


class TwoPhaseInsertRight(TwoPhaseInsert):
    looks_again = True


class Register:
    """Read-modify-writes of one key, judged by what they return; a torn one takes no lock."""

    is_locked = False

    def setup(self, scheduler: Scheduler) -> Sequence[Call]:
        self.space = words(4)  # Each session's stamp, if the value has it, in the order 0, 1.
        scheduler.share(self.space, "value")
        self.scheduler = scheduler
        self.lock = scheduler.lock()
        self.history: list[Span] = []
        return [lambda: self.session(0), lambda: self.session(1)]

    def session(self, number: int) -> None:
        for serial in (1, 2):
            issued = issue(Operation(Kind.RMW, number), serial)
            invoked = self.scheduler.tick()
            if self.is_locked:
                with self.lock:
                    result = self.append(issued)
            else:
                result = self.append(issued)
            self.history.append(Span(issued, invoked, self.scheduler.tick(), result))

    def append(self, issued: Issued) -> bytes:
        old = atomics.load(self.space, 0)
        new = old * 5 + 1 + issued.session * 2 + issued.serial - 1
        atomics.store(self.space, 0, new)
        stamps = b""
        while new:
            session, serial = divmod((new - 1) % 5, 2)
            stamps = issue(Operation(Kind.RMW, session), serial + 1).stamp + stamps
            new = (new - 1) // 5
        return stamps

    def judge(self, record: Record) -> Verdict:
        return judge_linear(self.history)


class RegisterLocked(Register):
    is_locked = True


def strategies() -> list[Strategy]:
    return [Bounded(2), RandomWalk(Random(7), 0.2), Pos(Random(7))]


RACES: list[Callable[[], Program]] = [LostUpdate, CheckpointPhase, TwoPhaseInsert, Register]
RIGHT: list[Callable[[], Program]] = [Counted, TwoPhaseInsertRight, RegisterLocked]


@pytest.mark.parametrize("number", range(3))
@pytest.mark.parametrize("make", RACES)
def test_each_strategy_finds_each_race(make: Callable[[], Program], number: int) -> None:
    found = explore(make, [strategies()[number]], 2_000)
    assert found.finding is not None
    assert found.finding.is_exact
    assert found.finding.schedule == found.schedules


def test_priorities_change_anywhere_in_a_long_run() -> None:
    class Late(LostUpdate):
        def count(self, own: int) -> None:
            for _ in range(40):
                atomics.load(self.space, own)
            super().count(own)

    assert explore(Late, [Pos(Random(1))], 2_000).finding is not None


@pytest.mark.parametrize("make", RIGHT)
def test_right_programs_have_no_finding(make: Callable[[], Program]) -> None:
    bounded = Bounded(2)
    found = explore(make, [bounded, *strategies()[1:]], 6_000)
    assert found.finding is None
    assert found.unknown == 0
    assert found.distinct > 1
    assert bounded.is_complete
    assert min(bounded.visited) > 0


def test_lost_update_takes_one_preemption_and_not_none() -> None:
    none = Bounded(0)
    assert explore(LostUpdate, [none], 100).finding is None
    assert none.is_complete
    finding = explore(LostUpdate, [Bounded(2)], 1_000).finding
    assert finding is not None
    assert finding.preemptions == 1
    assert finding.verdict == wrong("counted 1 of 2")


@pytest.mark.parametrize("make", RACES)
@pytest.mark.parametrize("number", [1, 2])
def test_shrunk_schedule_has_the_fewest_preemptions(make: Callable[[], Program], number: int) -> None:
    fewest = explore(make, [Bounded(2)], 10_000).finding
    finding = explore(make, [strategies()[number]], 2_000).finding
    assert fewest is not None
    assert finding is not None
    shrunk = shrink_switches(make, finding.switches, finding.verdict)
    assert len(decode(shrunk)) == fewest.preemptions
    assert finding.verdict.is_same_kind(replay_schedule(make, shrunk)[1])
    deviations = decode(shrunk)
    for number in range(len(deviations)):
        without = encode(deviations[:number] + deviations[number + 1 :])
        assert not finding.verdict.is_same_kind(replay_schedule(make, without)[1])
    assert shrink_switches(make, shrunk, finding.verdict) == shrunk


def test_shrunk_preemption_is_as_early_as_can_be() -> None:
    class Wide(LostUpdate):
        def count(self, own: int) -> None:
            old = atomics.load(self.space, 0)
            for _ in range(9):
                atomics.load(self.space, own)
            atomics.store(self.space, 0, old + 1)

    verdict = replay_schedule(Wide, (8, 1))[1]
    assert isinstance(verdict, Violation)
    assert shrink_switches(Wide, (8, 1), verdict) == (2, 1)  # The start, the read, and then.


@pytest.mark.parametrize(
    ("make", "switches"),
    [
        (CheckpointPhase, (1, 2, 0, 1, 0, 1, 0, 1, 2, 1, 0, 1, 0, 1)),
        (LostUpdate, (1, 1, 0, 1, 0, 1, 0, 1, 0, 1, 1, 1, 2, 1, 1, 1, 1, 1, 0, 1)),
    ],
)
def test_runs_of_points_are_merged_where_no_switch_can_be_spared(
    make: Callable[[], Program], switches: tuple[int, ...]
) -> None:
    verdict = replay_schedule(make, switches)[1]
    assert isinstance(verdict, Violation)
    assert len(decode(shrink_switches(make, switches, verdict))) == 1


def test_shrinking_ends_with_its_runs() -> None:
    finding = explore(LostUpdate, [RandomWalk(Random(5), 0.5)], 2_000).finding
    assert finding is not None
    assert shrink_switches(LostUpdate, finding.switches, finding.verdict, runs=0) == finding.switches


@pytest.mark.parametrize("make", RACES)
def test_finding_replays_exactly_twice(make: Callable[[], Program]) -> None:
    finding = explore(make, [RandomWalk(Random(3), 0.3)], 2_000).finding
    assert finding is not None
    for _ in range(2):
        record, verdict = replay_schedule(make, finding.switches)
        assert record.digest() == finding.digest
        assert record.switches == finding.switches
        assert verdict == finding.verdict


def test_program_with_chance_of_its_own_is_told() -> None:
    runs = iter(range(1_000))

    class Chancy(LostUpdate):
        def judge(self, record: Record) -> Verdict:
            return wrong(f"run {next(runs)}")

    finding = explore(Chancy, [Bounded(0)], 1).finding
    assert finding is not None
    assert not finding.is_exact


def test_unknown_is_counted_and_ends_nothing() -> None:
    class Undecided(LostUpdate):
        def judge(self, record: Record) -> Verdict:
            return Unknown("too many orders")

    found = explore(Undecided, [RandomWalk(Random(1))], 10)
    assert (found.schedules, found.unknown, found.finding) == (10, 10, None)


def test_portfolio_takes_turns_until_all_are_exhausted() -> None:
    one, two = Bounded(0), Bounded(1)
    found = explore(Counted, [one, two], 1_000)
    assert one.is_complete
    assert two.is_complete
    assert found.schedules == sum(one.visited) + sum(two.visited) < 1_000


def test_any_ints_are_a_schedule() -> None:
    random = Random(1)
    for _ in range(50):
        switches = [random.randrange(-2, 9) for _ in range(random.randrange(9))]
        record, verdict = replay_schedule(CheckpointPhase, switches)
        assert record.verdict == OK
        assert replay_schedule(CheckpointPhase, record.switches)[1] == verdict


def _digests() -> str:
    """Every digest and schedule of a short exploration."""
    lines = []
    for make in RACES:
        found: Exploration = explore(make, strategies()[1:], 2_000)
        assert found.finding is not None
        lines.append(f"{found.schedules} {found.distinct} {found.finding.switches} {found.finding.digest}")
    return "\n".join(lines)


def test_fresh_processes_agree_whatever_their_hash_seed() -> None:
    """Two children with different hash seeds, and this process, explore alike."""
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import {Path(__file__).stem} as t; "
    )
    seen = {_digests()}
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        child = subprocess.run(
            [sys.executable, "-c", code + "print(t._digests(), end='')"],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        seen.add(child.stdout)
    assert len(seen) == 1
