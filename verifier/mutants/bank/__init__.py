"""The bank: all planted bugs, in the order of the matrix, and the control.

Invariants
  1  names are unique; at most four bugs are in FileDevice, below every disk of ours
  2  nothing here imports the engine, or a module that does
"""

from __future__ import annotations

from typing import Final

from ..planted import Mutant
from .again import AGAIN
from .ages import AGED
from .answers import ANSWERED
from .appenders import APPENDING
from .boundaries import BOUNDARIES
from .cached import CACHED
from .compaction import COMPACTED
from .cpr import CPR
from .damage import DAMAGED
from .durability import DURABILITY
from .faults import FAULTED
from .flush import FLUSHED
from .forged import FORGED
from .growth import GROWN
from .handed import HANDED
from .indexed import INDEXED
from .keeping import KEEPING
from .kinds import KINDS
from .logged import LOGGED
from .memory import MEMORY
from .moving import MOVING
from .news import NEWS
from .operations import DEVICE, OPERATIONS
from .pending import PENDING
from .prefix import PREFIX
from .programs import EXPLORED
from .reopening import REOPENED
from .rollbacks import BACKS
from .rolls import ROLLS
from .schedule import CONCURRENCY
from .slots import SLOTS
from .truncation import DROPPED, TRUNCATED

__all__ = ["BANK", "CONTROL", "Mutant", "find"]

BANK: Final[tuple[Mutant, ...]] = (
    *(*DURABILITY, *PREFIX, *BOUNDARIES, *OPERATIONS, *DEVICE),
    *(
        *FAULTED,
        *DAMAGED,
        *FORGED,
        *CONCURRENCY,
        *MOVING,
        *AGAIN,
        *PENDING,
        *TRUNCATED,
        *DROPPED,
        *AGED,
        *REOPENED,
        *FLUSHED,
        *CACHED,
    ),
    *(*ANSWERED, *MEMORY, *KEEPING, *KINDS, *NEWS, *CPR, *INDEXED, *HANDED, *SLOTS, *COMPACTED, *GROWN),
    *(*LOGGED, *APPENDING, *BACKS, *ROLLS),
    *EXPLORED,
)

# An edit that changes nothing: the matrix must say that it survives.
CONTROL: Final = Mutant(
    "control-changes-nothing",
    "none: an edit without a meaning",
    "powercut.engine.checkpoint.kinds.cpr",
    '"""PERSIST acknowledged; nothing is left to do."""',
    '"""Nothing is left to do."""',
    "prefix",
    "LOST_ACK",
)


def find(name: str) -> Mutant:
    """The planted bug of that name, or the control. Raises KeyError."""
    for mutant in (*BANK, CONTROL):
        if mutant.name == name:
            return mutant
    raise KeyError(f"no planted bug {name!r}: expected one of {[mutant.name for mutant in BANK]}")
