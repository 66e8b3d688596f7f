"""The parts of an open store: recovery makes them, the store uses them, a checkpoint persists them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..device import Disk
from ..log import HybridLog
from ..log.index import HashIndex
from ..metadata.layout import Block, Root, VoidRange
from ..metadata.roots import Finding, Roots
from ..metadata.tables import Tables
from ..sessions.registry import SessionRegistry
from ..settings import Settings
from ..shared.shared import Shared
from ..stats import Stats, of_spaces

__all__ = ["Parts"]


@dataclass(slots=True)
class Parts:
    """The parts that a store is made of.

    root       the newest that is durable, or is being written
    block      the checkpoint that was recovered; None: an empty store
    voids      what recoveries have left behind, this one included
    findings   what opening read, in order, and what it thought of each
    """

    root: Root
    settings: Settings
    block: Block | None
    voids: list[VoidRange]
    disk: Disk
    shared: Shared
    log: HybridLog
    index: HashIndex
    sessions: SessionRegistry
    tables: Tables
    roots: Roots
    findings: list[Finding]

    def stats(self, counters: Callable[[], dict[str, int]], pending: int) -> Stats:
        """All figures at this moment; `counters` gives those that sessions and epochs count."""
        shared = self.shared
        return Stats(
            operations=sum((serials := self.sessions.serials()).values()),
            **counters(),
            pending=pending,
            epoch=shared.epochs.current,
            deferred=shared.epochs.waiting,
            **of_spaces(shared.spaces),
            page_bytes=self.settings.page_bytes,
            sessions=len(serials),
            live_sessions=self.sessions.live,
            version=shared.system.version,
            phase=shared.system.phase.name,
            kernels=shared.mode.name,
            huge_pages=shared.spaces.huge_pages,
        )
