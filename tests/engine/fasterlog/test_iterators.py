"""Iterators wait for commits, keep their progress under a name, and say what they missed."""

import asyncio
import errno
import threading
from contextlib import suppress
from typing import Any

import pytest

from powercut.engine import (
    ClosedError,
    Commit,
    DeviceError,
    FasterLog,
    MemoryDevice,
    OperationError,
    PoisonedError,
)


def taken(iterator: Any) -> list[bytes]:
    """All that can be had at once."""
    found = []
    while (entry := iterator.take(timeout=0)) is not None:
        found.append(entry.data)
    return found


def test_an_iterator_goes_on_where_commits_go_on(bench: Any) -> None:
    log = bench.open()
    entries = log.follow()
    assert taken(entries) == []
    log.enqueue(b"a")
    assert taken(entries) == []
    log.commit()
    log.enqueue(b"b")
    assert taken(entries) == [b"a"]
    log.enqueue(b"c" * 900)
    log.commit()
    assert taken(entries) == [b"b", b"c" * 900]
    assert (entries.position, entries.skipped) == (log.committed.address, 0)
    entries.close()
    log.commit_and_wait(b"d")
    assert list(entries) == []


def test_each_iterator_sees_all_and_threads_that_share_one_see_each_entry_once() -> None:
    log = FasterLog.open(MemoryDevice(), create=True)
    first, second = log.follow(), log.follow()
    seen: dict[str, list[int]] = {name: [] for name in ("first", "half", "other half")}

    def consume(iterator: Any, name: str) -> None:
        for entry in iterator:
            seen[name].append(int(entry.data))

    threads = [
        threading.Thread(target=consume, args=each)
        for each in ((first, "first"), (second, "half"), (second, "other half"))
    ]
    for thread in threads:
        thread.start()
    for number in range(300):
        log.enqueue(b"%d" % number)
        if number % 7 == 0:
            log.commit()
    log.commit()
    runtime = log._source.runtime
    assert runtime.until("all", lambda: sum(map(len, seen.values())) == 600, runtime.now() + 60)
    first.close()
    second.close()
    for thread in threads:
        thread.join()
    assert seen["first"] == list(range(300))
    assert sorted(seen["half"] + seen["other half"]) == list(range(300))
    assert all(each == sorted(each) for each in seen.values())


def test_coroutines_follow_beside_whoever_appends_and_hear_of_the_end() -> None:
    log = FasterLog.open(MemoryDevice(), create=True)
    closed, left = log.follow(), log.follow()

    async def consume(iterator: Any, count: int) -> list[bytes]:
        found = []
        async for entry in iterator:
            found.append(entry.data)
            if len(found) == count:
                break
        return found

    async def run() -> None:
        tasks = [asyncio.ensure_future(consume(each, count)) for each, count in ((closed, 9), (left, 3))]
        ahead = asyncio.ensure_future(consume(log.follow(uncommitted=True), 3))
        loop = asyncio.get_running_loop()
        for number in range(3):
            log.enqueue(b"%d" % number)
            await asyncio.sleep(0)
            if number < 2:
                await loop.run_in_executor(None, log.commit)
        expected = [b"0", b"1", b"2"]
        assert await asyncio.wait_for(ahead, 60) == expected
        assert not any(task.done() for task in tasks)
        log.commit()
        assert await asyncio.wait_for(tasks[1], 60) == expected
        closed.close()
        assert await asyncio.wait_for(tasks[0], 60) == expected
        last = asyncio.ensure_future(consume(log.follow(begin=log.tail), 1))
        await asyncio.sleep(0)
        log.close()
        with pytest.raises(ClosedError):
            await asyncio.wait_for(last, 60)

    asyncio.run(run())


def test_progress_comes_back_with_the_commit_that_kept_it(bench: Any) -> None:
    log = bench.open()
    log.enqueue_many([b"a", b"b", b"c"])
    log.commit()
    with log.follow("mailer") as entries:
        for expected in (b"a", b"b"):
            assert next(entries).data == expected
        done = entries.complete()
        assert next(entries).data == b"c"  # Handed out, and not done.
    assert log.progress == {"mailer": done}
    unkept = bench.survivor().open()
    assert unkept.progress == {}
    assert log.commit() == Commit(2, 1024)  # For the progress alone.
    assert log.commit() == Commit(2, 1024)
    other = bench.survivor()
    log = other.open()
    assert log.progress == {"mailer": done}
    assert log.committed == Commit(2, 1024)
    entries = log.follow("mailer")
    assert taken(entries) == [b"c"]
    assert entries.complete() == log.committed.address
    log.close()  # Without a commit: as after a crash.
    log = other.open()
    assert taken(log.follow("mailer")) == [b"c"]
    assert taken(log.follow("printer")) == [b"a", b"b", b"c"]
    log.commit(b"cookie")
    other.log.close()
    log = other.open()
    assert log.progress == {"mailer": done, "printer": 0}
    assert log.committed.cookie == b"cookie"


def test_a_name_that_is_forgotten_begins_anew_and_the_last_one_may_go(bench: Any) -> None:
    log = bench.open()
    log.enqueue(b"a")
    entries = log.follow("mailer")
    log.commit()
    assert taken(entries) == [b"a"]
    entries.complete()
    log.commit()
    log.forget("mailer")
    log.forget("nobody")
    assert log.commit().number == 3
    log = bench.survivor().open()
    assert log.progress == {}
    assert taken(log.follow("mailer")) == [b"a"]


def test_progress_only_rises_and_not_past_what_was_handed_out(bench: Any) -> None:
    log = bench.open()
    addresses = log.enqueue_many([b"a", b"b", b"c"]).tolist()
    log.commit()
    entries = log.follow("mailer")
    next(entries)
    next(entries)
    with pytest.raises(OperationError, match="at most"):
        entries.complete_until(addresses[2] + 1)
    assert entries.complete_until(addresses[2]) == addresses[2]
    assert entries.complete_until(addresses[1]) == addresses[2]
    again = log.follow("mailer")
    assert taken(again) == [b"c"]
    with pytest.raises(OperationError, match="without a name"):
        log.follow().complete()
    with pytest.raises(OperationError, match="one of the two"):
        log.follow("x", uncommitted=True)


def test_names_that_a_page_has_no_room_for_are_refused(bench: Any, entries: Any) -> None:
    log = bench.open()
    kept = []
    with suppress(OperationError):
        for number in range(99):
            log.follow(f"consumer number {number}")
            kept.append(number)
    assert 9 < len(kept) < 99
    with pytest.raises(OperationError, match="a cookie of 960 bytes"):
        log.commit(bytes(960))
    log.enqueue(bytes(956))
    log.commit(bytes(512))
    assert len(bench.survivor().open().progress) == len(kept)


def test_an_iterator_that_a_truncation_overtakes_goes_on_at_the_begin_and_says_so(bench: Any) -> None:
    log = bench.open()
    addresses = [log.enqueue(b"%d" % number * 900) for number in range(8)]
    point = log.commit()
    entries, done = log.follow("mailer"), log.follow()
    assert next(entries).data == b"0" * 900
    assert len(taken(done)) == 8
    before = entries.position
    log.truncate_before(addresses[6])
    assert [entry[:1] for entry in taken(entries)] == [b"6", b"7"]
    assert entries.skipped == addresses[6] - before
    log.truncate_before(point.address)
    assert taken(done) == []
    assert done.skipped == 0  # It had been through.
    other = log.follow("late", begin=0)
    assert (taken(other), other.skipped) == ([], point.address)


def test_a_truncation_between_two_blocks_misses_nothing(bench: Any) -> None:
    log = bench.open()
    for number in range(3):
        log.commit_and_wait(b"%d" % number)
    entries = log.follow()
    assert next(entries).data == b"0"
    log.truncate_before(entries.position)
    assert (taken(entries), entries.skipped) == ([b"1", b"2"], 0)


def test_what_is_not_committed_is_seen_on_request_and_forgotten_with_a_rollback(bench: Any) -> None:
    log = bench.open()
    log.commit_and_wait(b"kept")
    ahead = log.follow(uncommitted=True)
    addresses = [log.enqueue(b"%d" % number * 400) for number in range(6)]  # Some of them on the device.
    assert [entry.data[:1] for entry in log.scan(uncommitted=True)] == [b"k", *b"0 1 2 3 4 5".split()]
    assert [entry.data for entry in log.scan()] == [b"kept"]
    assert len(taken(ahead)) == 7
    log.rollback(addresses[3])
    log.enqueue(b"new")
    log.rollback(addresses[4] if addresses[4] < log.tail else log.tail)
    assert taken(ahead) == [b"new"]
    log.enqueue(b"newer")
    assert taken(ahead) == [b"newer"]
    log.commit()
    assert taken(ahead) == []
    assert [entry.data for entry in log.scan()][-2:] == [b"new", b"newer"]


def test_an_uncommitted_scan_survives_a_rollback_in_its_middle(bench: Any) -> None:
    log = bench.open()
    addresses = [log.enqueue(b"%d" % number * 900) for number in range(6)]
    scan = log.scan(uncommitted=True)
    assert next(scan).data == b"0" * 900
    log.rollback(addresses[1])
    log.enqueue(b"x" * 900)
    rest = [entry.data[:1] for entry in scan]
    assert rest == sorted(rest)
    assert set(rest) <= {b"1", b"2", b"3", b"4", b"5"}


def test_a_commit_that_failed_ends_no_iterator_and_a_poisoned_log_does(bench: Any) -> None:
    log = bench.open()
    entries = log.follow()
    log.enqueue(b"a")
    bench.device.failing, bench.device.number = "write", errno.ENOSPC
    with pytest.raises(DeviceError):
        log.commit()
    assert taken(entries) == []
    bench.device.failing = ""
    log.commit()
    assert taken(entries) == [b"a"]
    log.enqueue(b"b")
    bench.device.failing, bench.device.number = "sync", errno.EIO
    with pytest.raises(PoisonedError):
        log.commit()
    with pytest.raises(PoisonedError):
        entries.take(timeout=0)


def test_a_cookie_whose_commit_failed_comes_with_the_commit_that_holds_it(bench: Any) -> None:
    log = bench.open()
    log.enqueue(b"a")
    bench.device.failing, bench.device.number = "write", errno.ENOSPC
    with pytest.raises(DeviceError):
        log.commit(b"cookie")
    bench.device.failing = ""
    assert log.commit().cookie == b"cookie"
    assert bench.survivor().open().committed.cookie == b"cookie"


def test_progress_in_a_commit_that_was_rolled_back_is_kept_by_the_next(bench: Any) -> None:
    log = bench.open()
    log.enqueue(b"a")
    log.commit()
    entries = log.follow("mailer")
    assert taken(entries) == [b"a"]
    done = entries.complete()
    address = log.enqueue(b"b")
    bench.device.failing, bench.device.number = "write", errno.ENOSPC
    with pytest.raises(DeviceError):
        log.commit()
    bench.device.failing = ""
    log.rollback(address)
    log.commit()
    assert bench.survivor().open().progress == {"mailer": done}


def test_a_log_that_nobody_writes_is_followed_to_its_end(bench: Any) -> None:
    with bench.open() as log:
        log.enqueue(b"a")
    log = bench.open(read_only=True)
    assert [entry.data for entry in log.follow("mailer")] == [b"a"]
    assert log.wait(log.committed.address) is False
    assert log.progress == {}


def test_an_older_commit_is_come_back_to_by_number_or_cookie(bench: Any, entries: Any) -> None:
    log = bench.open()
    for number in range(1, 5):
        log.enqueue(b"%d" % number)
        log.commit(b"cookie %d" % number)
    log.follow("mailer")
    log.close()
    for commit, count in ((2, 2), (b"cookie 3", 3), (4, 4)):
        log = bench.open(read_only=True, commit=commit)
        assert len(entries(log)) == count
        log.close()
    before = len(bench.device.trace)
    for commit in (0, 5, b"cookie", b""):
        with pytest.raises(ValueError, match="no such commit"):
            bench.open(commit=commit)
    assert {event.kind.name for event in bench.device.trace.events[before:]} <= {"READ", "LIST", "SIZE"}
    log = bench.open(commit=2)
    assert entries(log) == [b"1", b"2"]
    again = bench.survivor().open()
    assert entries(again) == [b"1", b"2"]
    log.enqueue(b"new")
    assert log.commit().number == 3
    for other in (bench.survivor(), bench.survivor("strict")):
        assert entries(other.open()) == [b"1", b"2", b"new"]


def test_names_are_text_of_at_most_255_bytes() -> None:
    log = FasterLog.open(MemoryDevice(), create=True)
    names: tuple[Any, ...] = ("", "x" * 256, "é" * 128, b"x", 5, "\ud800")
    for name in names:
        with pytest.raises(OperationError):
            log.follow(name)
    log.follow("é" * 127)
