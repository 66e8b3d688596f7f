"""Reasons: each is of a mutant that is there, and one whose mutant is gone is refused."""

import msgspec
import pytest

from powercut.verifier.power.equivalent import Reason, Reasons, parse_reasons, read_reasons
from powercut.verifier.power.generic import Generic, generate_all

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def every() -> list[Generic]:
    return [*generate_all("engine"), *generate_all("harness")]


def reason_of(mutant: Generic) -> Reason:
    old, new = mutant.change()
    return Reason(mutant.module.removeprefix("powercut."), mutant.function, mutant.operator, old, "so", new)


def test_every_reason_that_ships_is_of_a_mutant_that_is_there(every: list[Generic]) -> None:
    reasons = read_reasons()
    assert reasons.gone(every) == []
    assert all(reason.why.strip() for reason in reasons.equivalent)


def test_a_reason_is_of_its_mutant_and_of_no_other(every: list[Generic]) -> None:
    mutant = every[100]
    reasons = Reasons((reason_of(mutant),))
    assert reasons.of(mutant) == "so"
    assert [each.name for each in every[:300] if reasons.of(each)] == [mutant.name]


@pytest.mark.parametrize("field", ["module", "function", "operator", "text", "becomes"])
def test_a_reason_whose_mutant_is_gone_is_refused(every: list[Generic], field: str) -> None:
    right = reason_of(every[100])
    assert Reasons((right,)).gone(every) == []
    wrong = msgspec.structs.replace(right, **{field: "not there"})
    (objection,) = Reasons((right, wrong)).gone(every)
    assert wrong.module in objection


def test_a_field_that_is_not_known_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="line"):
        parse_reasons('[[equivalent]]\nmodule="a"\nfunction="b"\noperator="c"\ntext="d"\nwhy="e"\nline=3\n')
