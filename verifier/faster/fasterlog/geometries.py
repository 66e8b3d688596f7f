"""The maker of logs, by the name of a geometry."""

from __future__ import annotations

from ...spec.spec import StoreMaker
from ..stepped import SteppedRuntime
from .seams import LOG_GEOMETRIES
from .subject import LOG_SPEC, LogSubject

__all__ = ["make_log"]


def make_log(geometry: str) -> StoreMaker:
    """Opens FasterLog in the named geometry."""
    settings = LOG_GEOMETRIES[geometry]
    return StoreMaker(lambda device: LogSubject(device, settings, SteppedRuntime()), LOG_SPEC)
