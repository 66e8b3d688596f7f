"""The trace: the disk at the start, then every event in the order in which the calls returned.

A crash is not in the trace: it is an index into it. Crash index t means that events[0:t] were issued and
nothing after them, so a trace of n events has the n + 1 crash indices 0..n.

Invariants
  1  the initial image is wholly durable
  2  events are only ever appended; index i means the same for ever
  3  digest() depends on the content of the initial image and on the events, never on inode numbers, time or
     hash seed
"""

from hashlib import blake2b

import msgspec

from ..errors import CrashIndexError, SectorSizeError
from .events import SYNC_KINDS, Event
from .image import GRAIN_BYTES, KEY_BYTES, Image

PAGE_BYTES = (
    4096  # The page of the operating system's cache: a killed write stops, and a size grows, at its edges.
)
SECTOR_BYTES = 512


class Trace:
    """An initial image and the events since."""

    __slots__ = ("events", "initial", "sector_bytes")

    def __init__(
        self,
        initial: Image | None = None,
        events: list[Event] | None = None,
        *,
        sector_bytes: int = SECTOR_BYTES,
    ) -> None:
        # A sector is a whole number of grains (hashing) and pages are whole numbers of sectors (a cut page
        # cuts none).
        if sector_bytes & (sector_bytes - 1) or not GRAIN_BYTES <= sector_bytes <= PAGE_BYTES:
            raise SectorSizeError(
                f"{sector_bytes} bytes is no sector: a power of two, {GRAIN_BYTES} to {PAGE_BYTES}"
            )
        self.initial = Image({}, {}) if initial is None else initial
        self.events: list[Event] = [] if events is None else events
        self.sector_bytes = sector_bytes

    def __len__(self) -> int:
        return len(self.events)

    def check_index(self, index: int) -> int:
        """The crash index itself; CrashIndexError if the trace has none such."""
        if not 0 <= index <= len(self.events):
            raise CrashIndexError(f"crash index {index} in a trace of {len(self.events)} events")
        return index

    def syncs(self) -> list[int]:
        """The indices of the events that made something durable."""
        return [index for index, event in enumerate(self.events) if event.kind in SYNC_KINDS]

    def digest(self) -> str:
        """128 bits in hexadecimal over everything in the trace. Invariant 3."""
        state = blake2b(digest_size=KEY_BYTES)
        state.update(f"{self.sector_bytes} {self.initial.key():032x}".encode())
        encoder = msgspec.msgpack.Encoder()
        for event in self.events:
            numbers = (
                event.kind,
                event.name,
                event.offset,
                event.data,
                event.size,
                event.target,
                event.label,
            )
            state.update(encoder.encode(numbers))
        return state.hexdigest()
