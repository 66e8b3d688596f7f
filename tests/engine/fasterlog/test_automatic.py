"""Commits by themselves: due by time, bytes or entries, none for nothing, and an end from every state."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable
from typing import Any

import pytest

from powercut.engine import CorruptionError, DeviceError, FasterLog, MemoryDevice, ReadOnlyError
from powercut.verifier.faster.stepped import SteppedRuntime


def until(log: FasterLog, condition: Callable[[], bool]) -> None:
    runtime = log._source.runtime
    assert runtime.until("the worker", condition, runtime.now() + 30), log.automatic.last_error


def threads() -> int:
    return sum(each.name == "powercut-commit" for each in threading.enumerate())


def test_it_is_due_after_so_many_seconds_and_an_idle_log_is_confirmed_once(bench: Any) -> None:
    runtime = SteppedRuntime()
    log = bench.open(runtime=runtime)
    log.commit_every(seconds=10)
    worker = log.automatic
    for second, taken in ((0, 0), (5, 0), (9.5, 0), (10, 1), (15, 1), (20, 2)):
        runtime.seconds = second
        if second in (5, 15):
            log.enqueue(b"%d" % second)
        worker.drive(1)
        assert worker.taken == taken, second
    writes = len(bench.device.trace)
    worker.drive(1)
    assert len(bench.device.trace) == writes
    runtime.seconds = 31
    worker.drive(1)
    assert len(bench.device.trace) > writes  # The root confirms it.
    writes = len(bench.device.trace)
    damaged = bench.survivor()
    damaged.device.write("segment-00000000", 600, b"x")
    with pytest.raises(CorruptionError, match="segment-00000000"):
        damaged.open()
    runtime.seconds = 99
    worker.drive(3)
    assert (worker.taken, len(bench.device.trace)) == (2, writes)


def test_it_is_due_after_so_many_entries_or_bytes_and_counts_from_anybodys_commit(bench: Any) -> None:
    log = bench.open()
    worker = log.automatic
    log.commit_every(entries=3)
    for count, taken in ((2, 0), (1, 1), (2, 1)):
        log.enqueue_many([b"x"] * count)
        worker.drive(1)
        assert worker.taken == taken
    log.commit()
    log.enqueue_many([b"x"] * 2)
    worker.drive(1)
    log.rollback(log.enqueue(b"x"))
    worker.drive(1)
    assert worker.taken == 1
    log.enqueue(b"x")
    worker.drive(1)
    assert worker.taken == 2
    log.commit_every(bytes=300)
    log.enqueue(bytes(100))
    worker.drive(1)
    assert worker.taken == 2
    log.enqueue(bytes(200))
    worker.drive(1)
    assert worker.taken == 3
    entries = log.follow("mailer")
    next(entries)
    entries.complete()
    log.commit_every(seconds=1)
    log._source.runtime.seconds += 2
    worker.drive(1)
    assert (worker.taken, bench.survivor().open().progress) == (4, log.progress)  # Progress is news too.


def test_a_failure_is_counted_and_tried_again_later(bench: Any, entries: Any) -> None:
    runtime = SteppedRuntime()
    log = bench.open(runtime=runtime)
    worker = log.automatic
    log.commit_every(entries=1)
    log.enqueue(b"a")
    bench.device.failing, bench.device.number = "write", errno.ENOSPC
    worker.drive(1)
    worker.drive(1)
    assert (worker.failures, worker.taken, worker.state) == (1, 0, "running")
    assert isinstance(worker.last_error, DeviceError)
    bench.device.failing = ""
    runtime.seconds += 0.06
    worker.drive(1)
    assert (worker.taken, entries(log)) == (1, [b"a"])


def test_a_thread_commits_beside_who_appends_and_ends_with_the_log() -> None:
    log = FasterLog.open(MemoryDevice(), create=True)
    log.commit_every(entries=1)
    for number in range(50):
        assert log.wait(log.enqueue(b"%d" % number), timeout=30)
    assert threads() == 1
    log.commit_every(seconds=0.001)
    assert log.wait(log.enqueue(b"later"), timeout=30)
    log.commit_every()
    assert (log.automatic.state, log.automatic.every, threads()) == ("stopped", None, 0)
    log.commit_every(bytes=1)
    assert log.wait(int(log.enqueue_many([b"x", b"y"])[1]), timeout=30)
    log.enqueue(b"last")
    log.close()
    assert (threads(), log.automatic.state) == (0, "stopped")
    log.automatic.stop()


def test_it_ends_where_the_log_is_poisoned_and_none_begins_where_nobody_may_write(bench: Any) -> None:
    log = FasterLog.open(MemoryDevice(), create=True)
    log.commit_every(seconds=0.001)
    log._source.parts.disk.poison.set("planted")
    until(log, lambda: log.automatic.state == "failed")
    log.close()
    assert threads() == 0
    bench.open().close()
    with pytest.raises(ReadOnlyError):
        bench.open(read_only=True).commit_every(seconds=1)


def test_a_log_that_nobody_holds_any_more_ends_its_worker() -> None:
    log = FasterLog.open(MemoryDevice(), create=True)
    log.commit_every(seconds=0.001)
    runtime, worker = log._source.runtime, log.automatic
    del log
    assert runtime.until("the end", lambda: threads() == 0, runtime.now() + 30)
    assert worker.state == "running"  # Nobody stopped it; it was forsaken.
