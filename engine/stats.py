"""Statistics: counters and boundaries of a store, as one value.

Counters are words that each session's kernels add to in passing, in a line no other session touches;
a snapshot adds them up. It is taken beside running sessions: each number is right as of some moment
during the call, their sums need not agree to the last operation.

Threads: any.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from .checkpoint.parts import Parts
from .flush.metrics import FlushMetrics
from .kernels import words as w
from .kernels.atomics import load
from .log.index import HashIndex
from .sessions.handles import COUNTERS
from .settings import BUCKET_BYTES
from .shared.spaces import Spaces
from .upkeep.found import Found

__all__ = ["COUNTERS", "Stats", "stats_of"]

_BOUNDARIES: Final = (
    *(("begin", w.BEGIN), ("head", w.HEAD), ("flushed", w.FLUSHED)),
    *(("safe_read_only", w.SAFE_READ_ONLY), ("read_only", w.READ_ONLY), ("tail", w.TAIL)),
)


@dataclass(frozen=True, slots=True)
class Stats:
    """A snapshot of a store; bytes are bytes of log unless said otherwise.

    operations      issued by all sessions, over all lives
    in_place        operations that changed a record where it stood
    copied          ... that wrote a new record for a key that had one
    appended        ... that wrote the first record of a key that memory knows of
    left            times a kernel call ended for a slow path: a full page, the device, a lost race ...
    retries         of these, for a lost race or a record in the fuzzy region
    hits_mutable    keys found in the mutable region, at the moment their operation ended;
    hits_frozen     in memory below it; hits_cold on the device; absent nowhere. An upsert does not look
                    below the mutable region and counts as cold there; an `rmw` looks when it reads, and
                    again when it writes
    cache_hits      times that the read cache answered in place of the device, cache_misses that it did not;
                    an `rmw` asks twice
    device_reads    chains followed below head
    pending         operations begun and not completed
    epoch, drains, deferred    the current epoch; actions run after a drain; actions waiting for one
    begin .. tail   the boundaries of the log
    live_found      bytes of log, begin to tail, that compactions of this opening have moved: live when they
                    were; 0 after an opening
    page_bytes, ring_bytes, cache_bytes, index_bytes    in memory; the last counts main and used overflow
                    buckets
    buckets, overflow_buckets    these, as numbers; growths: times that the former were doubled since opening
    sessions, live_sessions    names known; handles open
    version, phase  of the next checkpoint, and where a running one stands
    kernels         compiled or interpreted
    flusher         the flush worker: its state, the pressure, what it did and whom it held back
    huge_pages      of ring and index: asked (the system gives them as it can), off (it is set to give none),
                    absent (it knows none), small (neither is as long as one)
    """

    operations: int
    in_place: int
    copied: int
    appended: int
    left: int
    retries: int
    hits_mutable: int
    hits_frozen: int
    hits_cold: int
    absent: int
    cache_hits: int
    cache_misses: int
    device_reads: int
    pending: int
    epoch: int
    drains: int
    deferred: int
    begin: int
    head: int
    flushed: int
    safe_read_only: int
    read_only: int
    tail: int
    live_found: int
    page_bytes: int
    ring_bytes: int
    cache_bytes: int
    index_bytes: int
    buckets: int
    overflow_buckets: int
    growths: int
    sessions: int
    live_sessions: int
    version: int
    phase: str
    kernels: str
    flusher: FlushMetrics
    huge_pages: str

    @property
    def log_bytes(self) -> int:
        """Live address space: begin to tail."""
        return self.tail - self.begin

    @property
    def dead_most(self) -> float:
        """The fraction of the log that may be dead: all but what compactions have found live.

        Overwritten records, tombstones and the ends of pages are in it, and live records that no compaction
        of this opening has come to: after an opening it is 1. What has died since it was found live is not.
        """
        return 1 - self.live_found / max(self.log_bytes, 1)

    @property
    def memory_bytes(self) -> int:
        """Log in memory: head to tail."""
        return self.tail - self.head


def stats_of(
    parts: Parts, counters: dict[str, int], pending: int, flusher: FlushMetrics, found: Found
) -> Stats:
    """The snapshot of a store with these counters, so many operations pending in its handles, and what
    compactions had found live before.
    """
    shared, serials = parts.shared, parts.sessions.serials()
    boundaries = _of_spaces(shared.spaces)
    return Stats(
        operations=sum(serials.values()),
        **counters,
        pending=pending,
        epoch=shared.epochs.current,
        deferred=shared.epochs.waiting,
        **boundaries,
        live_found=found.above(boundaries["begin"]),
        **_of_index(parts.index),
        page_bytes=parts.settings.page_bytes,
        sessions=len(serials),
        live_sessions=parts.sessions.live,
        version=shared.system.version,
        phase=shared.system.phase.name,
        kernels=shared.mode.name,
        flusher=flusher,
        huge_pages=shared.spaces.huge_pages,
    )


def _of_spaces(spaces: Spaces) -> dict[str, int]:
    """Begin to tail, read in that order: each only grows, so what is told is in order too (A1)."""
    control = spaces.control
    told = {name: load(control, word) for name, word in _BOUNDARIES}
    return {**told, "ring_bytes": spaces.ring_bytes, "cache_bytes": spaces.cache_bytes}


def _of_index(index: HashIndex) -> dict[str, int]:
    buckets, overflow = index.width.buckets, index.overflow
    return {
        "index_bytes": (buckets + overflow) * BUCKET_BYTES,
        "buckets": buckets,
        "overflow_buckets": overflow,
        "growths": index.growths,
    }
