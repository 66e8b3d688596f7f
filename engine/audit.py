"""Audits: what must be true of log and index together, and all live keys seen through the index.

Invariants audited
  A1  begin <= safe_head <= head <= flushed <= safe_read_only <= read_only <= tail
  A6  the ring holds every page from head to tail
  H3  following `previous` strictly lowers the address
  R4  for every key, the newest live record that a scan of the whole log finds is the first of its
      key in the chain that the index names
  R7  no record in memory is locked, sealed or invalid at the head of its chain

The scan knows nothing of the index, the chains nothing of the scan: each is the other's check.
Threads: none beside it.
"""

from __future__ import annotations

from collections.abc import Iterator

from . import words as w
from .errors import InvariantError
from .hybridlog import ColdRecord, HybridLog
from .index import HashIndex
from .probe import is_void

__all__ = ["check_log", "live_items", "scan_records"]


def record_at(log: HybridLog, address: int) -> ColdRecord:
    """The record at `address`, from the ring or from the device."""
    control = log.spaces.control
    if address < control[w.HEAD]:
        return log.load_record(address)
    at = (address >> 3) & control[w.RING_MASK]
    link, sizes = log.spaces.log[at + w.LINK], log.spaces.log[at + w.SIZES]
    key_bytes = (sizes >> w.KEY_SHIFT) & w.KEY_MASK
    start = (at + w.RECORD_HEADER_WORDS) * w.WORD_BYTES
    value = start + (key_bytes + 7) // 8 * 8
    data = log.spaces.log_bytes
    return ColdRecord(
        link & w.ADDRESS_MASK,
        link,
        bytes(data[start : start + key_bytes]),
        bytes(data[value : value + (sizes >> w.VALUE_SHIFT)]),
    )


def chain(log: HybridLog, address: int) -> Iterator[tuple[int, ColdRecord]]:
    """The live records of a chain, newest first; void ones are stepped through. Audits H3."""
    control = log.spaces.control
    while address >= max(control[w.BEGIN], w.FIRST_ADDRESS):
        record = record_at(log, address)
        if not is_void(control, address, record.link):
            yield address, record
        if record.previous >= address:
            raise InvariantError("H3", f"record {address} is followed by {record.previous}")
        address = record.previous


def live_items(log: HybridLog, index: HashIndex) -> Iterator[tuple[bytes, bytes]]:
    """Every live key with its value, as the index tells it."""
    for bucket, entry in index.entries():
        seen: set[bytes] = set()
        for _, record in chain(log, entry & w.ADDRESS_MASK):
            if record.key not in seen and index.is_home(bucket, entry, record.key):
                seen.add(record.key)
                if not record.link & w.TOMBSTONE:
                    yield record.key, record.value


def scan_records(log: HybridLog) -> Iterator[tuple[int, ColdRecord]]:
    """Every published, non-void record of [begin, tail), oldest first, without the index."""
    control = log.spaces.control
    unit = log.settings.write_unit
    address = max(control[w.BEGIN], w.FIRST_ADDRESS)
    while address < control[w.TAIL]:
        sizes = _sizes_at(log, address)
        if sizes == 0:
            address = (address // unit + 1) * unit
            continue
        record = record_at(log, address)
        if not record.link & w.INVALID and not is_void(control, address, record.link):
            yield address, record
        address += (sizes & w.ALLOCATED_MASK) * w.WORD_BYTES


def _sizes_at(log: HybridLog, address: int) -> int:
    control = log.spaces.control
    if address < control[w.HEAD]:
        return int.from_bytes(log.load(address + w.SIZES * w.WORD_BYTES, w.WORD_BYTES), "little")
    sizes: int = log.spaces.log[((address >> 3) & control[w.RING_MASK]) + w.SIZES]
    return sizes


def check_log(log: HybridLog, index: HashIndex) -> None:
    """Audit A1, A6, H3, R4 and R7. Raises InvariantError."""
    control = log.spaces.control
    order = [control[word] for word in (w.BEGIN, w.SAFE_HEAD, w.HEAD, w.FLUSHED, w.SAFE_READ_ONLY, w.READ_ONLY, w.TAIL)]
    if order != sorted(order):
        raise InvariantError("A1", f"begin, safe head, head, flushed, safe read-only, read-only, tail are {order}")
    page = log.settings.page_bytes
    if control[w.TAIL] - control[w.HEAD] // page * page > log.spaces.ring_bytes:
        raise InvariantError(
            "A6", f"head {control[w.HEAD]} to tail {control[w.TAIL]} in {log.spaces.ring_bytes}"
        )
    newest = {record.key: address for address, record in scan_records(log)}
    reached: dict[bytes, int] = {}
    for bucket, entry in index.entries():
        for address, record in chain(log, entry & w.ADDRESS_MASK):
            if record.key not in reached and index.is_home(bucket, entry, record.key):
                reached[record.key] = address
                is_warm = address >= control[w.HEAD]
                if is_warm and record.link & (w.LOCK | w.SEALED | w.INVALID):
                    raise InvariantError(
                        "R7", f"record {address} of {record.key!r} has link {record.link:#x}"
                    )
    if newest != reached:
        key = min(key for key in newest.keys() | reached.keys() if newest.get(key) != reached.get(key))
        raise InvariantError(
            "R4", f"key {key!r}: the scan finds record {newest.get(key)}, the index {reached.get(key)}"
        )
