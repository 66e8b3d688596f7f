"""Geometries: the smallest stores that still have every kind of boundary, by name."""

from __future__ import annotations

from typing import Final

from powercut.engine import Settings

from ..spec.spec import StoreMaker
from ..tapes.tape import INTERPRETED
from .stepped import SteppedRuntime
from .subject import FASTER, FasterSubject

__all__ = ["GEOMETRIES", "make_faster"]

_TINY: Final = {
    "page_bytes": 1024,
    "segment_bytes": 2048,
    "write_unit": 512,
    "extent_bytes": 512,
    "ring_pages": 2,
    "index_buckets": 2,
}
# Small enough that a page turns, a segment begins and a frame is evicted within a few operations.
GEOMETRIES: Final = {
    "tiny": Settings(**_TINY),
    "colliding": Settings(**_TINY, hash_mask=0),
    "narrow": Settings(**(_TINY | {"index_buckets": 1})),
    "long": Settings(**(_TINY | {"extent_bytes": 1024})),
    "paired": Settings(**(_TINY | {"page_bytes": 512, "segment_bytes": 512}), hash_mask=1),
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
}


def make_faster(geometry: str, kernels: str = INTERPRETED) -> StoreMaker:
    """Opens FasterKv in the named geometry, with compiled or interpreted kernels."""
    settings = GEOMETRIES[geometry]
    return StoreMaker(lambda device: FasterSubject(device, settings, SteppedRuntime(), kernels), FASTER)
