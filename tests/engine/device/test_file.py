"""FileDevice: what it opens it closes again, whichever way a file or the device goes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from powercut.engine.device import FileDevice
from powercut.engine.errors import MissingStoreError, StoreLockedError

HELD = Path("/proc/self/fd")
NAMES = "one", "two", "three"


def below(folder: Path) -> list[str]:
    """The paths of the folder, and below it, that this process holds open."""
    links = []
    for number in os.listdir(HELD):
        try:
            links.append(os.readlink(HELD / number))
        except FileNotFoundError:  # That by which the list was read.
            continue
    return sorted(link for link in links if link.startswith(str(folder)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    if not HELD.is_dir():
        pytest.skip("no /proc here")
    return tmp_path / "store"


def remove_each(device: FileDevice) -> None:
    for name in NAMES:
        device.remove(name)


def remove_what_was_never_opened(device: FileDevice) -> None:
    (device.path / "four").write_bytes(b"")
    device.remove("four")
    remove_each(device)


@pytest.mark.parametrize("take_away", [remove_each, remove_what_was_never_opened])
def test_no_descriptor_is_left_of_a_file_that_is_removed(
    folder: Path, take_away: Callable[[FileDevice], None]
) -> None:
    device = FileDevice(folder, create=True)
    try:
        for name in NAMES:
            device.create(name)
            device.write(name, 0, b"bytes")
        assert below(folder) == sorted(str(path) for path in (folder, *(folder / name for name in NAMES)))
        take_away(device)
        assert below(folder) == [str(folder)]
    finally:
        device.close()
    assert below(folder) == []


def test_no_descriptor_is_left_of_a_device_that_is_closed(folder: Path) -> None:
    device = FileDevice(folder, create=True)
    for name in NAMES:
        device.create(name)
    device.close()
    device.close()
    again = FileDevice(folder, create=True)
    assert again.size("one") == 0  # Opened on first use.
    again.close()
    assert below(folder) == []


def test_no_descriptor_is_left_of_an_opening_that_is_refused(folder: Path) -> None:
    device = FileDevice(folder, create=True)
    with pytest.raises(StoreLockedError):
        FileDevice(folder, create=True)
    assert below(folder) == [str(folder)]
    device.close()
    with pytest.raises(MissingStoreError):
        FileDevice(folder / "none" / "such", read_only=True)
    assert below(folder) == []
