"""Shared state of all threads of a store: memory, mode of the kernels, epoch, system state."""

from __future__ import annotations

from dataclasses import dataclass

from ..runtime import Runtime
from .epoch import Epochs
from .modes import Mode
from .phases import System
from .spaces import Spaces

__all__ = ["Shared"]


@dataclass(frozen=True, slots=True)
class Shared:
    """The words of one open store, and what moves them."""

    spaces: Spaces
    mode: Mode
    epochs: Epochs
    system: System

    @classmethod
    def over(cls, spaces: Spaces, mode: Mode, runtime: Runtime, version: int) -> Shared:
        """Epochs and a system at REST in `version`, over these spaces."""
        return cls(spaces, mode, Epochs(spaces, mode, runtime), System(spaces.control, version))
