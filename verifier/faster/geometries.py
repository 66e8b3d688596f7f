"""Geometries: the smallest stores that still have every kind of boundary, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from powercut.engine import Settings
from powercut.engine.kernels import words as w
from powercut.engine.metadata.tables import CHAIN_BLOCKS_MAX
from powercut.engine.settings import plan_memory
from powercut.faultfs import FaultDevice

from ..spec.spec import StoreMaker
from ..spec.subject import Subject
from ..tapes.tape import INTERPRETED, Kind, Operation
from .ages import Age, image_of
from .flushing import FLUSHES, GATHERING
from .stepped import SteppedRuntime
from .subject import FASTER, FasterSubject

__all__ = ["AGES", "GEOMETRIES", "make_faster"]

_TINY: Final = {
    "page_bytes": 1024,
    "segment_bytes": 2048,
    "write_unit": 512,
    "extent_bytes": 512,
    "ring_pages": 2,
    "index_buckets": 2,
    "write_bytes": 512,  # An extent a write: more places for a power cut, and for a fault.
}
# Small enough that a page turns, a segment begins and a frame is evicted within a few operations.
GEOMETRIES: Final = {
    "tiny": Settings(**_TINY),
    "colliding": Settings(**_TINY, hash_mask=0),
    "narrow": Settings(**(_TINY | {"index_buckets": 1})),
    "long": Settings(**(_TINY | {"extent_bytes": 1024})),
    "paired": Settings(**(_TINY | {"page_bytes": 512, "segment_bytes": 512}), hash_mask=1),
    # Keys share chains, which part where the store is opened with more buckets.
    "parting": Settings(**(_TINY | {"index_buckets": 1}), hash_mask=3),
    # The same under two buckets, the first of which parts for the first keys; a page holds one large value.
    "parted": Settings(**(_TINY | {"page_bytes": 512, "segment_bytes": 512}), hash_mask=3),
    # A page holds one large value and a segment two pages, so a truncation may end inside a segment.
    "slim": Settings(**(_TINY | {"page_bytes": 512, "segment_bytes": 1024})),
    # The fewest pages at which read-only may be ahead of head, so that what is frozen is not yet evicted.
    "roomy": Settings(**(_TINY | {"page_bytes": 512, "ring_pages": 16})),
    # A segment is one page, of several write units and extents,
    "single": Settings(**(_TINY | {"segment_bytes": 1024})),
    # or many pages;
    "many": Settings(**(_TINY | {"page_bytes": 512, "segment_bytes": 4096})),
    # a write unit is a whole page, and so is an extent;
    "whole": Settings(**(_TINY | {"write_unit": 1024, "extent_bytes": 1024})),
    # and there are buckets enough for each key to have one.
    "wide": Settings(**(_TINY | {"index_buckets": 64})),
    # Its writes are longer than a page of the system's cache, so that a kill can cut one.
    "broad": Settings(
        **(_TINY | {"page_bytes": 16384, "segment_bytes": 32768, "extent_bytes": 16384}),
    ),
    # A page holds a value that no stage, nor a walk's space, has room for before it is made for it.
    "vast": Settings(
        **(_TINY | {"page_bytes": 1 << 18, "segment_bytes": 1 << 19, "extent_bytes": 1 << 15}),
    ),
}


# A limit to the disk (`DISKS`) that a dozen large values reach.
GEOMETRIES["bounded"] = GEOMETRIES["paired"]
# A read cache (`CACHES`), where each key has a chain of its own, and where some share one.
GEOMETRIES["kept"] = GEOMETRIES["slim"]
GEOMETRIES["shared"] = GEOMETRIES["paired"]
# Names that are not used are forgotten (`FORGETS`).
GEOMETRIES["forgetful"] = GEOMETRIES["fleeting"] = GEOMETRIES["tiny"]
# Stores with a flush worker; of many pages, so that what is frozen need not be flushed at once.
_PAGES: Final = _TINY | {"page_bytes": 512, "ring_pages": 16}
GEOMETRIES.update({name: Settings(**_PAGES) for name in FLUSHES})
GEOMETRIES.update(GATHERING)
_NARROW: Final = _TINY | {"index_buckets": 1}
_FULL: Final = (1 + plan_memory(Settings(**_NARROW), 1 << 20).overflow_buckets) * w.BUCKET_ENTRIES
# Stores late in a long life; each is a geometry as well.
AGES: Final = {
    "wrapping": Age(counter=14),  # The version's four bits wrap at the second checkpoint,
    "chained": Age(counter=70, blocks=CHAIN_BLOCKS_MAX - 1),  # the chain of blocks ends at the second,
    # and there its place in the file is that of blocks that are no more,
    "rewritten": Age(counter=70, blocks=CHAIN_BLOCKS_MAX - 1, dead=4),
    "high": Age(start=(1 << 46) - 2048),  # addresses need a bit more at the second segment,
    "ending": Age(start=w.ADDRESS_LIMIT - 4096),  # the third page is the last,
    # What a recovery left void reaches over three pages, under keys that share a chain,
    "voided": Age(counter=3, voids=6, tombstones=1),
    "crowded": Age(tombstones=w.BUCKET_ENTRIES),  # the first key needs an overflow bucket,
    "full": Age(tombstones=_FULL - 1),  # and has the last entry.
    "brimming": Age(tombstones=22, value_bytes=432),  # The limit to its disk is near.
    "thinned": Age(tombstones=48),  # Nearly all of its log is dead (`SHARES`).
}
GEOMETRIES.update({name: Settings(**(_NARROW if age.tombstones else _TINY)) for name, age in AGES.items()})
GEOMETRIES["voided"] = GEOMETRIES["colliding"]
GEOMETRIES["brimming"] = Settings(**(_TINY | {"page_bytes": 512, "segment_bytes": 512}))
GEOMETRIES["thinned"] = GEOMETRIES["brimming"]


def make_faster(geometry: str, kernels: str = INTERPRETED) -> StoreMaker:
    """Opens FasterKv in the named geometry, with compiled or interpreted kernels."""
    settings, age = GEOMETRIES[geometry], AGES.get(geometry)
    base = w.FIRST_ADDRESS if age is None else max(age.start, w.FIRST_ADDRESS)

    def reopen(operation: Operation, closed: Subject | None) -> Callable[[FaultDevice], Subject]:
        if isinstance(closed, FasterSubject):
            closed.ran(Kind.REOPEN_AS)
        return lambda device: FasterSubject(
            device, settings, SteppedRuntime(), kernels, base, geometry, reopening=operation
        )

    return StoreMaker(
        lambda device: FasterSubject(device, settings, SteppedRuntime(), kernels, base, geometry),
        FASTER,
        None if age is None else image_of(settings, age),
        reopen,
    )
