"""Inspection of a log: what is on its device, counted exactly, without opening it and without writing.

Blocks are walked from the begin to the end of the last commit that is complete. Where one is damaged, that
is reported, and the walk goes on at the next page, for every page starts with a block. A log that another
process writes meanwhile is looked at as far as it was when the roots were read.

Invariants
  1  nothing is written; a folder is locked as a reader
  2  sound and verified  =>  opening for writing succeeds and finds every entry

Threads: one.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from .arguments import AnyPath, check_flag, check_where
from .device import Device, Disk, Lease, read_exactly, telling
from .errors import CorruptionError, MissingStoreError, NotAStoreError, SettingsError
from .fasterlog import LogSettings
from .fasterlog.blocks import HEADER_BYTES, MAGIC, Block, Header, decode_header
from .fasterlog.files import LogFiles
from .fasterlog.recovery import Point, confirmed_of, last_of
from .inspection import Damage, RootCopy
from .metadata.extents import segment_number
from .metadata.layout import KIND_LOG, ROOT_BYTES, Root, decode_root
from .metadata.roots import ROOT_FILES, read_roots
from .poison import Poison
from .runtime import ThreadRuntime

__all__ = ["LogInspection", "inspect_log", "is_log"]

LOOKS: Final = 3
_KIND_AT: Final = slice(12, 16)  # In a root.


@dataclass(slots=True)
class LogInspection:
    """All that was found. Without a valid root only `roots` and `damage` say something.

    confirmed    where the last commit ends to which damage is told; with its number
    committed    where the last commit ends that is complete; with its number and cookie
    commits      from the begin on, likewise entries, and bytes of these
    tail         bytes of the last segment behind the last commit, and what stands there
    progress     how far each named iterator had come
    verified     whether every byte was read, or only headers and what links them
    entry_list   of each entry its address and its bytes, where these were asked for
    """

    roots: list[RootCopy] = field(default_factory=list)
    store_id: bytes | None = None
    sequence: int = 0
    life: int = 0
    settings: LogSettings | None = None
    is_closed: bool = False
    begin: int = 0
    confirmed: int = 0
    confirmed_number: int = 0
    committed: int = 0
    committed_number: int = 0
    cookie: bytes = b""
    progress: dict[str, int] = field(default_factory=dict)
    commits: int = 0
    blocks: int = 0
    entries: int = 0
    entry_bytes: int = 0
    tail: str = ""
    verified: bool = False
    segments: dict[str, int] = field(default_factory=dict)
    strangers: list[str] = field(default_factory=list)
    damage: list[Damage] = field(default_factory=list)
    entry_list: list[tuple[int, bytes]] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        """True if nothing is damaged but root copies that the next opening for writing mends."""
        return all(damage.is_mended for damage in self.damage)

    @property
    def verdict(self) -> str:
        """In a line: sound, sound as far as was read, or damaged, and where first."""
        bad = next((damage for damage in self.damage if not damage.is_mended), None)
        if bad is not None:
            return f"DAMAGED, first {bad.file} at byte {bad.offset}"
        mended = ", ".join(damage.file for damage in self.damage)
        but = f", but for {mended}: the next opening for writing mends it" if mended else ""
        return f"sound{'' if self.verified else ' by its headers'}{but}"


def is_log(where: AnyPath | Device) -> bool:
    """True if there is a log there rather than a store: by a root, or where there is none by a segment.

    Raises what `inspect_log` does, but for CorruptionError.
    """
    check_where(where)
    lease = Lease(where, read_only=True)
    try:
        device, names = lease.device, lease.device.list()
        kinds = [read_exactly(device, file, 0, ROOT_BYTES)[_KIND_AT] for file in ROOT_FILES if file in names]
        known = [int.from_bytes(kind, "little") for kind in kinds]
        if any(1 <= kind <= KIND_LOG for kind in known):
            return known.count(KIND_LOG) > len(known) // 2
        segments = [name for name in names if segment_number(name) is not None]
        return bool(segments) and read_exactly(device, segments[0], 0, len(MAGIC)) == MAGIC
    finally:
        lease.release()


def inspect_log(where: AnyPath | Device, *, entries: bool = False, verify: bool = False) -> LogInspection:
    """Look at the log in a folder or on a Device.

    entries   list every entry, in memory all at once
    verify    read and verify every byte: O(log); otherwise the headers of blocks, and that each names the one
              before it: O(blocks)

    Raises SettingsError (neither a path nor a Device), MissingStoreError, NotAStoreError, StoreLockedError,
    UnsupportedVersionError, DeviceError; CorruptionError never: damage is in the result.
    """
    check_where(where)
    check_flag("entries", entries, SettingsError)
    check_flag("verify", verify, SettingsError)
    lease = Lease(where, read_only=True)
    try:
        with telling("inspecting"):
            return _Look(lease.device, entries=entries, verify=verify).found
    finally:
        lease.release()


class _Look:
    """One look; `found` is what it found."""

    def __init__(self, device: Device, *, entries: bool, verify: bool) -> None:
        self._device = device
        self._is_listed = entries
        self.found = LogInspection(verified=verify or entries)
        names = device.list()
        segments = [name for name in names if segment_number(name) is not None]
        self.found.segments = {name: device.size(name) for name in segments}
        self.found.strangers = sorted({*names}.difference(ROOT_FILES, segments))
        root = self._look_at_roots(names)
        if root is None:
            self._refuse(names, segments)
            return
        found = self.found
        found.settings = LogSettings(*root.geometry[:3])
        found.store_id, found.sequence, found.life = root.store_id, root.sequence, root.life
        found.begin, found.is_closed = root.begin, bool(root.geometry[3])
        self._files = LogFiles(Disk(device, Poison(), ThreadRuntime()), root.store_id, found.settings, names)
        found.confirmed, found.confirmed_number = root.head.offset, root.head.length
        last = self._look_at_end(root)
        self._walk(root, last)

    def _look_at_roots(self, names: list[str]) -> Root | None:
        try:
            reading = read_roots(self._device, names, [], KIND_LOG)
        except CorruptionError as error:
            self._report(error)
            return None
        for file in ROOT_FILES:
            complaint = reading.complaints.get(file)
            if complaint is None:
                copy = decode_root(read_exactly(self._device, file, 0, ROOT_BYTES), file, KIND_LOG)
                if isinstance(copy, Root):  # Else it is being written now.
                    self.found.roots.append(RootCopy(file, copy.sequence, copy.life))
                continue
            self.found.roots.append(RootCopy(file, complaint=complaint))
            is_mended = reading.newest is not None
            self.found.damage.append(Damage(file, 0, complaint, "a root record", is_mended))
        return reading.newest

    def _refuse(self, names: list[str], segments: list[str]) -> None:
        """Raise where opening says that there is no log, rather than that it is damaged."""
        if segments:
            return
        if names and not any(name in ROOT_FILES for name in names):
            raise NotAStoreError(f"no log here: found {names[:3]}, expected {ROOT_FILES[0]}")
        raise MissingStoreError(
            f"no log here: found {'a creation that was cut short' if names else 'an empty folder'}"
        )

    def _look_at_end(self, root: Root) -> int:
        """Where the last complete commit ends, or as much as can be said."""
        end = root.head.offset
        try:
            last: Point = confirmed_of(self._files, root)
            last, self.found.tail = self._last(root, last)
            end, self.found.committed_number, self.found.cookie = last.end, last.number, last.cookie
            self.found.progress = last.progress
        except CorruptionError as error:
            self._report(error)
        self.found.committed = end
        return end

    def _last(self, root: Root, last: Point) -> tuple[Point, str]:
        """The last complete commit; beside a writer, what looks damaged is looked at again."""
        for _ in range(LOOKS if getattr(self._device, "is_beside", False) else 0):
            with suppress(CorruptionError):
                return last_of(self._files, root, last)
        return last_of(self._files, root, last)

    def _walk(self, root: Root, end: int) -> None:
        """Count the blocks from the begin to `end`."""
        found, settings, link, at = self.found, self._files.settings, -1, root.begin
        at -= at % settings.page_bytes
        while at < end:
            block = self._block(at)
            header = block.header if isinstance(block, Block) else block
            if isinstance(header, str):
                self._report(self._files.corruption(at, header, "a block"))
                at, link = at + settings.page_bytes - at % settings.page_bytes, -1
                continue
            if link not in (-1, header.link):
                self._report(self._files.corruption(at, "a block that follows another one", "the next block"))
            link = header.crc
            if header.end > root.begin:
                found.blocks += 1
                found.commits += header.is_commit
                self._count(root, block, header)
            at = header.end

    def _block(self, at: int) -> Block | Header | str:
        """The block at the address, or its header where that is enough; or the reason why there is none."""
        if self.found.verified:
            return self._files.find(at)
        name, offset = self._files.place(at)
        settings = self._files.settings
        data = b""
        with suppress(FileNotFoundError):
            data = read_exactly(self._device, name, offset, HEADER_BYTES)
        return decode_header(data, at, (settings.page_bytes, settings.write_unit))

    def _count(self, root: Root, block: Block | Header | str, header: Header) -> None:
        found = self.found
        is_cut = header.address < root.begin and header.entry_count
        if is_cut and not isinstance(block, Block):
            block = self._files.find(header.address)  # Some of its entries are given up.
        if isinstance(block, str):
            self._report(self._files.corruption(header.address, block, "a block"))
        elif isinstance(block, Block) and (is_cut or self._is_listed):
            kept = [(address, bytes(data)) for address, data in block.entries() if address >= root.begin]
            found.entries += len(kept)
            found.entry_bytes += sum(len(data) for _, data in kept)
            if self._is_listed:
                found.entry_list += kept
        else:
            found.entries += header.entry_count
            found.entry_bytes += header.data_bytes

    def _report(self, error: CorruptionError) -> None:
        damage = Damage(error.file, error.offset, error.found, error.expected)
        if (damage.file, damage.offset) not in {(each.file, each.offset) for each in self.found.damage}:
            self.found.damage.append(damage)
