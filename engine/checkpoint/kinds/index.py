"""INDEX: an image of the hash index, written before the checkpoint that it is taken with begins.

    start            copied                   final     PREPARE: L_s                 L_f
      |---------------------------------------|-----------|----------------------------|
      tail, then a drain     sessions go on     tail       the log of the checkpoint

The copy is fuzzy: a bucket is as it was when its words were copied, and sessions of v go on meanwhile. So an
entry names the newest record of its chain below `start`, or one of [start, final). Whoever opens links the
log from `start` on again, oldest first, and so every entry comes to name what it should.

Invariants
  I1  every record below `start` was named before the first bucket is copied: batches that may still have been
      about to name one have left (the drain)
  I2  no entry names a record at or above `final`, and final <= L_s: none of v + 1, none that the log of the
      checkpoint has not got
  I3  an overflow bucket that is not among those of the image was taken after I1, and all that it names lies
      above `start`
  I4  the file is synced in WAIT_FLUSH, with the log's: before the block that names it
  I5  while it is copied no slot of the index comes back, so no entry moves. Where somebody needs one, and no
      bucket is left, the image is given up in its place (SPOILED): the checkpoint goes on without it
  I6  it has as many main buckets from the first to the last: a growth that begins gives it up too, and where
      one has begun none is taken
  I7  none is taken where it would leave a limited store too little for what is written (`upkeep.room`, M6)

The file has the overflow buckets right behind the main ones, and links by their place there. A link to a
bucket that was linked later, or has come back, is none; a word that is tentative is no entry
(`checkpoint.image`). Nothing is locked; a step copies a bounded part.

Threads: the driver's; one step at a time.
Source: fuzzy index checkpoints of FASTER, whose sessions acknowledge a phase where here is a drain.
"""

from __future__ import annotations

from typing import Final

from ...kernels import words as w
from ...kernels.atomics import copy, load, store
from ...metadata.images import BUCKET_BYTES, encode_record, record_at
from ...metadata.layout import Image, Version, checksum
from ...metadata.places import image_name
from ..parts import Parts
from ..running import Imaging, Running

__all__ = ["STEP_BYTES", "take_image"]

STEP_BYTES: Final = 8 << 20  # Of log or index that one step of a checkpoint writes, or syncs.


def take_image(parts: Parts, running: Running) -> bool:
    """Write some of the buckets, and when all are, the record; whether that is done. Raises OSError."""
    version = Version(parts.root.life, running.version)
    if running.imaging is None:
        room = parts.log.ring.room
        if room is not None and not room.has_left(parts.index.width.buckets * BUCKET_BYTES):
            return True  # I7
        running.imaging = _begin(parts, image_name(version))
    imaging = running.imaging
    if imaging.next == imaging.used:
        image = _end(parts, imaging, version)
        # Taken back at once: who spoils it does so before a slot comes back, and is seen here.
        is_whole = parts.shared.mode.cas(parts.log.spaces.control, w.IMAGING, w.COPIED, w.NOT_COPIED)
        running.image = image if is_whole else None
        return True
    stop = min(imaging.used, imaging.next + STEP_BYTES // BUCKET_BYTES)
    while imaging.next < stop:
        _copy_piece(parts, imaging, image_name(version))
    return False


def _begin(parts: Parts, name: str) -> Imaging:
    control = parts.log.spaces.control
    parts.log.segments.begin_beside(name)
    start = load(control, w.TAIL)
    store(control, w.IMAGING, w.COPIED)  # I5, as all see it after the drain.
    if not parts.index.width.is_whole:
        store(control, w.IMAGING, w.SPOILED)  # I6
    parts.shared.epochs.drain("batches that began before the image of the index")  # I1.
    room = control[w.OVERFLOW_END] - control[w.MAIN_ROOM]
    linked = min(load(control, w.OVERFLOW_NEXT), room)  # Afterwards: I3.
    buckets = parts.index.width.buckets
    return Imaging(start, buckets, buckets + linked)


def _copy_piece(parts: Parts, imaging: Imaging, name: str) -> None:
    """Copy the next buckets, and write them."""
    first = imaging.next
    count = min(imaging.used - first, max(1, parts.settings.piece_bytes // BUCKET_BYTES))
    words = memoryview(bytearray(count * BUCKET_BYTES)).cast("Q")
    # From here on overflow buckets, which stand at the end of the space.
    mains = min(count, max(0, imaging.buckets - first))
    behind = parts.log.spaces.control[w.OVERFLOW_END] - imaging.used
    index, middle = parts.log.spaces.index, mains * w.BUCKET_WORDS
    copy(index, first * w.BUCKET_WORDS, words, 0, middle)
    copy(index, (behind + first + mains) * w.BUCKET_WORDS, words, middle, len(words) - middle)
    for at in range(w.BUCKET_ENTRIES, len(words), w.BUCKET_WORDS):
        if link := words[at]:
            is_told = behind + imaging.buckets <= link < w.REFUSED
            words[at] = link - behind if is_told else 0
    crc = parts.log.segments.put_beside(name, first * BUCKET_BYTES, words.cast("B"))
    imaging.crcs.append(crc)
    imaging.next = first + count


def _end(parts: Parts, imaging: Imaging, version: Version) -> Image:
    """Write the record; the image, which is durable with the next sync of its file."""
    control, settings, name = parts.log.spaces.control, parts.settings, image_name(version)
    final = load(control, w.TAIL)
    image = Image(version, imaging.start, final, imaging.buckets, imaging.used, 0)
    record = encode_record(image, settings.piece_bytes, imaging.crcs)
    at = record_at(image, settings.write_unit)
    parts.log.segments.put_beside(name, at, memoryview(record))
    return image._replace(crc=checksum(record, parts.root.store_id, name, at, version.life))
