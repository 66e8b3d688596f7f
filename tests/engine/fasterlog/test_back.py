"""A writer opens the log at an older commit, and gives up later ones under those who tail it beside him."""

import asyncio
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from powercut.engine import CorruptionError, FasterLog, LogSettings, OperationError, SettingsError
from powercut.engine.fasterlog.iterator import LogIterator
from powercut.engine.fasterlog.reading import LogReader

SMALL = LogSettings(page_bytes=1024, segment_bytes=2048, write_unit=512)
OLD = [b"%d" % number * 300 for number in range(8)]


def opened(folder: Path, **arguments: Any) -> FasterLog:
    return FasterLog.open(folder, memory=1 << 16, **arguments)


def write(log: FasterLog, *entries: bytes) -> None:
    """Append each in a commit of its own, and confirm all."""
    for entry in entries:
        log.enqueue(entry)
        log.commit()
    log.close()


def rest(entries: LogIterator) -> list[bytes]:
    found = []
    while (entry := entries.take(timeout=0)) is not None:
        found.append(entry.data)
    return found


def begun(folder: Path) -> FasterLog:
    """A reader beside whom the old entries were written since it was opened."""
    log = opened(folder, create=True, settings=SMALL)
    beside = opened(folder, read_only=True)
    write(log, *OLD)
    assert [entry.data for entry in beside.scan()] == OLD
    return beside


@pytest.mark.parametrize(("commit", "lives"), [*product(range(1, 9), (1, 2, 3))])
def test_an_iterator_goes_back_to_where_the_writer_came_back_to(
    tmp_path: Path, commit: int, lives: int
) -> None:
    beside = begun(tmp_path)
    followers = [beside.follow(), beside.follow("mailer"), beside.follow(uncommitted=True)]
    for entries in followers:
        assert rest(entries) == OLD
    behind = beside.follow()
    for _ in range(3):
        behind.take(timeout=0)
    addresses = [entry.address for entry in beside.scan()]
    new: list[bytes] = []
    for life in range(lives):  # Of which the reader sees the last one only.
        new = [*new[:2], *(b"%d" % life * size for size in (300, 40, 700))]
        kept = 2 if life else 0
        write(opened(tmp_path, commit=commit + kept), *new[kept:])
    now = [*OLD[:commit], *new]
    for entries in followers:
        assert rest(entries) == new
        assert entries.skipped == 0
    assert rest(behind) == now[min(3, commit) :]
    assert [entry.data for entry in beside.scan()] == now
    assert b"".join(bytes(part.data) for part in beside.scan_arrays()) == b"".join(now)
    assert [beside.read(entry.address) for entry in beside.scan()] == now
    assert beside.committed.number == commit + len(new)
    assert addresses[:commit] == [entry.address for entry in beside.scan()][:commit]
    beside.close()


def test_an_iterator_goes_back_where_the_entries_in_place_end_where_the_old_ones_did(tmp_path: Path) -> None:
    beside = begun(tmp_path)
    entries = beside.follow()
    assert rest(entries) == OLD
    write(opened(tmp_path, commit=7), b"x" * 300)
    assert rest(entries) == [b"x" * 300]
    write(opened(tmp_path, commit=6))  # Nothing in their place yet.
    assert rest(entries) == []
    address = entries.position
    assert beside.committed.number == 6
    assert beside.wait(address, timeout=0) is False
    write(opened(tmp_path), b"y")

    async def follow() -> bytes:
        await asyncio.wait_for(beside.wait_async(address), 60)
        async for each in entries:
            return each.data
        return b""

    assert asyncio.run(follow()) == b"y"
    beside.close()


def test_an_iterator_that_a_truncation_overtakes_too_says_what_it_missed(tmp_path: Path) -> None:
    beside = begun(tmp_path)
    entries = beside.follow()
    assert rest(entries) == OLD
    branch = [entry.address for entry in beside.scan()][2] - 64
    log = opened(tmp_path, commit=2)
    log.enqueue_many([b"a" * 500, b"b" * 500])
    log.enqueue(b"c" * 500)
    begin = log.commit().address
    log.truncate_before(begin)
    write(log, b"d")
    assert rest(entries) == [b"d"]
    assert entries.skipped == begin - branch
    beside.close()


def test_a_reader_hears_of_the_progress_that_the_log_has_now(tmp_path: Path) -> None:
    log = opened(tmp_path, create=True, settings=SMALL)
    mailer = log.follow("mailer")
    log.enqueue(b"a")
    log.commit()
    beside = opened(tmp_path, read_only=True)
    mailer.take()
    done = mailer.complete()
    write(log, b"b")
    assert beside.progress == {"mailer": done}
    write(opened(tmp_path, commit=1))
    assert beside.progress == {"mailer": 0}
    beside.close()


@pytest.mark.parametrize("taken", range(8))
def test_entries_taken_back_while_they_are_read_are_not_handed_out(
    tmp_path: Path, taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writer comes back, and writes in their place, between the look for the end and the read."""
    beside = begun(tmp_path)
    entries, scanned = beside.follow(), beside.scan()
    for _ in range(taken):
        assert entries.take(timeout=0) == next(scanned)
    loaded = LogReader._load
    new = [b"n" * 300, b"m" * 20]

    def load(*given: Any) -> Any:
        monkeypatch.undo()
        write(opened(tmp_path, commit=4), *new)
        return loaded(*given)

    monkeypatch.setattr(LogReader, "_load", load)
    assert rest(entries) == [*OLD[taken:4], *new]
    if taken < 6:
        with pytest.raises(OperationError, match="older commit"):
            list(scanned)
    else:  # Nothing stands in the place of these.
        assert [entry.data for entry in scanned] == OLD[taken:]
    beside.close()


def test_a_read_answers_for_the_entry_that_stands_there_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside = begun(tmp_path)
    address = [entry.address for entry in beside.scan()][5]
    assert beside.read(address) == OLD[5]
    loaded = LogReader._load

    def load(*given: Any) -> Any:
        monkeypatch.undo()
        write(opened(tmp_path, commit=5), b"new")
        return loaded(*given)

    list(beside.scan(0, 1000))  # Another block is the one that is held.
    monkeypatch.setattr(LogReader, "_load", load)
    assert beside.read(address) == b"new"
    beside.close()


def test_a_block_of_a_later_life_that_no_root_tells_of_is_damage(tmp_path: Path) -> None:
    beside = begun(tmp_path)
    with pytest.raises(CorruptionError, match="life 1"):
        beside._source.reader.block_at(0, beside.committed.address, 0)
    beside.close()


def test_a_commit_below_the_begin_is_told_as_truncated_and_the_last_one_is_always_there(
    tmp_path: Path,
) -> None:
    log = opened(tmp_path, create=True, settings=SMALL)
    ends = []
    for _ in range(3):
        log.enqueue(b"e" * 900)  # A page.
        ends.append(log.commit().address)
    log.truncate_before(ends[1])
    log.close()
    with pytest.raises(
        SettingsError, match="no such commit: 2; those that no truncation took are number 3 to 3"
    ):
        opened(tmp_path, commit=2)
    log = opened(tmp_path)
    log.truncate_before(ends[2])
    log.close()
    for wanted in (3, b""):
        log = opened(tmp_path, read_only=True, commit=wanted)
        assert log.committed.number == 3
        log.close()
