"""Places: in which file each extent of a log stands, and from which byte.

Most stand in segments. What a checkpoint wrote beside the log stands in a file of its own, named for its
version; a recovery of that checkpoint makes it a part of the log, for ever.

Invariants
  1  the ranges ascend and are disjoint, and no extent crosses the end of one
  2  a file is written by one checkpoint alone, and no other is ever of that name: no two have one version

Threads: a value.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Final

from .extents import segment_name
from .layout import Place, Version

__all__ = [
    "CHAIN_FILES_MAX",
    "Places",
    "image_name",
    "image_version",
    "snapshot_name",
    "snapshot_version",
    "version_beside",
]

SNAPSHOT_PREFIX: Final = "snapshot-"
IMAGE_PREFIX: Final = "index-"
CHAIN_FILES_MAX: Final = 4  # Of one life, in which the extents of one checkpoint stand.
_LOW: Final = attrgetter("low")


def snapshot_name(version: Version) -> str:
    """The file in which the checkpoint of that version keeps what it wrote beside the log."""
    return f"{SNAPSHOT_PREFIX}{version.life:08d}-{version.counter:08d}"


def snapshot_version(name: str) -> Version | None:
    """The version of the checkpoint whose file `name` is; None for another file."""
    return _version_in(name, SNAPSHOT_PREFIX, snapshot_name)


def image_name(version: Version) -> str:
    """The file in which the image of the index stands that was taken with the checkpoint of that version."""
    return f"{IMAGE_PREFIX}{version.life:08d}-{version.counter:08d}"


def image_version(name: str) -> Version | None:
    """The version of the checkpoint with which the image in the file `name` was taken; None: another file."""
    return _version_in(name, IMAGE_PREFIX, image_name)


def version_beside(name: str) -> Version | None:
    """The version of the checkpoint that wrote the file `name` beside the log; None for another file."""
    return snapshot_version(name) or image_version(name)


def _version_in(name: str, prefix: str, name_of: Callable[[Version], str]) -> Version | None:
    life, _, counter = name.removeprefix(prefix).partition("-")
    if not (life.isdecimal() and counter.isdecimal()):
        return None
    version = Version(int(life), int(counter))
    return version if name_of(version) == name else None


class Places:
    """The places of one log of the store `store_id`."""

    def __init__(self, store_id: bytes, segment_bytes: int, ranges: Sequence[Place] = ()) -> None:
        self.store_id: Final = store_id
        self.ranges: Final = tuple(ranges)
        self.segment_bytes: Final = segment_bytes

    def find(self, address: int) -> tuple[str, int]:
        """The file that holds the extent at `address`, and the byte at which it starts. O(log ranges)."""
        number = bisect_right(self.ranges, address, key=_LOW) - 1
        if number >= 0 and address < self.ranges[number].high:
            place = self.ranges[number]
            return snapshot_name(place.version), address - place.base
        segment, offset = divmod(address, self.segment_bytes)
        return segment_name(segment), offset

    def is_one_segment(self, low: int, high: int) -> bool:
        """True if all extents from that at `low` to that at `high` stand in one segment. O(log ranges)."""
        number = bisect_right(self.ranges, high, key=_LOW) - 1
        is_apart = number >= 0 and self.ranges[number].high > low
        return not is_apart and low // self.segment_bytes == high // self.segment_bytes
