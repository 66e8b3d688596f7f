"""Salvage: what can be read of a damaged store, as a new store; and what had to be given up.

    roots         the newest whose table block can be read; of the chain behind it as much as can
    extents       of that checkpoint, each verified; a page is read up to the first byte that is not as it was
                  written, for behind that nobody knows where a record begins
    records       oldest first: the newest one of each key that can be read
    a new store   with these keys, and none of the sessions: what they hold is no prefix any more

A key is *in doubt* where log was lost behind its newest record that can be read: what was lost may have
changed it, or deleted it, or a key that was deleted before has come back. Above the last loss nothing is.

Invariants
  1  nothing of the source is written
  2  every byte of a key and a value that is kept was verified
  3  what is in doubt is counted as such and kept, or left out where `certain` was asked for

Threads: one. Memory: all keys and values.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from struct import Struct
from typing import Final

from .arguments import AnyPath, check_flag, check_where
from .checkpoint.recovery import refuse_without_root
from .device import Device, Lease, telling
from .errors import CorruptionError, StoreExistsError
from .kernels import words as w
from .log.segments import read_extent
from .metadata.agreement import check_block, voids_after
from .metadata.layout import ROOT_BYTES, Block, Extent, Root, Version, VoidRange, decode_root
from .metadata.places import Places
from .metadata.rolls import marks_of
from .metadata.roots import ROOT_FILES, read_roots
from .metadata.tables import Runs, Tables, is_ours
from .poison import Poison
from .settings import Settings
from .store import FasterKv

__all__ = ["Salvaged", "salvage_store"]

_HEADER: Final = Struct("<QQ")  # Of a record: sizes and link.
_SESSION: Final = "salvage"
_BATCH: Final = 1_000
_MEMORY: Final = 1 << 24  # Of the new store, while it is made.


@dataclass(slots=True)
class Salvaged:
    """The content of the new store, and what was given up.

    version    of the checkpoint that was read
    kept       keys in the new store, those `doubtful` included, unless these were left out
    doubtful   keys whose newest record may have been lost
    records    that could be read, those of keys that are not kept too
    lost       bytes of log that could not be read, or stand behind such in a page
    damage     all that is not as it was written, in order
    sessions   given up, with what the checkpoint held of each
    """

    version: Version
    kept: int = 0
    doubtful: int = 0
    records: int = 0
    lost: int = 0
    damage: list[CorruptionError] = field(default_factory=list)
    sessions: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Found:
    """A checkpoint that can be read, and as much as is known of its extents."""

    root: Root
    block: Block
    extents: Sequence[Extent]
    places: Places
    damage: list[CorruptionError]


def salvage_store(where: AnyPath | Device, out: AnyPath | Device, *, certain: bool = False) -> Salvaged:
    """Read what can be read of the store in a folder or on a Device, and make a store of it in another one.

    certain   leave out the keys that are in doubt

    Raises SettingsError (an argument), MissingStoreError, NotAStoreError, StoreLockedError, StoreExistsError
    (there is a store in `out`), UnsupportedVersionError, DeviceError; CorruptionError where no root with a
    table block can be read. Nothing of `where` is changed. O(log).
    """
    check_where(where)
    check_where(out)
    check_flag("certain", certain)
    lease = Lease(where, read_only=True)
    try:
        with telling("salvaging"):
            found = _find(lease.device)
            told = Salvaged(found.block.version, damage=found.damage)
            told.sessions = {mark.name: mark.serial for mark in found.block.sessions}
            content = _Reader(lease.device, found, told).read(certain=certain)
    finally:
        lease.release()
    _make(out, found.root, content)
    told.kept = len(content)
    return told


def _find(device: Device) -> _Found:
    """The newest checkpoint whose block can be read. Raises CorruptionError where there is none."""
    damage: list[CorruptionError] = []
    for root in _roots(device, damage):
        found = _read_chain(device, root, damage)
        if found is not None:
            return found
    raise damage[0] if damage else CorruptionError(ROOT_FILES[0], 0, "no checkpoint", "one")


def _roots(device: Device, damage: list[CorruptionError]) -> list[Root]:
    """The roots that can be read and name a block, newest first."""
    names, roots = device.list(), []
    reading = read_roots(device, names, [])
    if reading.newest is None:
        refuse_without_root(names, reading, create=False)
    for file in ROOT_FILES:
        why = reading.complaints.get(file)
        if why is not None:
            damage.append(CorruptionError(file, 0, why, "a root record"))
            continue
        data = bytearray(ROOT_BYTES)
        device.read_into(file, 0, data)
        root = decode_root(bytes(data), file)
        assert isinstance(root, Root)
        if root.head.length:
            roots.append(root)
    return sorted(roots, key=lambda root: root.sequence, reverse=True)


def _read_chain(device: Device, root: Root, damage: list[CorruptionError]) -> _Found | None:
    tables = Tables(device, Poison(), root.store_id, root.geometry[2], root.head)
    runs, blocks = Runs(), list[Block]()
    try:
        for pointer, _, block in tables.links(root.head, []):
            check_block(block, pointer.offset, root.geometry)
            blocks.append(block)
            runs.take(block)
            if runs.is_whole:
                break
    except CorruptionError as error:
        damage.append(error)
    if not blocks:
        return None
    newest = blocks[0]._replace(sessions=marks_of(blocks))
    return _Found(
        root, newest, runs.needed(newest.begin), runs.places(root.store_id, root.geometry[1]), damage
    )


class _Reader:
    """Reads the log of a checkpoint page by page."""

    def __init__(self, device: Device, found: _Found, told: Salvaged) -> None:
        self._device, self._found, self._told = device, found, told
        self._page, _, self._unit, *_ = found.root.geometry
        self._voids: list[VoidRange] = voids_after(found.block)

    def read(self, *, certain: bool) -> dict[bytes, bytes]:
        """The values by key; those in doubt are counted."""
        newest: dict[bytes, tuple[int, bytes | None]] = {}
        last_lost = -1
        for start, end, data in self._pages():
            stopped = self._read_page(start, data, newest)
            if stopped < end:
                self._told.lost += end - stopped
                last_lost = max(last_lost, stopped)
        doubtful = {key for key, (at, value) in newest.items() if value is not None and at < last_lost}
        self._told.doubtful = len(doubtful)
        left_out = doubtful if certain else set()
        return {key: value for key, (_, value) in newest.items() if value is not None and key not in left_out}

    def _pages(self) -> Iterator[tuple[int, int, bytes]]:
        """(start, end, bytes) of each page of the log, as far as it is verified."""
        begin, final = max(self._found.block.begin, w.FIRST_ADDRESS), self._found.block.final
        extents = iter(self._found.extents)
        extent = next(extents, None)
        for page in range(begin - begin % self._page, final, self._page):
            end, data = min(page + self._page, final), b""
            is_good = True
            while extent is not None and extent.start < end:
                if extent.start >= page:
                    part = self._read_extent(extent)
                    is_good = is_good and part is not None and extent.start == page + len(data)
                    data += part if is_good and part is not None else b""
                extent = next(extents, None)
            start = max(page, begin)
            yield start, end, data[start - page :]

    def _read_extent(self, extent: Extent) -> bytes | None:
        try:
            return read_extent(self._device, self._found.places, extent)
        except CorruptionError as error:
            self._told.damage.append(error)
            return None

    def _read_page(self, start: int, data: bytes, newest: dict[bytes, tuple[int, bytes | None]]) -> int:
        """Take in the records of a page; the address from which on nothing is known."""
        address, end = start, start + len(data)
        while address + _HEADER.size <= end:
            at = address - start
            sizes, link = _HEADER.unpack_from(data, at)
            if not sizes:
                address = (address | self._unit - 1) + 1
                continue
            behind = address + (sizes & w.ALLOCATED_MASK) * w.WORD_BYTES
            key_bytes, value_bytes = (sizes >> w.KEY_SHIFT) & w.KEY_MASK, sizes >> w.VALUE_SHIFT
            key = at + _HEADER.size
            value = key + -(-key_bytes // w.WORD_BYTES) * w.WORD_BYTES
            if behind <= address or behind > end or start + value + value_bytes > behind:
                return address
            if not link & w.INVALID and not self._is_void(address, link):
                self._told.records += 1
                is_gone = bool(link & w.TOMBSTONE)
                newest[data[key : key + key_bytes]] = (
                    address,
                    None if is_gone else data[value : value + value_bytes],
                )
            address = behind
        return end

    def _is_void(self, address: int, link: int) -> bool:
        bits = link >> w.VERSION_SHIFT & w.VERSION_BITS
        return any(
            void.low <= address < void.high and void.counter & w.VERSION_BITS == bits for void in self._voids
        )


def _make(out: AnyPath | Device, root: Root, content: dict[bytes, bytes]) -> None:
    """Make the new store, with the geometry of the old one and a durable checkpoint."""
    lease = Lease(out, create=True)
    try:
        names = [name for name in lease.device.list() if is_ours(name)]
    finally:
        lease.release()
    if names:
        raise StoreExistsError(f"found {names[:3]}: expected a folder without files of a store")
    settings = Settings(*root.geometry)
    memory = max(_MEMORY, 8 * settings.page_bytes)
    store = FasterKv.open(out, create=True, settings=settings, memory=memory)
    try:
        with store.session(_SESSION) as session:
            keys = list(content)
            for start in range(0, len(keys), _BATCH):
                some = keys[start : start + _BATCH]
                session.upsert_many(some, [content[key] for key in some])
        store.forget_session(_SESSION)
        store.checkpoint()
    finally:
        store.close(checkpoint=False)
