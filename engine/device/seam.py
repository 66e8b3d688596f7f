"""The seam for bytes: what the engine asks of a device, and what it makes of the answers.

Contract (tests/contract runs one suite over every device)
  D1  `write` and `read_into` may be short; they say how many bytes they moved
  D2  a read sees every write that returned before it, synced or not
  D3  after `sync(name)` returned, the content and size of that file survive a power cut; its
      name may not
  D4  after `sync_names()` returned, the set of names survives; contents may not
  D5  nothing else is promised to survive, and nothing is promised to be lost
  D6  errors are OSError; FileNotFoundError and FileExistsError where they fit
  D7  `list` tells every name that is there; who asks knows which are his own
  D8  what is no name, offset or buffer is refused with OSError (EINVAL, ENAMETOOLONG), and nothing has
      happened

A device may also have `punch(name, offset, size)`: these bytes read zeros from now on, and take no room. What
it does is as good as a write that is never synced; it may raise OSError, and then part of it may be done.
What else `FileDevice` and `FaultDevice` have in common (tests/contract/test_whole_device.py) the engine does
not ask for.

Threads: every method may be called from any thread.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from ..errors import DeviceError, EngineError

__all__ = [
    "NO_ARGUMENT",
    "Buffer",
    "Device",
    "check_name",
    "check_offset",
    "check_span",
    "invalid",
    "read_exactly",
    "read_fully",
    "telling",
    "write_fully",
]

Buffer = bytes | bytearray | memoryview
NAME_BYTES: Final = 255  # The longest name that file systems of Linux take.


class Device(Protocol):
    """A flat set of named files."""

    def list(self) -> list[str]:
        """The names, sorted."""

    def create(self, name: str) -> None:
        """Make an empty file. Raises FileExistsError."""

    def remove(self, name: str) -> None:
        """Take the name away. Raises FileNotFoundError."""

    def size(self, name: str) -> int:
        """Bytes in the file."""

    def read_into(self, name: str, offset: int, buffer: bytearray | memoryview) -> int:
        """Fill `buffer` from `offset`; how many bytes were there to read, perhaps fewer."""

    def write(self, name: str, offset: int, buffer: Buffer) -> int:
        """Put `buffer` at `offset`, perhaps not all of it; how many bytes. A gap reads zeros."""

    def truncate(self, name: str, size: int) -> None:
        """Shorten or grow (with zeros) to `size` bytes."""

    def sync(self, name: str) -> None:
        """Make the file's bytes and size durable (D3)."""

    def sync_names(self) -> None:
        """Make all names durable (D4)."""

    def close(self) -> None:
        """Give everything back; later calls fail with EBADF. Idempotent."""


@contextmanager
def telling(what: str) -> Iterator[None]:
    """Turn an OSError inside, unless it is one of the engine's own errors, into DeviceError."""
    try:
        yield
    except EngineError:
        raise
    except OSError as error:
        raise DeviceError(error.errno, f"{what}: {error}") from error


def read_exactly(device: Device, name: str, offset: int, length: int) -> bytes:
    """`length` bytes from `offset`, or fewer where the file ends; short reads are continued."""
    data = bytearray(length)
    at = read_fully(device, name, offset, data)
    return bytes(data) if at == length else bytes(data[:at])


def read_fully(device: Device, name: str, offset: int, buffer: bytearray | memoryview) -> int:
    """Fill `buffer` with bytes from `offset`, continuing short reads; how many, fewer where the file ends."""
    at = device.read_into(name, offset, buffer)
    while 0 < at < len(buffer):
        count = device.read_into(name, offset + at, memoryview(buffer)[at:])
        if count == 0:
            break
        at += count
    return at


def write_fully(device: Device, name: str, offset: int, data: Buffer) -> None:
    """All of `data`, continuing short writes. Raises OSError(EIO) if a write makes no progress."""
    at = device.write(name, offset, data)
    while at < len(data):
        count = device.write(name, offset + at, memoryview(data)[at:])
        if count == 0:
            raise OSError(errno.EIO, "a write made no progress", name)
        at += count


def give_up_behind(device: Device, name: str, end: int) -> None:
    """Shorten the file to `end`, if it is longer: what was written there may never become durable.

    After a data write that failed a page is clean in the cache and has no place on the disk; ext4 (6.18)
    gives it none when it is written again, though the sync returns well. A page behind the end is a new one.
    Raises OSError.
    """
    if device.size(name) > end:
        device.truncate(name, end)


# What Python says of an argument with which the system cannot be asked, or of a size that memory has not.
NO_ARGUMENT = (BufferError, TypeError, ValueError, OverflowError, MemoryError)


def invalid(error: Exception, name: str) -> DeviceError:
    """The error that a device raises for such an argument."""
    return DeviceError(errno.EINVAL, f"{type(error).__name__}: {error}", name)


def check_name(name: object) -> None:
    """Raises DeviceError for what is no name of a file in a flat folder."""
    if type(name) is not str or not name or "/" in name or "\0" in name or name in (".", ".."):
        raise DeviceError(errno.EINVAL, f"no name of a file: {name!r}")
    if len(name) > NAME_BYTES // 4 and len(name.encode("utf-8", "surrogateescape")) > NAME_BYTES:
        raise DeviceError(errno.ENAMETOOLONG, f"a name of more than {NAME_BYTES} bytes: {name[:32]!r} ...")


def check_offset(offset: object, name: str) -> None:
    """Raises DeviceError for what is no offset, and no size, of a file."""
    if not isinstance(offset, int) or not 0 <= offset < 1 << 63:
        raise DeviceError(errno.EINVAL, f"an offset or size of {offset!r}", name)


def check_span(offset: object, size: object, name: str) -> None:
    """Raises DeviceError for what is no offset, or no number of bytes that are at least one."""
    check_offset(offset, name)
    check_offset(size, name)
    if not size:
        raise DeviceError(errno.EINVAL, f"a span of {size!r} bytes", name)
