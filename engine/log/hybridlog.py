"""The hybrid log: a ring of pages between memory and the device.

    begin        head       flushed   safe_ro   read_only        tail
      |------------|------------|---------|---------|--------------|
        on the       evictable    being     fuzzy      mutable
        device only               flushed

Invariants
  A1  begin <= safe_head <= head <= flushed <= safe_read_only <= read_only <= tail
  A2  flushed moves only after every byte below it was written to the device and has an extent
  A3  each boundary only grows; a byte below safe_read_only never changes again
  A4  a range is flushed once: it starts at a write unit that no earlier flush touched
  A5  a frame is reused only for a page whose predecessor in it lies wholly below safe_head
  A6  tail - page start of head <= ring bytes
  A7  a segment goes only when it lies wholly below what any listed checkpoint names, and below every pin

What `flushed` promises is that the device can serve the bytes, not that they survive a power cut:
that is a checkpoint's `sync`.

`safe_read_only` and `safe_head` follow `read_only` and `head` once every batch that may not have seen
those move has left: only then are bytes frozen, and a frame nobody's.

Threads: kernels append and read; pages, flushes and boundaries move under one lock.
Source: HybridLog of FASTER (Chandramouli et al., SIGMOD 2018, sections 4 and 5).
"""

from __future__ import annotations

from contextlib import suppress
from struct import Struct
from typing import Final, NamedTuple

from ..device import Device, read_exactly, write_fully
from ..errors import CorruptionError, OperationError
from ..kernels import words as w
from ..kernels.atomics import load, store
from ..kernels.probe import is_void
from ..metadata.extents import SEGMENT_PREFIX, ExtentTable, segment_name, segment_number
from ..metadata.layout import Extent, checksum
from ..poison import Poison
from ..runtime import Runtime
from ..settings import Settings
from ..shared.epoch import Epochs
from ..shared.modes import Mode
from ..shared.pins import Pins
from ..shared.spaces import Spaces

__all__ = ["SEGMENT_PREFIX", "ColdRecord", "HybridLog", "read_extent", "segment_name", "segment_number"]

_HEADER: Final = Struct("<QQ")  # Of a record: sizes and link.
MUTABLE_TENTHS: Final = 9  # Of the ring, in tenths: how far read-only trails the tail.


def read_extent(device: Device, store_id: bytes, segment_bytes: int, extent: Extent) -> bytes:
    """The extent's bytes, verified. Raises CorruptionError, OSError."""
    number, offset = divmod(extent.start, segment_bytes)
    name = segment_name(number)
    try:
        data = read_exactly(device, name, offset, extent.length)
    except FileNotFoundError:
        raise CorruptionError(name, offset, "no file", f"{extent.length} bytes") from None
    if len(data) != extent.length:
        raise CorruptionError(name, offset, f"{len(data)} bytes", f"{extent.length} bytes")
    found = checksum(data, store_id, name, offset, extent.life)
    if found != extent.crc:
        raise CorruptionError(name, offset, f"CRC-32C {found:08x}", f"{extent.crc:08x}")
    return data


class ColdRecord(NamedTuple):
    """A copy of a record of the device; `previous` continues its chain, `words` is its length in the log."""

    previous: int
    link: int
    key: bytes
    value: bytes
    words: int


class HybridLog:
    """Pages, boundaries, flushes and cold reads."""

    def __init__(
        self,
        device: Device,
        runtime: Runtime,
        poison: Poison,
        settings: Settings,
        spaces: Spaces,
        mode: Mode,
        epochs: Epochs,
        store_id: bytes,
        life: int,
        extents: ExtentTable,
    ) -> None:
        self.settings = settings
        self.spaces = spaces
        self.extents = extents
        self.pins = Pins(spaces.control)
        self.life = life
        self.unsynced: list[str] = []  # Segments written to since their last sync, in order.
        self.has_new_names = False
        self._mode = mode
        self._epochs = epochs
        self._device = device
        self._poison = poison
        self._store_id = store_id
        self._lock = runtime.lock()
        self._segments: set[str] = set()
        self._loaded = (Extent(0, 0, 0, 0), b"")  # The last one read, and its bytes.
        ring_pages = spaces.ring_bytes // settings.page_bytes
        self._mutable_bytes = max(1, ring_pages * MUTABLE_TENTHS // 10) * settings.page_bytes

    @property
    def record_bytes_max(self) -> int:
        """The longest record: a page less the part of page 0 that is no address."""
        return self.settings.page_bytes - w.FIRST_ADDRESS

    def adopt(self, begin: int, head: int, tail: int, segments: set[str]) -> None:
        """Set every boundary as recovery (or creation) found it."""
        control = self.spaces.control
        page = self.settings.page_bytes
        control[w.BEGIN] = begin
        control[w.HEAD] = control[w.SAFE_HEAD] = head
        flushed = max(w.FIRST_ADDRESS, self.extents.end)
        control[w.FLUSHED] = control[w.SAFE_READ_ONLY] = control[w.READ_ONLY] = flushed
        control[w.TAIL] = tail
        control[w.PAGE_END] = (tail + page - 1) // page * page
        self._segments = segments

    def create_segment(self, number: int) -> None:
        """Make the file of segment `number`; its name is not durable yet."""
        name = segment_name(number)
        with suppress(FileExistsError):  # Made already, by a call that was interrupted right after.
            self._device.create(name)
        self._segments.add(name)
        self.has_new_names = True

    # -- pages -----------------------------------------------------------------------------------

    def open_page(self, needed: int) -> None:
        """Make `needed` more bytes fit below PAGE_END, evicting where the ring is full.

        Raises OSError where a flush fails (nothing moved), OperationError at the end of the
        address space.
        """
        control = self.spaces.control
        page = self.settings.page_bytes
        with self._lock:
            tail, start = load(control, w.TAIL), load(control, w.PAGE_END)
            if tail + needed <= start:
                return  # Another session opened it.
            if start + 2 * page > w.ADDRESS_LIMIT:
                raise OperationError(f"the log ends at address {start}: copy the live records to a new store")
            head = max(load(control, w.HEAD), start + page - self.spaces.ring_bytes)
            self.shift_read_only(max(head, start - self._mutable_bytes))
            if load(control, w.FLUSHED) < head:
                self._epochs.until(
                    "batches that may still write below read-only",
                    lambda: load(control, w.SAFE_READ_ONLY) >= head,
                )
            self.flush(load(control, w.SAFE_READ_ONLY))
            self._shift_head(head)
            frame = start & (self.spaces.ring_bytes - 1)
            self.spaces.log_bytes[frame : frame + page] = bytes(page)
            # The tail first: until the end moves too, no allocation fits, so none can straddle the pages.
            # Whatever a session has allocated since it was read lies below: its end did not move.
            store(control, w.TAIL, start)
            store(control, w.PAGE_END, start + page)

    def shift_read_only(self, address: int) -> None:
        """Forbid writes below `address` from now on; it is frozen when all sessions have seen that."""
        control = self.spaces.control
        with self._lock:
            if address > load(control, w.READ_ONLY):
                store(control, w.READ_ONLY, address)
            if address > load(control, w.SAFE_READ_ONLY):  # Also where an earlier call was interrupted.
                self._epochs.defer(lambda: self._raise(w.SAFE_READ_ONLY, address))

    def _shift_head(self, address: int) -> None:
        """Forbid reads from memory below `address` from now on; returns when all sessions have seen that."""
        control = self.spaces.control
        if address > load(control, w.HEAD):
            assert address <= load(control, w.FLUSHED)
            store(control, w.HEAD, address)
        if address > load(control, w.SAFE_HEAD):  # Also where an earlier call was interrupted.
            self._epochs.defer(lambda: self._raise(w.SAFE_HEAD, address))
            self._epochs.until(
                "batches that may still read below head",
                lambda: load(control, w.SAFE_HEAD) >= address,
            )

    def _raise(self, word: int, address: int) -> None:
        """Raise the safe boundary, as a deferred action; two of them may run in any order (A3)."""
        control = self.spaces.control
        while (found := load(control, word)) < address and not self._mode.cas(control, word, found, address):
            pass

    def fold_over(self) -> int:
        """Round the tail up to a write unit and freeze all below it; that address."""
        control = self.spaces.control
        unit = self.settings.write_unit
        with self._lock:
            while True:
                # The padding is zeros, and a sector of it is never shared with a later flush (A4).
                tail = load(control, w.TAIL)
                final = (tail + unit - 1) // unit * unit
                if self._mode.cas(control, w.TAIL, tail, final):
                    break
            self.shift_read_only(final)
            self._epochs.until(
                "batches that may still write below the fold",
                lambda: load(control, w.SAFE_READ_ONLY) >= final,
            )
            return final

    # -- to the device ---------------------------------------------------------------------------

    def flush(self, until: int) -> None:
        """Write every whole unit below `until` that is not on the device yet; see A2 and A4."""
        control = self.spaces.control
        until -= until % self.settings.write_unit  # Only the null region of page 0 is not whole.
        with self._lock:
            start = self.extents.end  # 0 in a fresh log, whose lowest address is FIRST_ADDRESS.
            store(control, w.FLUSHED, max(start, load(control, w.FLUSHED)))  # Where a call was interrupted.
            while start < until:
                start += self._flush_extent(start, until)
                store(control, w.FLUSHED, start)

    def _flush_extent(self, start: int, until: int) -> int:
        length = min(until, (start // self.settings.extent_bytes + 1) * self.settings.extent_bytes) - start
        frame = start & (self.spaces.ring_bytes - 1)
        # One copy: checksum, write and any retry see the same bytes, whatever a session does meanwhile.
        data = bytes(self.spaces.log_bytes[frame : frame + length])
        number, offset = divmod(start, self.settings.segment_bytes)
        name = segment_name(number)
        if name not in self._segments:
            self.create_segment(number)
        write_fully(self._device, name, offset, data)
        if name not in self.unsynced:
            self.unsynced.append(name)
        crc = checksum(data, self._store_id, name, offset, self.life)
        self.extents.append(Extent(start, length, crc, self.life))
        return length

    def sync(self) -> None:
        """Make every flushed byte durable. Raises PoisonedError if a sync fails."""
        with self._lock:
            for name in self.unsynced:
                try:
                    self._device.sync(name)
                except OSError as error:
                    raise self._poison.failed(f"syncing {name}", error) from error
            self.unsynced.clear()

    def sync_names(self) -> None:
        """Make the names of new segments durable. Raises PoisonedError if that fails."""
        try:
            self._device.sync_names()
        except OSError as error:
            raise self._poison.failed("syncing the names", error) from error
        self.has_new_names = False

    # -- from the device -------------------------------------------------------------------------

    def load_extent(self, extent: Extent) -> bytes:
        """The extent's bytes, verified. Raises CorruptionError, OSError."""
        loaded, data = self._loaded  # At once: another thread may put another extent there.
        if loaded == extent:
            return data
        data = read_extent(self._device, self._store_id, self.settings.segment_bytes, extent)
        self._loaded = (extent, data)
        return data

    def load(self, address: int, length: int) -> bytes:
        """`length` bytes of flushed log from `address`, every extent of them verified."""
        extent, data = self._loaded
        at = address - extent.start
        if 0 <= at <= extent.length - length:
            return data[at : at + length]  # Most calls: a record is read in three of them.
        parts = []
        while length > 0:
            extent = self.extents.find(address)
            at = address - extent.start
            part = self.load_extent(extent)[at : at + length]
            parts.append(part)
            address, length = address + len(part), length - len(part)
        return b"".join(parts)

    def load_record(self, address: int) -> ColdRecord:
        """The record at `address`, from the device."""
        sizes, link = _HEADER.unpack(self.load(address, _HEADER.size))
        key_bytes = (sizes >> w.KEY_SHIFT) & w.KEY_MASK
        padded = (key_bytes + 7) // 8 * 8
        body = self.load(address + _HEADER.size, padded + (sizes >> w.VALUE_SHIFT))
        return ColdRecord(
            link & w.ADDRESS_MASK, link, body[:key_bytes], body[padded:], sizes & w.ALLOCATED_MASK
        )

    def find_cold(self, address: int, key: bytes) -> ColdRecord | None:
        """The key's newest live record at or below `address` on the device; None if it has none.

        A tombstone is a record; the caller looks at its link.
        """
        with self.pins.hold() as begin:
            return self.follow(address, key, begin)

    def follow(self, address: int, key: bytes, begin: int) -> ColdRecord | None:
        """`find_cold` for a caller who has pinned the log from `begin` up."""
        while address >= max(begin, w.FIRST_ADDRESS):
            record = self.load_record(address)
            if record.key == key and not is_void(self.spaces.control, address, record.link):
                return record
            address = record.previous
        return None

    # -- truncation --------------------------------------------------------------------------------

    def truncate(self, address: int) -> int:
        """Give up the log below `address`; the begin that this makes (A1, a page's start).

        Raises OperationError for what is no address up to the tail.
        """
        control = self.spaces.control
        tail = load(control, w.TAIL)
        if type(address) is not int or not 0 <= address <= tail:
            raise OperationError(f"address is {address!r}: expected an address up to the tail, {tail}")
        with self._lock:
            begin = min(address, load(control, w.HEAD))
            begin -= begin % self.settings.page_bytes
            if begin > load(control, w.BEGIN):
                store(control, w.BEGIN, begin)
            return load(control, w.BEGIN)

    def remove_below(self, address: int) -> None:
        """Remove the segments wholly below `address`, which no checkpoint needs, and below every pin.

        Those that cannot go now stay for the next time: opening ignores them.
        """
        with self._lock:
            least = self.pins.least(address) // self.settings.segment_bytes
            numbers = {name: segment_number(name) for name in sorted(self._segments)}
        for name, number in numbers.items():  # Without the lock: taking a large file away takes long.
            if number is not None and number < least:
                try:
                    self._device.remove(name)
                except OSError:
                    continue  # Nothing depends on it; the next checkpoint tries again.
                self._segments.discard(name)
