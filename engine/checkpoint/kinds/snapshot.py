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

from typing import Final

from ...kernels import words as w
from ...kernels.atomics import load
from ...metadata.layout import Version
from ...metadata.places import snapshot_name
from ..parts import Parts
from ..running import Running
from .cpr import STEP_BYTES, Cpr, claim_sessions

__all__ = ["SNAPSHOT"]


def _write(parts: Parts, running: Running) -> bool:
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
        _write_piece(parts, running)
    # A step ends behind the sync that fills it.
    return log.segments.sync(STEP_BYTES - max(0, running.copied - before))


def _write_piece(parts: Parts, running: Running) -> None:
    """Copy the next bytes and write them, or begin again above those that have left memory."""
    log, start = parts.log, running.copied
    piece = log.settings.piece_bytes
    end = min(running.final, (start // piece + 1) * piece)
    data = log.spaces.copy_log(start, end - start)
    if load(log.spaces.control, w.HEAD) > max(start, w.FIRST_ADDRESS):
        _begin_at(running, log.extents.end)
        return
    name = snapshot_name(Version(parts.root.life, running.version))
    running.beside += log.segments.write_beside(name, running.base, start, data)
    running.copied = end


def _begin_at(running: Running, flushed: int) -> None:
    """Leave all below `flushed` to the log."""
    running.low = running.copied = min(flushed, running.final)
    running.beside.clear()


SNAPSHOT: Final = Cpr(_write)
