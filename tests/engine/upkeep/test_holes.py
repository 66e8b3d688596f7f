"""Room inside a segment comes back where holes can be punched, and no checkpoint that is listed misses it."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from powercut.engine import FasterKv, MemoryDevice, Settings
from powercut.engine.checkpoint.backup import backup_store
from powercut.engine.inspection import inspect_store
from powercut.engine.management import verify_checkpoints
from powercut.engine.metadata.extents import segment_number
from powercut.engine.metadata.tables import CHAIN_BLOCKS_MAX
from powercut.engine.salvage import salvage_store
from powercut.faultfs import FaultDevice

SETTINGS = Settings(page_bytes=512, segment_bytes=1 << 16, write_unit=512, extent_bytes=512, index_buckets=64)
KEYS = [b"key-%02d" % number for number in range(8)]


class _Punched(FaultDevice):
    """A disk that notes which bytes were punched."""

    __slots__ = ("error", "punched")

    def __init__(self) -> None:
        super().__init__(record_reads=False)
        self.punched: list[tuple[str, int, int]] = []
        self.error = 0

    def punch(self, name: str, offset: int, size: int) -> None:
        if self.error:
            raise OSError(self.error, "no holes here")
        self.punched.append((name, offset, offset + size))
        super().punch(name, offset, size)


def fill(store: FasterKv, turns: int) -> dict[bytes, bytes]:
    """Overwrite all keys, so that what is older is dead; what they hold then."""
    content: dict[bytes, bytes] = {}
    with store.session("writer") as session:
        for turn in range(turns):
            content = {key: b"%s in turn %d" % (key, turn) + b"." * 40 for key in KEYS}
            for key, value in content.items():
                session.upsert(key, value)
            store.checkpoint()
    return content


def opened(device: FaultDevice) -> FasterKv:
    return FasterKv.open(device, create=True, settings=SETTINGS, memory=1 << 20, kernels="interpreted")


def compacted(device: FaultDevice) -> dict[bytes, bytes]:
    """A store that was compacted, and had checkpoints enough for its tables to be written anew."""
    with opened(device) as store:
        fill(store, 30)
        store.compact()
        return fill(store, CHAIN_BLOCKS_MAX + 1)


def test_pages_below_every_listed_begin_are_given_back_and_nobody_misses_them(tmp_path: Path) -> None:
    device = _Punched()
    content = compacted(device)
    ((name, start, end),) = device.punched
    assert (name, start, end % SETTINGS.page_bytes) == ("segment-00000000", 0, 0)
    assert end > 30 * 500
    image = device.image()
    assert not any(image.files[image.names[name]][:end])
    for each in verify_checkpoints(device):
        assert each.error is None
    assert inspect_store(device).damage == []
    copy = MemoryDevice()
    assert backup_store(device, copy).serials == {"writer": 8 * (31 + CHAIN_BLOCKS_MAX)}
    out = MemoryDevice()
    assert salvage_store(device, out).damage == []
    with opened(device) as store:
        for point in store.checkpoints():
            assert point.bytes <= store.stats().tail - end  # None of them begins below.
        store.check()
    for where in (device, copy, out):
        with FasterKv.open(where, read_only=True, kernels="interpreted") as store:
            assert dict(store.items()) == content


def test_what_a_pinned_checkpoint_needs_stays() -> None:
    device = _Punched()
    with opened(device) as store:
        before = fill(store, 3)
        assert store.newest is not None
        version = store.newest.version
        store.pin("old", version)
        fill(store, 27)
        store.compact()
        fill(store, CHAIN_BLOCKS_MAX + 1)
    assert device.punched == []
    with FasterKv.open(device, read_only=True, version=version, kernels="interpreted") as store:
        assert dict(store.items()) == before


def test_an_iterator_keeps_the_pages_that_it_may_come_to() -> None:
    device = _Punched()
    with opened(device) as store:
        fill(store, 30)
        scan = store.scan()
        first = next(scan)
        store.compact()
        fill(store, CHAIN_BLOCKS_MAX + 1)
        assert all(end <= first.address for _, _, end in device.punched)
        assert sum(1 for _ in scan) >= 30 * len(KEYS) - 1
        scan.close()
        fill(store, 1)
        assert device.punched


@pytest.mark.parametrize(("error", "is_last"), [(errno.EOPNOTSUPP, True), (errno.EIO, False)])
def test_a_disk_without_holes_is_asked_once_and_one_that_fails_again(error: int, is_last: bool) -> None:
    device = _Punched()
    device.error = error
    with opened(device) as store:
        fill(store, 30)
        store.compact()
        fill(store, CHAIN_BLOCKS_MAX + 1)
        device.error = 0
        fill(store, 1)
        assert bool(device.punched) is not is_last


def test_at_rest_the_files_take_twice_the_live_data_and_a_segment(tmp_path: Path) -> None:
    """Bytes are counted by the blocks that the file system has given."""
    settings = Settings(page_bytes=1 << 12, segment_bytes=1 << 24, extent_bytes=1 << 12, index_buckets=256)
    keys = [b"%04d" % number for number in range(1000)]
    with FasterKv.open(tmp_path / "store", create=True, settings=settings, kernels="interpreted") as store:
        with store.session("writer") as session:
            for turn in range(20):
                session.upsert_many(keys, [b"%d" % turn * 100] * len(keys))
                store.checkpoint()
            before = _taken(tmp_path / "store")
            store.compact()
            for turn in range(CHAIN_BLOCKS_MAX + 2):
                session.upsert(keys[turn], b"x" * 100)
                store.checkpoint()
        live = sum(len(key) + len(value) + 16 for key, value in store.items())
        assert before > 10 * live
        assert _taken(tmp_path / "store") <= 2 * live + CHAIN_BLOCKS_MAX * 8192  # And a page a checkpoint.


def test_a_bounded_store_at_rest_takes_twice_its_live_data_and_a_segment() -> None:
    device = MemoryDevice()
    keys = [b"%04d" % number for number in range(2000)]
    disk = 4 * 2000 * 232
    with FasterKv.open(device, create=True, disk=disk, kernels="interpreted") as store:
        with store.session("writer") as session:
            for turn in range(12):
                session.upsert_many(keys, [b"%02d" % turn * 100] * len(keys))
                store.checkpoint()
        live = sum(len(key) + len(value) + 16 for key, value in store.items())
        step, end = 8 * store.settings.segment_bytes, store.stats().tail - 2 * live
        while store.stats().begin < end:  # All at once has no room beside what is there.
            store.compact(min(store.stats().begin + step, store.stats().tail))
            store.checkpoint()
        log = sum(device.size(name) for name in device.list() if segment_number(name) is not None)
        assert store.settings.segment_bytes <= disk // 64
        assert log <= 2 * live + store.settings.segment_bytes


def _taken(folder: Path) -> int:
    return sum(
        each.stat().st_blocks * 512 for each in folder.iterdir() if segment_number(each.name) is not None
    )
