"""CPR: the phases of every kind of checkpoint that ends a version; kinds differ in what WAIT_FLUSH writes.

    PREPARE       with an image of the index: it is written; then
                  L_s = tail, begin = log's begin                     sessions work in v
    WAIT_PENDING  every batch knows L_s; no operation of v with effects waits for the device
    IN_PROGRESS   version v + 1; each session's N is set as it meets it
    WAIT_FLUSH    idle sessions are claimed; L_f = tail; the kind writes and syncs the log below it
    PERSIST       table block and new names synced; two roots synced: acknowledged
    REST          the extents are named; the third root is owed

Invariants
  C1  everything a root names is durable before the root is written
  C2  N(s) is what the point reports, what the block holds and what a session resumes with
  C3  a checkpoint counts once two roots name it, not before
  C4  where whole segments are not needed any more, or the chain is long, it is rewritten (`retention`); then
      the driver removes segments below what the newest checkpoint lists, and the files of those that went
  C5  until REST no session of v + 1 writes a record of v in place, whatever of it is written by then

Threads: the driver's; one step at a time.
Source: CPR (Prasaad et al., SIGMOD 2019).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from ...errors import CheckpointError
from ...kernels import words as w
from ...kernels.atomics import load, store
from ...metadata.layout import Block, Pointer, Version
from ...metadata.places import image_name, snapshot_name
from ...metadata.rolls import changed
from ...metadata.tables import CHAIN_BLOCKS_MAX, NO_BLOCK
from ...shared.phases import Phase
from ..parts import Parts
from ..retention import Kept, below, files_of, gather
from ..running import Running, point_of
from .index import take_image

__all__ = ["Cpr", "claim_sessions"]

_NEXT: Final = {
    Phase.REST: Phase.PREPARE,
    Phase.PREPARE: Phase.WAIT_PENDING,
    Phase.WAIT_PENDING: Phase.IN_PROGRESS,
    Phase.IN_PROGRESS: Phase.WAIT_FLUSH,
    Phase.WAIT_FLUSH: Phase.PERSIST,
    Phase.PERSIST: Phase.REST,
}


@dataclass(frozen=True, slots=True)
class Cpr:
    """A kind that ends a version.

    write   write and sync the log below L_f, or a bounded part of it; whether that was the last part. It sets
            `final`, `low` and what else of Running the block is made of
    """

    write: Callable[[Parts, Running], bool]
    next: ClassVar[Mapping[Phase, Phase]] = _NEXT

    def enter(self, phase: Phase, parts: Parts, running: Running) -> bool:
        """As `Kind.enter`."""
        if phase is Phase.PREPARE and running.is_indexed and not take_image(parts, running):
            return False
        if phase is Phase.WAIT_FLUSH:
            return self.write(parts, running)
        _ENTER[phase](parts, running)
        return True


def _prepare(parts: Parts, running: Running) -> None:
    control = parts.log.spaces.control
    if running.timeout is not None:
        running.deadline = parts.disk.runtime.now() + running.timeout
    running.begin, running.fuzzy_start = load(control, w.BEGIN), load(control, w.TAIL)
    # L_s before the phase: a batch that sees the phase sees the address too.
    parts.shared.system.set_fuzzy_start(running.fuzzy_start)


def _wait_pending(parts: Parts, running: Running) -> None:
    """No batch is left that may not know L_s, and no operation of v with effects is unfinished."""
    epochs, pending = parts.shared.epochs, parts.sessions.pending
    epochs.drain("batches that began before the checkpoint")
    if not epochs.until("pending operations", lambda: not pending(), running.deadline):
        names = ", ".join(pending())
        raise CheckpointError(
            f"version {running.version}: sessions with pending operations: {names}; "
            "complete_pending there, then try again"
        )


def _in_progress(parts: Parts, running: Running) -> None:
    """The version is set together with the phase (M1)."""


def claim_sessions(parts: Parts, running: Running) -> None:
    """Take idle sessions over the edge too: from here on nobody works in v, and each N is known."""
    parts.sessions.shift_all()
    running.marks = parts.sessions.marks(running.version)


def _persist(parts: Parts, running: Running) -> None:
    tables, segments, extents = parts.tables, parts.log.segments, parts.log.extents
    start, kept = _stays(parts, running)
    is_full = kept is not None or tables.chain_blocks >= CHAIN_BLOCKS_MAX
    first = extents.below(start) if is_full else extents.named
    count = extents.below(running.low)
    version = Version(parts.root.life, running.version)
    places = [place for place in parts.places.ranges if place.high > start]
    block = Block(
        version=version,
        fuzzy_start=running.fuzzy_start,
        final=running.final,
        begin=running.begin,
        previous=tables.head if tables.head.length else NO_BLOCK,
        is_full=is_full,
        extents=[*extents.run(first, count), *running.beside],
        voids=[void for void in parts.voids if void.high > running.begin],
        sessions=running.marks,
        kind=running.kind.value,
        places=[*places, *running.places],
        base=running.parent or Version(0, 0),
        image=running.image or parts.image,
    )
    if kept is None:
        head = tables.append(block if is_full else changed(block, parts.sessions.held))
    else:
        parts.roots.settle()  # No copy may name the chain before the last one, whose bytes may be used.
        room = 0 if parts.log.pins.holds_all else kept.start
        head = tables.rewrite([*kept.blocks, block], room)
    if tables.has_new_name or segments.has_new_names:
        segments.sync_names()
        tables.has_new_name = False
    _commit(parts, head, running.begin)
    tables.accept(head, is_full)
    extents.name_until(count, start)
    segments.accept_beside(
        {snapshot_name(version)} if running.image is None else {snapshot_name(version), image_name(version)}
    )
    parts.copied, parts.image = running.digests, block.image
    if kept is not None:
        segments.doom(files_of([*kept.blocks, block]))
        segments.least_begin = min(each.begin for each in (*kept.blocks, block))
    parts.sessions.save(running.version, running.marks)
    running.point = point_of(block)


def _stays(parts: Parts, running: Running) -> tuple[int, Kept | None]:
    """The address from which on the log is needed; and, where the tables are rewritten, the older checkpoints
    that stay.
    """
    tables, segment_bytes = parts.tables, parts.settings.segment_bytes
    start, listed = running.begin - running.begin % segment_bytes, parts.log.extents.start
    is_due = tables.chain_blocks >= CHAIN_BLOCKS_MAX
    if start <= listed and not is_due:
        return listed, None
    kept = gather(tables, parts.keep - 1)
    if kept is None:
        return listed, None
    floor, blocks = below(kept, max(start, listed), segment_bytes)
    if floor <= listed and not is_due:
        return listed, None  # The segments are pinned.
    return floor, kept._replace(blocks=blocks)


def _rest(parts: Parts, running: Running) -> None:
    """PERSIST acknowledged; nothing is left to do."""


def _commit(parts: Parts, head: Pointer, begin: int) -> None:
    # What was published by now was published under so many buckets, or fewer.
    buckets = parts.log.spaces.control[w.BUCKET_MASK] + 1
    parts.root = parts.root._replace(head=head, begin=begin, index_buckets=buckets)
    parts.roots.commit(parts.root)
    # Not before: what a power cut leaves is judged by it (`kernels.slots`, G2).
    store(parts.log.spaces.control, w.DURABLE_BEGIN, max(begin, w.FIRST_ADDRESS))


_ENTER: Final[dict[Phase, Callable[[Parts, Running], None]]] = {
    Phase.PREPARE: _prepare,
    Phase.WAIT_PENDING: _wait_pending,
    Phase.IN_PROGRESS: _in_progress,
    Phase.PERSIST: _persist,
    Phase.REST: _rest,
}
