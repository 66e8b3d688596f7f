"""The judge of a CI run says no: a test spoils one thing in a sound report and expects that one complaint."""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

Script = Callable[[str], ModuleType]


@pytest.fixture
def check(script: Script) -> ModuleType:
    return script("check")


def ran(output: str = "=== 3 passed, 1 skipped in 0.10s ===") -> dict[str, Any]:
    return {
        "result": {"success": True, "exit_code": 0, "skipped": False},
        "test": [{"output": output, "retcode": 0}],
    }


def skipped() -> dict[str, Any]:
    return {"result": {"success": True, "exit_code": 0, "skipped": True}}


def failed() -> dict[str, Any]:
    return ran() | {"result": {"success": False, "exit_code": 1, "skipped": False}}


EXPECTED = ("lint", "once", "py311", "py314", "oldest")
INSTALLED = ("lint", "once", "py311", "oldest")
MOST = ran("=== 3 passed, 1 skipped, 2 deselected in 0.10s ===")
MATRIX = {
    "testenvs": {
        "lint": ran(""),
        "once": ran("=== 1 passed, 1 skipped, 4 deselected in 0.10s ==="),
        "py311": MOST,
        "py314": skipped(),
        "oldest": ran(),
        ".pkg": {},
    }
}

STAGE = {
    "law": "posix",
    "programs": 5,
    "distinct": 90,
    "checked": 70,
    "reached": {"evict": 3},
    "violations": 0,
    "unknown": 0,
    "is_cut": False,
    "floor": {"distinct": 90, "reached": {"evict": 1}},
    "bounds": [{"name": "programs of 2 steps", "complete": True}],
}
GATE = {
    "schema": 1,
    "verdict": "consistent",
    "exit": 0,
    "chosen": [],
    "stages": {
        "model": STAGE | {"bounds": []},
        "crash": STAGE,
        "faults": STAGE | {"bounds": []},
        "damage": STAGE,
        "schedule": STAGE,
        "cpr": STAGE,
        "stress": STAGE | {"bounds": []},
        "kill": STAGE | {"bounds": []},
        "programs": STAGE | {"bounds": []},
        "reach": STAGE | {"bounds": []},
        "mutants": STAGE | {"mutants": [{"name": "lost-sync", "killed": True}]},
        "power": STAGE | {"bounds": []},
    },
}


def spoiled(document: dict[str, Any], path: str, *value: object) -> dict[str, Any]:
    """A copy of `document` with the value at the dotted `path` replaced, or removed if none is given."""
    # Not deepcopy: it would keep one stage that stands in two places one.
    result: dict[str, Any] = json.loads(json.dumps(document))
    *parents, last = path.split(".")
    place: Any = result
    for name in parents:
        place = place[int(name)] if isinstance(place, list) else place[name]
    if value:
        place[last] = value[0]
    else:
        del place[last]
    return result


def test_sound_matrix_is_accepted(check: ModuleType) -> None:
    assert check.judge_matrix(MATRIX, EXPECTED, INSTALLED) == []


@pytest.mark.parametrize(
    ("environment", "entry", "expected"),
    [
        ("lint", failed(), "lint: failed with exit code 1"),
        ("py311", failed(), "py311: failed with exit code 1"),
        ("py311", skipped(), "py311: skipped, although its interpreter is installed"),
        ("lint", skipped(), "lint: skipped, although its interpreter is installed"),
        ("oldest", skipped(), "oldest: skipped, although its interpreter is installed"),
        ("py314", {}, "py314: not in the report of tox"),
        ("py311", ran("=== no tests ran in 0.01s ==="), "py311: no test passed"),
        ("oldest", ran("=== 4 skipped in 0.01s ==="), "oldest: no test passed"),
        ("py311", ran("=== 0 passed in 0.01s ==="), "py311: no test passed"),
        ("py311", ran("the test printed: 3 passed"), "py311: no test passed"),
        ("py311", {"result": ran()["result"]}, "py311: no test passed"),
        ("py311", {"result": {"success": True}, "test": MOST["test"]}, "py311: failed with exit code None"),
        ("py311", ran(), "py311: left out 0 tests, and once ran 2"),
        ("py311", ran("=== 3 passed, 3 deselected in 1s ==="), "py311: left out 3 tests, and once ran 2"),
    ],
)
def test_unsound_matrix_is_named(
    check: ModuleType, environment: str, entry: dict[str, Any], expected: str
) -> None:
    report = {"testenvs": MATRIX["testenvs"] | {environment: entry}}
    assert check.judge_matrix(report, EXPECTED, INSTALLED) == [expected]


@pytest.mark.parametrize("entry", [{}, skipped(), ran("=== 4 skipped, 2 deselected in 1s ===")])
def test_tests_that_nobody_ran_are_missed_by_each_that_left_them_out(
    check: ModuleType, entry: dict[str, Any]
) -> None:
    report = {"testenvs": MATRIX["testenvs"] | {"once": entry, "py314": MOST}}
    first, *others = check.judge_matrix(report, EXPECTED, INSTALLED)
    assert first.startswith("once: ")
    assert others == [f"{name}: left out 2 tests, and once ran 0" for name in ("py311", "py314")]


def test_summary_repeats_what_pytest_said_last(check: ModuleType) -> None:
    output = "=== short test summary info ===\n=== 3 passed, 1 skipped in 0.10s ===\n"
    assert list(
        check.summary_of_matrix({"testenvs": {"py311": ran(output), "py314": skipped(), ".pkg": {}}})
    ) == [
        "  py311    passed   3 passed, 1 skipped in 0.10s",
        "  py314    skipped",
    ]


@pytest.mark.parametrize(
    "output", ["=== 1 failed, 12 passed in 1s ===", "=== 10 passed in 61s (0:01:01) ==="]
)
def test_closing_line_of_pytest_is_read(check: ModuleType, output: str) -> None:
    assert check.closing_line(ran(output)) == output.strip("= ")


@pytest.mark.parametrize("report", [None, [], {}, {"testenvs": None}])
def test_matrix_without_content_is_red_for_every_environment(check: ModuleType, report: object) -> None:
    assert len(check.judge_matrix(report, EXPECTED, INSTALLED)) == len(EXPECTED)


def test_sound_gate_is_accepted(check: ModuleType) -> None:
    assert check.judge_gate(GATE, check.STAGES) == []


def test_planted_bugs_beside_the_stages_are_found(check: ModuleType) -> None:
    moved = spoiled(GATE, "stages.mutants.mutants") | {"mutants": [{"name": "lost-sync", "killed": True}]}
    assert check.judge_gate(moved, check.STAGES) == []


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("schema", [2], "gate.schema: 2"),
        ("schema", [], "gate.schema: None"),
        ("exit", [3], "gate.exit: 3"),
        ("exit", [False], "gate.exit: False"),
        ("verdict", [], "gate.verdict: None"),
        ("chosen", [["crash"]], "gate.chosen: ['crash']"),
        ("chosen", [], "gate.chosen: None"),
        ("stages.crash", [], "gate.stages: crash is missing"),
        ("stages.crash.programs", [0], "crash.programs: 0"),
        ("stages.crash.programs", [], "crash.programs: None"),
        ("stages.model.checked", [0], "model.checked: 0"),
        ("stages.model.checked", [True], "model.checked: True"),
        ("stages.crash.violations", [1], "crash.violations: 1"),
        ("stages.crash.violations", [["torn root"]], "crash.violations: 1"),
        ("stages.crash.violations", [], "crash.violations: None"),
        ("stages.crash.unknown", [2], "crash.unknown: 2"),
        ("stages.crash.is_cut", [True], "crash.is_cut: True"),
        ("stages.crash.is_cut", [], "crash.is_cut: None"),
        ("stages.crash.floor", [{}], "crash.floor: {}"),
        ("stages.crash.floor", [], "crash.floor: None"),
        ("stages.crash.floor", [{"distinct": 91}], "crash.distinct: 90, expected at least 91"),
        ("stages.crash.floor", [{"absent": 1}], "crash.absent: None"),
        ("stages.crash.floor", [{"reached": {"evict": 4}}], "crash.reached.evict: 3, expected at least 4"),
        ("stages.crash.floor", [{"distinct": "none"}], "crash.distinct: 90, expected at least 'none'"),
        ("stages.crash.bounds", [[]], "crash.bounds: []"),
        ("stages.model.bounds", [], "model.bounds: None"),
        ("stages.crash.bounds", [[{"name": "n"}]], "crash.bounds: 'n' is not complete"),
        ("stages.crash.bounds.0.complete", [False], "is not complete"),
        ("stages.mutants.mutants", [[]], "gate.mutants: none was planted"),
        ("stages.mutants.mutants.0.killed", [False], "gate.mutants: 'lost-sync' was not killed"),
    ],
)
def test_unsound_gate_is_named(check: ModuleType, path: str, value: list[object], expected: str) -> None:
    (fault,) = check.judge_gate(spoiled(GATE, path, *value), check.STAGES)
    assert expected in fault


def test_stage_that_nobody_asked_for_is_judged_too(check: ModuleType) -> None:
    more = spoiled(GATE, "stages.mount", STAGE | {"violations": 1})
    assert check.judge_gate(more, check.STAGES) == ["mount.violations: 1, expected 0"]


@pytest.mark.parametrize("report", [None, [], {}, "consistent"])
def test_gate_without_content_is_red(check: ModuleType, report: object) -> None:
    assert {f"gate.stages: {name} is missing" for name in check.STAGES} <= set(
        check.judge_gate(report, check.STAGES)
    )


def test_report_that_is_no_json_counts_as_missing(check: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "torn.json").write_text('{"schema": 1', encoding="utf-8")
    assert check.load(tmp_path / "torn.json") is None
    assert check.load(tmp_path / "absent.json") is None


def test_env_list_is_expanded_as_tox_does(check: ModuleType, root: Path) -> None:
    assert check.expand("lint, py{311,314t}\n  x{a, b}y") == ["lint", "py311", "py314t", "xay", "xby"]
    environments = check.environments_of(root / "tox.ini")
    assert environments == ["lint", "type", "once", "py311", "py312", "py313", "py314", "py314t"]


def executable(path: Path, body: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    path.chmod(0o755)


@pytest.mark.parametrize("place", ["path", "pyenv/versions/3.91.2/bin"])
def test_interpreter_counts_as_installed_wherever_it_stands(
    check: ModuleType, tmp_path: Path, place: str
) -> None:
    executable(tmp_path / place / "python3.91", "echo 91 0")
    assert check.is_installed("py391", str(tmp_path / "path"), str(tmp_path / "pyenv"))
    assert not check.is_installed("py391t", str(tmp_path / "path"), str(tmp_path / "pyenv"))


@pytest.mark.parametrize("body", ["exit 127", "echo 90 0", "echo 91 1", "true"])
def test_shim_without_its_interpreter_is_not_installed(check: ModuleType, tmp_path: Path, body: str) -> None:
    executable(tmp_path / "python3.91", body)
    assert not check.is_installed("py391", str(tmp_path), str(tmp_path))


def test_interpreter_that_runs_this_test_is_found(check: ModuleType, tmp_path: Path) -> None:
    environment = f"py3{sys.version_info.minor}" + getattr(sys, "abiflags", "")
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / f"python3.{environment[3:]}").symlink_to(sys.executable)
    assert check.is_installed(environment, str(folder), str(tmp_path))


def test_floors_are_the_lower_bounds_of_the_dependencies(script: Script) -> None:
    assert script("floors").floors(["a>=1.2", "b-c >= 3"]) == ["a==1.2", "b-c==3"]


@pytest.mark.parametrize("dependency", ["a", "a==1", "a>=1,<2", "a>1"])
def test_dependency_without_a_plain_lower_bound_is_refused(script: Script, dependency: str) -> None:
    with pytest.raises(ValueError, match=re.escape(repr(dependency))):
        script("floors").floors([dependency])
