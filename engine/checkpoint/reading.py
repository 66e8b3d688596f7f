"""Reading an image of the index: part by part, each extent verified, to where its buckets go.

    file    main buckets                     | overflow buckets
    room    main buckets | `behind` others   | overflow buckets

Invariants
  N6  bytes stand in the room that were not verified only if `read` raised; whoever called clears them
  N7  parts are whole extents, ascending, and make up the image

Threads: any, each with parts of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from ..device import Device, read_exactly, read_fully
from ..errors import CorruptionError
from ..metadata.images import BUCKET_BYTES, check_record, image_bytes, record_at, record_most
from ..metadata.layout import Image, checksum
from ..metadata.places import image_name
from ..metadata.roots import Finding
from ..settings import Settings
from ..shared.spaces import HUGE_BYTES

__all__ = ["ImageReader", "Room", "read_image"]

# At once: verified and settled while the processor's caches have it, and no less than a huge page, so that of
# two threads that read side by side one alone has the system make it.
READ_BYTES: Final = HUGE_BYTES
ZEROS: Final = 1 << 20  # Bytes cleared at once.


class Room(NamedTuple):
    """Where the buckets of an image go."""

    bytes: memoryview
    mains: int
    behind: int

    def pieces(self, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
        """(first, last + 1, by how many they stand further back) of those of them that stand together."""
        middle = min(max(start, self.mains), stop) if self.behind else stop
        if start < middle:
            yield start, middle, 0
        if middle < stop:
            yield middle, stop, self.behind

    def clear(self, used: int) -> None:
        """Let all be zeros that an image of so many buckets may have left."""
        zeros = bytes(ZEROS)
        for low, high, behind in self.pieces(0, used):
            end = (high + behind) * BUCKET_BYTES
            for at in range((low + behind) * BUCKET_BYTES, end, ZEROS):
                size = min(ZEROS, end - at)
                self.bytes[at : at + size] = zeros[:size]


class ImageReader:
    """One image of the index in its file, whose record was read and is right.

    Raises CorruptionError, OSError.
    """

    def __init__(
        self,
        device: Device,
        store_id: bytes,
        settings: Settings,
        image: Image,
        findings: list[Finding],
    ) -> None:
        self.image = image
        self._device = device
        self._store_id = store_id
        self._name = name = image_name(image.version)
        at, most = record_at(image, settings.write_unit), record_most(image, settings.extent_bytes)
        finding = Finding(name, at, most, "rejected")
        try:
            data = read_exactly(device, name, at, most)
            self._record = check_record(data, store_id, image, at, settings.extent_bytes)
            self.record = data[: self._record.length]
            finding = finding._replace(verdict="accepted", length=len(self.record))
        except FileNotFoundError:
            finding = finding._replace(verdict="absent")
            raise CorruptionError(name, at, "no file", f"{most} bytes") from None
        finally:
            findings.append(finding)
        longest = self._record.extent_bytes // BUCKET_BYTES
        many = max(1, READ_BYTES // BUCKET_BYTES // longest) * longest
        self.parts = [(start, min(start + many, image.used)) for start in range(0, image.used, many)]

    def read(self, room: Room, start: int, stop: int, findings: list[Finding]) -> None:
        """Read a part, buckets [start, stop) of the file, into the room, and verify it.

        Raises CorruptionError, OSError.
        """
        pieces = list(room.pieces(start, stop))
        views = [room.bytes[(a + back) * BUCKET_BYTES : (b + back) * BUCKET_BYTES] for a, b, back in pieces]
        whole = views[0] if len(views) == 1 else memoryview(bytearray((stop - start) * BUCKET_BYTES))
        offset = start * BUCKET_BYTES
        finding = Finding(self._name, offset, len(whole), "rejected")
        try:
            self._verify(offset, whole, read_fully(self._device, self._name, offset, whole))
            finding = finding._replace(verdict="accepted")
        finally:
            findings.append(finding)
        if len(views) > 1:
            middle = len(views[0])
            views[0][:], views[1][:] = whole[:middle], whole[middle:]

    def _verify(self, offset: int, part: memoryview, count: int) -> None:
        """Verify the extents of a part, of which the file had so many bytes. Raises CorruptionError."""
        name, longest, life = self._name, self._record.extent_bytes, self.image.version.life
        for at in range(0, len(part), longest):
            extent, wanted = part[at : at + longest], self._record.crcs[(offset + at) // longest]
            if count < at + len(extent):
                raise CorruptionError(
                    name, offset + at, f"{max(0, count - at)} bytes", f"{len(extent)} bytes"
                )
            found = checksum(extent, self._store_id, name, offset + at, life)
            if found != wanted:
                raise CorruptionError(name, offset + at, f"CRC-32C {found:08x}", f"{wanted:08x}")


def read_image(reader: ImageReader) -> memoryview:
    """All buckets, as the file has them. Raises CorruptionError, OSError."""
    image = reader.image
    room = Room(memoryview(bytearray(image_bytes(image))), image.buckets, 0)
    for start, stop in reader.parts:
        reader.read(room, start, stop, [])
    return room.bytes
