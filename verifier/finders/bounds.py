"""Bounds: the limits of a crash search."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from .ways import Finding

__all__ = ["LIMIT", "Bounds"]

LIMIT: Final = 4096  # Legal states of one crash point.


@dataclass(frozen=True, slots=True)
class Bounds:
    """The limits of a search, as `search_tape` says."""

    depth: int
    limit: int
    is_counted: bool = False
    draws: int = 0
    excuses: Callable[[Finding], bool] = lambda finding: False  # What is found and is no news ends no search.
