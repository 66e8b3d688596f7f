"""Recovery: from the bytes on a device to the parts of a store, or to a typed refusal.

    roots -> newest root -> table chain -> extents, void ranges, sessions -> every extent verified,
    loaded page by page and re-linked into a fresh index -> (for writing) three new roots

Where the checkpoint names an image of the index that can serve, the index is filled from it, and only the log
behind its start is loaded, verified and re-linked.

Invariants
  R1  what is recovered is a function of the durable bytes alone
  R2  it is the newest checkpoint of the highest valid root sequence, or CorruptionError; never
      an older state in its place, never an empty one
  R3  the versions past the recovered checkpoint are void: (v + 1, L_s, L_f) joins the ranges
  R4  apart from the three roots (and, where a creation was broken off, the first segment)
      nothing is written; read-only, nothing at all
  R5  opening for writing returns only when two roots of the new life are durable

Threads: one; nothing else has the device yet.
Source: recovery of FASTER and CPR; void ranges take the place of its undo by writing.
"""

from __future__ import annotations

from functools import partial

from ..device import Device, Disk
from ..errors import CorruptionError, IndexFullError, MissingStoreError, NotAStoreError, SettingsError
from ..kernels import words as w
from ..log import HybridLog
from ..log.index import HashIndex
from ..metadata.agreement import check_block, check_newest, check_order, voids_after
from ..metadata.extents import ExtentTable, segment_name
from ..metadata.layout import NO_IMAGE, ROOT_BYTES, Block, Pointer, Root, Version, VoidRange
from ..metadata.rolls import follow
from ..metadata.roots import ROOT_FILES, Finding, RootReading, Roots, read_roots
from ..metadata.tables import (
    NO_BLOCK,
    TABLE_FILE,
    Runs,
    Tables,
    check_extents,
    check_places,
    is_of_log,
)
from ..poison import Poison
from ..runtime import Runtime
from ..sessions.registry import SessionRegistry
from ..settings import BUCKET_BYTES, Budget, Settings, check_disk, plan_memory, settings_for
from ..shared.modes import Mode
from ..shared.shared import Shared
from ..shared.spaces import Spaces
from .image import adopt_image
from .loading import load_log, stamps_of
from .parts import Parts

__all__ = ["read_newest", "recover"]


def recover(
    device: Device,
    runtime: Runtime,
    *,
    create: bool,
    read_only: bool,
    memory: int,
    settings: Settings | None,
    version: Version | None = None,
    mode: Mode,
    disk_bytes: int | None = None,
    read_cache: int = 0,
) -> Parts:
    """Open what is on the device; with `create`, make a store where none is. Raises MissingStoreError,
    NotAStoreError, SettingsError, CorruptionError, UnsupportedVersionError, PoisonedError, OSError.
    """
    disk = Disk(device, Poison(), runtime)
    names = device.list()
    findings: list[Finding] = []
    reading = read_roots(device, names, findings)
    if reading.newest is None:
        refuse_without_root(names, reading, create=create and not read_only)
        _refuse_longer_roots(device, names)
        persisted = (settings or settings_for(disk_bytes)).persisted()
        root = Root(runtime.entropy(16), 0, 0, persisted, Pointer(0, 0, 0))
    else:
        root = reading.newest
    chosen = _agree(root, settings)
    check_disk(disk_bytes, chosen)
    budget = plan_memory(chosen, memory, root.index_buckets, read_cache)
    life = root.life if read_only else root.life + 1
    tables = Tables(device, disk.poison, root.store_id, chosen.write_unit, root.head)
    block, older, runs = _load_tables(tables, root, version, findings)
    places = runs.places(root.store_id, chosen.segment_bytes)
    voids = voids_after(block) if block is not None else []
    if block is not None and block.final - block.begin > budget.ring_pages * chosen.page_bytes // 2:
        budget = budget.grown()  # What has left memory is split badly (`upkeep.growth`).
    spaces = _allocate(chosen, budget, voids, read_cache)
    # What refuses has refused: from here on something may be written.
    # The first segment is the last of a new store's files, and it stays until there is a checkpoint.
    is_unmade = root.head == NO_BLOCK and segment_name(0) not in names
    if is_unmade and not read_only:
        # Also after a creation that was cut short: of a root that reads well a failed sync may have left
        # nothing on the disk, and a segment without a root is no store.
        reading = _format(disk, reading, root)
        names = device.list()
    spaces.on_break = lambda: disk.poison.set("a batch of interpreted kernels was interrupted")
    shared = Shared.over(spaces, mode, disk.runtime, block.version.counter + 1 if block else 1)
    log = HybridLog.over(disk, shared, chosen, places, life, ExtentTable(runs))
    index = HashIndex(spaces, mode)
    begin, final = (block.begin, block.final) if block else (w.FIRST_ADDRESS, w.FIRST_ADDRESS)
    low, image = begin, NO_IMAGE
    if block is not None:
        spaces.control[w.DURABLE_BEGIN] = max(begin, w.FIRST_ADDRESS)
        load = partial(load_log, log, index, mode, disk, places, block, stamps_of(block, older), findings)
        if adopt_image(disk, root.store_id, spaces, mode, chosen, block, findings):
            image = block.image
            # From a page's start: that page is in memory then, and what is in memory was linked.
            low = max(begin, image.start - image.start % chosen.page_bytes)
        try:
            load(low)
        except IndexFullError:
            if image is NO_IMAGE:
                raise
            # It has the slots of keys that are gone by now, beside those that got them since.
            low, image = begin, NO_IMAGE
            index.empty()
            load(low)
    log.ring.adopt(begin, max(low, _head(log, final)), final)
    log.segments.adopt(names, block.version if block else Version(0, 0))
    sessions = SessionRegistry(shared, disk.runtime, life, block.sessions if block else ())
    roots = Roots(device, disk.runtime, disk.poison, reading.sequences)
    root = root._replace(life=life, index_buckets=budget.index_buckets)
    parts = Parts(
        root, chosen, block, voids, places, disk, shared, log, index, sessions, tables, roots, findings
    )
    parts.image = image
    if not read_only:
        _take_over(parts, names, is_unmade=is_unmade)
    return parts


# -- nothing there yet -----------------------------------------------------------------------------


def read_newest(device: Device) -> tuple[Root, RootReading]:
    """The newest root of a store that is there, and the copies as read. Raises what an opening does."""
    names = device.list()
    reading = read_roots(device, names, [])
    if reading.newest is None:
        refuse_without_root(names, reading, create=False)
    assert reading.newest is not None
    return reading.newest, reading


def refuse_without_root(names: list[str], reading: RootReading, *, create: bool) -> None:
    """Raise unless no file here is the store's, or they are those of a creation that was interrupted.

    Roots, tables and segments are the store's, by their whole names; others are nobody's business.
    """
    if TABLE_FILE in names or any(is_of_log(name) for name in names):
        complaint = "; ".join(f"{file}: {why}" for file, why in reading.complaints.items())
        raise CorruptionError(
            ROOT_FILES[0],
            0,
            f"no valid root ({complaint})",
            "one, for there are segments or tables",
        )
    if create:
        return
    if names and not any(name in ROOT_FILES for name in names):
        raise NotAStoreError(
            f"no store here: found {names[:3]}, expected {ROOT_FILES[0]}; create=True makes one beside them"
        )
    what = "a creation that was cut short" if names else "an empty folder"
    raise MissingStoreError(f"no store here: found {what}; opened to write, create=True makes one")


def _refuse_longer_roots(device: Device, names: list[str]) -> None:
    """An interrupted creation leaves roots of one record at most; what is longer is somebody's."""
    longer = [name for name in ROOT_FILES if name in names and device.size(name) > ROOT_BYTES]
    if longer:
        raise NotAStoreError(
            f"no store here: found {longer}, longer than a root: expected no file of that name"
        )


def _allocate(settings: Settings, budget: Budget, voids: list[VoidRange], read_cache: int) -> Spaces:
    """The store's memory. Raises SettingsError where the system does not give as much."""
    try:
        return Spaces(settings, budget, voids, read_cache)
    except (MemoryError, OSError, OverflowError, ValueError) as error:
        ring = budget.ring_pages * settings.page_bytes + read_cache
        index = (budget.index_buckets + budget.overflow_buckets) * BUCKET_BYTES
        raise SettingsError(
            f"{ring} bytes of log and {index} of index: the system does not give as much ({error}); "
            "expected less memory, or settings with fewer ring_pages and index_buckets"
        ) from None


def _format(disk: Disk, reading: RootReading, root: Root) -> RootReading:
    """Write the roots of a new store; its first segment follows when it is opened."""
    device, poison = disk.device, disk.poison
    for file in reading.missing:
        device.create(file)
    try:
        device.sync_names()
    except OSError as error:
        raise poison.failed("syncing the names", error) from error
    roots = Roots(device, disk.runtime, poison, reading.sequences)
    roots.commit(root)
    roots.settle()
    return read_roots(device, device.list(), [])


def _agree(root: Root, settings: Settings | None) -> Settings:
    """The store's settings; SettingsError where the caller's persisted part differs."""
    if settings is not None and settings.persisted() == root.geometry:
        return settings
    page, segment, unit, extent, hash_mask = root.geometry
    own = () if settings is None else (settings.ring_pages, settings.index_buckets, settings.write_bytes)
    stored = Settings(page, segment, unit, extent, hash_mask, *own)
    if settings is not None:
        names = ("page_bytes", "segment_bytes", "write_unit", "extent_bytes", "hash_mask")
        wrong = [
            f"{name} {given} (the store has {kept})"
            for name, given, kept in zip(names, settings.persisted(), stored.persisted(), strict=True)
            if given != kept
        ]
        raise SettingsError(f"settings differ from the store's: {', '.join(wrong)}")
    return stored


# -- metadata --------------------------------------------------------------------------------------


def _load_tables(
    tables: Tables, root: Root, version: Version | None, findings: list[Finding]
) -> tuple[Block | None, Block | None, Runs]:
    """The checkpoint to recover, the one before it if that is read, and all its extents."""
    block: Block | None = None
    older: Block | None = None
    newer: Block | None = None
    runs, blocks = Runs(), list[Block]()
    for pointer, _, each in tables.links(root.head, findings):
        check_block(each, pointer.offset, root.geometry)
        if newer is None:
            check_newest(root, each)
        else:
            check_order(each, newer)
            older = older or (each if newer is block else None)
        newer = each
        blocks.append(each._replace(extents=()))
        if block is None and version is not None and each.version != version:
            continue
        block = block or each
        runs.take(each)
        tables.chain_blocks += 1
        if runs.is_whole:
            break
    if block is None and version is not None:
        raise SettingsError(
            f"no such checkpoint: version {tuple(version)}; checkpoints() lists what there is"
        )
    if block is not None:
        marks = [roll.marks() for each, roll in follow(blocks) if each.version == block.version]
        block = block._replace(sessions=marks[0], forgotten=())
        check_places(block, root.head)
        check_extents(runs, block.final, root.head, block.begin, root.geometry[1])
    return block, older, runs


def _head(log: HybridLog, tail: int) -> int:
    """The lowest address that the ring holds."""
    page = log.settings.page_bytes
    pages_end = (tail + page - 1) // page * page
    return max(w.FIRST_ADDRESS, pages_end - log.spaces.ring_bytes)


# -- taking the store over -------------------------------------------------------------------------


def _take_over(parts: Parts, names: list[str], *, is_unmade: bool) -> None:
    """Begin a new life: all roots are rewritten, even where they read equal, and so are the names.

    A page cache can look equal to a disk that is not.
    """
    device = parts.disk.device
    for file in ROOT_FILES:
        if file not in names:
            device.create(file)
    if is_unmade:
        parts.log.segments.create(0)
    parts.log.segments.sync_names()
    parts.roots.take_over(parts.root)
