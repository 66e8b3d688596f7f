"""The tally: Wilson's interval against known values, groups, shares and exit codes."""

from importlib.resources import files

import msgspec
import pytest
from jsonschema import Draft202012Validator

from powercut.verifier.power.tally import Fate, PowerReport, json_schema, wilson
from powercut.verifier.power.telling import tell_fate, tell_report


@pytest.mark.parametrize(
    ("count", "total", "low", "high"),
    [
        # Newcombe, Two-sided confidence intervals for the single proportion (1998), table I.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (20, 20, 0.8389, 1.0),
        (0, 0, 0.0, 1.0),
    ],
)
def test_interval_is_that_of_the_literature(count: int, total: int, low: float, high: float) -> None:
    assert wilson(count, total) == pytest.approx((low, high), abs=5e-5)


def fate(name: str, what: str, seconds: float = 0.0) -> Fate:
    made = Fate(name, "powercut.engine.toy", "f", name.split(":")[0], 3, "- a\n+ b")
    made.fate, made.cpu_seconds = what, seconds  # type: ignore[assignment]
    return made


def report(*fates: Fate, tested: bool = True) -> PowerReport:
    made = PowerReport("engine", "ci", 1, len(fates), 100, tested, mutants=list(fates))
    made.conclude()
    return made


def test_shares_leave_the_equivalent_out_and_take_the_undecided_for_untold() -> None:
    made = report(
        fate("edge:1", "gate", 1.0),
        fate("edge:2", "gate", 3.0),
        fate("lock:1", "tests", 100.0),
        fate("lock:2", "equivalent"),
        fate("lock:3", "unknown"),
    )
    assert made.by_gate is not None
    assert made.by_both is not None
    assert (made.by_gate.count, made.by_gate.of) == (2, 4)
    assert (made.by_both.count, made.by_both.of) == (3, 4)
    assert made.median_cpu_seconds == 2.0
    assert (made.operators["edge"].gate, made.operators["lock"].tests, made.operators["lock"].unknown) == (
        2,
        1,
        1,
    )
    assert made.exit == 4


@pytest.mark.parametrize(
    ("fates", "code"),
    [
        ((), 3),
        (("gate", "tests", "equivalent"), 0),
        (("gate", "unknown"), 4),
        (("gate", "survived"), 3),
        (("unknown", "survived"), 3),
    ],
)
def test_exit_code_says_whether_all_were_told(fates: tuple[str, ...], code: int) -> None:
    made = report(*[fate(f"edge:{number}", each) for number, each in enumerate(fates)])
    assert made.exit == code
    made.objections.append("a reason for a mutant that is gone")
    made.conclude()
    assert int(made.exit) == 3
    made.interrupted = True
    made.conclude()
    assert int(made.exit) == 130


def test_survivors_are_told_with_their_diff_and_what_is_not_tested_says_so() -> None:
    lost = fate("edge:1", "survived")
    unrun = ["    line 3, which no part of the gate that was asked runs", "    - a", "    + b"]
    assert tell_fate(lost, is_tested=True).splitlines()[1:] == unrun
    assert tell_fate(lost, is_tested=True, is_hunted=False).splitlines()[1] == "    line 3"
    lost.is_reached = True
    assert tell_fate(lost, is_tested=True).splitlines()[1:] == ["    line 3", *unrun[1:]]
    assert "SURVIVED" in tell_fate(lost, is_tested=True)
    assert "survives the gate" in tell_fate(lost, is_tested=False)
    text = tell_report(report(lost, fate("edge:2", "gate")))
    assert "told by the gate            1 of 2: 50.0%, between 9.4% and 90.5%" in text


def test_document_is_what_the_shipped_schema_says() -> None:
    shipped = files("powercut.verifier.power").joinpath("schema.json").read_bytes()
    assert shipped == json_schema(), "write json_schema() to verifier/power/schema.json"
    validator = Draft202012Validator(msgspec.json.decode(shipped))
    document = msgspec.json.decode(msgspec.json.encode(report(fate("edge:1", "gate"))))
    assert list(validator.iter_errors(document)) == []
    del document["mutants"][0]["diff"]
    assert [error.message for error in validator.iter_errors(document)] == ["'diff' is a required property"]
