"""Recovery: from the bytes on a device to the parts of a store, or to a typed refusal.

    roots -> newest root -> table chain -> extents, void ranges, sessions -> every extent verified,
    loaded page by page and re-linked into a fresh index -> (for writing) three new roots

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

from dataclasses import dataclass

from ..device import Device
from ..errors import CorruptionError, MissingStoreError, NotAStoreError, SettingsError
from ..kernels import words as w
from ..log.hybridlog import SEGMENT_PREFIX, HybridLog, segment_name
from ..log.index import HashIndex
from ..metadata.extents import ExtentTable
from ..metadata.layout import ROOT_BYTES, Block, Extent, Pointer, Root, Version, VoidRange
from ..metadata.roots import ROOT_FILES, Finding, RootReading, Roots, read_roots
from ..metadata.tables import NO_BLOCK, TABLE_FILE, Tables, check_extents, check_order
from ..poison import Poison
from ..runtime import Runtime
from ..sessions.registry import SessionRegistry
from ..settings import Settings, plan_memory
from ..shared.epoch import Epochs
from ..shared.modes import Mode
from ..shared.phases import System
from ..shared.spaces import Spaces

__all__ = ["SEGMENT_PREFIX", "Recovered", "check_extents", "check_order", "recover"]


@dataclass(slots=True)
class Recovered:
    """The parts of an open store, and what was found on the way."""

    root: Root
    settings: Settings
    block: Block | None
    voids: list[VoidRange]
    log: HybridLog
    index: HashIndex
    system: System
    sessions: SessionRegistry
    tables: Tables
    roots: Roots
    poison: Poison
    epochs: Epochs
    mode: Mode
    findings: list[Finding]


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
) -> Recovered:
    """Open what is on the device, creating a store on an empty one if `create`.

    `version` opens an older checkpoint and needs `read_only`. Raises MissingStoreError,
    NotAStoreError, SettingsError, CorruptionError, UnsupportedVersionError, PoisonedError, OSError.
    """
    poison = Poison()
    names = device.list()
    findings: list[Finding] = []
    reading = read_roots(device, names, findings)
    segments = {name for name in names if name.startswith(SEGMENT_PREFIX)}
    if reading.newest is None:
        _refuse_to_create(names, segments, reading, create=create and not read_only)
        _refuse_other_files(device, names)
        persisted = (settings or Settings()).persisted()
        root = Root(runtime.entropy(16), 0, 0, persisted, Pointer(0, 0, 0))
    else:
        root = reading.newest
    chosen = _agree(root, settings)
    budget = plan_memory(chosen, memory, root.index_buckets)  # Refuses before anything is written.
    if not (read_only or segments) and root.head == NO_BLOCK:
        # Also after a creation that was cut short: of a root that reads well a failed sync may have left
        # nothing on the disk, and a segment without a root is no store.
        reading = _format(device, runtime, poison, reading, root)
        names = device.list()
    life = root.life if read_only else root.life + 1
    tables = Tables(device, poison, root.store_id, chosen.write_unit, root.head)
    block, extents = _load_tables(tables, root.head, version, chosen.segment_bytes, findings)
    voids = _voids(block)
    spaces = Spaces(chosen, budget, voids)
    spaces.on_break = lambda: poison.set("a batch of interpreted kernels was interrupted")
    epochs = Epochs(spaces, mode, runtime)
    table = ExtentTable(extents)
    log = HybridLog(device, runtime, poison, chosen, spaces, mode, epochs, root.store_id, life, table)
    index = HashIndex(spaces, runtime)
    _load_log(log, index, mode, block, extents, findings)
    begin, final = (block.begin, block.final) if block else (w.FIRST_ADDRESS, w.FIRST_ADDRESS)
    log.adopt(
        begin,
        max(begin, _head(log, final)),
        final,
        segments,
    )
    system = System(spaces.control, block.version.counter + 1 if block else 1)
    marks = block.sessions if block else ()
    sessions = SessionRegistry(system, spaces, mode, epochs, runtime, life, marks)
    roots = Roots(device, runtime, poison, reading.sequences)
    root = root._replace(life=life, index_buckets=budget.index_buckets)
    if not read_only:
        _take_over(device, poison, log, roots, root, names, segments)
    return Recovered(
        root,
        chosen,
        block,
        voids,
        log,
        index,
        system,
        sessions,
        tables,
        roots,
        poison,
        epochs,
        mode,
        findings,
    )


# -- nothing there yet -----------------------------------------------------------------------------


def _refuse_to_create(names: list[str], segments: set[str], reading: RootReading, *, create: bool) -> None:
    """Raise unless the device is empty, or holds a creation that a power cut interrupted."""
    if segments or TABLE_FILE in names:
        complaint = "; ".join(f"{file}: {why}" for file, why in reading.complaints.items())
        raise CorruptionError(
            ROOT_FILES[0],
            0,
            f"no valid root ({complaint})",
            "one, for there are segments or tables",
        )
    if names and not any(name in ROOT_FILES for name in names):
        raise NotAStoreError(f"no store here: found {names[:3]}, expected {ROOT_FILES[0]}")
    if not create:
        what = "a creation that was cut short" if names else "an empty folder"
        raise MissingStoreError(f"no store here: found {what}; open it with create=True to make one")


def _refuse_other_files(device: Device, names: list[str]) -> None:
    """Refuse files other than roots: an interrupted creation leaves roots and nothing else."""
    strangers = [name for name in names if name not in ROOT_FILES or device.size(name) > ROOT_BYTES]
    if strangers:
        raise NotAStoreError(f"no store here: found {strangers[:3]}, expected an empty folder")


def _format(
    device: Device, runtime: Runtime, poison: Poison, reading: RootReading, root: Root
) -> RootReading:
    """Write the roots of a new store; its first segment follows when it is opened."""
    for file in reading.missing:
        device.create(file)
    try:
        device.sync_names()
    except OSError as error:
        raise poison.failed("syncing the names", error) from error
    roots = Roots(device, runtime, poison, reading.sequences)
    roots.commit(root)
    roots.settle()
    return read_roots(device, device.list(), [])


def _agree(root: Root, settings: Settings | None) -> Settings:
    """The store's settings; SettingsError where the caller's persisted part differs."""
    if settings is not None and settings.persisted() == root.geometry:
        return settings
    page, segment, unit, extent, hash_mask = root.geometry
    ring = settings.ring_pages if settings else None
    buckets = settings.index_buckets if settings else None
    stored = Settings(page, segment, unit, extent, hash_mask, ring, buckets)
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
    tables: Tables, head: Pointer, version: Version | None, segment_bytes: int, findings: list[Finding]
) -> tuple[Block | None, list[Extent]]:
    """The checkpoint to recover and all its extents, oldest first."""
    block: Block | None = None
    newer: Block | None = None
    runs: list[list[Extent]] = []
    for each in tables.chain(head, findings):
        if newer is not None:
            check_order(each, newer)
        newer = each
        if block is None and version is not None and each.version != version:
            continue
        block = block or each
        runs.append(list(each.extents))
        tables.chain_blocks += 1
        if each.is_full:
            break
    if block is None and version is not None:
        raise SettingsError(
            f"no such checkpoint: version {tuple(version)}; checkpoints() lists what there is"
        )
    extents = [extent for run in reversed(runs) for extent in run]
    if block is not None:
        check_extents(extents, block.final, head, block.begin, segment_bytes)
    return block, extents


def _voids(block: Block | None) -> list[VoidRange]:
    """The void ranges of this recovery and of earlier ones (R3)."""
    if block is None:
        return []
    voids = list(block.voids)
    if block.fuzzy_start < block.final:
        voids.append(VoidRange(block.version.counter + 1, block.fuzzy_start, block.final))
    return voids


# -- the log ---------------------------------------------------------------------------------------


def _load_log(
    log: HybridLog,
    index: HashIndex,
    mode: Mode,
    block: Block | None,
    extents: list[Extent],
    findings: list[Finding],
) -> None:
    """Verify every extent, oldest first, load it into its frame, and re-link page by page.

    The ring ends up holding the newest pages.
    """
    if block is None:
        return
    page = log.settings.page_bytes
    ring = log.spaces.ring_bytes
    log_bytes = log.spaces.log_bytes
    address = max(block.begin, w.FIRST_ADDRESS)
    # Below begin's page nothing is needed: a wrong bit there is no reason to refuse.
    for extent in extents[log.extents.below(block.begin - block.begin % page) :]:
        frame = extent.start & (ring - 1)
        if extent.start % page == 0:
            log_bytes[frame : frame + page] = bytes(page)
        log_bytes[frame : frame + extent.length] = _verified(log, extent, findings)
        end = extent.start + extent.length
        if end % page == 0 or end == block.final:
            address = _relink(log, index, mode, address, end)


def _verified(log: HybridLog, extent: Extent, findings: list[Finding]) -> bytes:
    segment, offset = divmod(extent.start, log.settings.segment_bytes)
    file = segment_name(segment)
    try:
        data = log.load_extent(extent)
    except CorruptionError:
        findings.append(Finding(file, offset, extent.length, "rejected"))
        raise
    findings.append(Finding(file, offset, extent.length, "accepted"))
    return data


def _relink(log: HybridLog, index: HashIndex, mode: Mode, address: int, end: int) -> int:
    spaces = log.spaces
    while True:
        address, why = mode.relink(spaces, address, end)
        if why == w.DONE:
            return end
        if why == w.OVERFLOW:
            key = log_key(spaces, address)
            index.extend(index.hash_key(key))


def log_key(spaces: Spaces, address: int) -> bytes:
    """The key of the record at `address`, which is in the ring."""
    at = (address >> 3) & spaces.control[w.RING_MASK]
    start = (at + w.RECORD_HEADER_WORDS) * w.WORD_BYTES
    return bytes(spaces.log_bytes[start : start + ((spaces.log[at + w.SIZES] >> w.KEY_SHIFT) & w.KEY_MASK)])


def _head(log: HybridLog, tail: int) -> int:
    """The lowest address that the ring holds."""
    page = log.settings.page_bytes
    pages_end = (tail + page - 1) // page * page
    return max(w.FIRST_ADDRESS, pages_end - log.spaces.ring_bytes)


# -- taking the store over -------------------------------------------------------------------------


def _take_over(
    device: Device,
    poison: Poison,
    log: HybridLog,
    roots: Roots,
    root: Root,
    names: list[str],
    segments: set[str],
) -> None:
    """Begin a new life: all roots are rewritten, even where they read equal, and so are the names.

    A page cache can look equal to a disk that is not.
    """
    for file in ROOT_FILES:
        if file not in names:
            device.create(file)
    if not segments and root.head == NO_BLOCK:
        log.create_segment(0)
    try:
        device.sync_names()
    except OSError as error:
        raise poison.failed("syncing the names", error) from error
    log.has_new_names = False
    roots.take_over(root)
