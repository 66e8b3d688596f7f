"""The shrinker: what it hands back is small, of the same kind, and the same every time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from random import Random

import pytest

from powercut.faultfs import FaultDevice
from powercut.verifier.finders.crashes import search_tape
from powercut.verifier.finders.search import search_programs
from powercut.verifier.reducing.passes import count_operations, weigh
from powercut.verifier.reducing.shrink import descend
from powercut.verifier.runs.play import play
from powercut.verifier.spec.model import Issued, Result, apply
from powercut.verifier.spec.subject import Bound
from powercut.verifier.tapes.programs import random_tapes
from powercut.verifier.tapes.tape import Crash, Era, Kind, Operation, Tape
from powercut.verifier.verdict import OK, Breach, Verdict, Violation

_LOST = Violation("prefix", Breach.LOST_ACK, "")
_HOLE = Violation("prefix", Breach.HOLE, "")


@dataclass(frozen=True)
class _Answer:
    verdict: Verdict


def _judging(is_bad: Callable[[Tape], bool], verdict: Violation = _LOST) -> Callable[[Tape], _Answer]:
    """A run that needs no store: the tape alone decides."""
    return lambda tape: _Answer(verdict if is_bad(tape) else OK)


def _operations(tape: Tape) -> list[Operation]:
    return [operation for era in tape.eras for operation in era.program]


def _kinds(operations: Iterable[Operation]) -> list[int]:
    return [operation.kind for operation in operations]


def _random_tape(seed: int) -> Tape:
    (tape,) = random_tapes(Random(seed), 1, ("tiny",), "posix", 30)
    return tape


@pytest.mark.parametrize("seed", range(5))
def test_two_operations_that_matter_are_all_that_stays(seed: int) -> None:
    def is_bad(tape: Tape) -> bool:
        kinds = _kinds(_operations(tape))
        return Kind.DELETE in kinds and Kind.CHECKPOINT in kinds[kinds.index(Kind.DELETE) :]

    program = _random_tape(seed).eras[0].program
    tape = Tape((Era((*program, Operation(Kind.DELETE, 1, 2, 2), Operation(Kind.CHECKPOINT, 1, 1, 1))),))
    small = descend(tape, _LOST, _judging(is_bad))
    assert small == Tape((Era((Operation(Kind.DELETE), Operation(Kind.CHECKPOINT))),))


def test_result_is_one_minimal() -> None:
    """Nothing can go alone: three operations are needed, on two keys, in a second session."""

    def is_bad(tape: Tape) -> bool:
        keys = {operation.key for operation in _operations(tape) if operation.session == 1}
        return len(keys) >= 2 and Kind.REOPEN in _kinds(_operations(tape))

    tape = _random_tape(3)
    assert is_bad(tape)
    small = descend(tape, _LOST, _judging(is_bad))
    assert count_operations(small) == 3
    for place in range(3):
        program = [operation for number, operation in enumerate(_operations(small)) if number != place]
        assert not is_bad(Tape((Era(tuple(program)),)))


def test_another_kind_of_violation_is_no_reason_to_shrink() -> None:
    tape = Tape((Era((Operation(Kind.RMW), Operation(Kind.RMW))),))

    def run(candidate: Tape) -> _Answer:
        return _Answer(_LOST if candidate == tape else _HOLE)

    assert descend(tape, _LOST, run) == tape


def test_tape_that_does_not_fail_is_handed_back() -> None:
    tape = _random_tape(1)
    assert descend(tape, _LOST, _judging(lambda _: False)) is tape


def test_crash_becomes_milder_and_later() -> None:
    tape = Tape((Era((), Crash(4, 3, (2, 5, 0, 3, 1, 0))), Era()))

    def is_bad(candidate: Tape) -> bool:
        crash = candidate.eras[0].crash
        return crash is not None and len(crash.survivors) > 3 and crash.survivors[3] >= 2 and crash.sync >= 1

    small = descend(tape, _LOST, _judging(is_bad))
    assert small.eras[0].crash == Crash(1, 0, (0, 0, 0, 2))


def test_eras_go_and_their_programs_stay_where_they_matter() -> None:
    tape = Tape((Era((Operation(Kind.RMW),), Crash(1)), Era((), Crash(2)), Era((Operation(Kind.DELETE),))))
    small = descend(tape, _LOST, _judging(lambda each: _kinds(_operations(each)) == [Kind.RMW, Kind.DELETE]))
    assert small == Tape((Era((Operation(Kind.RMW), Operation(Kind.DELETE))),))


def test_stepped_checkpoint_becomes_a_whole_one() -> None:
    steps = (Operation(Kind.START), *[Operation(Kind.STEP)] * 3, Operation(Kind.UPSERT), Operation(Kind.STEP))

    def is_bad(tape: Tape) -> bool:
        kinds = _kinds(_operations(tape))
        return Kind.UPSERT in kinds and (Kind.CHECKPOINT in kinds or kinds.count(Kind.STEP) == 4)

    small = descend(Tape((Era(steps),)), _LOST, _judging(is_bad))
    assert sorted(_kinds(_operations(small))) == [Kind.UPSERT, Kind.CHECKPOINT]


def test_search_finds_the_crash_that_dropping_an_operation_has_moved() -> None:
    """The crash must be at twice the number of operations: no tape with one operation less replays."""

    def is_bad(tape: Tape) -> bool:
        crash = tape.eras[0].crash
        return crash is not None and crash.sync == 2 * count_operations(tape) and count_operations(tape) >= 1

    def search(tape: Tape) -> tuple[Tape | None, int]:
        era = Era(tape.eras[0].program, Crash(2 * count_operations(tape)))
        return Tape((era,)), 10

    tape = Tape((Era((Operation(),) * 6, Crash(12)),))
    assert descend(tape, _LOST, _judging(is_bad)) == tape
    small = descend(tape, _LOST, _judging(is_bad), search)
    assert small == Tape((Era((Operation(),), Crash(2)),))


@pytest.mark.parametrize(("enough", "left"), [(0, 1), (2, 2), (3, 3), (5, 3), (6, 6)])
def test_nothing_smaller_is_searched_where_a_tape_is_small_enough(enough: int, left: int) -> None:
    """As above; a search drops the half of what is there first."""
    searches: list[Tape] = []

    def is_bad(tape: Tape) -> bool:
        crash = tape.eras[0].crash
        return crash is not None and crash.sync == 2 * count_operations(tape) and count_operations(tape) >= 1

    def search(tape: Tape) -> tuple[Tape | None, int]:
        searches.append(tape)
        return Tape((Era(tape.eras[0].program, Crash(2 * count_operations(tape))),)), 1

    small = descend(
        *(Tape((Era((Operation(),) * 6, Crash(12)),)), _LOST, _judging(is_bad), search), enough=enough
    )
    assert count_operations(small) == left
    assert bool(searches) == (left < 6)


def test_spent_budget_ends_it_with_the_best_so_far() -> None:
    runs = []

    def run(tape: Tape) -> _Answer:
        runs.append(tape)
        return _Answer(_LOST if count_operations(tape) else OK)

    tape = Tape((Era((Operation(Kind.RMW, 1, 1, 1),) * 40),))
    small = descend(tape, _LOST, run, budget=6)
    assert len(runs) == 6
    assert 1 < count_operations(small) < 40
    assert count_operations(descend(tape, _LOST, run)) == 1


@pytest.mark.parametrize(
    ("after", "most"), [("100,009 calls on the device", 14), ("10 s of the processor's time", 2)]
)
def test_runs_that_hang_count_for_as_many_as_they_take_the_time_of(after: str, most: int) -> None:
    runs = []
    hang = Violation("progress", Breach.HANG, f"no end after {after}")

    def run(tape: Tape) -> _Answer:
        runs.append(tape)
        return _Answer(hang)

    tape = Tape((Era((Operation(Kind.RMW, 1, 1, 1),) * 40),))
    descend(tape, hang, run, budget=4_000)
    assert 1 < len(runs) <= most


class _Forgetful:
    """A dict in one file, written as a whole at a checkpoint and not synced: a bug to shrink."""

    def __init__(self, device: FaultDevice) -> None:
        self._device = device
        if "data" not in device.list():
            device.create("data")
            device.sync_names()
        size = device.size("data")
        buffer = bytearray(size)
        device.read_into("data", 0, buffer)
        lines = [line.split(b"=", 1) for line in bytes(buffer).split(b"\n") if b"=" in line]
        self._content = {line[0]: line[1] for line in lines}
        self._issued: dict[int, int] = {}

    def apply(self, issued: Issued) -> Result:
        self._issued[issued.session] = issued.serial
        return apply(self._content, issued)

    def checkpoint(self) -> Bound:
        data = b"".join(key + b"=" + value + b"\n" for key, value in sorted(self._content.items()))
        self._device.truncate("data", 0)
        self._device.write("data", 0, data)
        return dict(self._issued)

    def read_all(self) -> dict[bytes, bytes]:
        return dict(self._content)

    def close(self) -> None:
        """Make nothing more durable."""


def test_bug_found_in_a_long_tape_shrinks_to_two_operations_and_replays() -> None:
    found = None
    for tape in random_tapes(Random(5), 20, ("tiny",), "strict", 20):
        _, found = search_tape(tape, make_store=_Forgetful)
        if found is not None and count_operations(found.tape) > 6:
            break
    assert found is not None

    def run(tape: Tape) -> _Answer:
        return _Answer(play(tape, _Forgetful).verdict)

    small = descend(found.tape, found.verdict, run, partial(search_programs, make_store=_Forgetful))
    assert count_operations(small) == 2
    assert found.verdict.is_same_kind(run(small).verdict)
    assert weigh(small) < weigh(found.tape)
    assert descend(found.tape, found.verdict, run, partial(search_programs, make_store=_Forgetful)) == small
