"""Recovery of a log: from the bytes on a device to the last commit that holds, or to a typed refusal.

    roots -> the last commit that was confirmed -> block after block of the newest life -> the last one that
    ends a group -> (for writing) what was found made durable, three new roots

The root of a log has the fields of a store's; they mean

    geometry        page, segment, write unit, 1 if it was closed and nothing was written since, 0
    head            end address, number and checksum of the last block of a commit that is confirmed
    index_buckets   where that block starts
    begin           no entry below it is needed

Invariants
  V1  recovered are exactly the entries of [begin, c) for a commit c, not below the last acknowledged one
  V2  past the confirmed end only blocks of the root's own life count, each linked to the one before
  V3  a block that is wrong is a torn tail unless a later one was made when it was durable: then it is
      CorruptionError, and nothing is given up
  V4  what recovery reports was written again and synced before; a root of a new life is durable before
      anything else is written
  V5  read-only, nothing is written; beside another process that writes, only what is confirmed counts
  V6  an older commit is found by exactly its number, or its cookie; the later ones are given up with the root
      of the new life, and not before

Threads: one; nothing else has the device yet.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from ..device import Device, Disk
from ..errors import CorruptionError, MissingStoreError, NotAStoreError, SettingsError
from ..metadata.extents import segment_number
from ..metadata.layout import KIND_LOG, ROOT_BYTES, Pointer, Root
from ..metadata.roots import ROOT_FILES, RootReading, Roots, read_roots
from ..poison import Poison
from ..runtime import Runtime
from .blocks import Block
from .files import LogFiles
from .settings import LogSettings

__all__ = ["LogParts", "Point", "confirmed_of", "last_of", "point_of", "recover_log"]


class Point(NamedTuple):
    """The last block of a commit: where it starts and ends, its number, checksum and cookie.

    progress   how far each named iterator had come
    """

    start: int
    end: int
    number: int
    crc: int
    cookie: bytes
    progress: dict[str, int]


NOTHING: Final = Point(0, 0, 0, 0, b"", {})
PAGES_MIN: Final = 4  # Of memory: two that are written, while as much is taken.


class LogParts(NamedTuple):
    """The parts of an open log."""

    disk: Disk
    root: Root
    settings: LogSettings
    read_only: bool
    files: LogFiles
    roots: Roots
    last: Point


def recover_log(
    device: Device,
    runtime: Runtime,
    *,
    create: bool,
    read_only: bool,
    memory: int,
    settings: LogSettings | None,
    commit: int | bytes | None = None,
) -> LogParts:
    """Open what is on the device; with `create`, make a log where none is.

    commit   the number or the cookie of an older one to come back to

    Raises MissingStoreError, NotAStoreError, SettingsError (also: no such commit), CorruptionError,
    UnsupportedVersionError, PoisonedError, OSError.
    """
    disk = Disk(device, Poison(), runtime)
    names = device.list()
    reading = read_roots(device, names, [], KIND_LOG)
    if reading.newest is None:
        _refuse(device, names, reading, create=create and not read_only)
        root = Root(
            runtime.entropy(16),
            0,
            0,
            (settings or LogSettings()).persisted(),
            Pointer(0, 0, 0),
            kind=KIND_LOG,
        )
    else:
        root = reading.newest
    chosen = _agree(root, settings)
    if memory < PAGES_MIN * chosen.page_bytes:
        raise SettingsError(
            f"memory is {memory} bytes: expected at least {PAGES_MIN * chosen.page_bytes}, "
            f"{PAGES_MIN} pages of {chosen.page_bytes}"
        )
    files = LogFiles(disk, root.store_id, chosen, names)
    is_unmade = root.life == 0
    if is_unmade and commit is not None:
        raise SettingsError(f"no such commit: {commit!r}; the log is still to be made")
    if is_unmade and not read_only:
        # Also after a creation that was cut short: a root that reads well may stand in the page cache only.
        reading = _format(disk, reading, root)
        names = device.list()
    is_beside = getattr(device, "is_beside", False)
    last = NOTHING if is_unmade else confirmed_of(files, root)
    if not is_unmade and not is_beside:
        last, _ = last_of(files, root, last)
    if commit is not None:
        last = _find(files, root, last, commit)
    roots = Roots(device, runtime, disk.poison, reading.sequences)
    if not read_only:
        root = _take_over(LogParts(disk, root, chosen, read_only, files, roots, last), names)
    return LogParts(disk, root, chosen, read_only, files, roots, last)


# -- nothing there yet -----------------------------------------------------------------------------


def _refuse(device: Device, names: list[str], reading: RootReading, *, create: bool) -> None:
    """Raise unless no file here is the log's, or they are those of a creation that was interrupted."""
    if any(segment_number(name) is not None for name in names):
        complaint = "; ".join(f"{file}: {why}" for file, why in reading.complaints.items())
        raise CorruptionError(ROOT_FILES[0], 0, f"no valid root ({complaint})", "one, for there are segments")
    if not create:
        if names and not any(name in ROOT_FILES for name in names):
            raise NotAStoreError(
                f"no log here: found {names[:3]}, expected {ROOT_FILES[0]}; create=True makes one beside them"
            )
        what = "a creation that was cut short" if names else "an empty folder"
        raise MissingStoreError(f"no log here: found {what}; opened to write, create=True makes one")
    longer = [name for name in ROOT_FILES if name in names and device.size(name) > ROOT_BYTES]
    if longer:
        raise NotAStoreError(
            f"no log here: found {longer}, longer than a root: expected no file of that name"
        )


def _format(disk: Disk, reading: RootReading, root: Root) -> RootReading:
    """Write the roots of a new log; its first segment follows when it is taken over."""
    device = disk.device
    for file in reading.missing:
        device.create(file)
    try:
        device.sync_names()
    except OSError as error:
        raise disk.poison.failed("syncing the names", error) from error
    roots = Roots(device, disk.runtime, disk.poison, reading.sequences)
    roots.commit(root)
    roots.settle()
    return read_roots(device, device.list(), [], KIND_LOG)


def _agree(root: Root, settings: LogSettings | None) -> LogSettings:
    """The log's settings; SettingsError where the caller's differ."""
    stored = LogSettings(*root.geometry[:3])
    if settings is not None and settings != stored:
        raise SettingsError(f"settings differ from the log's: {settings}, and the log has {stored}")
    return stored


# -- the last commit -------------------------------------------------------------------------------


def last_of(files: LogFiles, root: Root, last: Point) -> tuple[Point, str]:
    """The last commit that holds (V1), from the confirmed one on; and what stands behind it.

    Raises CorruptionError.
    """
    if root.geometry[3]:
        return last, "the log was closed"  # What stands behind it was dropped before.
    end, link, beyond = root.head.offset, root.head.crc, root.head.offset
    while True:
        found = files.find(end)
        why = found if isinstance(found, str) else _strange(found, root.life, link)
        if why or isinstance(found, str):
            break
        end, link = found.header.end, found.header.crc
        if found.header.is_commit:
            last, beyond = point_of(files, found), end
    later = files.later(end, beyond, root.life)
    if later:
        name, offset = files.place(later)
        expected = f"a block, for one at byte {offset} of {name} was written when it was durable: a block"
        raise files.corruption(end, why, expected)
    return last, why


def confirmed_of(files: LogFiles, root: Root) -> Point:
    """The commit that the root names, its last block verified."""
    end, _, crc = root.head
    if end == 0:
        if not files.has(
            0
        ):  # Its name was durable before the root of any life was, and it is not yet removed.
            raise files.corruption(0, "no file", "a segment, that")
        return NOTHING
    block = files.load(root.index_buckets)
    if block.header.crc != crc or block.header.end != end:
        expected = f"the block that the root names, CRC-32C {crc:08x},"
        raise files.corruption(root.index_buckets, f"another block, CRC-32C {block.header.crc:08x}", expected)
    return point_of(files, block)


def _find(files: LogFiles, root: Root, last: Point, wanted: int | bytes) -> Point:
    """The newest commit up to `last` with that number, or cookie (V6). O(log)."""
    at, link = root.begin & -files.settings.page_bytes, -1
    found = {last.number: last, last.cookie: last}.get(wanted)  # Also where nothing of it is left.
    oldest = last.number
    while at < last.end:
        block = files.load(at)
        header = block.header
        if link not in (-1, header.link):
            raise files.corruption(at, "a block that follows another one", "the next block")
        at, link = header.end, header.crc
        if header.is_commit and at >= root.begin:
            point = point_of(files, block)
            found = point if wanted in (point.number, point.cookie) else found
            oldest = min(oldest, point.number)
    there = f"those that no truncation took are number {oldest} to {last.number}"
    if found is None:
        raise SettingsError(f"no such commit: {wanted!r}; {there}")
    return found


def _strange(block: Block, life: int, link: int) -> str:
    """The reason why a whole block does not follow (V2), or ""."""
    if block.header.life != life:
        return f"a block of life {block.header.life}"
    return "" if block.header.link == link else "a block that follows another one"


def point_of(files: LogFiles, block: Block) -> Point:
    """The commit that the block ends. Raises CorruptionError where its trailer is none."""
    header = block.header
    try:
        cookie, progress = block.trailer
    except ValueError as error:
        raise files.corruption(header.address, f"progress that ends too early ({error})", "a block") from None
    return Point(header.address, header.end, header.number, header.crc, cookie, progress)


# -- taking the log over ---------------------------------------------------------------------------


def _take_over(parts: LogParts, names: list[str]) -> Root:
    """Begin a new life behind the last commit (V4); its root."""
    root, last = parts.root, parts.last
    device = parts.disk.device
    for file in ROOT_FILES:
        if file not in names:
            device.create(file)
    if root.life == 0:
        parts.files.create(0)
    parts.files.durable = last.end
    _write_again(parts.files, root.head.offset, last.end)
    root = root._replace(
        life=root.life + 1,
        geometry=parts.settings.persisted(),
        head=Pointer(last.end, last.number, last.crc),
        index_buckets=last.start,
    )
    parts.roots.take_over(root)
    return root


def _write_again(files: LogFiles, start: int, end: int) -> None:
    """Make durable the blocks of [start, end), which may stand in the page cache only.

    After a sync that failed a page is clean there and the disk has not got it: to sync it is not enough.
    """
    at = start
    while at < end:
        block = files.load(at)
        files.write(at, block.image)
        at = block.header.end
    files.sync()
