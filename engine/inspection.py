"""Inspection: the files of a store on a device, read without opening the store and without writing.

Opening refuses at the first thing that is wrong; here all of it is looked at and reported, so that
a damaged store can be judged. Nothing of the log is loaded into memory: extents are verified and
let go.

Invariants
  1  nothing is written; a folder is locked as a reader
  2  sound  =>  opening for writing succeeds and finds every byte that it reads as it was written, or
     mends it: only one thing is mended, a root copy beside valid ones. Inspection is the stricter: it
     also reads blocks of older checkpoints, which opening may not need

Threads: one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from .arguments import AnyPath, check_where
from .checkpoint.image import check_image
from .device import Device, Lease, read_exactly, telling
from .errors import CorruptionError, MissingStoreError, NotAStoreError
from .log.segments import read_extent
from .metadata.agreement import check_block, check_newest, check_order
from .metadata.layout import (
    NO_IMAGE,
    ROOT_BYTES,
    Block,
    Extent,
    Image,
    Pointer,
    Root,
    Version,
    VoidRange,
    decode_root,
)
from .metadata.marks import SessionMark
from .metadata.places import Places
from .metadata.rolls import follow, marks_of
from .metadata.roots import ROOT_FILES, read_roots
from .metadata.tables import Runs, Tables, check_extents, is_of_log, is_ours
from .poison import Poison
from .settings import Settings

__all__ = ["Damage", "RootCopy", "SegmentFile", "StoreInspection", "TableBlock", "inspect_store"]


@dataclass(frozen=True, slots=True)
class Damage:
    """One thing that is not as it was written.

    is_mended   the next opening for writing rewrites it
    is_spare    an image of the index: without it openings link the whole log again
    """

    file: str
    offset: int
    found: str
    expected: str
    is_mended: bool = False
    is_spare: bool = False


@dataclass(frozen=True, slots=True)
class RootCopy:
    """One copy of the root; `complaint` says why it is none, and the numbers are 0 then."""

    file: str
    sequence: int = 0
    life: int = 0
    complaint: str | None = None


@dataclass(frozen=True, slots=True)
class TableBlock:
    """One checkpoint's metadata, and where it stands.

    extents, sessions   that it lists: not those that are as the block before says; forgotten sessions, too
    """

    version: Version
    offset: int
    length: int
    is_full: bool
    extents: int
    voids: int
    sessions: int
    fuzzy_start: int
    final: int
    image: Version | None = None


@dataclass(slots=True)
class SegmentFile:
    """One file of the log. `size` None: there is no file."""

    name: str
    size: int | None
    extents: int = 0
    first_bad: Extent | None = None


@dataclass(slots=True)
class StoreInspection:
    """All that was found. Without a valid root only `roots` and `damage` say something."""

    roots: list[RootCopy] = field(default_factory=list)
    store_id: bytes | None = None
    sequence: int = 0
    life: int = 0
    settings: Settings | None = None
    index_buckets: int = 0
    newest: Version | None = None
    begin: int = 0
    tail: int = 0
    chain: list[TableBlock] = field(default_factory=list)
    voids: list[VoidRange] = field(default_factory=list)
    sessions: list[SessionMark] = field(default_factory=list)
    image: Image = NO_IMAGE
    segments: list[SegmentFile] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)
    damage: list[Damage] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        """True if nothing is damaged (invariant 2)."""
        return all(damage.is_mended or damage.is_spare for damage in self.damage)

    @property
    def verdict(self) -> str:
        """In a line: sound, sound but for what the next opening for writing mends, or damaged."""
        if not self.is_sound:
            return "DAMAGED"
        if not self.damage:
            return "sound"
        bad = [damage.file for damage in self.damage if damage.is_mended]
        copies = f"{len(bad)} of {len(self.roots)} roots ({', '.join(bad)})"
        told = [f"{copies}: the next opening for writing mends it"] if bad else []
        told += [
            f"{each.file}: openings do without it, and take longer" for each in self.damage if each.is_spare
        ]
        return f"sound, but for {'; '.join(told)}"


def inspect_store(where: AnyPath | Device) -> StoreInspection:
    """Look at the store in a folder or on a Device.

    Raises SettingsError (neither a path nor a Device), MissingStoreError, NotAStoreError, StoreLockedError,
    UnsupportedVersionError, DeviceError; CorruptionError never: damage is in the result. O(log).
    """
    check_where(where)
    lease = Lease(where, read_only=True)
    try:
        return _inspect(lease.device)
    finally:
        lease.release()


@telling("inspecting")
def _inspect(device: Device) -> StoreInspection:
    names = device.list()
    log = [name for name in names if is_of_log(name)]
    found = StoreInspection(strangers=[name for name in names if not is_ours(name)])
    root = _look_at_roots(device, names, found)
    if root is None:
        _refuse(names, log)
        return found
    found.store_id, found.sequence, found.life = root.store_id, root.sequence, root.life
    found.settings = Settings(*root.geometry)
    found.index_buckets = root.index_buckets
    runs = _look_at_tables(device, found, root)
    _look_at_image(device, found, root)
    places = runs.places(root.store_id, found.settings.segment_bytes)
    _look_at_log(device, found, places, log, runs.needed(found.begin))
    return found


def _refuse(names: list[str], log: list[str]) -> None:
    """Raise where opening says that there is no store, rather than that it is damaged."""
    if log:
        return
    if not names:
        raise MissingStoreError("no store here: found an empty folder")
    if not any(name in ROOT_FILES for name in names):
        raise NotAStoreError(f"no store here: found {names[:3]}, expected {ROOT_FILES[0]}")
    raise MissingStoreError("no store here: found a creation that was cut short")


# -- the parts ---------------------------------------------------------------------------------------


def _look_at_roots(device: Device, names: list[str], found: StoreInspection) -> Root | None:
    """The newest root; None where no copy is valid, or two are of different stores."""
    try:
        reading = read_roots(device, names, [])
    except CorruptionError as error:
        _report(found, error)
        return None
    for file in ROOT_FILES:
        complaint = reading.complaints.get(file)
        if complaint is None:
            copy = decode_root(read_exactly(device, file, 0, ROOT_BYTES), file)
            assert isinstance(copy, Root)
            found.roots.append(RootCopy(file, copy.sequence, copy.life))
            continue
        found.roots.append(RootCopy(file, complaint=complaint))
        is_mended = reading.newest is not None
        found.damage.append(Damage(file, 0, complaint, "a root record", is_mended))
    return reading.newest


def _look_at_tables(device: Device, found: StoreInspection, root: Root) -> Runs:
    """Walk the whole chain; the newest checkpoint's extents as far as they are known."""
    assert found.settings is not None
    tables = Tables(device, Poison(), root.store_id, found.settings.write_unit, root.head)
    runs, blocks = Runs(), list[Block]()
    newer: Block | None = None
    is_whole = False
    try:
        for pointer, _, block in tables.links(root.head, []):
            check_block(block, pointer.offset, root.geometry)
            if newer is not None:
                check_order(block, newer)
            else:
                check_newest(root, block)
                _take_newest(found, block)
            runs.take(block)
            is_whole = runs.is_whole
            found.chain.append(_view(block, pointer))
            newer = block
            blocks.append(block._replace(extents=()))
        is_whole = True
        for _ in follow(blocks):
            pass
    except CorruptionError as error:
        _report(found, error)
    found.sessions = marks_of(blocks)
    if found.chain and is_whole:
        try:
            check_extents(runs, found.tail, root.head, found.begin, found.settings.segment_bytes)
        except CorruptionError as error:
            _report(found, error)
    return runs


def _take_newest(found: StoreInspection, block: Block) -> None:
    found.newest = block.version
    found.begin = block.begin
    found.tail = block.final
    found.voids = list(block.voids)
    found.image = block.image


def _view(block: Block, pointer: Pointer) -> TableBlock:
    return TableBlock(
        block.version,
        pointer.offset,
        pointer.length,
        block.is_full,
        len(block.extents),
        len(block.voids),
        len(block.sessions) + len(block.forgotten),
        block.fuzzy_start,
        block.final,
        block.image.version if block.image.used else None,
    )


def _look_at_image(device: Device, found: StoreInspection, root: Root) -> None:
    """Verify the image of the index that the newest checkpoint names."""
    if not found.image.used:
        return
    error = check_image(device, root.store_id, Settings(*root.geometry), found.image)
    if error is not None:
        found.damage.append(Damage(error.file, error.offset, error.found, error.expected, is_spare=True))


def _look_at_log(
    device: Device, found: StoreInspection, places: Places, names: list[str], extents: Iterable[Extent]
) -> None:
    """Verify every extent; a file that no extent needs is ignored by opening, and listed here."""
    files = {name: SegmentFile(name, device.size(name)) for name in names}
    for extent in extents:
        name, _ = places.find(extent.start)
        file = files.setdefault(name, SegmentFile(name, None))
        file.extents += 1
        try:
            read_extent(device, places, extent)
        except CorruptionError as error:
            file.first_bad = file.first_bad or extent
            _report(found, error)
    found.segments = [files[name] for name in sorted(files)]


def _report(found: StoreInspection, error: CorruptionError) -> None:
    found.damage.append(Damage(error.file, error.offset, error.found, error.expected))
