"""A checkpoint under way: what its steps hand on, and what it is once it is durable."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from ..metadata.layout import Block, Extent, Image, Place, Version
from ..metadata.marks import SessionMark
from ..metadata.rolls import follow
from ..shared.phases import CheckpointKind

__all__ = ["CheckpointPoint", "Copied", "Imaging", "Running", "point_of", "points_of"]


@dataclass(frozen=True, slots=True)
class CheckpointPoint:
    """A durable checkpoint: its version, and N of every session it has.

    name    under which it is pinned; "": it is not
    base    of an INCREMENTAL the checkpoint that it goes on from
    bytes   of log that it holds, from its begin to its end
    index   the checkpoint with which the image of the index was taken from which its opening goes on; None:
            it links its whole log again
    """

    version: Version
    serials: dict[str, int]
    kind: CheckpointKind = CheckpointKind.FOLD_OVER
    name: str = ""
    base: Version | None = None
    bytes: int = 0
    index: Version | None = None


def point_of(block: Block) -> CheckpointPoint:
    """The checkpoint that a table block with all of its sessions says."""
    serials = {mark.name: mark.serial for mark in block.sessions}
    base = block.base if any(block.base) else None
    kind, length = CheckpointKind(block.kind), block.final - block.begin
    index = block.image.version if any(block.image.version) else None
    return CheckpointPoint(block.version, serials, kind, block.name, base, length, index)


def points_of(blocks: Iterable[Block]) -> list[CheckpointPoint]:
    """The checkpoints of a chain, newest first. Raises SerialError."""
    # Block by block: the extents of all of them would take more memory than the log.
    listed = [block._replace(extents=()) for block in blocks]
    points = [point_of(block._replace(sessions=roll.marks())) for block, roll in follow(listed)]
    return points[::-1]


class Copied(NamedTuple):
    """An extent of an INCREMENTAL: in which file, from which base, and the digest of its bytes."""

    extent: Extent
    version: Version
    base: int
    digest: bytes


@dataclass(slots=True)
class Imaging:
    """An image of the index that is being taken.

    start   the log's tail when it began; `buckets` how many main ones there were, `used` how many in all
    next    the bucket with which it goes on
    crcs    of the extents that are written
    """

    start: int
    buckets: int
    used: int
    next: int = 0
    crcs: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Running:
    """State that the steps of one checkpoint hand on.

    version       the one that it ends: operations of it are in, those of the next are not
    begin         the log's begin at PREPARE
    fuzzy_start   L_s, the tail at PREPARE
    final         L_f, the tail at WAIT_FLUSH; 0 before
    low           the log's own extents serve below, those of `beside` from there up to L_f
    beside        the extents from there on, and `places` in which files they stand: in the checkpoint's own,
                  which has that of address a at byte a - `base`, or in those of earlier ones
    copied        the address up to which the log was copied there
    parent        of an INCREMENTAL the checkpoint that it goes on from; None: it is written in full
    earlier       what that one has, by address; `digests` the same of this one
    timeout       in seconds from PREPARE, for operations that are pending; None: for ever
    deadline      the same on the Runtime's clock
    is_by_itself  whether nobody asked for it: who starts another takes this one to its end
    is_indexed    whether an image of the index is taken with it; `imaging` while it is, `image` once it is
    point         what it is, once it is durable; None before
    """

    kind: CheckpointKind
    is_indexed: bool = False
    version: int = 0
    begin: int = 0
    fuzzy_start: int = 0
    timeout: float | None = None
    deadline: float | None = None
    imaging: Imaging | None = None
    image: Image | None = None
    final: int = 0
    low: int = 0
    base: int = 0
    copied: int = 0
    beside: list[Extent] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    parent: Version | None = None
    earlier: dict[int, Copied] = field(default_factory=dict)
    digests: dict[int, Copied] = field(default_factory=dict)
    is_by_itself: bool = False
    point: CheckpointPoint | None = None
    marks: list[SessionMark] = field(default_factory=list)
