"""INCREMENTAL: a snapshot that writes only what changed since the one that it goes on from.

    base        |  a  |  b  |  c  |                 written in full, to the file of version 7
    delta       |  a  |  b' |  c  |  d  |           b' and d in that of version 8; a and c are in 7 still
    delta       |  a  |  b' |  c' |  d  |           c' in that of version 9

What is compared are whole extents, by a digest of the bytes that were written: so nothing is asked of who
writes in place, and what changed and changed back is not written. A delta's block says of each extent in
which file it stands, so a recovery reads it as it reads a snapshot, and none of the blocks between.

Invariants
  D1  the base is the newest checkpoint, an INCREMENTAL of this life, and durable; else all is written
  D2  an extent is left out only if the base has one of the same place, length and digest
  D3  the digest is that of the copy that is written: what is written in place meanwhile is of the next one
  D4  a checkpoint's extents stand in at most CHAIN_FILES_MAX files of its life; the next one after so many is
      written in full

Threads: the driver's; one step at a time.
Source: incremental snapshots of FASTER, whose deltas are of pages; the bound is ours.
"""

from __future__ import annotations

from typing import Final

from ...metadata.places import CHAIN_FILES_MAX
from ..parts import Parts
from ..running import Copied, Running
from .cpr import Cpr
from .snapshot import add, put, write_beside

__all__ = ["INCREMENTAL"]


def _write(parts: Parts, running: Running) -> bool:
    if not running.final:
        files = {copied.version for copied in parts.copied.values()}
        running.earlier = parts.copied if len(files) < CHAIN_FILES_MAX else {}
        running.parent = max(files) if running.earlier else None
    return write_beside(parts, running, _put_changed)


def _put_changed(parts: Parts, running: Running, start: int, data: memoryview) -> None:
    """Write those extents that are not as the base has them."""
    from hashlib import blake2b  # Only where it is needed: opening a store must be short.

    longest = parts.settings.extent_bytes
    at = 0
    while at < len(data):
        piece = data[at : at + longest - (start + at) % longest]
        digest = blake2b(piece, digest_size=16).digest()
        earlier = running.earlier.get(start + at)
        if earlier is not None and (earlier.extent.length, earlier.digest) == (len(piece), digest):
            add(running, earlier.extent, earlier.version, earlier.base)
        else:
            put(parts, running, start + at, piece)
        place = running.places[-1]
        running.digests[start + at] = Copied(running.beside[-1], place.version, place.base, digest)
        at += len(piece)


INCREMENTAL: Final = Cpr(_write)
