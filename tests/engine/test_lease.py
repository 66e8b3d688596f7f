"""The lease: a device is given back once nothing more is asked of it."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

from powercut.engine import (
    FasterKv,
    FileDevice,
    MemoryDevice,
    Settings,
    SettingsError,
    StoreLockedError,
)

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


# ---- folders


def test_folder_that_another_was_faster_to_lock_is_left_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(folder: int, how: int) -> None:
        raise BlockingIOError

    monkeypatch.setattr(fcntl, "flock", locked)
    with pytest.raises(StoreLockedError):
        FileDevice(tmp_path / "new", create=True)
    assert (tmp_path / "new").is_dir()


@pytest.mark.parametrize("is_refused_late", [False, True])
def test_folder_is_taken_away_while_it_is_still_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_refused_late: bool
) -> None:
    """Otherwise another store may have begun in it."""
    unmake, opened = FileDevice.unmake, FileDevice._open
    locked = []

    def watched(device: FileDevice) -> None:
        if device._made:
            monkeypatch.setattr(FileDevice, "_open", opened)
            with pytest.raises(StoreLockedError):
                FileDevice(device.path)
            locked.append(device.path)
        unmake(device)

    monkeypatch.setattr(FileDevice, "unmake", watched)
    if is_refused_late:
        with pytest.raises(SettingsError):
            FasterKv.open(tmp_path / "new", create=True, memory=1)
    else:

        def interrupted(device: FileDevice, create: bool) -> None:
            opened(device, create)
            raise KeyboardInterrupt

        monkeypatch.setattr(FileDevice, "_open", interrupted)
        with pytest.raises(KeyboardInterrupt):
            FileDevice(tmp_path / "new", create=True)
    assert locked == [tmp_path / "new"]
    assert not (tmp_path / "new").exists()
