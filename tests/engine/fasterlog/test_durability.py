"""Commits survive, what was dropped does not come back, and failures are told."""

import asyncio
import errno
from contextlib import suppress
from typing import Any

import pytest

from powercut.engine import (
    ClosedError,
    Commit,
    CorruptionError,
    DeviceError,
    FasterLog,
    LogSettings,
    MissingStoreError,
    NotAStoreError,
    OperationError,
    PoisonedError,
)
from powercut.engine.fasterlog.waiting import Call, Waiters, future_of
from powercut.faultfs import FaultDevice, crash_states
from powercut.verifier.faster.stepped import SteppedRuntime


def recovered(device: FaultDevice) -> list[bytes]:
    log = FasterLog.open(
        device, create=True, settings=LogSettings(1024, 2048, 512), memory=4096, runtime=SteppedRuntime()
    )
    return [entry.data for entry in log.scan()]


def test_every_crash_state_holds_the_entries_of_a_commit_and_no_others(bench: Any) -> None:
    log = bench.open()
    given = []
    points = []  # Index into the trace, entries acknowledged.
    for number, size in enumerate((3, 300, 700, 0, 950, 20)):
        given.append(b"%d" % number * size)
        log.enqueue(given[-1])
        if number % 2:
            log.commit()
            points.append((len(bench.device.trace), len(given)))
    counts = [0, *(count for _, count in points)]
    for state in crash_states(bench.device.trace, "posix", limit=256):
        found = recovered(FaultDevice(state.image))
        assert found == given[: len(found)]
        assert len(found) in counts
        acked = max((count for at, count in points if at <= state.last), default=0)
        assert len(found) >= acked


def test_what_a_crash_dropped_is_not_brought_back_by_what_is_written_later(bench: Any, entries: Any) -> None:
    """A torn group whose end survived, and a commit that ends just where that begins."""
    log = bench.open()
    log.enqueue(b"a" * 900)  # A page of its own.
    log.enqueue(b"b" * 100)
    log._source.groups.relieve()
    before = bench.device.image().content()
    log.commit()
    after = bench.device.image().content()
    torn = {**after, "segment-00000000": bytes(1024) + after["segment-00000000"][1024:]}
    assert before != after
    again = bench.holding(torn)
    log = again.open()
    assert entries(log) == []
    log.enqueue(b"a" * 900)
    log.enqueue(b"c" * 300)  # Begins the next page, where what was dropped still stands.
    log.rollback(log._source.tail.start)
    log.commit()
    log = again.survivor().open()
    assert entries(log) == [b"a" * 900]


def test_a_rollback_drops_what_is_not_committed_and_no_crash_brings_it_back(bench: Any, entries: Any) -> None:
    log = bench.open()
    log.enqueue(b"kept")
    log.commit()
    addresses = [log.enqueue(b"%d" % number * 400) for number in range(6)]
    with pytest.raises(OperationError):
        log.rollback(addresses[1] + 1)
    with pytest.raises(OperationError):
        log.rollback(64)
    log.rollback(addresses[3])
    assert log.enqueue(b"3" * 400) == addresses[3]
    log.rollback(addresses[3])
    log.enqueue(b"new")
    log.commit()
    expected = [b"kept", *(b"%d" % number * 400 for number in range(3)), b"new"]
    assert entries(log) == expected
    assert entries(bench.survivor().open()) == expected


def test_a_rollback_of_a_commit_that_failed_is_for_good(bench: Any, entries: Any) -> None:
    log = bench.open()
    log.enqueue(b"kept")
    log.commit()
    tail = log.enqueue(b"dropped")
    bench.device.failing, bench.device.number, bench.device.is_after = "write", errno.EIO, True
    with pytest.raises(DeviceError):
        log.commit()
    bench.device.failing = ""
    log.rollback(tail)
    for state in crash_states(bench.device.trace, "posix", start=len(bench.device.trace)):
        assert recovered(FaultDevice(state.image)) == [b"kept"]
    log.enqueue(b"new")
    assert log.commit().number == 3
    assert entries(log) == [b"kept", b"new"]


def test_a_full_disk_fails_the_commit_and_a_retry_succeeds(bench: Any, entries: Any) -> None:
    log = bench.open()
    address = log.enqueue(b"a")
    bench.device.failing, bench.device.number = "write", errno.ENOSPC
    with pytest.raises(DeviceError) as raised:
        log.commit()
    assert raised.value.errno == errno.ENOSPC
    with pytest.raises(DeviceError):  # Also who begins to wait now: nobody has tried it again.
        log.wait(address, timeout=0)
    assert log.wait(log.enqueue(b"b"), timeout=0) is False
    bench.device.failing = ""
    assert log.commit() == Commit(2, 1024)
    assert entries(log) == [b"a", b"b"]
    assert entries(bench.survivor().open()) == [b"a", b"b"]


def test_a_disk_that_is_full_while_memory_is_written_leaves_out_the_entry_that_it_refused(
    bench: Any, entries: Any
) -> None:
    log = bench.open()
    bench.device.failing, bench.device.number = "write", errno.ENOSPC
    given = [b"%d" % number * 400 for number in range(9)]
    taken = 0
    with suppress(DeviceError):
        for entry in given:
            log.enqueue(entry)
            taken += 1
    bench.device.failing = ""
    assert 0 < taken < 9
    log.enqueue(b"last")
    log.commit()
    assert entries(log) == [*given[:taken], b"last"]


def test_a_failed_sync_poisons_and_every_waiter_hears_of_it(bench: Any) -> None:
    log = bench.open()
    address = log.enqueue(b"a")
    heard: list[Any] = []
    log._source.groups.waiters.add(address, heard.append)
    bench.device.failing, bench.device.number = "sync", errno.EIO
    with pytest.raises(PoisonedError):
        log.commit()
    assert [type(each) for each in heard] == [PoisonedError]
    for call in (lambda: log.enqueue(b"b"), log.commit, lambda: log.wait(address), log.scan):
        with pytest.raises(PoisonedError):
            call()
    log.close()


def test_what_an_opening_finds_behind_its_root_is_written_again_and_synced(bench: Any) -> None:
    log = bench.open()
    log.enqueue(b"entry")
    log.commit()
    killed = bench.survivor("pagecache")  # Who reads it from the cache does not know whether the disk has it.
    killed.open()
    events = killed.device.trace.events
    touched = [(event.kind.name, event.data) for event in events if event.name == "segment-00000000"]
    synced = next(at for at, (kind, _) in enumerate(touched) if kind == "SYNC")
    assert any(kind == "WRITE" and b"entry" in data for kind, data in touched[:synced])


def test_a_truncation_is_durable_before_a_file_goes(bench: Any, entries: Any) -> None:
    log = bench.open()
    addresses = [log.enqueue(b"%d" % number * 900) for number in range(6)]
    point = log.commit()
    with pytest.raises(OperationError):
        log.truncate_before(addresses[1] + 1)
    with pytest.raises(OperationError):
        log.truncate_before(point.address + 512)
    assert log.truncate_before(addresses[4]) == addresses[4]
    assert log.truncate_before(addresses[1]) == addresses[4]
    assert entries(log) == [b"4" * 900, b"5" * 900]
    assert [name for name in bench.device.list() if "segment" in name] == ["segment-00000002"]
    assert entries(bench.survivor().open()) == [b"4" * 900, b"5" * 900]
    log.truncate_before(point.address)
    assert entries(log) == []
    log.enqueue(b"more")
    log.commit()
    log = bench.survivor().open()
    assert (entries(log), log.begin) == ([b"more"], point.address)


def test_a_truncation_gives_pages_back_and_says_how_many_more_it_could(bench: Any, entries: Any) -> None:
    log = bench.open()
    addresses = [log.enqueue(b"%d" % number * 900) for number in range(7)]
    log.commit()
    assert log.reclaimable_bytes == 6 * 1024
    log.truncate_before(addresses[5])
    content = bench.device.image().content()
    assert [name for name in content if "segment" in name] == ["segment-00000002", "segment-00000003"]
    assert content["segment-00000002"][:1024] == bytes(1024)
    assert log.reclaimable_bytes == 1024
    assert entries(log) == [b"5" * 900, b"6" * 900]
    log.truncate_before(log.committed.address)
    assert log.reclaimable_bytes == 0
    assert entries(bench.survivor().open()) == []


def test_a_file_system_that_cannot_punch_holes_gives_back_segments(
    bench: Any, entries: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(name: str, offset: int, size: int) -> None:
        raise OSError(errno.EOPNOTSUPP, "planned")

    monkeypatch.setattr(bench.device, "punch", refuse)
    log = bench.open()
    addresses = [log.enqueue(b"%d" % number * 900) for number in range(7)]
    log.commit()
    log.truncate_before(addresses[3])
    assert log.reclaimable_bytes == 2 * 2048
    assert entries(log) == [b"%d" % number * 900 for number in range(3, 7)]


def test_a_page_start_is_always_a_begin(bench: Any, entries: Any) -> None:
    log = bench.open()
    addresses = [log.enqueue(b"%d" % number * 300) for number in range(6)]
    log.commit()
    assert log.truncate_to_page_start(addresses[4] + 5) == 1024
    assert entries(log) == [b"%d" % number * 300 for number in range(3, 6)]


def test_a_scan_that_a_truncation_overtakes_goes_on_at_the_begin(bench: Any) -> None:
    log = bench.open()
    addresses = [log.enqueue(b"%d" % number * 900) for number in range(8)]
    log.commit()
    scan = log.scan()
    assert next(scan).data == b"0" * 900
    log.truncate_before(addresses[6])
    assert [entry.address for entry in scan][-2:] == addresses[6:]


def test_a_log_comes_back_with_its_last_commit(bench: Any, entries: Any) -> None:
    log = bench.open()
    log.enqueue(b"a")
    log.commit(b"first")
    log.close()
    log = bench.open()
    assert log.committed == Commit(1, 512, b"first")
    log.enqueue(b"b")
    assert log.commit().number == 2
    log = bench.survivor().open()
    assert (log.committed, entries(log)) == (Commit(2, 1024), [b"a", b"b"])


def test_damage_below_a_later_commit_is_told_and_in_the_last_one_is_a_torn_tail(
    bench: Any, entries: Any
) -> None:
    log = bench.open()
    for number in range(3):
        log.enqueue(b"%d" % number)
        log.commit()
    for place, is_torn in ((600, False), (1100, True)):
        other = bench.survivor()
        byte = other.device.image().content()["segment-00000000"][place]
        other.device.write("segment-00000000", place, bytes([byte ^ 1]))
        if is_torn:
            assert entries(other.open()) == [b"0", b"1"]
        else:
            with pytest.raises(CorruptionError) as raised:
                other.open()
            assert (raised.value.file, raised.value.offset) == ("segment-00000000", 512)


def test_a_closed_log_tells_damage_to_its_last_commit(bench: Any) -> None:
    with bench.open() as log:
        log.enqueue(b"abc")
    again = bench.survivor()
    again.device.write("segment-00000000", 65, b"x")
    with pytest.raises(CorruptionError):
        again.open()


def test_what_is_no_log_is_refused(bench: Any) -> None:
    with pytest.raises(MissingStoreError):
        bench.open(create=False)
    bench.device.create("notes")
    with pytest.raises(NotAStoreError):
        bench.open(create=False)
    bench.device.create("segment-00000000")
    with pytest.raises(CorruptionError):
        bench.open()


def test_who_begins_to_wait_while_it_is_closed_is_told(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    log = bench.open()
    address = log.enqueue(b"a")

    def close_first(waiters: Waiters, awaited: int) -> tuple[asyncio.Future[None], Call]:
        log.close()  # Between the look whether it is open and the wait.
        return future_of(waiters, awaited)

    monkeypatch.setattr("powercut.engine.fasterlog.view.future_of", close_first)
    with pytest.raises(ClosedError):
        asyncio.run(asyncio.wait_for(log.wait_async(address), 10))
