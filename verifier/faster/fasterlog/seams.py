"""The seams of a log for those who may not open the engine: classes, errors, geometries, an opening."""

from __future__ import annotations

from typing import Final

from powercut.engine import FasterLog, LogIterator, LogSettings, PoisonedError, Runtime, SettingsError
from powercut.engine.device import Device

__all__ = ["LOG_GEOMETRIES", "FasterLog", "LogIterator", "PoisonedError", "SettingsError", "open_log"]

# Small enough that a page ends and a segment begins within a few entries.
LOG_GEOMETRIES: Final = {
    "tiny": LogSettings(page_bytes=1024, segment_bytes=2048, write_unit=512),
    # A page is one write unit, and one segment.
    "paired": LogSettings(page_bytes=512, segment_bytes=512, write_unit=512),
    "many": LogSettings(page_bytes=512, segment_bytes=4096, write_unit=512),
}
_MEMORY_BYTES: Final = 4096  # The fewest pages, of the largest.


def open_log(device: Device, geometry: str, runtime: Runtime, commit: int | None = None) -> FasterLog:
    """Open the log on a device, or make one; with `commit` read-only, as it was then."""
    settings, is_older = LOG_GEOMETRIES[geometry], commit is not None
    return FasterLog.open(
        device,
        create=not is_older,
        read_only=is_older,
        settings=settings,
        memory=_MEMORY_BYTES,
        runtime=runtime,
        commit=commit,
    )
