"""SNAPSHOT: what the device has not got of the log goes to a file of its own; nothing is frozen.

    the log's extents            the snapshot's
    |----------------------------|-------------------------|
    begin                        low                       L_f = tail

Afterwards the working set is written in place as before, and goes to the log when its pages turn.

Invariants
  S1  the file holds of every record of v what it is at L_f: nobody writes one in place meanwhile (C5)
  S2  every record below L_f is complete when its bytes are copied: who appends there has left its batch
  S3  bytes count as copied only if their frame was theirs afterwards still; where pages turned before they
      were, the log has them, and the snapshot begins above

Records of v + 1 between L_s and L_f are copied as they stand, half written values among them: a recovery
makes them void, as it does after every kind.

Threads: the driver's; one step at a time.
Source: snapshot checkpoints of FASTER; S3 is ours.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from ...kernels import words as w
from ...kernels.atomics import load
from ...metadata.layout import Extent, Place, Version
from ...metadata.places import snapshot_name
from ..parts import Parts
from ..running import Running
from .cpr import Cpr, claim_sessions
from .index import STEP_BYTES

__all__ = ["SNAPSHOT", "add", "put", "write_beside"]

Put = Callable[[Parts, Running, int, memoryview], None]


def write_beside(parts: Parts, running: Running, put: Put) -> bool:
    """Copy the log that the device has not got, give it to `put` and sync, or a bounded part of it; whether
    that was the last part. `put` gets an address and the bytes from there on.
    """
    log = parts.log
    if not running.final:
        claim_sessions(parts, running)
        running.final = log.ring.cut()
        _begin_at(running, log.extents.end)
        running.base = running.low
    before = running.copied
    while running.copied < running.final:
        if running.copied - before >= STEP_BYTES:
            return False
        _copy_piece(parts, running, put)
    # A step ends behind the sync that fills it.
    return log.segments.sync(STEP_BYTES - max(0, running.copied - before))


def _copy_piece(parts: Parts, running: Running, put: Put) -> None:
    """Copy the next bytes and put them, or begin again above those that have left memory."""
    log, start = parts.log, running.copied
    piece = log.settings.piece_bytes
    end = min(running.final, (start // piece + 1) * piece)
    data = log.spaces.copy_log(start, end - start)
    if load(log.spaces.control, w.HEAD) > max(start, w.FIRST_ADDRESS):
        _begin_at(running, log.extents.end)
        return
    put(parts, running, start, data)
    running.copied = end


def _begin_at(running: Running, flushed: int) -> None:
    """Leave all below `flushed` to the log."""
    running.low = running.copied = min(flushed, running.final)
    running.beside.clear()
    running.places.clear()
    running.digests.clear()


def put(parts: Parts, running: Running, start: int, data: memoryview) -> None:
    """Write the bytes from address `start` on to the checkpoint's own file."""
    version = Version(parts.root.life, running.version)
    extents = parts.log.segments.write_beside(snapshot_name(version), running.base, start, data)
    for extent in extents:
        add(running, extent, version, running.base)


def add(running: Running, extent: Extent, version: Version, base: int) -> None:
    """Let the extent, which is the next one, be of the checkpoint; it stands in the file of that version."""
    running.beside.append(extent)
    low, end = extent.start, extent.start + extent.length
    if running.places and running.places[-1][:2] == (version, base):
        low = running.places.pop().low
    running.places.append(Place(version, base, low, end))


SNAPSHOT: Final = Cpr(partial(write_beside, put=put))
