"""Hunts among schedules: the order of their programs and of the schedules of one excludes nothing."""

from itertools import islice
from random import Random
from typing import Any

import pytest

from powercut.verifier.concurrency.programs import Searched, search_lanes, small_tapes
from powercut.verifier.concurrency.schedule import Bounded, Exploration, Record
from powercut.verifier.gate.stages.mutants import PlantedBug
from powercut.verifier.mutants.bank import BANK
from powercut.verifier.mutants.hunts.order import features
from powercut.verifier.mutants.hunts.preempt import programs
from powercut.verifier.mutants.hunts.schedule import FEW, Scattered, hunt_schedules
from powercut.verifier.tapes.tape import Tape


def test_few_programs_without_a_preemption_come_first_and_none_is_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    searched: list[tuple[Tape, int]] = []

    def search(tape: Tape, strategies: list[Scattered], limit: int) -> Searched:
        searched.append((tape, len(strategies[0].visited) - 1))
        return Searched(Exploration())

    monkeypatch.setattr("powercut.verifier.mutants.hunts.schedule.search_lanes", search)
    request = {"bug": "", "seed": 0, "oracle": "linearizable", "breach": "WRONG_VALUE", "around": ["scan"]}
    answer = hunt_schedules({**request, "preemptions": 1})
    alone, beside = ([(tape, most) for tape in programs(most, "linearizable")] for most in (0, 1))
    few, likely = alone[::FEW], [each for each in beside if "scan" in features(each[0])]
    assert searched[: len(few) + len(likely)] == [*few, *likely]
    assert len(few) * FEW < len(alone) + FEW
    assert sorted(map(repr, searched)) == sorted(map(repr, [*alone, *beside]))
    assert (answer["tape"], answer["programs"]) == ("", len(searched))
    searched.clear()
    hunt_schedules({**request, "preemptions": 0})
    assert searched == alone


def test_scattered_schedules_are_those_of_the_bound_in_another_order() -> None:
    class Noting(Bounded):
        def learn(self, record: Record) -> None:
            run.append((tuple(record.deviations), record.order()))
            super().learn(record)

    class NotingScattered(Noting, Scattered):
        pass

    tape = next(tape for tape in programs(1, "linearizable") if "absent" in features(tape))
    orders = []
    for strategy in (Noting(1, 10_000), NotingScattered(1, 10_000, Random(1))):
        run: list[Any] = []
        assert search_lanes(tape, [strategy], 10_000).verdict is None
        assert strategy.is_complete
        orders.append(run)
    assert len(orders[0]) > 20
    assert orders[0] != orders[1]
    assert len(set(orders[1])) == len(orders[1])
    first, second = ({order for _, order in run} for run in orders)
    assert first == second


def test_hunts_among_schedules_of_two_preemptions_are_the_dearest() -> None:
    costs = {mutant.name: PlantedBug(mutant.name, 1).cost for mutant in BANK}
    assert costs["fuzzy-region-copied"] > costs["copier-does-not-seal"] > costs["data-never-synced"]


def test_room_for_all_that_is_known_of_means_that_no_seed_passes_a_schedule_over() -> None:
    tape = next(islice(small_tapes("narrow"), 300, None))
    for limit, has_room in ((10_000, True), (2, False)):
        scattered = Scattered(1, limit, Random(1))
        search_lanes(tape, [scattered], limit)
        assert scattered.has_room is has_room
