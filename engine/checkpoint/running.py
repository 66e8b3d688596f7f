"""A checkpoint under way: what its steps hand on, and what it is once it is durable."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..metadata.layout import Block, Extent, SessionMark, Version
from ..shared.phases import CheckpointKind

__all__ = ["CheckpointPoint", "Running", "point_of"]


@dataclass(frozen=True, slots=True)
class CheckpointPoint:
    """A durable checkpoint: its version, and N of every session it has.

    name    under which it is pinned; "": it is not
    base    of an INCREMENTAL the checkpoint that it goes on from
    bytes   of log that it holds, from its begin to its end
    """

    version: Version
    serials: dict[str, int]
    kind: CheckpointKind = CheckpointKind.FOLD_OVER
    name: str = ""
    base: Version | None = None
    bytes: int = 0


def point_of(block: Block) -> CheckpointPoint:
    """The checkpoint that a table block says."""
    serials = {mark.name: mark.serial for mark in block.sessions}
    base = block.base if any(block.base) else None
    kind, length = CheckpointKind(block.kind), block.final - block.begin
    return CheckpointPoint(block.version, serials, kind, block.name, base, length)


@dataclass(slots=True)
class Running:
    """State that the steps of one checkpoint hand on.

    version       the one that it ends: operations of it are in, those of the next are not
    begin         the log's begin at PREPARE
    fuzzy_start   L_s, the tail at PREPARE
    final         L_f, the tail at WAIT_FLUSH; 0 before
    low           the log's own extents serve below, those of `beside` from there up to L_f
    beside        the extents in the checkpoint's own file, which has that of address a at byte a - `base`
    copied        the address up to which that file is written
    deadline      on the Runtime's clock, for operations that are pending; None: for ever
    point         what it is, once it is durable; None before
    """

    kind: CheckpointKind
    version: int = 0
    begin: int = 0
    fuzzy_start: int = 0
    deadline: float | None = None
    final: int = 0
    low: int = 0
    base: int = 0
    copied: int = 0
    beside: list[Extent] = field(default_factory=list)
    point: CheckpointPoint | None = None
    marks: list[SessionMark] = field(default_factory=list)
