"""The parts of an open store: recovery makes them, the store uses them, a checkpoint persists them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from ..device import Disk
from ..kernels import words as w
from ..kernels.atomics import load
from ..log import HybridLog
from ..log.index import HashIndex
from ..metadata.layout import NO_IMAGE, Block, Image, Root, VoidRange
from ..metadata.places import Places
from ..metadata.roots import Finding, Roots
from ..metadata.tables import Tables
from ..sessions.registry import SessionRegistry
from ..settings import Settings
from ..shared.shared import Shared
from .running import Copied

__all__ = ["KEEP_DEFAULT", "Parts"]

KEEP_DEFAULT: Final = 2


@dataclass(slots=True)
class Parts:
    """The parts that a store is made of.

    root       the newest that is durable, or is being written
    block      the checkpoint that was recovered; None: an empty store
    voids      what recoveries have left behind, this one included
    places     in which files the recovered log stands
    keep       so many of the newest checkpoints stay when the tables are rewritten
    findings   what opening read, in order, and what it thought of each
    image      of the index, from which an opening of the newest checkpoint goes on
    copied     what the newest checkpoint has beside the log, if it is an INCREMENTAL of this life
    """

    root: Root
    settings: Settings
    block: Block | None
    voids: list[VoidRange]
    places: Places
    disk: Disk
    shared: Shared
    log: HybridLog
    index: HashIndex
    sessions: SessionRegistry
    tables: Tables
    roots: Roots
    findings: list[Finding]
    keep: int = KEEP_DEFAULT
    image: Image = NO_IMAGE
    copied: dict[int, Copied] = field(default_factory=dict)

    @property
    def has_news(self) -> bool:
        """True if there is anything that the newest checkpoint does not hold."""
        begin = load(self.log.spaces.control, w.BEGIN)
        return begin > max(self.root.begin, w.FIRST_ADDRESS) or self.sessions.has_news
