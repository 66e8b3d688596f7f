"""A process that only reads tails a log while another one writes it."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from powercut.engine import FasterLog, FileDevice, LogSettings, ReadOnlyError, StoreLockedError

_TAILS = """
import sys
from powercut.engine import FasterLog

with FasterLog.open(sys.argv[1], read_only=True) as log, log.follow("mailer") as entries:
    print("open", flush=True)
    for entry in entries:
        if entry.data == b"end":
            break
        print(entry.data.decode(), flush=True)
"""
SMALL = LogSettings(page_bytes=1024, segment_bytes=2048, write_unit=512)


def opened(folder: Path, **arguments: Any) -> FasterLog:
    return FasterLog.open(folder, memory=1 << 16, **arguments)


def test_another_process_tails_while_the_log_is_written(tmp_path: Path) -> None:
    log = opened(tmp_path, create=True, settings=SMALL)
    log.enqueue(b"0")
    log.commit()
    command = [sys.executable, "-c", _TAILS, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "open\n"
        for number in range(1, 60):
            log.enqueue(b"%d" % number * 50)
            log.commit()
        log.rollback(log.enqueue(b"never"))
        log.enqueue(b"end")
        log.commit()
        log.close()  # Confirms.
        assert reader.stdout.read().split() == ["0", *(str(number) * 50 for number in range(1, 60))]
        assert reader.wait(60) == 0


def test_no_file_goes_while_somebody_reads_and_he_hears_of_the_begin(tmp_path: Path) -> None:
    log = opened(tmp_path, create=True, settings=SMALL)
    for number in range(8):
        log.enqueue(b"%d" % number * 900)
    log.commit()
    log.commit(b"")
    beside = opened(tmp_path, read_only=True)
    entries = beside.follow()
    assert entries.take(timeout=0) is not None
    before = entries.position
    log.truncate_before(log.committed.address)
    assert (tmp_path / "segment-00000000").exists()
    assert entries.take(timeout=0) is None
    assert entries.skipped == log.begin - before
    assert beside.begin == log.begin
    beside.close()
    log.commit(b"")
    log.truncate_before(log.committed.address)
    assert not (tmp_path / "segment-00000000").exists()
    log.close()


def test_what_is_not_confirmed_is_not_read(tmp_path: Path) -> None:
    log = opened(tmp_path, create=True, settings=SMALL)
    beside = opened(tmp_path, read_only=True)
    entries = beside.follow()
    assert entries.take(timeout=0) is None
    first = log.enqueue(b"a")
    log.commit()
    assert beside.wait(first, timeout=0) is False
    log.commit(b"cookie")  # Confirms the one before.
    entry = entries.take(timeout=60)
    assert entry is not None
    assert entry.data == b"a"
    assert beside.wait(first) is True
    assert beside.committed.number == 1
    assert beside.read(first) == b"a"
    with pytest.raises(ReadOnlyError):
        beside.follow("mailer").complete()
    log.close()
    assert beside.committed == (2, log.committed.address, b"cookie")
    other = opened(tmp_path)  # A new life; the reader goes on.
    last = other.enqueue(b"b")
    other.commit()
    other.commit(b"")

    async def follow() -> bytes:
        await asyncio.wait_for(beside.wait_async(last), 60)
        async for each in beside.follow(begin=last):
            return each.data
        return b""

    assert asyncio.run(follow()) == b"b"
    with pytest.raises(StoreLockedError):
        opened(tmp_path)
    beside.close()
    other.close()


def test_a_commit_that_was_come_back_to_is_what_a_reader_sees(tmp_path: Path) -> None:
    log = opened(tmp_path, create=True, settings=SMALL)
    for number in range(3):
        log.enqueue(b"%d" % number)
        log.commit()
    beside = opened(tmp_path, read_only=True)
    assert [entry.data for entry in beside.scan()] == [b"0", b"1"]
    log.close()
    log = opened(tmp_path, commit=1)
    assert [entry.data for entry in beside.scan()] == [b"0"]
    log.enqueue(b"new")
    log.commit()
    log.close()
    assert [entry.data for entry in beside.scan()] == [b"0", b"new"]
    beside.close()
    assert not FileDevice(tmp_path).is_beside
