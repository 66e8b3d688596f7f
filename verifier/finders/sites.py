"""Sites: the places where a content can be damaged, and the contents whose damage is swept.

    whole     every file: flipped, zeroed, garbled, deleted, swapped with every other one, and at each content
              that it had before; so are those that are gone
    pieces    every sector, and every piece of an extent's length: the same, and the file cut before it
    bits      every bit of roots and tables
    bytes     a bit of each of so many bytes of segments, drawn from a seeded generator; and of each byte of
              images of the index

A medium is a tape that leaves a content behind: closed or cut off by a power cut, with several checkpoints,
lives, void ranges, segments, extents of more than one sector, and a truncated log.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from random import Random
from typing import Final

from powercut.faultfs import SECTOR_BYTES
from powercut.faultfs.faults.rot import OPEN, Damage, How, Past

from ..tapes.operations import CHECKPOINTS
from ..tapes.tape import LOGS, Crash, Era, Kind, Operation, Tape

__all__ = [
    *("BITS", "IMAGES", "LOG", "MEDIA"),
    *("alike", "bits", "bytes_of_images", "sampled_bytes", "sites", "while_open"),
]

Content = Mapping[str, bytes]

BITS: Final = 8
LOG: Final = ("segment-", "snapshot-")  # The files that hold the log; too long to try every bit of.
IMAGES: Final = ("index-",)
_SPOIL: Final = (How.FLIP, How.ZERO, How.GARBLE)
_CHECKPOINT: Final = Operation(Kind.CHECKPOINT)
_DELTA: Final = Operation(Kind.CHECKPOINT, 0, 0, CHECKPOINTS.index("incremental"))
_SNAPSHOT: Final = Operation(Kind.CHECKPOINT, 0, 0, CHECKPOINTS.index("snapshot"))
_INDEXED: Final = Operation(Kind.CHECKPOINT, 0, 0, CHECKPOINTS.index("fold_over with index"))
_INDEXED_SNAPSHOT: Final = Operation(Kind.CHECKPOINT, 0, 0, CHECKPOINTS.index("snapshot with index"))
_SMALL: Final = (
    Operation(Kind.UPSERT),
    Operation(Kind.UPSERT, 1, 1, 1),
    Operation(Kind.RMW),
    _CHECKPOINT,
)
# The void range of the next life: a record past the version that is being checkpointed.
_SHIFTED: Final = (
    Operation(Kind.START),
    *[Operation(Kind.STEP)] * 2,
    Operation(Kind.UPSERT),
    Operation(Kind.UPSERT, 1, 2, 2),
    _CHECKPOINT,
)
_LARGE: Final = tuple(Operation(Kind.UPSERT, 1, key, 2) for key in (3, 4, 5, 6))
# All keys anew, so that nothing of what stands before is needed.
_ANEW: Final = (
    *(Operation(Kind.UPSERT, 1, 1), Operation(Kind.UPSERT), Operation(Kind.UPSERT, 1, 2, 1)),
    *_LARGE,
    Operation(Kind.TRUNCATE),
    _CHECKPOINT,
)
_LOGGED: Final = (
    *(Operation(Kind.ENQUEUE), _CHECKPOINT, Operation(Kind.ENQUEUE_MANY, 0, 0, 2)),
    *(Operation(Kind.ITERATE), _CHECKPOINT),
)
# So much that it is written before it is dropped.
_TAKEN_BACK: Final = (*[_LOGGED[2]] * 3, Operation(Kind.ROLLBACK), *_LOGGED[2:])
_ALL_LOST: Final = (1,) * 8  # Whatever was in flight.
MEDIA: Final[dict[str, Tape]] = {
    "created": Tape((Era(),), "tiny"),
    "without a checkpoint": Tape((Era((Operation(Kind.UPSERT),)),), "tiny"),
    "one checkpoint": Tape((Era(_SMALL),), "tiny"),
    # The newest block lists one session, and has two.
    "a session later": Tape(
        (Era((Operation(Kind.UPSERT), _CHECKPOINT, Operation(Kind.UPSERT, 1, 1), _CHECKPOINT)),), "tiny"
    ),
    "closed": Tape(
        (
            Era((*_SMALL, Operation(Kind.UPSERT, 0, 2, 2), *_SHIFTED, Operation(Kind.DELETE, 1, 1))),
            Era((*_LARGE, _CHECKPOINT)),
        ),
        "tiny",
    ),
    # One copy of the root is a checkpoint behind the two others.
    "cut, long extents": Tape(
        (
            Era((*_SMALL, *_SHIFTED), Crash()),
            Era((Operation(Kind.RMW), *_LARGE, *_SHIFTED), Crash()),
        ),
        "long",
    ),
    # One copy names a checkpoint that was never acknowledged.
    "cut, one root ahead": Tape(
        (
            Era((*_SMALL, *_SHIFTED), Crash(1, 1)),
            Era((Operation(Kind.RMW), *_LARGE, _CHECKPOINT), Crash(1, 0, _ALL_LOST)),
        ),
        "tiny",
    ),
    "truncated": Tape(
        (Era((*_SMALL, *_LARGE, _CHECKPOINT, *_LARGE, *_ANEW, Operation(Kind.UPSERT, 0, 7), _CHECKPOINT)),),
        "tiny",
    ),
    # The newest checkpoint, and what it goes on from, stand beside the log.
    "snapshots": Tape(
        (
            Era((*_SMALL, *_LARGE, _SNAPSHOT, Operation(Kind.RMW)), Crash()),
            Era(
                (Operation(Kind.RMW), _CHECKPOINT, *_LARGE[:2], _DELTA, Operation(Kind.UPSERT, 1, 1), _DELTA)
            ),
        ),
        "tiny",
    ),
    # The newest checkpoint names the image of another one, which was taken in the life before.
    "indexed": Tape(
        (
            Era((*_SMALL[:-1], _INDEXED, Operation(Kind.RMW), _SNAPSHOT), Crash()),
            Era((Operation(Kind.RMW), _CHECKPOINT)),
        ),
        "tiny",
    ),
    # It has its own.
    "indexed anew": Tape(
        (Era((*_SMALL, _CHECKPOINT, *_LARGE[:3], Operation(Kind.DELETE, 1, 1), _INDEXED_SNAPSHOT)),), "tiny"
    ),
    "truncated, cut": Tape(
        (
            Era((*_SMALL, *_LARGE, _CHECKPOINT, *_LARGE, *_ANEW), Crash()),
            Era((Operation(Kind.RMW), *_SHIFTED), Crash()),
        ),
        "paired",
    ),
    # Closed, for then all of it is confirmed: blocks of several lives, one where another was dropped,
    "log": Tape((Era((*_LOGGED, Operation(Kind.REOPEN), *_TAKEN_BACK)),), "many", subject=LOGS),
    # and what is left of a log whose first files are gone.
    "log, truncated": Tape((Era((*_LOGGED, *_LOGGED, Operation(Kind.TRUNCATE_AT))),), "tiny", subject=LOGS),
}


def sites(content: Content, past: Past, extent_bytes: int) -> Iterator[Damage]:
    """Whole files, then sectors, then pieces of an extent's length: every one, in every way."""
    names = sorted(content.keys() | past.keys())
    for file, name in enumerate(names):
        if name in content:
            yield from (Damage(how, 0, file, 0, file) for how in (*_SPOIL, How.CUT))
            yield from (Damage(How.SWAP, 0, file, 0, other) for other in range(file + 1, len(content)))
        yield from (Damage(How.STALE, 0, file, 0, back) for back in range(len(past.get(name, ()))))
    for size in dict.fromkeys((SECTOR_BYTES, extent_bytes)):
        yield from _pieces(content, past, names, size)


def _pieces(content: Content, past: Past, names: list[str], size: int) -> Iterator[Damage]:
    count = sum(-(-len(data) // size) for data in content.values())
    number = 0
    for name in sorted(content):
        file = names.index(name)
        for position in range(-(-len(content[name]) // size)):
            yield from (Damage(how, size, file, position, number) for how in (*_SPOIL, How.CUT))
            yield from (Damage(How.STALE, size, file, position, back) for back in range(len(past[name])))
            yield from (Damage(How.SWAP, size, file, position, other) for other in range(number + 1, count))
            number += 1


def bits(content: Content, past: Past) -> Iterator[Damage]:
    """Every bit of roots and tables."""
    names = sorted(content.keys() | past.keys())
    for name in sorted(content):
        if not name.startswith((*LOG, *IMAGES)):
            file = names.index(name)
            yield from (
                Damage(How.FLIP, 1, file, at, bit) for at in range(len(content[name])) for bit in range(BITS)
            )


def bytes_of_images(content: Content, past: Past) -> Iterator[Damage]:
    """A bit of each byte of images of the index."""
    names = sorted(content.keys() | past.keys())
    for name in sorted(content):
        if name.startswith(IMAGES):
            file = names.index(name)
            yield from (Damage(How.FLIP, 1, file, at, at % BITS) for at in range(len(content[name])))


def sampled_bytes(content: Content, past: Past, random: Random, count: int) -> Iterator[Damage]:
    """A bit of each of `count` bytes of segments."""
    names = sorted(content.keys() | past.keys())
    places = [(names.index(name), at) for name in sorted(content) for at in range(len(content[name]))]
    places = [place for place in places if names[place[0]].startswith(LOG)]
    for file, at in sorted(random.sample(places, min(count, len(places)))):
        yield Damage(How.FLIP, 1, file, at, random.randrange(BITS))


def while_open(damages: Iterable[Damage]) -> Iterator[Damage]:
    """The damages of `sites`, under a store that is open."""
    return (damage._replace(is_open=OPEN) for damage in damages)


def alike(damage: Damage, content: Content, past: Past, forgeries: int = 0) -> Iterator[Damage]:
    """The damages of the same kind, of pieces of the same size; of bytes only those in files of the role that
    the file of that number has. Of forgeries there are so many."""
    if damage.how == How.FORGE:
        yield from (damage._replace(argument=number) for number in range(forgeries))
        return
    names = sorted(content.keys() | past.keys())
    if not names:
        return  # A store that has not made its files yet.
    role = _role(names[min(damage.file, len(names) - 1)])
    choices = (
        len(names) if not damage.size else sum(-(-len(data) // damage.size) for data in content.values())
    )
    for file, name in enumerate(names):
        if damage.size == 1 and _role(name) != role:
            continue
        arguments = {How.STALE: range(len(past.get(name, ()))), How.SWAP: range(choices)}
        pieces = -(-len(content.get(name, b"")) // damage.size) if damage.size else 1
        for position in range(pieces):
            for argument in arguments.get(How(damage.how), (damage.argument,)):
                yield damage._replace(file=file, position=position, argument=argument)


def _role(name: str) -> str:
    return name.partition("-")[0]
