"""A device with the poison that a failed sync sets, and the runtime that makes its locks."""

from __future__ import annotations

from dataclasses import dataclass

from ..poison import Poison
from ..runtime import Runtime
from .seam import Device

__all__ = ["Disk"]


@dataclass(frozen=True, slots=True)
class Disk:
    """The device of one open store."""

    device: Device
    poison: Poison
    runtime: Runtime
