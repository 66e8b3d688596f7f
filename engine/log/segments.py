"""Segments: the files of the log, the extents in them, and what of both is not durable yet.

Invariants
  A4  an extent is written once: it starts at a write unit that no earlier one touched
  A7  a segment goes only when it lies wholly below what any listed checkpoint names, and below every pin;
      and pages of one only when they lie below the begin of each listed checkpoint, and below every pin
  G1  a file written to stands in `unsynced` until a sync that began after that write has returned:
      synced <= written; the writer alone adds to written, who syncs alone sets synced
  G2  a name made is told by `has_new_names` until a sync of the names that began after it has returned
  G3  a file that an earlier life left is cut off where this one begins to write, before it does

What was written can be read at once; that it survives a power cut is what `sync` and `sync_names` are for.

Threads: one writes at a time (`flushing` sees to that), one syncs; anybody reads and removes beside them. No
lock is held while the device is asked.
"""

from __future__ import annotations

import errno
from collections.abc import Collection, Sequence
from contextlib import suppress

from ..device import Buffer, Device, Disk, give_up_behind, read_exactly, write_fully
from ..errors import CorruptionError
from ..metadata.extents import ExtentTable, segment_name, segment_number
from ..metadata.layout import Extent, Version, checksum
from ..metadata.places import Places, version_beside
from ..settings import Settings
from ..shared.pins import Pins

__all__ = ["Segments", "check_extent", "count_intact", "read_extent"]


class Segments:
    """The log's files on one device."""

    def __init__(
        self, disk: Disk, settings: Settings, places: Places, life: int, extents: ExtentTable, pins: Pins
    ) -> None:
        self.extents = extents
        self.life = life
        self.has_new_names = False
        self.kept_from = extents.start  # What lies in segments wholly below was removed.
        self._device = disk.device
        self._poison = disk.poison
        self._segment_bytes = settings.segment_bytes
        self._extent_bytes = settings.extent_bytes
        self._page_bytes = settings.page_bytes
        self._places = places
        self._pins = pins
        self._written: dict[str, int] = {}  # Bytes that were written to each file, in their order,
        self._synced: dict[str, int] = {}  # and how many of them before its last sync (G1).
        self._lock = disk.runtime.lock()  # Of the names.
        self._found: Sequence[str] = ()
        self._beside: set[str] = set()  # Files of the checkpoint under way, or of one that was given up.
        self._doomed: set[str] = set()
        self.least_begin = 0  # Of the checkpoints that are listed, as far as is known.
        self._can_punch = hasattr(disk.device, "punch")
        self._punched = 0  # No page below holds room any more, as far as this process knows.
        self._changed: dict[str, bool] = {}  # What was made since, or used: true; what was removed: false.

    def adopt(self, names: Sequence[str], newest: Version) -> None:
        """These files are there, besides whatever else lies in the folder; `newest` is the last checkpoint's
        version. What a later one has left, which a power cut broke off, goes with the next segments.
        """
        self._found = names
        self._doomed.update(
            name for name in names if (version := version_beside(name)) is not None and version > newest
        )

    # -- writing -----------------------------------------------------------------------------------

    def create(self, number: int) -> None:
        """Make the file of segment `number`; its name is not durable yet."""
        self._make(segment_name(number))

    def _make(self, name: str) -> None:
        with suppress(FileExistsError):  # Made already, by a call that was interrupted right after.
            self._device.create(name)
        with self._lock:
            self._changed[name] = True
        self.has_new_names = True

    def write(self, start: int, data: memoryview) -> None:
        """Write the extents from `start` on, all of one segment. Raises OSError; then none of them is."""
        number, offset = divmod(start, self._segment_bytes)
        name = segment_name(number)
        if not self._is_there(name):
            self.create(number)
        self._write(name, offset, data)
        self.extents.extend(self._extents_of(start, name, offset, data))

    def write_beside(self, name: str, base: int, start: int, data: memoryview) -> list[Extent]:
        """Write the bytes of the log from `start` on to the file `name` of a checkpoint, whose first byte is
        that of address `base`; their extents, which are not the log's. Raises OSError; then there are none.
        """
        if name not in self._beside:
            self._add_beside(name)
        self._write(name, start - base, data)
        return self._extents_of(start, name, start - base, data)

    def begin_beside(self, name: str) -> None:
        """Begin the file `name` of a checkpoint, anew where an attempt that was given up began it.

        What it holds comes by `put_beside`. Raises OSError.
        """
        self._doomed.discard(name)
        if self._changed.get(name, False):
            give_up_behind(self._device, name, 0)  # As G3: nothing of it is written twice.
        self._add_beside(name)

    def _add_beside(self, name: str) -> None:
        """Make the file, and let those go that were written for other checkpoints, which were given up."""
        version = version_beside(name)
        others = {each for each in self._beside if version_beside(each) != version}
        self._doomed |= others
        self.accept_beside(others)
        self._beside.add(name)
        self._make(name)

    def put_beside(self, name: str, offset: int, data: memoryview) -> int:
        """Write these bytes of the file; their checksum. Raises OSError."""
        self._write(name, offset, data)
        return checksum(data, self._places.store_id, name, offset, self.life)

    def accept_beside(self, names: Collection[str]) -> None:
        """Take in that the checkpoint is durable whose files these are, as far as it wrote them."""
        for name in self._beside.intersection(names):
            self._written.pop(name, None)
            self._synced.pop(name, None)
            self._beside.discard(name)

    def _give_up_beside(self) -> None:
        """Let the files go that were written for checkpoints that were given up."""
        self._doomed |= self._beside
        self.accept_beside(self._beside)

    def _write(self, name: str, offset: int, data: memoryview) -> None:
        if name not in self._written and name in self._found:
            give_up_behind(self._device, name, offset)  # G3.
        write_fully(self._device, name, offset, data)
        self._written[name] = self._written.get(name, 0) + len(data)

    def _extents_of(self, start: int, name: str, offset: int, data: memoryview) -> list[Extent]:
        """The extents of the bytes from address `start` on, which went to `offset` of the file."""
        made, at = list[Extent](), 0
        longest, store_id, life = self._extent_bytes, self._places.store_id, self.life
        while at < len(data):
            extent = data[at : at + longest - (start + at) % longest]
            crc = checksum(extent, store_id, name, offset + at, life)
            made.append(Extent(start + at, len(extent), crc, life))
            at += len(extent)
        return made

    def _is_there(self, name: str) -> bool:
        """True if the file is there; looked for in the folder once."""
        if name not in self._changed and name in self._found:
            with self._lock:
                self._changed.setdefault(name, True)
        return self._changed.get(name, False)

    def sync(self, budget: int | None = None) -> bool:
        """Make every extent written so far durable; whether all are. Raises PoisonedError if a sync fails.

        `budget` is the number of written bytes after whose sync to stop.
        """
        for name, dirty in self.unsynced.items():
            if budget is not None and budget <= 0:
                return False
            before = self._written[name]  # Before the sync: what is written meanwhile is dirty still (G1).
            self._sync(name)
            self._synced[name] = before
            budget = None if budget is None else budget - dirty
        return True

    @property
    def unsynced(self) -> dict[str, int]:
        """Bytes written to each file since its last sync, for those that have any."""
        synced = self._synced.get
        return {
            name: dirty
            for name, written in list(self._written.items())
            if (dirty := written - synced(name, 0))
        }

    def _sync(self, name: str) -> None:
        try:
            self._device.sync(name)
        except OSError as error:
            raise self._poison.failed(f"syncing {name}", error) from error

    def sync_names(self) -> None:
        """Make the names of new segments durable. Raises PoisonedError if that fails."""
        try:
            self.has_new_names = False  # Before the sync: a name that is made meanwhile is a new one (G2).
            self._device.sync_names()
        except OSError as error:
            self.has_new_names = True
            raise self._poison.failed("syncing the names", error) from error
        except BaseException:
            self.has_new_names = True
            raise

    # -- reading, removing -------------------------------------------------------------------------

    def read(self, extent: Extent) -> bytes:
        """The extent's bytes, verified. Raises CorruptionError, OSError."""
        return read_extent(self._device, self._places, extent)

    def remove_below(self, address: int) -> None:
        """Remove the segments wholly below `address`, which no checkpoint needs, and below every pin; of the
        next one give back the pages that no checkpoint needs.

        Doomed files go, too. Those that cannot go now stay for the next time: opening ignores them.
        """
        self._give_up_beside()
        least = self._pins.least(address)
        low = least
        for name in self._names():
            number = segment_number(name)
            is_past = least >= address and name in self._doomed
            if is_past or (number is not None and number < least // self._segment_bytes):
                try:
                    self._device.remove(name)
                except FileNotFoundError:
                    pass  # One that failed before has removed it.
                except OSError:
                    low = low if number is None else min(low, number * self._segment_bytes)
                    continue  # Nothing depends on it; the next checkpoint tries again.
                with self._lock:
                    self._changed[name] = False
                self._doomed.discard(name)
                self._written.pop(name, None)  # Nothing is written to it any more.
        self.kept_from = max(self.kept_from, low)
        self._punch(self._pins.least(self.least_begin))

    def _punch(self, end: int) -> None:
        """Give back the pages below `end` in its segment."""
        end &= -self._page_bytes
        start = max(end & -self._segment_bytes, self._punched)
        if self._can_punch and start < end:
            number, offset = divmod(start, self._segment_bytes)
            try:
                self._device.punch(segment_name(number), offset, end - start)  # type: ignore[attr-defined]
                self._punched = end
            except OSError as error:  # Nothing depends on it.
                self._can_punch = error.errno not in (errno.EOPNOTSUPP, errno.ENOSYS)

    def doom(self, needed: Collection[str]) -> None:
        """Let the files of checkpoints go, but for these, with the next segments."""
        self._doomed.update(
            name for name in self._names() if name not in needed and version_beside(name) is not None
        )

    def _names(self) -> list[str]:
        """All files that are there."""
        with self._lock:
            return sorted(n for n in {*self._found, *self._changed} if self._changed.get(n, True))


def read_extent(device: Device, places: Places, extent: Extent) -> bytes:
    """The extent's bytes, verified. Raises CorruptionError, OSError."""
    name, offset = places.find(extent.start)
    try:
        data = read_exactly(device, name, offset, extent.length)
        count = len(data)
    except FileNotFoundError:
        data, count = b"", -1
    check_extent(places.store_id, (name, offset), extent, data, count)
    return data


def count_intact(store_id: bytes, place: tuple[str, int], extents: Sequence[Extent], data: memoryview) -> int:
    """The number of extents, side by side in `data`, that are as they were written before one is not.

    What is wrong with that one `check_extent` says.
    """
    file, offset = place
    at, count = 0, 0
    for _, length, crc, life in extents:
        end = at + length
        if end > len(data) or checksum(data[at:end], store_id, file, offset + at, life) != crc:
            break
        at, count = end, count + 1
    return count


def check_extent(store_id: bytes, place: tuple[str, int], extent: Extent, data: Buffer, count: int) -> None:
    """Verify `data`, read for the extent from this file and offset. Raises CorruptionError.

    count   bytes that the device had from there on, -1: there is no such file
    """
    if count >= extent.length:
        crc = checksum(data, store_id, *place, extent.life)
        if crc == extent.crc:
            return
        raise CorruptionError(*place, f"CRC-32C {crc:08x}", f"{extent.crc:08x}")
    found = f"{count} bytes" if count >= 0 else "no file"
    raise CorruptionError(*place, found, f"{extent.length} bytes")
