"""Loading: the log of a checkpoint, from its segments into the ring, verified and re-linked.

    chunk k + 1   read into its frames, every extent verified; by a thread of the Runtime, if it is parallel
    chunk k       re-linked by one kernel call; by the caller

Invariants
  R6  bytes are re-linked only after their extent was verified, and oldest first
  R7  two chunks in a row never share a frame: a chunk is half the ring at most
  R8  extents are read and judged in order; the first that is wrong ends it, and what was read is told

The bytes are read straight into the ring, as many at a time as a chunk has in one file.

Threads: one, and one that reads for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import groupby
from typing import Final

from ..device import Device, Disk, read_fully
from ..errors import CorruptionError
from ..kernels import words as w
from ..log import HybridLog
from ..log.index import HashIndex
from ..log.segments import check_extent, count_intact
from ..metadata.images import image_bytes
from ..metadata.layout import Block, Extent
from ..metadata.places import Places
from ..metadata.roots import Finding
from ..runtime import Ticket
from ..shared.modes import Mode, Stamps

__all__ = ["CHUNK_BYTES", "load_log", "stamps_of"]

CHUNK_BYTES: Final = 1 << 23  # At most: what is read while the chunk before is re-linked.

Chunk = Sequence[Extent]


def load_log(
    log: HybridLog,
    index: HashIndex,
    mode: Mode,
    disk: Disk,
    places: Places,
    block: Block,
    stamps: Stamps,
    findings: list[Finding],
    low: int,
) -> None:
    """Load what the ring has room for, having re-linked everything from `low` on: the begin, or above it a
    page's start.

    Raises CorruptionError, OSError, IndexFullError.
    """
    loader = _Loader(log, disk.device, places, findings)
    # Below begin's page nothing is needed: a wrong bit there is no reason to refuse.
    first = log.extents.below(low - low % log.settings.page_bytes)
    extents = log.extents.run(first, len(log.extents))
    chunks = list(_chunks(extents, loader.chunk_bytes))
    # Where an image was settled, the kernels for a tail of any length are there.
    settled = image_bytes(block.image) if low > block.begin else 0
    link = mode.relinker(log.spaces, settled + block.final - low, stamps)
    address = low
    is_beside = disk.runtime.is_parallel and len(chunks) > 1
    ticket: Ticket | None = None
    try:
        for number, chunk in enumerate(chunks):
            if ticket is None:
                loader.load(chunk)
            else:
                disk.runtime.wait([ticket])
                ticket.result()
            ticket = None
            if is_beside and number + 1 < len(chunks):
                ticket = disk.runtime.submit(partial(loader.load, chunks[number + 1]))
            end = chunk[-1].start + chunk[-1].length
            address, why = link(address, end)
            if why == w.OVERFLOW:
                raise index.full()
            if why == w.STRANGE:
                raise _strange(log, places, address, stamps)
    finally:
        if ticket is not None:
            disk.runtime.wait([ticket])  # It writes into the ring.
    _clear_behind(log, low, block.final)


def stamps_of(block: Block, older: Block | None) -> Stamps:
    """The versions that records of a checkpoint can have; `older` is the one before it, where that is known.

    Behind `older` all are later than it. Of versions so far apart that their bits are alike nothing is said.
    """
    counter = block.version.counter
    known, start = (0, 0) if older is None else (older.version.counter, older.final)
    is_told_apart = counter - known <= w.VERSION_BITS
    return Stamps(start if is_told_apart else block.fuzzy_start, block.fuzzy_start, counter)


def _strange(log: HybridLog, places: Places, address: int, stamps: Stamps) -> CorruptionError:
    """The error of a record that the checkpoint cannot hold there."""
    file, offset = places.find(address)
    link = log.spaces.log[((address & (log.spaces.ring_bytes - 1)) >> 3) + w.LINK]
    bits, own = link >> w.VERSION_SHIFT & w.VERSION_BITS, stamps.counter & w.VERSION_BITS
    return CorruptionError(
        file,
        offset,
        f"a record with version bits {bits}",
        f"none but {own}" if address < stamps.fuzzy else f"{own} or {(own + 1) & w.VERSION_BITS}",
    )


def _chunks(extents: list[Extent], chunk_bytes: int) -> Iterator[Chunk]:
    for _, each in groupby(extents, key=lambda extent: extent.start // chunk_bytes):
        yield list(each)


def _clear_behind(log: HybridLog, low: int, final: int) -> None:
    """Zeros from the log's end to its page's, where a page that was loaded before has stood in the frame."""
    page, ring = log.settings.page_bytes, log.spaces.ring_bytes
    if (behind := -final % page) and final + behind - low > ring:
        frame = final & (ring - 1)
        log.spaces.log_bytes[frame : frame + behind] = bytes(behind)


class _Loader:
    """Reads chunks into their frames."""

    def __init__(self, log: HybridLog, device: Device, places: Places, findings: list[Finding]) -> None:
        self._log = log
        self._device = device
        self._places = places
        self._findings = findings
        self.chunk_bytes = max(log.settings.page_bytes, min(CHUNK_BYTES, log.spaces.ring_bytes // 2))

    def load(self, chunk: Chunk) -> None:
        """Read the extents and verify them (R8)."""
        find, low, high = self._places.find, chunk[0].start, chunk[-1].start
        if self._places.is_one_segment(low, high):  # Most: not each extent has to be looked for.
            self._load_run(find(low)[0], chunk)
            return
        for file, extents in groupby(chunk, key=lambda extent: find(extent.start)[0]):
            self._load_run(file, list(extents))

    def _load_run(self, file: str, extents: Chunk) -> None:
        """Read extents that follow one another in one file, at once. Raises CorruptionError."""
        start = extents[0].start
        _, offset = self._places.find(start)
        frame = start & (self._log.spaces.ring_bytes - 1)
        length = extents[-1].start + extents[-1].length - start
        room = self._log.spaces.log_bytes[frame : frame + length]
        try:
            count = read_fully(self._device, file, offset, room)
        except FileNotFoundError:
            count = -1
        intact = count_intact(self._places.store_id, (file, offset), extents, room[: max(count, 0)])
        away = offset - start
        self._findings += [Finding(file, away + at, size, "accepted") for at, size, *_ in extents[:intact]]
        if intact < len(extents):
            wrong = extents[intact]
            at, size = wrong.start - start, wrong.length
            self._findings.append(Finding(file, offset + at, size, "rejected"))
            check_extent(self._places.store_id, (file, offset + at), wrong, room[at : at + size], count - at)
