"""The command `power`: one document, exit codes, and what it refuses.

Mutants are planted in processes of the command's own, so that it runs in the test's.
"""

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import msgspec
import pytest
from jsonschema import Draft202012Validator

from powercut.verifier.power.tally import json_schema

PREFETCH = "engine.kernels.probe:hash_keys:statement:3"


SMALL = """
name = "small"
[crash]
limit = 64
depth = 0
[crash.exhaustive]
geometries = ["tiny"]
steps = 1
chunk = 2
[crash.random]
geometries = ["tiny"]
tapes = 1
steps = 2
chunk = 1
[crash.floor]
programs = 1
"""

Called = Callable[..., CompletedProcess[bytes]]
Run = Callable[..., CompletedProcess[str]]


@pytest.fixture
def run(called: Called) -> Run:
    def call(*arguments: str) -> CompletedProcess[str]:
        done = called("power", *arguments)
        return CompletedProcess(arguments, done.returncode, done.stdout.decode(), done.stderr.decode())

    return call


@pytest.fixture
def profile(tmp_path: Path) -> str:
    """The name of a gate of a few programs."""
    path = tmp_path / "small.toml"
    path.write_text(SMALL, encoding="utf-8")
    return str(path)


def test_document_is_one_line_of_json_that_fits_its_schema(run: Run, profile: str) -> None:
    asked = ("--sample", "1", "--seed", "1", "--module", "log.ring", "--rungs", "1")
    done = run(*asked, "--profile", profile, "--json")
    assert len(done.stdout.splitlines()) == 1
    document = msgspec.json.decode(done.stdout)
    assert list(Draft202012Validator(msgspec.json.decode(json_schema())).iter_errors(document)) == []
    assert (done.returncode, document["exit"]) in ((0, 0), (3, 3))
    assert [each["module"] for each in document["mutants"]] == ["powercut.engine.log.ring"]
    assert done.stderr == ""


def test_text_names_the_mutant_and_the_share(run: Run, profile: str) -> None:
    done = run("--module", "kernels.probe", "--only", PREFETCH, "--profile", profile)
    assert done.returncode == 0
    assert "nobody sees it" in done.stdout
    assert "told by the gate            0 of 0" in done.stdout


def test_mutants_are_listed_without_a_hunt(run: Run) -> None:
    done = run("--list", "--module", "log.ring")
    assert done.returncode == 0
    names = [line.split()[0] for line in done.stdout.splitlines()]
    assert len(names) > 100
    assert all(name.startswith("engine.log.ring:") for name in names)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--module", "no.such"), "no module of engine"),
        (("--module", "log.ring", "--only", "no:such"), "no such mutant"),
        (("--of", "harness"), "--tests FOLDER"),
        (("--tests", "/no/such"), "no such folder"),
        (("--sample", "0"), "sample"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_one_line(run: Run, arguments: tuple[str, ...], why: str) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert why in done.stderr
    assert len(done.stderr.splitlines()) == 1
