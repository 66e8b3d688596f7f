"""Operations: one table, in which everything about an operation stands once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from powercut.verifier.machine import StoreMachine
from powercut.verifier.spec.model import apply, issue
from powercut.verifier.tapes.operations import BESIDE, KEYED, LOGGED, OPERATIONS, Kind, Lane
from powercut.verifier.tapes.programs import ALPHABET
from powercut.verifier.tapes.tape import Operation

_VERIFIER = Path(__file__).parents[3] / "verifier"
# Each of them reads the table, so none of them names an operation on a key.
_READERS = ("spec/model.py", "machine/bench.py", "telling/report.py", "runs/world.py", "reducing/passes.py")


def test_every_kind_has_its_row_in_order() -> None:
    assert list(OPERATIONS) == sorted(Kind)
    assert len({row.told for row in OPERATIONS.values()}) == len(OPERATIONS)


@pytest.mark.parametrize("reader", _READERS)
def test_reader_of_the_table_names_no_operation_on_a_key(reader: str) -> None:
    source = (_VERIFIER / reader).read_text(encoding="utf-8")
    assert [kind.name for kind in KEYED if re.search(rf"\bKind\.{kind.name}\b", source)] == []


def test_sizes_mean_something_where_something_is_written() -> None:
    """And only there: with another size the dict becomes another."""
    for kind in KEYED:
        contents = []
        for size in (0, 1):
            content: dict[bytes, bytes] = {}
            apply(content, issue(Operation(kind, 0, 0, size), 1))
            contents.append(content)
        assert (contents[0] != contents[1]) == bool(OPERATIONS[kind].sign), kind.name


def test_machine_has_a_rule_for_each_operation_that_random_programs_have() -> None:
    assert all(hasattr(StoreMachine, kind.name.lower()) for kind in KEYED if OPERATIONS[kind].weight)
    assert not any(hasattr(StoreMachine, kind.name.lower()) for kind in BESIDE)


def test_small_programs_have_what_the_table_says_and_nothing_that_means_nothing_to_them() -> None:
    assert {operation.kind for operation in ALPHABET} == {
        kind for kind, row in OPERATIONS.items() if row.is_small
    }
    assert not {operation.kind for operation in ALPHABET} & BESIDE


def test_what_stands_in_no_lane_or_means_nothing_alone_is_not_drawn() -> None:
    assert all(not row.weight for row in OPERATIONS.values() if row.is_beside)
    assert all(OPERATIONS[kind].lane is Lane.SESSION for kind in KEYED - LOGGED)
    assert all(OPERATIONS[kind].lane is Lane.NOWHERE and not OPERATIONS[kind].weight for kind in LOGGED)
