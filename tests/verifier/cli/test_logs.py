"""The command looks at logs, and refuses a format that it does not know."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from powercut.engine import FasterKv, FasterLog

Called = Callable[..., Any]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    folder = tmp_path / "log"
    with FasterLog.open(folder, create=True) as opened:
        opened.enqueue_many([b"first", b"second" * 20])
        opened.commit(b"cookie")
        opened.follow("mailer")
    return folder


def test_a_log_is_told_with_its_entries(called: Called, log: Path) -> None:
    before = {path.name: path.read_bytes() for path in log.iterdir()}
    told = called("inspect", str(log), "--entries")
    assert told.returncode == 0
    assert b"2 commits, 2 blocks, 2 entries of 125 bytes" in told.stdout
    assert b"entry      64: 5 bytes b'first'" in told.stdout
    assert b"iterator   mailer: done below 0" in told.stdout
    document = msgspec.json.decode(called("inspect", str(log), "--json", "--verify").stdout)
    assert (document["kind"], document["entries"], document["verdict"]) == ("log", 2, "sound")
    assert {path.name: path.read_bytes() for path in log.iterdir()} == before


def test_a_damaged_log_exits_1_with_the_first_bad_offset(called: Called, log: Path) -> None:
    segment = log / "segment-00000000"
    data = bytearray(segment.read_bytes())
    data[70] ^= 1
    segment.write_bytes(data)
    told = called("inspect", str(log), "--verify")
    assert told.returncode == 1
    assert told.stdout.endswith(b"DAMAGED, first segment-00000000 at byte 0\n")


def test_entries_of_a_store_are_not_asked_for(called: Called, tmp_path: Path) -> None:
    FasterKv.open(tmp_path / "store", create=True).close()
    assert called("inspect", str(tmp_path / "store"), "--entries").returncode == 2
    assert called("inspect", str(tmp_path / "store")).returncode == 0


def test_what_is_of_this_format_has_nothing_to_migrate_and_what_is_not_known_is_refused(
    called: Called, log: Path
) -> None:
    assert b"a log of format 1, the newest: nothing to migrate" in called("migrate", str(log)).stdout
    for file in ("root-a", "root-b", "root-c"):
        data = bytearray((log / file).read_bytes())
        data[8] = 9
        data[-4:] = _crc(bytes(data[:-4]))
        (log / file).write_bytes(data)
    refused = called("migrate", str(log))
    assert refused.returncode == 3
    assert b"version 9" in refused.stderr


def _crc(data: bytes) -> bytes:
    from fastcrc import crc32

    return crc32.iscsi(data).to_bytes(4, "little")
