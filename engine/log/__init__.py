"""The log: pages in memory and their boundaries (`ring`), their way to the device (`flushing`), files
(`segments`), records below head (`cold`).

    a batch that finds no room  ->  ring.open_page  ->  flushing.flush  ->  segments.write
    a batch that leaves memory  ->  cold.find       ->  segments.read, cache.keep
    a checkpoint                ->  ring.fold_over, flushing.flush      ->  segments.sync

The hash `index` over it has the chains' heads.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..device import Disk
from ..kernels import words as w
from ..metadata.extents import ExtentTable
from ..metadata.places import Places
from ..settings import Settings
from ..shared.pins import Pins
from ..shared.shared import Shared
from ..shared.spaces import Spaces
from .cache import ReadCache
from .cold import ColdLog
from .flushing import Flushing
from .ring import Ring
from .segments import Segments

__all__ = ["HybridLog"]


@dataclass(frozen=True, slots=True)
class HybridLog:
    """The parts of one store's log."""

    settings: Settings
    spaces: Spaces
    extents: ExtentTable
    pins: Pins
    segments: Segments
    cold: ColdLog
    flushing: Flushing
    ring: Ring

    @classmethod
    def over(
        cls, disk: Disk, shared: Shared, settings: Settings, places: Places, life: int, extents: ExtentTable
    ) -> HybridLog:
        """The log in these spaces, whose flushed part these extents are."""
        has_readers = getattr(disk.device, "has_readers", None)
        pins = Pins(shared.spaces.control, *(() if has_readers is None else (has_readers,)))
        segments = Segments(disk, settings, places, life, extents, pins)
        cache = ReadCache(shared.spaces, shared.mode, disk.runtime) if shared.spaces.cache_bytes else None
        cold = ColdLog(segments, shared.spaces.control, pins, cache)
        flushing = Flushing(settings, shared.spaces, segments, disk.runtime)
        ring = Ring(settings, shared, segments.extents, flushing, disk.runtime)
        return cls(settings, shared.spaces, extents, pins, segments, cold, flushing, ring)

    @property
    def record_bytes_max(self) -> int:
        """The longest record: a page less the part of page 0 that is no address."""
        return self.settings.page_bytes - w.FIRST_ADDRESS
