"""Backup: what a device has durable, copied to another one, where it is a store of its own.

    blocks of the chain, extents that they list  ->  synced  ->  names synced  ->  three roots

The copy holds every checkpoint of the chain and no byte that none of them names: a block lists all that its
checkpoint needs and that no older one lists as well.

Invariants
  B1  a power cut or an error at any moment leaves of the copy no store at all (opening refuses it), or the
      whole of it: everything a root names is durable before the first root is written
  B2  nothing of the source is written, and what is copied was verified: a byte that is not as it was written
      is a CorruptionError, and no copy; but for an image of the index, which the copy then does without
  B3  whoever copies from a live store pins its log before he looks for the newest checkpoint

Both have one store id and one past. From here on they part: no file of one may be put among the other's.

Threads: any; one copies to one target.
"""

from __future__ import annotations

import errno
from contextlib import suppress

from ..arguments import AnyPath, check_where
from ..device import Device, Lease, telling, write_fully
from ..errors import CheckpointError, CorruptionError, DeviceError, PoisonedError, StoreExistsError
from ..log.segments import read_extent
from ..metadata.images import record_at
from ..metadata.layout import Block, Extent, Image, Root
from ..metadata.places import Places, image_name
from ..metadata.rolls import follow
from ..metadata.roots import LIFE_SHIFT, ROOT_FILES, Roots
from ..metadata.tables import TABLE_FILE, Runs, Tables, check_extents, is_ours, needed
from ..poison import Poison
from ..runtime import Runtime, ThreadRuntime
from ..settings import Settings
from .reading import ImageReader, read_image
from .recovery import read_newest
from .running import CheckpointPoint, point_of

__all__ = ["backup_store", "copy_checkpoints"]


def copy_checkpoints(
    source: Device, root: Root, where: AnyPath | Device, runtime: Runtime
) -> CheckpointPoint:
    """Copy the checkpoints that `root` names to a folder or Device without a store; the newest one.

    Raises SettingsError (`where`), CheckpointError (there is none yet), StoreExistsError, StoreLockedError,
    CorruptionError, DeviceError; then no file and no folder is left there. O(log).
    """
    check_where(where)
    if not root.head.length:
        raise CheckpointError("there is no checkpoint to copy: take one first")
    lease = Lease(where, create=True)
    try:
        with telling("copying"):
            names = [name for name in lease.device.list() if is_ours(name)]
            if names:
                raise StoreExistsError(f"found {names[:3]}: expected a folder without files of a store")
            point = _Copy(source, root, lease.device, runtime).make()
    except BaseException:
        lease.undo()
        raise
    lease.release()
    return point


def backup_store(
    source: AnyPath | Device, where: AnyPath | Device, runtime: Runtime | None = None
) -> CheckpointPoint:
    """Copy the checkpoints of a store that nobody writes to, as `copy_checkpoints` does, without opening it.

    Raises what `copy_checkpoints` and a read-only opening do.
    """
    check_where(source)
    lease = Lease(source, read_only=True)
    try:
        with telling("copying"):
            root, _ = read_newest(lease.device)
        return copy_checkpoints(lease.device, root, where, runtime or ThreadRuntime())
    finally:
        lease.release()


class _Copy:
    """One copy under way, and the files that it has made."""

    def __init__(self, source: Device, root: Root, target: Device, runtime: Runtime) -> None:
        self._source = source
        self._root = root
        _, self._segment_bytes, self._unit, *_ = root.geometry
        self._target = target
        self._runtime = runtime
        self._made: list[str] = []
        self._copied: set[tuple[str, int]] = set()  # File and byte of the extents that were.

    def make(self) -> CheckpointPoint:
        try:
            return self._make()
        except BaseException as error:
            # Roots first: while one stands, what it names does.
            for name in sorted(self._made, key=lambda each: each not in ROOT_FILES):
                with suppress(OSError):
                    self._target.remove(name)
            if isinstance(error, PoisonedError):  # The copy's, which nobody has open.
                raise DeviceError(errno.EIO, f"copying: {error}") from error
            raise

    def _make(self) -> CheckpointPoint:
        newest = self._copy_checkpoints()
        for name in self._made:
            self._target.sync(name)
        for name in ROOT_FILES:
            self._create(name)
        self._target.sync_names()
        roots = Roots(
            self._target, self._runtime, Poison(), dict.fromkeys(ROOT_FILES, self._root.life << LIFE_SHIFT)
        )
        roots.commit(self._root._replace(begin=newest.begin))
        roots.settle()
        return point_of(newest)

    def _copy_checkpoints(self) -> Block:
        """Copy every block of the chain, and what it lists, to where it stands; the newest."""
        root = self._root
        tables = Tables(self._source, Poison(), root.store_id, self._unit, root.head)
        blocks: list[Block] = []
        runs = Runs()
        self._create(TABLE_FILE)
        for pointer, data, block in tables.links(root.head, []):
            blocks.append(block._replace(extents=()))
            runs.take(block)
            write_fully(self._target, TABLE_FILE, pointer.offset, data)
            places = Places(root.store_id, self._segment_bytes, block.places)
            for extent in needed(block.extents, block.begin):
                self._copy_extent(places, extent)
            self._copy_image(block.image)
        newest = blocks[0]
        *_, (_, roll) = follow(blocks)
        check_extents(runs, newest.final, root.head, newest.begin, self._segment_bytes)
        return newest._replace(sessions=roll.marks())

    def _copy_extent(self, places: Places, extent: Extent) -> None:
        name, offset = place = places.find(extent.start)
        if place in self._copied:
            return
        if name not in self._made:
            self._create(name)
        data = read_extent(self._source, places, extent)
        write_fully(self._target, name, offset, data)
        self._copied.add(place)

    def _copy_image(self, image: Image) -> None:
        """Copy an image of the index; one that is not as it was written is left out: openings do without."""
        name, settings = image_name(image.version), Settings(*self._root.geometry)
        if not image.used or name in self._made:
            return
        try:
            reader = ImageReader(self._source, self._root.store_id, settings, image, [])
            data = read_image(reader)
        except CorruptionError:
            return
        self._create(name)
        write_fully(self._target, name, 0, data)
        write_fully(self._target, name, record_at(image, settings.write_unit), reader.record)

    def _create(self, name: str) -> None:
        self._made.append(name)  # First: a call that fails may have made it.
        self._target.create(name)
