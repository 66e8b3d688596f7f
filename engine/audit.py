"""Audits: what must be true of log and index together.

Invariants audited
  A1  begin <= safe_head <= head <= flushed <= safe_read_only <= read_only <= tail
  A6  the ring holds every page from head to tail
  H3  following `previous` strictly lowers the address
  R4  for every key, the newest live record that a scan of the whole log finds is the first of its
      key in the chain that the index names; a key that ends in a tombstone may be in no chain at all
  R7  no record in memory is locked, sealed or invalid at the head of its chain

The scan knows nothing of the index, the chains nothing of the scan: each is the other's check.
Threads: none beside it.
"""

from __future__ import annotations

from collections.abc import Iterator

from .errors import InvariantError
from .kernels import words as w
from .log import HybridLog
from .log.cold import ColdRecord
from .log.index import HashIndex
from .sessions import reader

__all__ = ["check_log", "scan_records"]


def scan_records(log: HybridLog) -> Iterator[tuple[int, ColdRecord]]:
    """Every published, non-void record of [begin, tail), oldest first, without the index."""
    control = log.spaces.control
    return reader.Reader(log).records(max(control[w.BEGIN], w.FIRST_ADDRESS), control[w.TAIL])


def check_log(log: HybridLog, index: HashIndex) -> None:
    """Audit A1, A6, H3, R4 and R7. Raises InvariantError."""
    control = log.spaces.control
    words = (w.BEGIN, w.SAFE_HEAD, w.HEAD, w.FLUSHED, w.SAFE_READ_ONLY, w.READ_ONLY, w.TAIL)
    order = [control[word] for word in words]
    if order != sorted(order):
        raise InvariantError(
            "A1", f"begin, safe head, head, flushed, safe read-only, read-only, tail are {order}"
        )
    page = log.settings.page_bytes
    if control[w.TAIL] - control[w.HEAD] // page * page > log.spaces.ring_bytes:
        raise InvariantError(
            "A6", f"head {control[w.HEAD]} to tail {control[w.TAIL]} in {log.spaces.ring_bytes}"
        )
    newest, gone = dict[bytes, int](), set[bytes]()
    for address, record in scan_records(log):
        newest[record.key] = address
        (gone.add if record.link & w.TOMBSTONE else gone.discard)(record.key)
    reached: dict[bytes, int] = {}
    at_rest = reader.Reader(log)
    width = index.width
    for bucket, entry in index.entries():
        seen = set[bytes]()
        for address, record in at_rest.chain(entry & w.ADDRESS_MASK):
            if record.key in seen:
                continue
            seen.add(record.key)
            if record.key not in reached and index.is_home(width, bucket, entry, record.key):
                reached[record.key] = address
                is_warm = address >= control[w.HEAD]
                if is_warm and record.link & (w.LOCK | w.SEALED | w.INVALID):
                    raise InvariantError(
                        "R7", f"record {address} of {record.key!r} has link {record.link:#x}"
                    )
    wrong = [
        key
        for key in newest.keys() | reached.keys()
        if newest.get(key) != reached.get(key) and not (key in gone and key not in reached)
    ]
    if wrong:
        key = min(wrong)
        raise InvariantError(
            "R4", f"key {key!r}: the scan finds record {newest.get(key)}, the index {reached.get(key)}"
        )
