"""Kinds of checkpoint: which phase follows which, and what is done on entering one; the driver knows none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

from ...shared.phases import CheckpointKind, Phase
from ..parts import Parts
from ..running import Running
from .fold_over import FOLD_OVER
from .incremental import INCREMENTAL
from .snapshot import SNAPSHOT

__all__ = ["KINDS", "Kind"]


class Kind(Protocol):
    """One kind of checkpoint; it keeps nothing of its own between two calls."""

    @property
    def next(self) -> Mapping[Phase, Phase]:
        """The phase after each (M2), from REST round to REST."""

    def enter(self, phase: Phase, parts: Parts, running: Running) -> bool:
        """Do what is done on entering the phase, or a bounded part of it; whether that was the last part.
        Raises CheckpointError, OSError (the checkpoint is given up, and may be tried again), PoisonedError.
        Who calls holds no row of the epoch table.
        """


KINDS: Final[dict[CheckpointKind, Kind]] = {
    CheckpointKind.FOLD_OVER: FOLD_OVER,
    CheckpointKind.SNAPSHOT: SNAPSHOT,
    CheckpointKind.INCREMENTAL: INCREMENTAL,
}
