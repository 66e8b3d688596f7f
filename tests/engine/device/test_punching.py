"""Holes: bytes that a folder gives back read zeros, and take no room."""

import errno
import os
from pathlib import Path

import pytest

from powercut.engine import DeviceError, FileDevice
from powercut.engine.device import file
from powercut.faultfs import FaultDevice

SIZE = 1 << 16


def holed(device: FileDevice | FaultDevice) -> bytes:
    """A file whose middle was given back."""
    device.create("a")
    device.write("a", 0, b"x" * SIZE)
    device.punch("a", 4096, SIZE - 8192)
    found = bytearray(SIZE + 1)
    assert device.read_into("a", 0, found) == device.size("a") == SIZE
    return bytes(found[:SIZE])


def test_a_hole_reads_zeros_and_the_file_stays_as_long(tmp_path: Path) -> None:
    expected = b"x" * 4096 + bytes(SIZE - 8192) + b"x" * 4096
    assert holed(FaultDevice()) == expected
    try:
        found = holed(FileDevice(tmp_path))
    except OSError as error:
        pytest.skip(f"the file system of the test's folder punches no holes: {error}")
    assert found == expected
    assert os.stat(tmp_path / "a").st_blocks * 512 < SIZE


def test_what_cannot_be_punched_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    device = FileDevice(tmp_path)
    device.create("a")
    for offset, size in ((-1, 5), (0, -1), ("x", 1)):
        with pytest.raises(DeviceError):
            device.punch("a", offset, size)  # type: ignore[arg-type]
    monkeypatch.setattr(file, "_punch", None)
    with pytest.raises(OSError, match="not supported") as raised:
        device.punch("a", 0, 4096)
    assert raised.value.errno == errno.EOPNOTSUPP
    device.close()
