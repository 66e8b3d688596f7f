"""Retention: which checkpoints stay when the file of tables is rewritten, and what the others leave behind.

    every CHAIN_BLOCKS_MAX blocks, and where whole segments go:
        the newest `keep` and those with a name  ->  one run of full blocks  ->  synced  ->  root
    pinning and dropping: the same, with other names, or without one

Until then a checkpoint only adds a block, and older ones can still be opened. The run goes to the front of
the file, if what lies there is dead and long enough, else behind the newest block; so the file is at most
twice as long as the longest chain and a run of it.

Invariants
  T1  nothing of an older checkpoint goes before two roots name a chain without it, and none of its bytes is
      written again before all three do
  T2  a checkpoint in the chain can be opened: what it needs is there; the newest is in every chain
  T3  a chain that cannot be read to its end is not rewritten: of one that is damaged nothing is given up
  T4  while somebody reads older roots (a backup, a reader), no byte of tables is written twice

Threads: the checkpoint driver's, one at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ..errors import CheckpointError, CorruptionError
from ..metadata.layout import BLOCK_VERSION, NAME_BYTES_MAX, Block, Root, Version
from ..metadata.places import image_name, snapshot_name
from ..metadata.rolls import marks_of
from ..metadata.roots import Roots
from ..metadata.tables import NO_BLOCK, Link, Runs, Tables

__all__ = ["NAMES_MAX", "Kept", "below", "check_pin", "files_of", "gather", "renamed", "write_anew"]

NAMES_MAX = 32


class Kept(NamedTuple):
    """The checkpoints of a chain that stay.

    blocks   oldest first, each with all of its extents
    start    the byte of the file at which the chain begins
    """

    blocks: list[Block]
    start: int


def check_pin(name: object) -> None:
    """Raises CheckpointError for what is no name of a checkpoint."""
    try:
        length = len(name.encode()) if isinstance(name, str) else 0
    except UnicodeEncodeError:
        length = 0
    if not 1 <= length <= NAME_BYTES_MAX:
        raise CheckpointError(f"name {name!r}: expected 1 to {NAME_BYTES_MAX} bytes of UTF-8")


def gather(tables: Tables, keep: int) -> Kept | None:
    """Those of the chain that stay: the newest `keep`, and the pinned; None where it cannot be read (T3)."""
    try:
        links = list(tables.links(tables.head, []))
    except CorruptionError:
        return None
    stay = [number for number, link in enumerate(links) if number < keep or link.block.name]
    start = links[-1].pointer.offset if links else 0
    return Kept([_whole(links, number) for number in reversed(stay)], start)


def _whole(links: Sequence[Link], number: int) -> Block:
    """A block of the chain that needs none of the others."""
    runs, blocks = Runs(), list[Block]()
    for link in links[number:]:
        runs.take(link.block)
        blocks.append(link.block)
        if runs.is_whole:
            break
    return blocks[0]._replace(
        is_full=True,
        extents=runs.extents(),
        previous=NO_BLOCK,
        sessions=marks_of(blocks),
        forgotten=(),
        format_version=BLOCK_VERSION,
    )


def below(kept: Kept, start: int, segment_bytes: int) -> tuple[int, list[Block]]:
    """The address from which the log is needed, by a checkpoint that needs it from `start` on and by those
    that are pinned; and the blocks that need nothing below, without the extents there.
    """
    floors = [(block.begin - block.begin % segment_bytes, block) for block in kept.blocks]
    floor = min([start, *(at for at, block in floors if block.name)])
    blocks = [
        block._replace(extents=[extent for extent in block.extents if extent.start >= floor])
        for at, block in floors
        if at >= floor
    ]
    return floor, blocks


def files_of(blocks: Iterable[Block]) -> set[str]:
    """The files beside the log that these checkpoints need."""
    files = set[str]()
    for block in blocks:
        files.update(snapshot_name(place.version) for place in block.places)
        files.add(image_name(block.image.version))
    return files


def renamed(tables: Tables, keep: int, which: Version | str, name: str) -> Kept:
    """The checkpoints that stay where one gets a name, or goes: "" gives it up, whether it has one or not.

    Raises CheckpointError (it cannot be done, and nothing was), CorruptionError (the chain cannot be read).
    """
    links = list(tables.links(tables.head, []))
    found = next((n for n, link in enumerate(links) if which in (link.block.version, link.block.name)), None)
    if found is None or not which:
        raise CheckpointError(f"no such checkpoint: {which!r}; checkpoints() lists what there is")
    if not name and not found and not links[0].block.name:
        raise CheckpointError("the newest checkpoint is what an opening goes on from: it is never dropped")
    pinned = {link.block.name for link in links if link.block.name}
    taken = name if name in pinned else links[found].block.name
    if name and taken:
        raise CheckpointError(f"a checkpoint is pinned as {taken!r} already: drop that one first")
    if name and len(pinned) >= NAMES_MAX:
        raise CheckpointError(f"{NAMES_MAX} checkpoints are pinned already: drop one first")
    # One that is dropped by its version goes; by its name it goes with the others, once it is old.
    is_gone = not name and which == links[found].block.version and found
    stay = [
        number
        for number, link in enumerate(links)
        if (number < keep or link.block.name or number == found) and not (is_gone and number == found)
    ]
    blocks = [
        _whole(links, number)._replace(name=name if number == found else links[number].block.name)
        for number in reversed(stay)
    ]
    return Kept(blocks, links[-1].pointer.offset)


def write_anew(tables: Tables, roots: Roots, root: Root, kept: Kept) -> Root:
    """Write the chain of these checkpoints, to the front of the file where `start` bytes are enough, and the
    roots that name it. Raises OSError, PoisonedError.
    """
    roots.settle()  # T1
    head = tables.rewrite(kept.blocks, kept.start)
    root = root._replace(head=head)
    roots.commit(root)
    tables.accept(head, is_full=True)
    return root
