"""Image: an image of the hash index, read back into an index, or left alone where it cannot serve.

An opening that has one links only the log behind its start again (`kinds.index` says why that is enough). It
is a help and no part of the checkpoint: where it is missing, damaged, of another number of buckets, or longer
than the log that it spares, the whole log is linked again, with the same result.

    part k         read into its place in the index, each extent verified, then settled (`kernels.settling`)
    part k + 1     the same, beside it: by a thread of the Runtime, if it is parallel

Invariants
  N1  nothing of it is believed before all of it was verified; else the index is empty again
  N3  what is read is told as a finding: accepted, rejected or absent
  N5  two lanes have no part in common, and each a chart of its own: no overflow bucket is in both, or in
      neither of them with an entry

Threads: one, and one that reads for it; nobody else has the index yet.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from ..device import Device, Disk
from ..errors import CorruptionError
from ..kernels import words as w
from ..metadata.images import BUCKET_BYTES, image_bytes
from ..metadata.layout import Block, Image
from ..metadata.places import image_name
from ..metadata.roots import Finding
from ..runtime import Runtime
from ..settings import Settings
from ..shared.modes import Mode
from ..shared.settling import Settle, bind_settling, compiles
from ..shared.spaces import Spaces, words_of
from .reading import ImageReader, Room

__all__ = ["IMAGE_LEAST", "adopt_image", "check_image"]

IMAGE_LEAST: Final = 1 << 16  # Bytes of an image that are read whatever they spare.
_LANES: Final = 2


def adopt_image(
    disk: Disk,
    store_id: bytes,
    spaces: Spaces,
    mode: Mode,
    settings: Settings,
    block: Block,
    findings: list[Finding],
) -> bool:
    """Fill the index from the image that the block names, if there is one and it can serve; whether it does.

    Raises MemoryError. O(index).
    """
    image, control = block.image, spaces.control
    if not image.used or image.buckets != control[w.MAIN_COUNT] or image.used > control[w.OVERFLOW_END]:
        return False
    if image_bytes(image) > max(IMAGE_LEAST, image.start - block.begin):
        return False  # Linking that much of the log takes no longer.
    room = Room(spaces.index.cast("B"), image.buckets, control[w.OVERFLOW_END] - image.used)
    settle = bind_settling(control, spaces.index, image.used, is_compiled=mode.name == "compiled")
    try:
        reader = ImageReader(disk.device, store_id, settings, image, findings)
        chart = _settled(disk.runtime, reader, room, settle, findings)
    except (CorruptionError, OSError):
        room.clear(image.used)
        return False
    settle(chart, 0, 0)
    return True


def check_image(device: Device, store_id: bytes, settings: Settings, image: Image) -> CorruptionError | None:
    """The first thing of the file that is not as it was written; None: all is. Raises OSError. O(index)."""
    try:
        reader = ImageReader(device, store_id, settings, image, [])
        index = memoryview(bytearray(image_bytes(image)))
        settle = bind_settling(words_of(1), index.cast("Q"), image.used, is_compiled=compiles())
        _settled(None, reader, Room(index, image.buckets, 0), settle, [])
    except CorruptionError as error:
        return error
    return None


def _settled(
    runtime: Runtime | None, reader: ImageReader, room: Room, settle: Settle, findings: list[Finding]
) -> memoryview:
    """Read the whole image and make an index at rest of it; its chart. Raises CorruptionError, OSError."""
    count = _LANES if runtime is not None and runtime.is_parallel and len(reader.parts) > 1 else 1
    lanes = [_Lane(reader, room, settle, reader.parts[number::count]) for number in range(count)]
    tickets = [runtime.submit(lane.run) for lane in lanes[1:]] if runtime is not None else []
    try:
        lanes[0].run()
    finally:
        if runtime is not None:
            runtime.wait(tickets)  # They write into the index.
    findings += sorted(finding for lane in lanes for finding in lane.findings)
    for ticket in tickets:
        ticket.result()
    for lane in lanes:
        if lane.error is not None:
            raise lane.error
    return _joined(reader.image, [lane.chart for lane in lanes])


def _joined(image: Image, charts: list[memoryview]) -> memoryview:
    """The first of the charts, with what all of them saw. Raises CorruptionError for what two did (N5)."""
    first, *others = charts
    linked = int.from_bytes(first[w.C_LINKED :], "little")
    for other in others:
        seen = int.from_bytes(other[w.C_LINKED :], "little")
        if linked & seen:
            raise strange(image, image.buckets + (linked & seen).bit_length() - 1)
        linked |= seen
    first.cast("B")[w.C_LINKED * w.WORD_BYTES :] = linked.to_bytes(first[w.C_LINKED :].nbytes, "little")
    return first


def chart_of(image: Image, behind: int) -> memoryview:
    """A chart of the image, without a bit set."""
    chart = words_of(w.C_LINKED + (image.used - image.buckets + 63) // 64)
    chart[w.C_FINAL], chart[w.C_MAINS], chart[w.C_USED] = image.final, image.buckets, image.used
    chart[w.C_BEHIND] = behind
    return chart


def strange(image: Image, bucket: int) -> CorruptionError:
    """The error of a bucket that no index has."""
    found = "an entry of no record, or a link that no chain has"
    return CorruptionError(
        image_name(image.version), bucket * BUCKET_BYTES, found, f"addresses below {image.final}"
    )


class _Lane:
    """Parts of an image, one after another; ends at the first that is wrong."""

    def __init__(self, reader: ImageReader, room: Room, settle: Settle, parts: list[tuple[int, int]]) -> None:
        self._reader = reader
        self._room = room
        self._parts = parts
        self.chart = chart_of(reader.image, room.behind)
        self._settle = partial(settle, self.chart)
        self.findings: list[Finding] = []
        self.error: CorruptionError | OSError | None = None

    def run(self) -> None:
        try:
            for start, stop in self._parts:
                self._reader.read(self._room, start, stop, self.findings)
                for low, high, behind in self._room.pieces(start, stop):
                    reached = self._settle(low + behind, high + behind)
                    if reached != high + behind:
                        raise strange(self._reader.image, reached - behind)
        except (CorruptionError, OSError) as error:
            self.error = error
