"""The reference dict and its prefixes."""

from __future__ import annotations

import pytest

from powercut.verifier.spec.model import (
    FORGOTTEN,
    GENERATION,
    STAMPS_MAX,
    TRUNCATIONS,
    Model,
    forgettings,
    issue,
    named,
    replay,
    truncation,
)
from powercut.verifier.tapes.tape import Kind, Operation


def _played(*operations: Operation) -> tuple[Model, list[object]]:
    model = Model()
    return model, [model.apply(model.next(operation)) for operation in operations]


def test_results_are_those_of_a_dict() -> None:
    _, results = _played(
        Operation(Kind.READ),
        Operation(Kind.INSERT),
        Operation(Kind.INSERT),
        Operation(Kind.READ),
        Operation(Kind.RMW),
        Operation(Kind.DELETE),
        Operation(Kind.DELETE),
    )
    assert results == [None, True, False, b"0.2;", b"0.2;0.5;", True, False]


def test_prefix_holds_exactly_the_first_operations_of_each_session() -> None:
    model, _ = _played(
        Operation(Kind.UPSERT, 0, 0),
        Operation(Kind.RMW, 1, 0),
        Operation(Kind.RMW, 0, 0),
        Operation(Kind.UPSERT, 1, 1),
    )
    assert replay(model.history, {0: 1, 1: 1}) == {b"key-0": b"0.1;1.1;"}
    assert replay(model.history, {0: 2}) == {b"key-0": b"0.1;0.2;"}
    assert replay(model.history, {}) == {}
    model.recover({0: 2, 1: 1})
    assert model.content == {b"key-0": b"0.1;1.1;0.2;"}
    assert model.issued == {0: 2, 1: 1}
    assert model.next(Operation(Kind.UPSERT, 1, 0)).serial == 2


def test_key_retires_after_its_stamps() -> None:
    model, _ = _played(*[Operation(Kind.RMW)] * (STAMPS_MAX + 1))
    assert model.content[b"key-0"] == b"0.%d;" % (STAMPS_MAX + 1)


def test_padding_is_no_stamp() -> None:
    model, _ = _played(Operation(Kind.UPSERT, 0, 0, 2), Operation(Kind.RMW, 0, 0, 0))
    assert model.content[b"key-0"] == b"0.1;0.2;"


# ---- truncations


def test_truncation_is_in_a_state_that_has_its_begin_and_in_no_other() -> None:
    model = Model()
    first, second = (issue(Operation(Kind.UPSERT, 0, key), 1 + key) for key in (0, 1))
    for issued in (first, second, truncation(1024, frozenset({first.key}))):
        model.apply(issued)
    assert model.content == {second.key: second.value}
    assert replay(model.history, {0: 2, TRUNCATIONS: 1024}) == model.content
    assert replay(model.history, {0: 2, TRUNCATIONS: 512}) == {
        first.key: first.value,
        second.key: second.value,
    }
    assert replay(model.history, {0: 2}).keys() == {first.key, second.key}


@pytest.mark.parametrize("kind", [Kind.READ, Kind.DELETE, Kind.RMW, Kind.UPSERT, Kind.INSERT])
def test_operation_on_a_key_that_is_gone_stays_as_it_went_where_the_truncation_is_lost(kind: Kind) -> None:
    model = Model()
    before = model.next(Operation(Kind.UPSERT))
    model.apply(before)
    model.apply(truncation(512, frozenset({before.key})))
    issued = model.next(Operation(kind))
    assert issued.is_fresh
    result = model.apply(issued)
    assert result == {Kind.READ: None, Kind.DELETE: False, Kind.INSERT: True, Kind.UPSERT: None}.get(
        kind, issued.stamp
    )
    lost = replay(model.history, {0: 2})  # The truncation is in no checkpoint.
    assert lost == (model.content or {before.key: before.value})
    assert model.next(Operation(Kind.READ)).is_fresh == (not model.content)


# ---- names that a store forgets


def test_name_that_is_forgotten_comes_back_as_another_session_while_that_is_so() -> None:
    model, _ = _played(Operation(Kind.UPSERT, 1), Operation(Kind.RMW, 1), Operation(Kind.UPSERT, 0, 1))
    model.apply(model.forgetting(1))
    again = model.next(Operation(Kind.RMW, 1))
    assert (again.session, again.serial) == (1 + GENERATION, 1)
    assert model.apply(again) == b"1.1;1.2;11.1;"
    assert forgettings(model.history) == [(1, 2)]
    model.recover(named({0: 1}, [(1, 2)]))
    assert model.content == {b"key-0": b"1.1;1.2;", b"key-1": b"0.1;"}
    assert model.next(Operation(Kind.RMW, 1)).session == 1 + GENERATION
    model.recover({0: 1, 1: 2})  # A state from before.
    found = model.next(Operation(Kind.RMW, 1))
    assert (found.session, found.serial) == (1, 3)


def test_bound_told_by_name_is_that_of_the_sessions_that_have_the_names() -> None:
    assert named({0: 3, 1: 1}, []) == {0: 3, 1: 1}
    assert named({0: 3, 1: 1}, [(1, 2)]) == {0: 3, 1: 2, 1 + GENERATION: 1, FORGOTTEN: 1}
    twice = [(1, 2), (1 + GENERATION, 4)]
    assert named({0: 3}, twice) == {0: 3, 1: 2, 1 + GENERATION: 4, FORGOTTEN: 2}
