"""The operations after a recovery: of the kinds that a store takes, and some that write among them."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from powercut.verifier.finders.continuations import continuations, few_continuations, log_continuations
from powercut.verifier.machine import StoreViolationError
from powercut.verifier.tapes.tape import Kind, Operation
from powercut.verifier.verdict import Breach

_STORES = Path(__file__).parents[3] / "docs" / "own-store"


def test_continuations_are_all_sequences_of_their_alphabet() -> None:
    assert [len(continuations(steps)) for steps in range(3)] == [1, 1 + 4, 1 + 4 + 16]
    assert len(continuations(1, sizes=3)) == 1 + 3 + 1 + 3 + 1
    assert [len(each) for each in continuations(1, {Kind.RMW}, keys=1)] == [2, 3]
    assert all(each[-2].kind == Kind.CHECKPOINT and each[-1].kind == Kind.REOPEN for each in continuations(1))


def test_few_ones_are_of_what_the_store_takes_and_each_of_them_writes() -> None:
    end = [Kind.CHECKPOINT, Kind.REOPEN]
    given: dict[tuple[int, frozenset[Kind]], list[list[Kind]]] = {
        (1, frozenset({Kind.UPSERT, Kind.RMW, Kind.ENQUEUE})): [[Kind.UPSERT]],
        (2, frozenset({Kind.RMW, Kind.READ})): [[Kind.RMW], [Kind.RMW, Kind.RMW]],
        (1, frozenset({Kind.ENQUEUE_MANY, Kind.ENQUEUE})): [[Kind.ENQUEUE]],
        (1, frozenset({Kind.OWN})): [[Kind.OWN]],
        (1, frozenset({Kind.READ})): [[]],
        (0, frozenset({Kind.UPSERT})): [[]],
    }
    for (steps, kinds), expected in given.items():
        programs = few_continuations(steps, kinds)
        assert [[each.kind for each in program] for program in programs] == [each + end for each in expected]


def test_those_of_a_log_are_of_what_it_takes() -> None:
    assert [len(log_continuations(steps, {Kind.ENQUEUE, Kind.ENQUEUE_MANY})) for steps in range(3)] == [
        1,
        4,
        13,
    ]
    assert len(log_continuations(1, {Kind.ENQUEUE, Kind.TRUNCATE_AT})) == 5


def test_machine_whose_store_takes_no_entries_goes_on_with_a_write() -> None:
    """Its kinds are all there are by default; the one that it goes on with has to mean something to it."""
    made = ModuleType("slotted")
    source = (_STORES / "slotted.py").read_text(encoding="utf-8")
    exec(
        compile(source.replace('device.truncate("slots", self.count * SLOT)', "pass"), "", "exec"), vars(made)
    )
    machine = made.SlottedMachine()
    machine.open()
    machine.give(Operation(Kind.UPSERT))
    machine.give(Operation(Kind.UPSERT))
    with pytest.raises(StoreViolationError) as raised:
        machine.teardown()  # Of two slots one is lost, and the next write stands before the other.
    assert raised.value.verdict.breach in (Breach.HOLE, Breach.LOST_ACK)
