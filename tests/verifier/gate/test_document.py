"""The document of a gate: its schema, what the judge of a CI run makes of it, and the order of its exits."""

from __future__ import annotations

import importlib.util
import json
from copy import deepcopy
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from powercut.verifier.gate import GateReport, Stage, json_schema, run_gate
from powercut.verifier.gate.document import Bound
from powercut.verifier.gate.profile import Profile, parse_profile
from powercut.verifier.gate.stages import mutants
from powercut.verifier.mutants.bank import BANK
from powercut.verifier.mutants.hunt import Row

CHECK = Path(__file__).resolve().parents[3] / "ci" / "check.py"
MUTANTS = """
[mutants]
[mutants.floor]
killed = 1
"""


@pytest.fixture(scope="module")
def consistent(tiny_text: str) -> GateReport:
    """A consistent gate; the hunt for its one planted bug is told and not run."""
    row = Row("bug", "ancestor", "prefix", "kind", True, 0.5, 3, "", "", 7, 8, 9, None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mutants, "BANK", BANK[:1])
        patch.setattr(mutants, "kill", lambda name, **_: row)
        return run_gate(parse_profile(tiny_text + MUTANTS, "test"))


@pytest.fixture
def report(consistent: GateReport) -> GateReport:
    """The report of `consistent`, to change."""
    return deepcopy(consistent)


def test_shipped_schema_is_the_one_of_the_types() -> None:
    shipped = files("powercut.verifier.gate").joinpath("schema.json").read_bytes()
    assert shipped == json_schema(), "write json_schema() to verifier/gate/schema.json"


@pytest.mark.parametrize(
    ("place", "field", "value"),
    [
        (("stages", "crash"), "distinct", "many"),
        (("stages", "crash", "floor"), "distinct", 0),
        (("stages", "crash", "bounds", 0), "complete", None),
        (("stages", "mutants", "mutants", 0), "killed", 1),
        ((), "exit", 2),
        ((), "schema", 2),
        ((), "verdict", None),
    ],
)
def test_document_is_valid_and_a_spoilt_one_is_not(
    report: GateReport, place: tuple[str | int, ...], field: str, value: Any
) -> None:
    schema = json.loads(files("powercut.verifier.gate").joinpath("schema.json").read_bytes())
    document = json.loads(report.to_json())
    jsonschema.validate(document, schema)
    inner = document
    for step in place:
        inner = inner[step]
    inner[field] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, schema)
    del inner[field]
    if place[-1:] != ("floor",):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(document, schema)


@pytest.fixture
def judge() -> Any:
    spec = importlib.util.spec_from_file_location("gate_check", CHECK)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.judge_gate


def test_judge_of_ci_accepts_a_consistent_gate_and_no_other(judge: Any, report: GateReport) -> None:
    assert judge(json.loads(report.to_json()), ("model", "crash", "mutants")) == []
    report.stages["crash"].bounds.append(Bound("another", "posix", 1, ""))
    report.conclude()
    assert report.exit == 4
    assert len(judge(json.loads(report.to_json()), ("model", "crash", "mutants"))) == 2


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        ({"violations": [None]}, 1),
        ({"violations": [None], "unstable": ["it"]}, 1),
        ({"unstable": ["it"], "unknown": ["that"]}, 5),
        ({"unknown": ["that"], "failures": ["those"]}, 4),
        ({"failures": ["those"]}, 3),
        ({}, 0),
    ],
)
def test_worst_thing_gives_the_exit(spoil: dict[str, Any], code: int) -> None:
    report = GateReport("test", 0, {"crash": Stage("posix", {}, **spoil)})
    assert report._exit() == code
    report.interrupted = True
    assert report._exit() == 130


def test_floor_on_a_figure_that_does_not_exist_is_not_reached() -> None:
    assert Stage("posix", {"distinkt": 1}).shortfalls() == ["distinkt: None, at least 1 expected"]


def test_gate_without_stages_is_below_any_floor() -> None:
    assert run_gate(Profile("empty")).exit == 3
