"""Geometries of logs: the smallest that still have every kind of boundary, by name."""

from __future__ import annotations

from typing import Final

from powercut.engine import LogSettings

from ...spec.spec import StoreMaker
from ..stepped import SteppedRuntime
from .subject import LOG_SPEC, LogSubject

__all__ = ["LOG_GEOMETRIES", "make_log"]

# Small enough that a page ends and a segment begins within a few entries.
LOG_GEOMETRIES: Final = {
    "tiny": LogSettings(page_bytes=1024, segment_bytes=2048, write_unit=512),
    # A page is one write unit, and one segment.
    "paired": LogSettings(page_bytes=512, segment_bytes=512, write_unit=512),
    "many": LogSettings(page_bytes=512, segment_bytes=4096, write_unit=512),
}


def make_log(geometry: str) -> StoreMaker:
    """Opens FasterLog in the named geometry."""
    settings = LOG_GEOMETRIES[geometry]
    return StoreMaker(lambda device: LogSubject(device, settings, SteppedRuntime()), LOG_SPEC)
