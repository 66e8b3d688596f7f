"""`powercut checkpoints`: what it tells, and with which exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from powercut.engine import FasterKv, Settings


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "powercut.verifier", "checkpoints", *arguments], capture_output=True, text=True
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    settings = Settings(page_bytes=1024, segment_bytes=2048, write_unit=512, extent_bytes=512)
    with FasterKv.open(tmp_path / "s", create=True, settings=settings, kernels="interpreted") as store:
        session = store.session("orders")
        for number in range(3):
            session.upsert(b"k", b"%d" % number)
            store.checkpoint()
        store.pin("mine")
    return tmp_path / "s"


def test_checkpoints_are_listed_verified_and_dropped(folder: Path) -> None:
    listed = run("list", str(folder))
    assert (listed.returncode, len(listed.stdout.splitlines())) == (0, 2)
    assert "pinned as 'mine'" in listed.stdout.splitlines()[0]
    document = json.loads(run("list", str(folder), "--json").stdout)
    assert [each["serials"] for each in document["checkpoints"]] == [{"orders": 3}, {"orders": 2}]
    assert run("verify", str(folder)).stdout.count("verified") == 2
    assert run("drop", str(folder), "mine").returncode == 0
    dropped = run("drop", str(folder), "1.2")
    assert (dropped.returncode, len(dropped.stdout.splitlines())) == (0, 1)
    again = run("drop", str(folder), "1.2")
    assert (again.returncode, again.stderr.startswith("powercut: no such checkpoint")) == (2, True)


def test_damage_is_told_with_the_checkpoints_that_need_it(folder: Path) -> None:
    segment = folder / "segment-00000000"
    data = bytearray(segment.read_bytes())
    data[1100] ^= 1
    segment.write_bytes(data)
    told = run("verify", str(folder))
    assert told.returncode == 1
    first, second = told.stdout.splitlines()
    assert "DAMAGED: segment-00000000 at byte 1024" in first
    assert "verified" in second
    found = json.loads(run("verify", str(folder), "--json").stdout)["checkpoints"]
    assert [each["damage"] and each["damage"]["offset"] for each in found] == [1024, None]


@pytest.mark.parametrize(
    "arguments", [("list",), ("drop", "x"), ("list", "x", "mine"), ("purge", "x"), ("list", ""), ("list", "none")]
)
def test_a_wrong_use_is_one_line_and_exit_code_2(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    told = run(*arguments)
    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr.startswith("powercut: ")
