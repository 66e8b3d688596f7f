"""Truncation: what is dropped is gone, what is not stays, and files go when nobody needs them any more."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from powercut.engine import (
    CorruptionError,
    FasterKv,
    MemoryDevice,
    OperationError,
    ReadOnlyError,
    Settings,
    SettingsError,
    Version,
)
from powercut.engine.inspection import inspect_store
from powercut.engine.metadata.agreement import check_order
from powercut.engine.metadata.columns import Extents
from powercut.engine.metadata.extents import ExtentTable
from powercut.engine.metadata.layout import Block, Extent
from powercut.engine.metadata.tables import NO_BLOCK, check_extents

Open = Callable[..., FasterKv]
Fill = Callable[[FasterKv, int, int], None]
Segments = Callable[[MemoryDevice], list[int]]


def keys(store: FasterKv) -> list[int]:
    return sorted(int(key[4:]) for key, _ in store.items())


def borrowed(device: MemoryDevice) -> MemoryDevice:
    """Open as a device, though no store has it."""
    owner = object()
    assert device.acquire(owner)
    device.release(owner)
    return device


# -- what is dropped ---------------------------------------------------------------------------------


def test_keys_below_are_gone_at_once_and_others_are_not(long: FasterKv) -> None:
    address = next(record.address for record in long.scan() if record.key == b"key-04")
    begin = long.truncate_before(address)
    assert begin == address == long.stats().begin
    assert keys(long) == list(range(4, 12))
    assert [record.key for record in long.scan()] == [b"key-%02d" % number for number in range(4, 12)]
    session = long.session("s")
    assert [session.read(b"key-%02d" % number) is None for number in (3, 4)] == [True, False]
    assert session.start_read(b"key-00").result() is None
    long.check()


def test_a_dropped_key_can_be_written_again_by_every_operation(long: FasterKv) -> None:
    long.truncate_before(next(record.address for record in long.scan() if record.key == b"key-05"))
    session = long.session("s")
    assert not session.delete(b"key-00")
    assert session.insert(b"key-00", b"a")
    assert session.rmw(b"key-01", lambda old: b"none" if old is None else b"some") == b"none"
    session.upsert(b"key-02", b"b")
    session.add_many([b"key-03"], [7])
    expected = {b"key-00": b"a", b"key-01": b"none", b"key-02": b"b", b"key-03": (7).to_bytes(8, "little")}
    assert {key: session.read(key) for key in expected} == expected
    assert dict(long.items()).items() >= expected.items()
    long.check()


def test_the_begin_is_a_page_and_never_goes_back_nor_past_head(long: FasterKv) -> None:
    assert long.truncate_before(0) == 64
    assert long.truncate_before(511) == 64
    assert long.truncate_before(1500) == 1024
    assert long.truncate_before(600) == 1024
    head = long.stats().head
    assert long.truncate_before(long.stats().tail) == head == long.stats().begin
    assert keys(long) == [number for number in range(12) if (number + 1) * 512 > head]


@pytest.mark.parametrize("address", [-1, 1 << 50, "64", 64.0, None, True])
def test_what_is_no_address_is_refused(long: FasterKv, address: object) -> None:
    with pytest.raises(OperationError, match="up to the tail"):
        long.truncate_before(address)  # type: ignore[arg-type]
    assert long.stats().begin == 64


def test_a_store_that_is_open_read_only_is_not_truncated(
    device: MemoryDevice, long: FasterKv, open_store: Open
) -> None:
    long.close()
    with open_store(device, read_only=True) as store, pytest.raises(ReadOnlyError):
        store.truncate_before(1024)


# -- what goes, and when -----------------------------------------------------------------------------


def test_whole_segments_go_with_the_next_checkpoint_and_older_ones_with_them(
    device: MemoryDevice, long: FasterKv, open_store: Open, segments: Segments, small: Settings
) -> None:
    begin = long.truncate_before(2600)
    assert begin == 2560
    assert segments(device) == [0, 1, 2, 3, 4, 5]
    assert len(long.checkpoints()) == 2
    oldest = long.checkpoints()[-1].version
    newest = long.checkpoint().version
    assert segments(device) == [2, 3, 4, 5]
    assert [point.version for point in long.checkpoints()] == [newest]
    content = dict(long.items())
    for ring_pages in (2, 8):
        long.close()
        settings = Settings(
            **{**{name: getattr(small, name) for name in small.__slots__}, "ring_pages": ring_pages}
        )
        long = open_store(device, settings)
        assert dict(long.items()) == content
        assert (long.stats().begin, long.stats().head >= begin) == (begin, True)
        long.check()
    long.close()
    with pytest.raises(SettingsError, match="no such checkpoint"):
        open_store(device, read_only=True, version=oldest)
    assert inspect_store(borrowed(device)).is_sound


def test_a_truncation_inside_a_segment_keeps_the_chain(
    device: MemoryDevice, long: FasterKv, open_store: Open, segments: Segments
) -> None:
    points = long.checkpoints()
    assert long.truncate_before(512) == 512
    newest = long.checkpoint()
    assert long.checkpoints() == [newest, *points]
    assert segments(device) == [0, 1, 2, 3, 4, 5]
    long.close()
    with open_store(device) as store:
        assert keys(store) == list(range(1, 12))
        assert store.stats().begin == 512
    with open_store(device, read_only=True, version=points[-1].version) as store:
        assert keys(store) == list(range(6))


def test_a_checkpoint_under_way_keeps_the_begin_it_started_with(
    device: MemoryDevice, long: FasterKv, open_store: Open, segments: Segments
) -> None:
    ticket = long.start_checkpoint()
    long.truncate_before(2048)
    ticket.result()
    assert segments(device) == [0, 1, 2, 3, 4, 5]
    long.close()
    with open_store(device) as store:
        assert keys(store) == list(range(12))
        assert store.truncate_before(2048) == 2048
        store.checkpoint()
    assert segments(borrowed(device)) == [2, 3, 4, 5]


def test_chains_grow_and_are_cut_over_many_truncations_and_lives(
    device: MemoryDevice, open_store: Open, fill: Fill, segments: Segments
) -> None:
    expected: dict[bytes, bytes] = {}
    for life in range(12):
        with open_store(device) as store:
            assert dict(store.items()) == expected
            fill(store, life * 4, life * 4 + 3)
            store.checkpoint()
            if life % 3 == 2:
                store.truncate_before(store.stats().head - 1024)
            store.checkpoint()
            store.check()
            expected = dict(store.items())
            assert segments(device)[0] == store.stats().begin // 1024
            assert inspect_store_of(device, store)
    assert len(expected) < 10


def inspect_store_of(device: MemoryDevice, store: FasterKv) -> bool:
    store.close()
    return inspect_store(borrowed(device)).is_sound


def test_a_segment_that_cannot_be_removed_goes_another_time(
    device: MemoryDevice, long: FasterKv, segments: Segments
) -> None:
    refused: list[str] = []
    remove = device.remove

    def fail(name: str) -> None:
        refused.append(name)
        raise OSError(5, "remove fails", name)

    device.remove = fail  # type: ignore[method-assign]
    long.truncate_before(2600)
    assert long.checkpoint().version == Version(1, 3)
    assert refused == ["segment-00000000", "segment-00000001"]
    device.remove = remove  # type: ignore[method-assign]
    long.checkpoint()
    assert segments(device) == [2, 3, 4, 5]


def test_a_segment_that_came_back_is_ignored_and_removed_again(
    device: MemoryDevice, long: FasterKv, open_store: Open
) -> None:
    long.truncate_before(2600)
    long.checkpoint()
    content = dict(long.items())
    long.close()
    borrowed(device)
    for name, data in (("segment-00000001", b"\xff" * 700), ("segment-00000000", b"")):
        device.create(name)
        device.write(name, 0, data)
    device.create("segment-notes")
    assert inspect_store(device).is_sound
    with open_store(device) as store:
        assert dict(store.items()) == content
        store.check()
        store.checkpoint()
        assert [name for name in device.list() if name.startswith("segment")] == [
            *(f"segment-{number:08d}" for number in (2, 3, 4, 5)),
            "segment-notes",
        ]


def test_what_lies_below_the_page_of_begin_is_not_read(
    device: MemoryDevice, long: FasterKv, open_store: Open
) -> None:
    long.truncate_before(2600)
    long.checkpoint()
    content = dict(long.items())
    long.close()
    borrowed(device).write("segment-00000002", 0, bytes(512))
    with open_store(device) as store:
        assert dict(store.items()) == content
    borrowed(device).write("segment-00000002", 600, bytes(300))
    with pytest.raises(CorruptionError, match="segment-00000002"):
        open_store(device)


# -- what the metadata may say -----------------------------------------------------------------------


def test_extents_start_at_a_segment_that_is_not_above_begin() -> None:
    extents = [Extent(1024, 512, 0, 1), Extent(1536, 512, 0, 1)]
    check_extents([Extents.of(extents)], 2048, NO_BLOCK, 1024, 1024)
    check_extents([Extents.of(extents)], 2048, NO_BLOCK, 1536, 512)
    for begin, segment_bytes in ((512, 1024), (1536, 2048), (64, 1024)):
        with pytest.raises(CorruptionError, match="the start of a segment"):
            check_extents([Extents.of(extents)], 2048, NO_BLOCK, begin, segment_bytes)


def test_no_checkpoint_has_a_lower_begin_than_the_one_before() -> None:
    older = Block(Version(1, 1), 1024, 1024, 512, NO_BLOCK, True, (), (), ())
    check_order(older, older._replace(version=Version(1, 2), begin=1024))
    with pytest.raises(CorruptionError, match="begin 512"):
        check_order(older, older._replace(version=Version(1, 2), begin=64))


def test_extents_of_truncated_segments_are_not_listed() -> None:
    table = ExtentTable([[Extent(start, 512, 0, 1) for start in range(0, 2048, 512)]])
    assert (table.start, table.below(1024), table.below(1025)) == (0, 2, 3)
    table.name_until(4, 1024)
    assert table.start == 1024
    table.name_until(4)
    assert table.start == 1024
