"""Image: an image of the hash index, read back into an index, or left alone where it cannot serve.

An opening that has one links only the log behind its start again (`kinds.index` says why that is enough). It
is a help and no part of the checkpoint: where it is missing, damaged, or of another number of buckets, the
whole log is linked again, with the same result.

Invariants
  N1  nothing of it is believed before all of it was verified; else the index is empty again
  N2  afterwards it is an index at rest: no entry is tentative, none names what lies at or above the image's
      `final`, and no overflow bucket is in two chains
  N3  what is read is told as a finding: accepted, rejected or absent

Threads: one; nobody else has the index yet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..device import Device, read_exactly, read_fully
from ..errors import CorruptionError
from ..kernels import words as w
from ..metadata.images import BUCKET_BYTES, check_record, image_bytes, record_at, record_bytes
from ..metadata.layout import Block, Image, checksum
from ..metadata.places import image_name
from ..metadata.roots import Finding
from ..settings import Settings
from ..shared.spaces import Spaces

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["adopt_image", "check_image", "read_extents"]

READ_BYTES: Final = 1 << 23  # At once.
_LOOKED_AT: Final = w.ADDRESS_MASK | 3 << 62  # Of an entry: all but its tag.
_BUCKETS: Final = 1 << 12  # Looked at in one go: what fits a processor's cache.


def adopt_image(
    device: Device, store_id: bytes, spaces: Spaces, settings: Settings, block: Block, findings: list[Finding]
) -> bool:
    """Fill the index from the image that the block names, if there is one and it can serve; whether it does.

    Raises MemoryError. O(index).
    """
    image = block.image
    control = spaces.control
    if not image.used or image.buckets != control[w.MAIN_COUNT] or image.used > control[w.OVERFLOW_END]:
        return False
    room = spaces.index.cast("B")[: image_bytes(image)]
    try:
        read_extents(device, store_id, settings, image, room, findings)
        _settle(spaces.index, image)
    except (CorruptionError, OSError):
        _clear(room)
        return False
    _spread(spaces, image)
    return True


def check_image(device: Device, store_id: bytes, settings: Settings, image: Image) -> CorruptionError | None:
    """The first thing of the file that is not as it was written; None: all is. Raises OSError. O(index)."""
    try:
        index = memoryview(bytearray(image_bytes(image)))
        read_extents(device, store_id, settings, image, index, [])
        _settle(index.cast("Q"), image)
    except CorruptionError as error:
        return error
    return None


def read_extents(
    device: Device,
    store_id: bytes,
    settings: Settings,
    image: Image,
    room: memoryview,
    findings: list[Finding],
) -> None:
    """Read the buckets of the image, each extent verified. Raises CorruptionError, OSError."""
    crcs = _read_record(device, store_id, settings, image, findings)
    longest = settings.extent_bytes
    many = max(1, READ_BYTES // longest) * longest
    for start in range(0, len(room), many):
        part = room[start : start + many]
        _read_part(device, store_id, image, (start, longest), part, crcs, findings)


def _read_record(
    device: Device, store_id: bytes, settings: Settings, image: Image, findings: list[Finding]
) -> list[int]:
    name = image_name(image.version)
    at, length = record_at(image, settings.write_unit), record_bytes(image, settings.extent_bytes)
    finding = Finding(name, at, length, "rejected")
    try:
        crcs = check_record(read_exactly(device, name, at, length), store_id, image, (at, length))
        finding = finding._replace(verdict="accepted")
    except FileNotFoundError:
        finding = finding._replace(verdict="absent")
        raise CorruptionError(name, at, "no file", f"{length} bytes") from None
    finally:
        findings.append(finding)
    return crcs


def _read_part(
    device: Device,
    store_id: bytes,
    image: Image,
    place: tuple[int, int],
    part: memoryview,
    crcs: list[int],
    findings: list[Finding],
) -> None:
    """Read extents that follow one another, and verify each."""
    name, (start, longest) = image_name(image.version), place
    finding = Finding(name, start, len(part), "rejected")
    try:
        count = read_fully(device, name, start, part)
        for at in range(0, len(part), longest):
            extent, wanted = part[at : at + longest], crcs[(start + at) // longest]
            if count < at + len(extent):
                raise CorruptionError(name, start + at, f"{max(0, count - at)} bytes", f"{len(extent)} bytes")
            found = checksum(extent, store_id, name, start + at, image.version.life)
            if found != wanted:
                raise CorruptionError(name, start + at, f"CRC-32C {found:08x}", f"{wanted:08x}")
        finding = finding._replace(verdict="accepted")
    finally:
        findings.append(finding)


def _settle(index: memoryview, image: Image) -> None:
    """Make an index at rest of the buckets of a fuzzy one (N2). Raises CorruptionError where that is none."""
    import numpy as np  # With the first image: opening a store without one must be short.

    words = np.frombuffer(index, np.uint64, image.used * w.BUCKET_WORDS).reshape(-1, w.BUCKET_WORDS)
    room = np.empty((_BUCKETS, w.BUCKET_WORDS), np.uint64)
    linked, count = np.zeros(image.used, bool), 0
    for first in range(0, image.used, _BUCKETS):
        part = words[first : first + _BUCKETS]
        entries, links = part[:, : w.BUCKET_ENTRIES], part[:, w.BUCKET_ENTRIES]
        # Three passes over what stays in the cache: most of the time of an opening is spent here.
        masked = np.bitwise_and(part, np.uint64(_LOOKED_AT), out=room[: len(part)])
        masked[:, w.BUCKET_ENTRIES] = 0
        if masked.max() >= image.final or int(np.bitwise_or.reduce(masked, axis=None)) % w.WORD_BYTES:
            _mend(entries, image, first)
        links[links >= np.uint64(image.used)] = 0
        behind = links[links != 0]
        if len(behind):
            linked[behind] = True
            count += len(behind)
    # Main buckets are in no chain but their own, and each other bucket in one.
    if count != np.count_nonzero(linked) or linked[: image.buckets].any():
        raise _strange(image, 0, "an overflow bucket in two chains", "each in one")


def _spread(spaces: Spaces, image: Image) -> None:
    """Move the overflow buckets to the end of the space; those that are in no chain come back."""
    import numpy as np

    control, count = spaces.control, image.used - image.buckets
    control[w.OVERFLOW_NEXT] = count
    if not count:
        return
    words = np.frombuffer(spaces.index, np.uint64).reshape(-1, w.BUCKET_WORDS)
    behind, links = control[w.OVERFLOW_END] - image.used, words[: image.used, w.BUCKET_ENTRIES]
    is_free = np.ones(count, bool)
    is_free[links[links != 0] - np.uint64(image.buckets)] = False
    links[links != 0] += np.uint64(behind)
    moved = words[image.buckets : image.used].copy()
    # Taken after the image was begun, and linked where it had been copied: all of it is linked again.
    moved[is_free] = 0
    words[image.buckets : image.used] = 0
    words[behind + image.buckets : control[w.OVERFLOW_END]] = moved
    free = np.flatnonzero(is_free) + behind + image.buckets
    if len(free):
        words[free[:-1], w.BUCKET_ENTRIES] = free[1:].astype(np.uint64) | np.uint64(w.REFUSED)
        words[free[-1], w.BUCKET_ENTRIES] = w.REFUSED
        control[w.OVERFLOW_FREE] = len(free) << w.FREE_SHIFT | int(free[0])


def _mend(entries: NDArray[np.uint64], image: Image, first: int) -> None:
    """Take tentative entries for none. Raises CorruptionError where one names no place of a record."""
    import numpy as np

    entries[entries >= np.uint64(w.TENTATIVE)] = 0
    named = entries & np.uint64(_LOOKED_AT)
    is_record = (named < max(image.final, w.FIRST_ADDRESS)) & (named % w.WORD_BYTES == 0)
    if not (is_record | (named == w.PENDING_ADDRESS)).all():
        raise _strange(image, first, "an entry of no record", f"addresses below {image.final}")


def _strange(image: Image, bucket: int, found: str, expected: str) -> CorruptionError:
    return CorruptionError(image_name(image.version), bucket * BUCKET_BYTES, found, expected)


def _clear(room: memoryview) -> None:
    zeros = bytes(READ_BYTES)
    for start in range(0, len(room), READ_BYTES):
        part = room[start : start + READ_BYTES]
        part[:] = zeros[: len(part)]
