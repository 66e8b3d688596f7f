"""Retention: the newest stay, pinned ones stay, the others go, and the disk does not grow for ever."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from itertools import pairwise

import pytest

from powercut.engine import CheckpointError, CheckpointKind, Device, FasterKv, MemoryDevice, Settings, Version
from powercut.engine.inspection import inspect_store
from powercut.engine.metadata.tables import TABLE_FILE
from powercut.verifier.faster.stepped import SteppedRuntime

KINDS = list(CheckpointKind)
LONGEST = 8  # Blocks of a chain, in place of CHAIN_BLOCKS_MAX.


@pytest.fixture(autouse=True)
def _short_chains(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("powercut.engine.checkpoint.kinds.cpr.CHAIN_BLOCKS_MAX", LONGEST)


def opened(device: Device, settings: Settings, keep: int = 2) -> FasterKv:
    return FasterKv.open(device, create=True, settings=settings, keep=keep, runtime=SteppedRuntime())


def take(store: FasterKv, count: int, kind: CheckpointKind = CheckpointKind.FOLD_OVER) -> list[Version]:
    """So many checkpoints, each of one more value of one key; their versions."""
    versions = []
    session = store.session("s")
    for _ in range(count):
        session.upsert(b"n", b"%d" % (session.serial + 1))
        versions.append(store.checkpoint(kind).version)
    session.close()
    return versions


def check_all(device: MemoryDevice) -> dict[Version, dict[str, int]]:
    """Open every checkpoint that is listed, which has to hold what it says; the serials of each."""
    memory = 1 << 18  # A walk goes through the whole index.
    with FasterKv.open(device, read_only=True, memory=memory) as store:
        points = store.checkpoints()
    for point in points:
        with FasterKv.open(device, read_only=True, version=point.version, memory=memory) as store:
            assert dict(store.items()) == {b"n": b"%d" % point.serials["s"]}
    return {point.version: point.serials for point in points}


@pytest.mark.parametrize("keep", [1, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_the_newest_are_there_at_every_moment_and_the_list_has_an_end(
    device: MemoryDevice, tiny: Settings, keep: int, kind: CheckpointKind
) -> None:
    versions = []
    with closing(opened(device, tiny, keep)) as store:
        for _ in range(4 * LONGEST + 3):
            versions += take(store, 1, kind)
            listed = [point.version for point in store.checkpoints()]
            assert listed == versions[: -len(listed) - 1 : -1]
            assert min(keep, len(versions)) <= len(listed) < LONGEST + keep
    listed = list(check_all(device))
    assert len(listed) >= keep
    assert inspect_store(device).is_sound
    named = [name for name in device.list() if name.startswith("snapshot-")]
    assert len(named) <= len(listed) + 1


def test_tables_stay_below_a_bound_however_many_checkpoints_there_are(tiny: Settings) -> None:
    """The log's tables take 24 bytes an extent and a checkpoint; that of dead ones is used again."""
    device = MemoryDevice()
    sizes = []
    for _ in range(3):
        with closing(opened(device, tiny)) as store:
            for _ in range(4 * LONGEST + 3):
                take(store, 1)
                sizes.append(device.size(TABLE_FILE))
            extents = len(store._parts.log.extents)
            assert sizes[-1] <= 2 * (2 * 24 * extents + (LONGEST + 4) * tiny.write_unit)
    assert any(later < earlier for earlier, later in pairwise(sizes))  # It is given back.
    check_all(device)


def test_with_a_log_that_is_truncated_the_whole_folder_stays_below_a_bound(
    tiny: Settings, contents: Callable[[Device], dict[str, bytes]]
) -> None:
    device, largest = MemoryDevice(), 0
    with closing(opened(device, tiny)) as store:
        for number in range(200):
            take(store, 1)
            if number % 10 == 9:
                newest = max(record.address for record in store.scan())
                store.truncate_before(newest)
            if number > 100:
                largest = max(largest, sum(map(len, contents(device).values())))
    assert largest < 100_000
    check_all(device)


def test_a_pinned_checkpoint_stays_with_the_segments_that_it_needs(
    device: MemoryDevice, tiny: Settings
) -> None:
    with closing(opened(device, tiny)) as store:
        first = take(store, 3)
        assert store.pin("third") == store.newest
        assert store.newest is not None
        assert store.newest.name == "third"
        assert store.pin("second", first[1]).version == first[1]
        with pytest.raises(CheckpointError, match="pinned as"):
            store.pin("third", first[1])
        with pytest.raises(CheckpointError, match="pinned as 'third' already"):
            store.pin("another")  # Of the same one: the name that it has would be gone.
        take(store, 2 * LONGEST)
        newest = max(record.address for record in store.scan())
        store.truncate_before(newest)
        take(store, 2)
        assert [each.name for each in store.checkpoints() if each.name] == ["third", "second"]
        assert "segment-00000000" in device.list()
    held = check_all(device)
    assert held[first[1]] == {"s": 2}
    with closing(opened(device, tiny)) as store:
        store.drop("second")
        take(store, 1)
        assert "segment-00000000" in device.list()
        store.drop("third")
        take(store, 1)
        assert "segment-00000000" not in device.list()
    assert first[1] not in check_all(device)


def test_what_is_dropped_is_gone_and_the_newest_never_is(device: MemoryDevice, tiny: Settings) -> None:
    with closing(opened(device, tiny, keep=3)) as store:
        versions = take(store, 4)
        store.drop(versions[2])
        assert [each.version for each in store.checkpoints()] == [versions[3], versions[1]]
        for wrong in (versions[3], versions[2], "nobody", Version(9, 9)):
            with pytest.raises(CheckpointError):
                store.drop(wrong)
        store.session("new")
        ticket = store.start_checkpoint()
        with pytest.raises(CheckpointError, match="PREPARE"):
            store.drop(versions[1])
        ticket.result()
    assert len(check_all(device)) == 3


def test_a_chain_that_cannot_be_read_is_not_rewritten(device: MemoryDevice, tiny: Settings) -> None:
    """Goal: of a damaged one nothing is given up on the quiet; sessions and checkpoints go on."""
    with closing(opened(device, tiny)) as store:
        take(store, LONGEST)
        oldest = list(store._parts.tables.links(store._parts.tables.head, []))[-1].pointer
        good = bytearray(1)
        device.read_into(TABLE_FILE, oldest.offset + 20, good)
        device.write(TABLE_FILE, oldest.offset + 20, bytes([good[0] ^ 1]))
        take(store, LONGEST + 5)
        device.write(TABLE_FILE, oldest.offset + 20, bytes(good))
        assert len(store.checkpoints()) == 2 * LONGEST + 5
        take(store, LONGEST)
        assert len(store.checkpoints()) < LONGEST
    check_all(device)


def test_while_a_backup_reads_no_byte_of_the_tables_is_written_twice(
    device: MemoryDevice, tiny: Settings
) -> None:
    with closing(opened(device, tiny)) as store:
        take(store, LONGEST + 1)
        with store._parts.log.pins.hold_all():
            before = store.checkpoints()
            head = store._parts.tables.head
            take(store, 3 * LONGEST)
            assert len(list(store._parts.tables.links(head, []))) == len(before)
        size = device.size(TABLE_FILE)
        take(store, 2 * LONGEST)
        assert device.size(TABLE_FILE) < size


def test_a_page_holds_what_the_options_say(device: MemoryDevice, tiny: Settings) -> None:
    wide = replace(tiny, ring_pages=8)
    with closing(opened(device, wide, keep=32)) as store:
        for kind in KINDS * 3:
            take(store, 1, kind)
        listed = store.checkpoints()
        assert [each.kind for each in listed] == (KINDS * 3)[::-1]
        assert all(each.bytes > 0 for each in listed)
    check_all(device)
