"""Management: the checkpoints of a store on a device, listed, verified and dropped without opening it.

Nothing of the log is loaded into memory: extents are verified and let go.

Invariants
  1  listing and verifying write nothing; beside a live writer they see the newest durable checkpoint
  2  verified  =>  every byte that opening this checkpoint reads is as it was written
  3  dropping begins a new life of the store, as an opening for writing does, and refuses where one is open

Threads: one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise

from .arguments import AnyPath, check_where
from .checkpoint.image import check_image
from .checkpoint.parts import KEEP_DEFAULT
from .checkpoint.recovery import read_newest
from .checkpoint.retention import renamed, write_anew
from .checkpoint.running import CheckpointPoint, point_of, points_of
from .device import Device, Lease, telling
from .errors import CorruptionError
from .log.segments import read_extent
from .metadata.agreement import check_block, check_newest, check_order
from .metadata.layout import Extent, Root, Version
from .metadata.rolls import follow, marks_of
from .metadata.roots import RootReading, Roots
from .metadata.tables import Link, Runs, Tables, check_extents, check_places
from .poison import Poison
from .runtime import Runtime, ThreadRuntime
from .settings import Settings

__all__ = ["Verified", "drop_checkpoint", "list_checkpoints", "verify_checkpoints"]


@dataclass(frozen=True, slots=True)
class Verified:
    """A checkpoint, how much was read for it, and the first thing that is wrong; None: nothing is.

    index   what is wrong with its image of the index: it can be opened all the same, which takes longer
    """

    point: CheckpointPoint
    extents: int
    bytes: int
    error: CorruptionError | None
    index: CorruptionError | None = None


@contextmanager
def _held(where: AnyPath | Device, *, read_only: bool) -> Iterator[tuple[Device, Root, RootReading]]:
    """The device of the store, and its root. Raises what an opening does."""
    check_where(where)
    lease = Lease(where, read_only=read_only)
    try:
        with telling("reading the checkpoints"):
            root, reading = read_newest(lease.device)
            yield lease.device, root, reading
    finally:
        lease.release()


def _tables(device: Device, root: Root, poison: Poison | None = None) -> Tables:
    _, _, unit, *_ = root.geometry
    return Tables(device, poison or Poison(), root.store_id, unit, root.head)


def list_checkpoints(where: AnyPath | Device) -> list[CheckpointPoint]:
    """The checkpoints of the store in a folder or on a Device, newest first.

    Raises SettingsError (neither a path nor a Device), MissingStoreError, NotAStoreError, StoreLockedError,
    UnsupportedVersionError, CorruptionError (no root, or a block of the tables is damaged), DeviceError.
    """
    with _held(where, read_only=True) as (device, root, _):
        return points_of(_tables(device, root).chain(root.head, []))


def verify_checkpoints(where: AnyPath | Device) -> list[Verified]:
    """Each checkpoint of the store, newest first, every byte that it needs read and verified, each once.

    What is damaged is told with the checkpoints that need it. Raises what `list_checkpoints` does. O(log).
    """
    with _held(where, read_only=True) as (device, root, _):
        links = list(_tables(device, root).links(root.head, []))
        known: dict[tuple[str, int, Extent], CorruptionError | None] = {}
        return [_verify(device, root, links[number:], known) for number in range(len(links))]


def _verify(
    device: Device,
    root: Root,
    links: list[Link],
    known: dict[tuple[str, int, Extent], CorruptionError | None],
) -> Verified:
    blocks, runs = [link.block for link in links], Runs()
    block = blocks[0]._replace(sessions=marks_of(blocks))
    _, segment_bytes, *_ = root.geometry
    error: CorruptionError | None = None
    try:
        for newer, older in pairwise(links):
            check_order(older.block, newer.block)
        if links[0].pointer == root.head:
            check_newest(root, block)
        for _ in follow(blocks):
            pass
        for link in links:
            check_block(link.block, link.pointer.offset, root.geometry)
            runs.take(link.block)
        check_places(block, links[0].pointer)
        check_extents(runs, block.final, links[0].pointer, block.begin, segment_bytes)
    except CorruptionError as found:
        error = found
    extents, places = runs.needed(block.begin), runs.places(root.store_id, segment_bytes)
    for extent in extents:
        place = (*places.find(extent.start), extent)
        if place not in known:
            try:
                read_extent(device, places, extent)
                known[place] = None
            except CorruptionError as found:
                known[place] = found
        error = error or known[place]
    count, image = sum(extent.length for extent in extents), block.image
    wrong = check_image(device, root.store_id, Settings(*root.geometry), image) if image.used else None
    return Verified(point_of(block), len(extents), count, error, wrong)


def drop_checkpoint(
    where: AnyPath | Device, which: Version | str, *, keep: int = KEEP_DEFAULT, runtime: Runtime | None = None
) -> list[CheckpointPoint]:
    """Give up a checkpoint by its version, or its pin by its name, as `FasterKv.drop`; those that are left.

    Files that it alone used go with the next checkpoint. Raises CheckpointError (there is no such one, or it
    is the newest), and what `list_checkpoints` does.
    """
    with _held(where, read_only=False) as (device, root, reading):
        poison = Poison()
        tables = _tables(device, root, poison)
        kept = renamed(tables, keep, which, "")
        roots = Roots(device, runtime or ThreadRuntime(), poison, reading.sequences)
        # A life of its own, as every opening for writing begins: nothing that an earlier one left is newer.
        root = root._replace(life=root.life + 1)
        for file in reading.missing:
            device.create(file)
        device.sync_names()
        roots.take_over(root)
        write_anew(tables, roots, root, kept)
        roots.settle()
        return [point_of(block) for block in reversed(kept.blocks)]
