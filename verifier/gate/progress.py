"""Progress: how far a stage has come, as a gate tells whoever watches it."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Progress"]


class Progress(NamedTuple):
    """The progress of a stage."""

    stage: str
    done: int  # Pieces of its work,
    total: int  # of so many.
    states: int  # Crash states, or what else the stage tells apart.
    seconds: float  # Since it began.
    unit: str = "chunks"  # The name of a piece.
