"""Names: programs in which names of sessions are forgotten, or are not, and come again.

A session is left or live; checkpoints of another one's work follow, one thing, and more of these.
All of it in a store that forgets a name after as few checkpoints as can be.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from ..tapes.operations import OPERATIONS
from ..tapes.tape import Kind, Operation

__all__ = ["names"]

Program = tuple[Operation, ...]
_PUT = Operation(Kind.PUT, 1, 2, 3)


def names(cold: Program) -> Iterator[tuple[Program, ...]]:
    """Programs of family `names`; a second one comes after a power cut."""
    leave, step, start = Operation(Kind.LEAVE, 1), Operation(Kind.STEP), Operation(Kind.START)
    checkpoint = Operation(Kind.CHECKPOINT)
    read, used = Operation(Kind.READ, 1, 2), Operation(Kind.RMW, 1, 2)
    lap = (Operation(Kind.RMW, 0, 1), checkpoint)
    things: list[Program] = [(), (read,), (read, leave), (Operation(Kind.RESUME, 1), leave)]
    things += [(checkpoint,) * 3]
    things += [(Operation(kind),) for kind in (Kind.REOPEN, Kind.SAVE, Kind.LEAVE)]
    things += [(Operation(Kind.FORGET, 1),), (Operation(Kind.MISUSE, 0, 0, 2),)]
    for steps in range(1, 6):
        started = (lap[0], start, *[step] * steps)
        things += [(*started, read, leave), (*started, Operation(Kind.ABANDON))]
    opened = [Operation(Kind.FORGET, session, 0, 1) for session in range(4)]  # They issue nothing.
    for laps in range(5):
        for known in ((_PUT,), (opened[1],), (opened[1], leave)):
            yield ((*known, *lap * laps, used, checkpoint), (used, *lap))
    # Checkpoints in which names alone are new.
    newer = (opened[2], checkpoint, opened[3], checkpoint)
    yield ((opened[1], leave, checkpoint, *newer, used, checkpoint), (used, *lap))
    for laps, thing, more in product(range(4), things, range(3)):
        program = (_PUT, leave, *lap * laps, *thing, *lap * more)
        yield ((*program, used, leave, *lap * 3, used, checkpoint), (read, *lap))
        yield (program, (used, leave, *lap * 4, used))
    every = [Operation(kind, 0, 1) for kind, row in OPERATIONS.items() if not (row.is_logged or row.is_apart)]
    yield ((*every, *every),)
