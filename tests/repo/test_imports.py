"""An import brings only what its name says: one process takes step after step, and is asked after each."""

import json
import subprocess
import sys
from collections.abc import Mapping

import pytest

# In this order: each step has all that the steps before it brought.
STEPS = (
    "import powercut",
    "import powercut.verifier",
    "from powercut.verifier.mutants import bank, hook, server",
    "from powercut import FasterKv",
    "from powercut import FaultDevice",
    "from powercut.verifier import gate",
)
HEAVY = ("fastcrc", "greenlet", "hypothesis", "msgspec", "numba", "numpy", "rich", "typer")
ASKS = """
import json, sys
told = {}
for step in json.loads(sys.argv[1]):
    exec(step)
    told[step] = sorted(sys.modules)
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def imported() -> Mapping[str, list[str]]:
    """The names of all modules that are there after each step."""
    command = [sys.executable, "-c", ASKS, json.dumps(STEPS)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    told: Mapping[str, list[str]] = json.loads(done.stdout)
    return told


def of_ours(names: list[str]) -> set[str]:
    """The packages of powercut among `names`."""
    return {name.split(".")[1] for name in names if name.startswith("powercut.")}


def test_the_face_brings_itself_and_nothing_else(imported: Mapping[str, list[str]]) -> None:
    names = imported["import powercut"]
    assert "powercut" in names
    assert of_ours(names) == set()
    assert [name for name in HEAVY if name in names] == []


def test_the_verifier_brings_neither_engine_nor_disk(imported: Mapping[str, list[str]]) -> None:
    names = imported["import powercut.verifier"]
    assert of_ours(names) == {"verifier"}
    assert [name for name in HEAVY if name in names] == []


def test_bank_hook_and_server_leave_the_engine_unimported(imported: Mapping[str, list[str]]) -> None:
    """A fork server that had it would fork children without the bug."""
    names = imported["from powercut.verifier.mutants import bank, hook, server"]
    assert "powercut.verifier.mutants.server" in names
    assert of_ours(names) == {"verifier"}


def test_the_store_brings_its_checksum_and_none_of_the_bench(imported: Mapping[str, list[str]]) -> None:
    names = imported["from powercut import FasterKv"]
    assert of_ours(names) == {"engine", "verifier"}
    assert [name for name in HEAVY if name in names] == ["fastcrc"]


def test_the_disk_brings_neither_arrays_nor_the_bench(imported: Mapping[str, list[str]]) -> None:
    names = imported["from powercut import FaultDevice"]
    assert "powercut.faultfs.disk.device" in names
    assert [name for name in HEAVY if name in names] == ["fastcrc", "msgspec"]


def test_the_gate_brings_nothing_that_one_of_its_stages_alone_has_use_for(
    imported: Mapping[str, list[str]],
) -> None:
    names = imported["from powercut.verifier import gate"]
    assert "powercut.verifier.gate.stages.model" in names
    assert [name for name in HEAVY if name in names] == ["fastcrc", "greenlet", "msgspec"]
