"""A checkpoint under way: what its steps hand on, and what it is once it is durable."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..metadata.layout import Block, SessionMark, Version
from ..shared.phases import CheckpointKind

__all__ = ["CheckpointPoint", "Running", "point_of"]


@dataclass(frozen=True, slots=True)
class CheckpointPoint:
    """A durable checkpoint: its version, and N of every session it has."""

    version: Version
    serials: dict[str, int]
    kind: CheckpointKind = CheckpointKind.FOLD_OVER


def point_of(block: Block) -> CheckpointPoint:
    """The checkpoint that a table block says."""
    return CheckpointPoint(block.version, {mark.name: mark.serial for mark in block.sessions})


@dataclass(slots=True)
class Running:
    """State that the steps of one checkpoint hand on.

    version       the one that it ends: operations of it are in, those of the next are not
    begin         the log's begin at PREPARE
    fuzzy_start   L_s, the tail at PREPARE
    final         L_f, the tail at WAIT_FLUSH; 0 before
    deadline      on the Runtime's clock, for operations that are pending; None: for ever
    point         what it is, once it is durable; None before
    """

    kind: CheckpointKind
    version: int = 0
    begin: int = 0
    fuzzy_start: int = 0
    deadline: float | None = None
    final: int = 0
    point: CheckpointPoint | None = None
    marks: list[SessionMark] = field(default_factory=list)
