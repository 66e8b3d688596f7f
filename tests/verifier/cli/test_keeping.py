"""`powercut checkpoints`: what it tells, and with which exit code."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from powercut.engine import FasterKv, Settings

Called = Callable[..., "subprocess.CompletedProcess[bytes]"]
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(called: Called) -> Run:
    """The command's exit code, and what it says on both of its streams."""

    def call(*arguments: str) -> tuple[int, str, str]:
        done = called("checkpoints", *arguments)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    return call


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


def test_checkpoints_are_listed_verified_and_dropped(folder: Path, run: Run) -> None:
    code, told, _ = run("list", str(folder))
    assert (code, len(told.splitlines())) == (0, 2)
    assert "pinned as 'mine'" in told.splitlines()[0]
    document = json.loads(run("list", str(folder), "--json")[1])
    assert [each["serials"] for each in document["checkpoints"]] == [{"orders": 3}, {"orders": 2}]
    assert run("verify", str(folder))[1].count("verified") == 2
    assert run("drop", str(folder), "mine")[0] == 0
    code, told, _ = run("drop", str(folder), "1.2")
    assert (code, len(told.splitlines())) == (0, 1)
    code, _, error = run("drop", str(folder), "1.2")
    assert (code, error.startswith("powercut: no such checkpoint")) == (2, True)


def test_damage_is_told_with_the_checkpoints_that_need_it(folder: Path, run: Run) -> None:
    segment = folder / "segment-00000000"
    data = bytearray(segment.read_bytes())
    data[1100] ^= 1
    segment.write_bytes(data)
    code, told, _ = run("verify", str(folder))
    assert code == 1
    first, second = told.splitlines()
    assert "DAMAGED: segment-00000000 at byte 1024" in first
    assert "verified" in second
    found = json.loads(run("verify", str(folder), "--json")[1])["checkpoints"]
    assert [each["damage"] and each["damage"]["offset"] for each in found] == [1024, None]


def test_a_damaged_image_of_the_index_is_told_and_no_damage_of_its_checkpoint(
    folder: Path, called: Called, run: Run
) -> None:
    with FasterKv.open(folder) as store:
        point = store.checkpoint(index=True)
    assert f"with the index of {point.version.life}.{point.version.counter}" in run("list", str(folder))[1]
    (image,) = folder.glob("index-*")
    image.write_bytes(b"\xff" + image.read_bytes()[1:])
    code, told, _ = run("verify", str(folder))
    assert (code, "the index DAMAGED, opened without it" in told.splitlines()[0]) == (1, True)
    found = json.loads(run("verify", str(folder), "--json")[1])["checkpoints"][0]
    assert (found["damage"], found["index_damage"]["file"]) == (None, image.name)
    looked_at = called("inspect", str(folder)).stdout.decode()
    assert f"{image.name}: openings do without it" in looked_at.splitlines()[-1]


@pytest.mark.parametrize(
    "arguments",
    [("list",), ("drop", "x"), ("list", "x", "mine"), ("purge", "x"), ("list", ""), ("list", "none")],
)
def test_a_wrong_use_is_one_line_and_exit_code_2(run: Run, arguments: tuple[str, ...]) -> None:
    code, told, error = run(*arguments)
    assert (code, told) == (2, "")
    assert error.startswith("powercut: ")
