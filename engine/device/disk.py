"""What it takes to ask a device for something: the device, what a failed sync poisons, who makes locks."""

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
