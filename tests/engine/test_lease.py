"""The lease: a device is given back once nothing more is asked of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from powercut.engine import FasterKv, MemoryDevice, Settings, StoreLockedError

SMALL = Settings(page_bytes=1 << 14, segment_bytes=1 << 14, ring_pages=2, index_buckets=4)


class Wanted(MemoryDevice):
    """Somebody else opens the store as soon as that is possible: when the lease is given back."""

    second: FasterKv | None = None

    def release(self, owner: object) -> None:
        super().release(owner)
        if self.second is None:
            self.second = FasterKv.open(self, settings=SMALL)


def test_store_that_closes_leaves_the_next_owner_of_its_device_alone() -> None:
    device = Wanted()
    first = FasterKv.open(device, create=True, settings=SMALL)
    first.session("s").upsert(b"k", b"v")
    first.checkpoint()
    first.close()
    second = device.second
    assert second is not None
    session = second.resume_session("s")
    assert session.read(b"k") == b"v"
    session.upsert(b"k", b"w")
    assert second.checkpoint().serials == {"s": 3}
    second.close()


class Broken(MemoryDevice):
    """A device that cannot be closed."""

    def close(self) -> None:
        raise OSError("it does not close")


def test_device_that_cannot_be_closed_is_given_back_all_the_same() -> None:
    device = Broken()
    with pytest.raises(OSError, match="does not close"):
        FasterKv.open(device, create=True, settings=SMALL).close()
    with pytest.raises(OSError, match="does not close"):
        FasterKv.open(device).close()


def test_folder_opens_again_after_its_store_was_closed(tmp_path: Path) -> None:
    store = FasterKv.open(tmp_path, create=True, settings=SMALL)
    with pytest.raises(StoreLockedError):
        FasterKv.open(tmp_path)
    store.close()
    FasterKv.open(tmp_path).close()
