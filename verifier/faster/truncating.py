"""Truncating: where an operation truncates the log, and what the documents promise of it.

    place, of TRUNCATE_AT by its size     0  the tail
                                          1  one word into the newest record of the key: no record's address
                                          2  the last byte of that record's page
                                          3  the start of the page after it
    place, of COMPACT                     likewise, by its size; of GROW there is none
    place, of TRUNCATE                    the oldest record that is still some key's newest

Of a key that has no record, the record is that in the middle of the log. The promise (docs/store.md): begin
comes to be the start of the page that holds the address or head, whichever is lower, and never goes back; a
key whose newest record lies below it is gone. Where that record lies is asked of a scan, which knows
nothing of boundaries in memory; that the key is gone, and no other, of everything that reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from powercut.engine import FasterKv, IndexFullError

from ..spec.subject import Truncation
from ..tapes.tape import Kind, Operation

__all__ = ["truncate"]

_WORD_BYTES: Final = 8
_HEADER_BYTES: Final = 16


def truncate(store: FasterKv, operation: Operation) -> Truncation:
    """Truncate or compact where the operation says, or grow the index. Raises what a scan raises, and has
    then done nothing.
    """
    if operation.kind == Kind.GROW:
        return _grow(store)
    newest = {record.key: record.address for record in store.scan()}
    stats = store.stats()
    page = store.settings.page_bytes
    address = min(_address(store, operation, newest), stats.tail)
    if operation.kind == Kind.COMPACT:
        return _compact(store, address)
    lowest = min(address, stats.head)
    expected = max(stats.begin, lowest - lowest % page)
    begin = store.truncate_before(address)
    return Truncation(
        stats.begin, begin, expected, frozenset(key for key, at in newest.items() if at < expected)
    )


def _grow(store: FasterKv) -> Truncation:
    """Double the main buckets. The promise: there are twice as many, if there is room, and no key is gone."""
    before = store.stats()
    try:
        assert store.grow_index() == 2 * before.buckets
    except IndexFullError:
        assert store.stats().buckets < 2 * before.buckets
    return Truncation(before.begin, store.stats().begin, before.begin, frozenset())


def _compact(store: FasterKv, until: int) -> Truncation:
    """Compact as far as that. The promise: begin comes to be the start of the page that holds the address, or
    what may still be written in place, or the last byte, whichever is lowest; and no key is gone.
    """
    stats, page = store.stats(), store.settings.page_bytes
    lowest = min(until, stats.safe_read_only, stats.tail - 1)
    expected = max(stats.begin, lowest - lowest % page)
    moved, begin = _live_bytes(store, expected), store.compact(until).begin
    _check_found(store, stats.live_found, moved)
    return Truncation(stats.begin, begin, expected, frozenset())


def _live_bytes(store: FasterKv, end: int) -> int:
    """Bytes of the records below `end` that are their keys' newest, and no tombstones."""
    newest = {record.key: record for record in store.scan()}
    return sum(
        _HEADER_BYTES + _padded(record.key) + _padded(record.value)
        for record in newest.values()
        if record.address < end and record.value is not None
    )


def _padded(data: bytes) -> int:
    return -(-len(data) // _WORD_BYTES) * _WORD_BYTES


def _check_found(store: FasterKv, before: int, moved: int) -> None:
    """Of what is found live nothing is dead: what was moved now, and no more than what was known besides."""
    stats = store.stats()
    found = stats.live_found
    assert stats.log_bytes * (1 - stats.dead_most) <= found + 1, stats
    assert moved <= found <= before + moved, f"{found} bytes found live, {before} before, {moved} are moved"


def _address(store: FasterKv, operation: Operation, newest: Mapping[bytes, int]) -> int:
    stats = store.stats()
    if operation.kind == Kind.TRUNCATE:
        return min((newest[key] for key, _ in store.items()), default=stats.tail)
    if not operation.size:
        return stats.tail
    middle = (stats.begin + stats.tail) // 2
    record = newest.get(b"key-%d" % operation.key, middle - middle % _WORD_BYTES)
    page = store.settings.page_bytes
    after = record - record % page + page
    return (record + _WORD_BYTES, after - 1, after)[operation.size - 1]
