"""Check from the reports of tox and the gate that a CI run proved all it is there to prove.

Usage: python ci/check.py --gate GATE.json TOX.json...

Exit codes of tox and of the gate are not enough: an interpreter that tox did not find is skipped and green,
and a gate that explored nothing has found nothing. Here a missing key is as red as a bad value.

Invariants, for the matrix
    M1  every environment of env_list in tox.ini, and of BASE_PYTHON, is reported
    M2  every environment that ran succeeded, and an environment of tests passed at least one test
    M3  an environment was skipped only if no interpreter on this machine could run it
    M4  the environment ONCE ran as many tests as each of an interpreter left out
Invariants, for the gate
    G1  the document has schema 1, exit 0 and a verdict; no stage was chosen, each of STAGES is in it
    G2  each stage: programs > 0, checked > 0, violations = 0, unknown = 0, and no budget ended it
    G3  each stage has a floor, and for every field of it floor <= measured
    G4  each bound of each stage is complete; a stage of EXHAUSTIVE has at least one
    G5  the list of planted bugs is not empty, and each of them was killed
"""

import argparse
import configparser
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SCHEMA = 1
STAGES = (
    "model",
    "crash",
    "faults",
    "damage",
    "schedule",
    "cpr",
    "stress",
    "kill",
    "programs",
    "reach",
    "mutants",
    "power",
)
EXHAUSTIVE = ("crash", "damage", "schedule", "cpr")
# The interpreter of an environment whose name does not tell it.
BASE_PYTHON = {"oldest": "py311"}
# The environment of the tests that one interpreter is enough for.
ONCE = "once"
SPEC = re.compile(r"py3(\d+)(t?)")
# The line with which pytest closes, where at least one test passed.
PASSED = re.compile(r"^=+ ((?:.*\D)?[1-9]\d* passed\b.*?) =+$", re.MULTILINE)


def load(path: Path) -> Any:
    """The JSON document, or None where there is none: then every rule about it is broken."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        print(f"check: {path}: {error}")
        return None


def mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def number(value: object) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


# ---- the matrix


def expand(names: str) -> list[str]:
    """The environments of an env_list: `a, b{1,2}` is a, b1, b2."""
    expanded: list[str] = []
    for name in re.findall(r"(?:[^,{}\s]|\{[^}]*\})+", names):
        head, brace, rest = name.partition("{")
        inner, _, tail = rest.partition("}")
        expanded += [f"{head}{choice.strip()}{tail}" for choice in inner.split(",")] if brace else [name]
    return expanded


def environments_of(tox_ini: Path) -> list[str]:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(tox_ini.read_text(encoding="utf-8"))
    return expand(parser["tox"]["env_list"])


def candidates(name: str, search_path: str, pyenv_root: str) -> Iterator[Path]:
    for folder in filter(None, search_path.split(os.pathsep)):
        yield Path(folder, name)
    yield from sorted(Path(pyenv_root, "versions").glob(f"*/bin/{name}"))


def is_installed(environment: str, search_path: str, pyenv_root: str) -> bool:
    """True if some interpreter can run `environment`. It is started: a shim of pyenv exists without one."""
    match = SPEC.fullmatch(BASE_PYTHON.get(environment, environment))
    if match is None:
        return True  # lint, type: any interpreter will do, and tox itself runs under one
    minor, threads = match.groups()
    probe = (
        "import sys, sysconfig; print(sys.version_info[1], sysconfig.get_config_var('Py_GIL_DISABLED') or 0)"
    )
    for path in candidates(f"python3.{minor}{threads}", search_path, pyenv_root):
        if not path.is_file():
            continue
        try:
            answer = subprocess.run(
                [path, "-c", probe], capture_output=True, text=True, timeout=60, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            continue
        if answer.returncode == 0 and answer.stdout.split() == [minor, "1" if threads else "0"]:
            return True
    return False


def closing_line(environment: Mapping[str, Any]) -> str | None:
    """The last line of pytest's report, if a test passed."""
    commands = environment.get("test")
    outputs = (
        [str(mapping(command).get("output")) for command in commands] if isinstance(commands, list) else []
    )
    lines = [line for output in outputs for line in PASSED.findall(output)]
    return lines[-1] if lines else None


def is_of_tests(name: str) -> bool:
    return name == ONCE or SPEC.fullmatch(BASE_PYTHON.get(name, name)) is not None


def counted(environment: Mapping[str, Any], *words: str) -> int:
    """The sum of the numbers that stand before these words in the last line of pytest's report."""
    line = closing_line(environment) or ""
    return sum(int(count) for count, word in re.findall(r"(\d+) (\w+)", line) if word in words)


def judge_once(reported: Mapping[str, Any], expected: Iterable[str]) -> list[str]:
    """Every breach of M4: a test that is left out everywhere, or taken out by something else.

    An environment that failed is named for that alone.
    """
    ran = counted(mapping(reported.get(ONCE)), "passed", "skipped")
    faults = []
    for name in filter(SPEC.fullmatch, expected):
        environment = mapping(reported.get(name))
        left_out = counted(environment, "deselected")
        has_passed = mapping(environment.get("result")).get("success") is True
        if has_passed and closing_line(environment) is not None and left_out != ran:
            faults.append(f"{name}: left out {left_out} tests, and {ONCE} ran {ran}")
    return faults


def judge_matrix(report: object, expected: Iterable[str], installed: Iterable[str]) -> list[str]:
    """Every breach of M1 to M4 in one report of tox; `installed` are the environments that could have run."""
    expected = list(expected)
    reported = mapping(mapping(report).get("testenvs"))
    faults = []
    for name in expected:
        environment = mapping(reported.get(name))
        result = mapping(environment.get("result"))
        if not result:
            faults.append(f"{name}: not in the report of tox")
        elif result.get("skipped") is True:
            if name in installed:
                faults.append(f"{name}: skipped, although its interpreter is installed")
        elif result.get("success") is not True or result.get("exit_code") != 0:
            faults.append(f"{name}: failed with exit code {result.get('exit_code')}")
        elif is_of_tests(name) and closing_line(environment) is None:
            faults.append(f"{name}: no test passed")
    return faults + judge_once(reported, expected)


# ---- the gate


def below_floor(floor: object, measured: object, name: str) -> list[str]:
    """Every field of `floor`, nested ones too, that `measured` does not reach."""
    if isinstance(floor, Mapping):
        inner = mapping(measured)
        return [
            fault
            for field, value in floor.items()
            for fault in below_floor(value, inner.get(field), f"{name}.{field}")
        ]
    least, reached = number(floor), number(measured)
    if least is not None and reached is not None and least <= reached:
        return []
    return [f"{name}: {measured!r}, expected at least {floor!r}"]


def judge_stage(name: str, stage: Mapping[str, Any]) -> list[str]:
    """Every breach of G2 to G4 in one stage."""
    faults = []
    for field in ("programs", "checked"):
        if (number(stage.get(field)) or 0) <= 0:
            faults.append(f"{name}.{field}: {stage.get(field)!r}, expected more than 0")
    for field in ("violations", "unknown"):
        count = stage.get(field)
        if isinstance(count, list):
            count = len(count)
        if number(count) != 0:
            faults.append(f"{name}.{field}: {count!r}, expected 0")
    if stage.get("is_cut") is not False:
        faults.append(f"{name}.is_cut: {stage.get('is_cut')!r}, expected False")
    floor = stage.get("floor")
    if not isinstance(floor, Mapping) or not floor:
        faults.append(f"{name}.floor: {floor!r}, expected at least one field")
    faults += below_floor(mapping(floor), stage, name)
    bounds = stage.get("bounds")
    if not isinstance(bounds, list) or (not bounds and name in EXHAUSTIVE):
        faults.append(f"{name}.bounds: {bounds!r}, expected a list with at least one")
        return faults
    faults += [
        f"{name}.bounds: {mapping(bound).get('name')!r} is not complete"
        for bound in bounds
        if mapping(bound).get("complete") is not True
    ]
    return faults


def planted_bugs(report: Mapping[str, Any]) -> list[Any]:
    stage = mapping(mapping(report.get("stages")).get("mutants"))
    bugs = stage.get("mutants", report.get("mutants"))
    return bugs if isinstance(bugs, list) else []


def judge_gate(report: object, wanted: Iterable[str]) -> list[str]:
    """Every breach of G1 to G5 in the report of a gate."""
    document = mapping(report)
    faults = []
    if document.get("schema") != SCHEMA:
        faults.append(f"gate.schema: {document.get('schema')!r}, expected {SCHEMA}")
    if number(document.get("exit")) != 0:
        faults.append(f"gate.exit: {document.get('exit')!r}, expected 0")
    if not isinstance(document.get("verdict"), str) or not document["verdict"]:
        faults.append(f"gate.verdict: {document.get('verdict')!r}, expected a word")
    if document.get("chosen") != []:
        faults.append(f"gate.chosen: {document.get('chosen')!r}, expected []")
    stages = mapping(document.get("stages"))
    for name in dict.fromkeys([*wanted, *stages]):
        if name in stages:
            faults += judge_stage(name, mapping(stages[name]))
        else:
            faults.append(f"gate.stages: {name} is missing")
    bugs = planted_bugs(document)
    if not bugs:
        faults.append("gate.mutants: none was planted")
    faults += [
        f"gate.mutants: {mapping(bug).get('name')!r} was not killed"
        for bug in bugs
        if mapping(bug).get("killed") is not True
    ]
    return faults


# ---- the run


def summary_of_matrix(report: object) -> Iterator[str]:
    for name, environment in mapping(mapping(report).get("testenvs")).items():
        result = mapping(mapping(environment).get("result"))
        if result:
            word = "skipped" if result.get("skipped") else "passed" if result.get("success") else "FAILED"
            yield f"  {name:8} {word:8} {closing_line(mapping(environment)) or ''}".rstrip()


def summary_of_gate(report: object) -> Iterator[str]:
    for name, stage in mapping(mapping(report).get("stages")).items():
        counts = ", ".join(
            f"{field} {value}"
            for field in ("programs", "distinct", "checked", "violations")
            if number(value := mapping(stage).get(field)) is not None
        )
        yield f"  {name:8} {counts}"


def main() -> int:
    parser = argparse.ArgumentParser(description="Judge what tox and the gate wrote.")
    parser.add_argument("--gate", type=Path, required=True)
    parser.add_argument("tox", type=Path, nargs="+")
    arguments = parser.parse_args()
    expected = [*environments_of(ROOT / "tox.ini"), *BASE_PYTHON]
    pyenv_root = os.environ.get("PYENV_ROOT") or str(Path.home() / ".pyenv")
    installed = [name for name in expected if is_installed(name, os.environ.get("PATH", ""), pyenv_root)]
    reports = [load(path) for path in arguments.tox]
    tox = {
        "testenvs": {
            k: v for report in reports for k, v in mapping(mapping(report).get("testenvs")).items() if v
        }
    }
    gate = load(arguments.gate)
    print("\n".join(["matrix", *summary_of_matrix(tox), "gate", *summary_of_gate(gate)]))
    faults = judge_matrix(tox, expected, installed) + judge_gate(gate, STAGES)
    for fault in faults:
        print(f"check: {fault}")
    if not faults:
        ran = [name for name in installed if SPEC.fullmatch(name)]
        print(f"check: all of {', '.join(ran)} ran; every stage of the gate reached its floor and its bounds")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
