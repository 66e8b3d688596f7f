"""The files of a log: blocks written, made durable, and read back verified.

Invariants
  L1  a file written to is dirty until a sync that began after that write has returned; so are new names
  L2  what a read returns was verified: checksum, place, bounds
  L3  a segment, or a page of one, goes only when a durable root says that nothing in it is needed
  L4  behind a sync that failed nothing is left of what was not durable: written to the same place again it
      might not become durable at all

Threads: one writes and syncs at a time, the one whose turn it is; anybody reads beside it.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from ..device import Buffer, Disk, give_up_behind, read_fully, write_fully
from ..errors import CorruptionError
from ..metadata.extents import segment_name, segment_number
from .blocks import HEADER_BYTES, Block, decode_header, verify
from .settings import LogSettings

__all__ = ["LogFiles"]

_LARGE: Final = 1 << 16


class LogFiles:
    """The segments of one log of the store `store_id`."""

    def __init__(self, disk: Disk, store_id: bytes, settings: LogSettings, names: Iterable[str]) -> None:
        self.store_id = store_id
        self.settings = settings
        self._device = disk.device
        self._poison = disk.poison
        self._known = {name for name in names if segment_number(name) is not None}
        self._dirty: set[str] = set()
        self.durable = 0  # The end of the last commit.
        self._has_new_names = True  # Those that are there may not be durable.
        self.can_punch = hasattr(disk.device, "punch")
        self._punched = 0  # No page below holds room any more, as far as this process knows.

    def place(self, address: int) -> tuple[str, int]:
        """The file that holds `address`, and the byte there."""
        number, offset = divmod(address, self.settings.segment_bytes)
        return segment_name(number), offset

    @property
    def highest(self) -> int:
        """The number of the last segment that there is; -1 for none."""
        return max((segment_number(name) or 0 for name in self._known), default=-1)

    def has(self, number: int) -> bool:
        """True if there is a file of that segment."""
        return segment_name(number) in self._known

    # -- writing -----------------------------------------------------------------------------------

    def create(self, number: int) -> None:
        """Make the file of a segment, unless it is there. Raises OSError."""
        name = segment_name(number)
        if name in self._known:
            return
        self._has_new_names = True  # Before the call: one that fails may have made it.
        with suppress(FileExistsError):
            self._device.create(name)
        self._known.add(name)

    def write(self, address: int, image: Buffer) -> None:
        """Write a block, or zeros in the place of one. Raises OSError; it may be written again then."""
        name, offset = self.place(address)
        self.create(address // self.settings.segment_bytes)
        self._dirty.add(name)
        write_fully(self._device, name, offset, image)

    def sync(self) -> None:
        """Make durable all that was written, names included. Raises PoisonedError if that fails."""
        try:
            for name in sorted(self._dirty):
                self._device.sync(name)
                self._dirty.discard(name)
            if self._has_new_names:
                self._device.sync_names()
                self._has_new_names = False
        except OSError as error:
            self._give_up()
            raise self._poison.failed("syncing the log", error) from error

    def _give_up(self) -> None:
        """Give up what the sync that failed was to make durable; nobody was promised it (L4)."""
        last, offset = self.place(self.durable)
        for name in sorted(self._dirty):
            if name >= last:
                with suppress(OSError):
                    give_up_behind(self._device, name, offset if name == last else 0)

    def free_below(self, address: int) -> None:
        """Remove the segments wholly below `address`, and give back whole pages below it in the next one.

        What cannot go now stays for the next time. While another process reads beside this one, nothing goes.
        """
        has_readers = getattr(self._device, "has_readers", None)
        if has_readers is not None and has_readers():
            return
        for name in sorted(self._known):
            number = segment_number(name)
            if number is not None and (number + 1) * self.settings.segment_bytes <= address:
                with suppress(OSError):
                    self._device.remove(name)
                    self._known.discard(name)
                    self._dirty.discard(name)
        self._punch(address & -self.settings.page_bytes)

    def _punch(self, end: int) -> None:
        """Give back what the segment that holds `end` has below it: every page starts with a block."""
        start = max(end & -self.settings.segment_bytes, self._punched)
        if self.can_punch and start < end:
            name, offset = self.place(start)
            try:
                self._device.punch(name, offset, end - start)  # type: ignore[attr-defined]
                self._punched = end
            except OSError as error:
                self.can_punch = error.errno not in (errno.EOPNOTSUPP, errno.ENOSYS)

    # -- reading -----------------------------------------------------------------------------------

    def find(self, address: int, likely: int = 0) -> Block | str:
        """The block that starts at `address`, or the reason why none does. Raises OSError, and
        UnsupportedVersionError for one of another format.

        likely   bytes that it may have, and that are there to be read: then one read is enough
        """
        name, offset = self.place(address)
        unit = self.settings.write_unit
        try:
            image = _room(max(likely, unit))
            found = read_fully(self._device, name, offset, image)
            begun = image if found == len(image) else image[:found]
            header = decode_header(begun, address, (self.settings.page_bytes, unit))
            if isinstance(header, str):
                return header if found >= HEADER_BYTES else f"{found} bytes"
            stored = header.stored(unit)
            if stored > len(image):
                image = _room(stored)  # Read into its place: it may be a page.
                image[:found] = begun
                found += read_fully(self._device, name, offset + found, image[found:])
        except FileNotFoundError:
            return "no file"
        if found < stored:
            return f"{found} bytes of {stored}"
        image = image[:stored].toreadonly()
        return verify(header, self.store_id, image) or Block(header, image)

    def load(self, address: int, likely: int = 0) -> Block:
        """The block that starts at `address`. Raises CorruptionError where none does, OSError."""
        found = self.find(address, likely)
        if isinstance(found, str):
            raise self.corruption(address, found, "a block")
        return found

    def corruption(self, address: int, found: str, expected: str) -> CorruptionError:
        """The error for what was found at `address`."""
        name, offset = self.place(address)
        return CorruptionError(name, offset, found, f"{expected} of address {address}")

    def later(self, address: int, beyond: int, life: int) -> int:
        """The first address past `address` with a block that was made when more than `beyond` was durable.

        life   an earlier one had what a later one may have given up

        0: there is none. Every unit of the files is looked at. Raises OSError.
        """
        unit, segment = self.settings.write_unit, self.settings.segment_bytes
        for number in range(address // segment, self.highest + 1):
            name = segment_name(number)
            if name not in self._known:
                continue
            start = max(address + unit, number * segment)
            size = min(self._device.size(name), segment)
            for at in range(start, number * segment + size, unit):
                found = self.find(at)
                if isinstance(found, str) or found.header.life < life:
                    continue
                if found.header.confirmed > beyond:
                    return at
        return 0


def _room(count: int) -> memoryview:
    """Bytes to read into. Large ones are not made zeros first, which takes a tenth of a scan."""
    if count < _LARGE:
        return memoryview(bytearray(count))
    import numpy as np

    return memoryview(np.empty(count, np.uint8))
