"""FileDevice under a recording operating-system layer: what it must have asked the kernel for.

A page cache hides a dropped sync from everything but a power cut; here the calls themselves are seen.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import powercut.engine.device.file
from powercut.engine.device import FileDevice

SYNCS = ("fsync", "fdatasync")
Call = tuple[str, Path]


class Recorder:
    """Stands for the module `os`: passes calls on, and notes the path of each descriptor changed."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.opened: dict[str, int] = {}  # The flags that each path was last opened with.

    def open(self, path: str | Path, flags: int, *rest: Any, **more: Any) -> int:
        self.opened[str(path)] = flags
        return os.open(path, flags, *rest, **more)

    def __getattr__(self, name: str) -> Any:
        genuine = getattr(os, name)
        if name not in (*SYNCS, "pwrite", "ftruncate"):
            return genuine

        def call(descriptor: int, *rest: Any) -> Any:
            self.calls.append((name, Path(os.readlink(f"/proc/self/fd/{descriptor}"))))
            return genuine(descriptor, *rest)

        return call

    def synced(self) -> list[Path]:
        """The files that were synced, in order; either call will do."""
        return [path for name, path in self.calls if name in SYNCS]


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("descriptors have no readable paths on this system")
    made = Recorder()
    monkeypatch.setattr(powercut.engine.device.file, "os", made)
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def device(recorder: Recorder, folder: Path) -> Iterator[FileDevice]:
    made = FileDevice(folder, create=True)
    yield made
    made.close()


def syncs_of(recorder: Recorder, call: Callable[[], object]) -> list[Path]:
    """The syncs of one call."""
    recorder.calls.clear()
    call()
    return recorder.synced()


def test_sync_reaches_that_very_file(device: FileDevice, recorder: Recorder, folder: Path) -> None:
    for name in ("a", "b"):
        device.create(name)
        device.write(name, 0, b"data")
    assert syncs_of(recorder, lambda: device.sync("b")) == [folder / "b"]
    assert syncs_of(recorder, lambda: device.sync("a")) == [folder / "a"]


def test_every_sync_is_asked_for_even_where_nothing_changed(
    device: FileDevice, recorder: Recorder, folder: Path
) -> None:
    device.create("a")
    for _ in range(3):
        assert syncs_of(recorder, lambda: device.sync("a")) == [folder / "a"]


def test_sync_of_a_file_created_again_reaches_the_new_one(
    device: FileDevice, recorder: Recorder, folder: Path
) -> None:
    device.create("a")
    device.sync("a")
    device.remove("a")
    device.create("a")
    # A stale descriptor would show as the path of a file that is deleted.
    assert syncs_of(recorder, lambda: device.sync("a")) == [folder / "a"]


def test_sync_of_a_file_found_at_opening_reaches_it(
    device: FileDevice, recorder: Recorder, folder: Path
) -> None:
    device.create("a")
    device.close()
    again = FileDevice(folder)
    assert syncs_of(recorder, lambda: again.sync("a")) == [folder / "a"]
    again.close()


def test_sync_names_reaches_the_folder(device: FileDevice, recorder: Recorder, folder: Path) -> None:
    device.create("a")
    recorder.calls.clear()
    device.sync_names()
    # Not fdatasync: what it does to a folder is not said anywhere.
    assert recorder.calls == [("fsync", folder)]


def test_a_new_folder_is_made_durable_in_its_parent(recorder: Recorder, tmp_path: Path) -> None:
    made: list[FileDevice] = []
    assert tmp_path in syncs_of(recorder, lambda: made.append(FileDevice(tmp_path / "new", create=True)))
    made[0].close()


def test_nothing_else_syncs(device: FileDevice, recorder: Recorder) -> None:
    device.create("a")
    recorder.calls.clear()
    device.write("a", 0, b"data")
    device.truncate("a", 2)
    device.read_into("a", 0, bytearray(2))
    device.remove("a")
    assert recorder.synced() == []
    assert [name for name, _ in recorder.calls] == ["pwrite", "ftruncate"]


@pytest.mark.parametrize("call", SYNCS)
def test_a_sync_that_fails_is_told(
    device: FileDevice, recorder: Recorder, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    device.create("a")

    def fail(descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    for name in SYNCS:
        monkeypatch.setattr(recorder, name, fail, raising=False)
    with pytest.raises(OSError, match="Input/output error"):
        device.sync("a") if call == "fdatasync" else device.sync_names()


def test_a_new_file_is_asked_for_exclusively_and_for_writing_at_offsets(
    device: FileDevice, recorder: Recorder
) -> None:
    device.create("a")
    flags = recorder.opened["a"]
    assert flags & (os.O_CREAT | os.O_EXCL) == os.O_CREAT | os.O_EXCL
    # With O_APPEND Linux's pwrite ignores its offset; O_TRUNC would empty what a race had made.
    assert not flags & (os.O_APPEND | os.O_TRUNC)


def test_a_file_that_is_there_is_opened_as_it_is(
    device: FileDevice, recorder: Recorder, folder: Path
) -> None:
    device.create("a")
    device.close()
    for read_only, mode in ((False, os.O_RDWR), (True, os.O_RDONLY)):
        again = FileDevice(folder, read_only=read_only)
        again.size("a")
        again.close()
        assert recorder.opened["a"] & os.O_ACCMODE == mode
        assert not recorder.opened["a"] & (os.O_APPEND | os.O_TRUNC | os.O_CREAT)


class Forgetful(FileDevice):
    """A device that drops its syncs."""

    def sync(self, name: str) -> None:
        self.size(name)

    def sync_names(self) -> None:
        self.list()


def test_a_dropped_sync_is_seen_by_this_very_layer(recorder: Recorder, folder: Path) -> None:
    device = Forgetful(folder, create=True)
    device.create("a")
    device.write("a", 0, b"data")
    assert syncs_of(recorder, lambda: device.sync("a")) == []
    assert syncs_of(recorder, device.sync_names) == []
    device.close()
