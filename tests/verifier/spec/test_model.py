"""The reference dict and its prefixes."""

from __future__ import annotations

from powercut.verifier.spec.model import STAMPS_MAX, Model, replay
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
