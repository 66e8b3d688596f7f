"""Operations: the closed alphabet of programs, and one row for each with all that is known of it.

    kind      its number on a tape
    effect    what it makes of the reference dict, and what it returns; none: it is no operation on a key
    told      in a report: its name, and the sign before what it writes
    weight    how often random programs have it; a state machine has a rule for each of the keyed ones
    is_small  whether the exhaustive search of small programs has it
    sizes     values with which it meets others where sessions run side by side
    lane      where it runs then
    size_max  the largest size that a tape can give it
    is_asked  whether it is one of those that only a tape for `answers` has
    is_logged  whether it is one of those that only a log is given
    is_apart  whether no open store has part in it: it makes what it asks

An operation on a key is two changes: its number and row here, and `apply` of the subject that carries it out.

Invariants
  1  numbers are only ever appended to: kept tapes carry them
  2  a row for every kind, in their order; so are the programs that are made of the table
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum, IntEnum
from typing import Final, Protocol

__all__ = [
    "ASKED",
    "BATCH",
    "BESIDE",
    "CHECKPOINTS",
    "KEYED",
    "LOGGED",
    "OPERATIONS",
    "OWN_MAX",
    "PLAIN",
    "SIZES",
    "Kind",
    "Lane",
    "Result",
    "Row",
    "Written",
    "batch_of",
]

BATCH: Final = 3  # Entries that ENQUEUE_MANY has.
# What the size of CHECKPOINT or START says, where the store has kinds of checkpoint: which one.
PLAIN: Final = ("fold_over", "snapshot", "incremental")
# The same with an image of the index.
CHECKPOINTS: Final = (*PLAIN, *[f"{kind} with index" for kind in PLAIN])
SIZES: Final = 3  # Of what is searched one after another; one more is for sessions side by side.
OWN_MAX: Final = 16  # Operations of its own that a store can declare.
Result = bytes | bool | None


class Kind(IntEnum):
    """The numbers. Invariant 1."""

    UPSERT = 0
    DELETE = 1
    RMW = 2
    READ = 3
    INSERT = 4
    CHECKPOINT = 5
    REOPEN = 6  # Close cleanly, open again: an era's end without a crash, written as a step.
    START = 7  # Begin a checkpoint that STEP takes on.
    STEP = 8
    FORK = 9  # In a tape for `sessions`: what follows runs side by side, a task for each session.
    TRUNCATE = 10  # Drop the log below the oldest record that is still some key's newest.
    # Only in a tape for `sessions`; one after another they are nothing.
    START_READ = 11  # Begun; ends with COMPLETE where the device has to be asked.
    START_RMW = 12
    COMPLETE = 13  # Of size 0 all that is begun; of another what the device has answered by now.
    RESUME = 14  # Close the session, and take it up again.
    UPSERT_MANY = 15  # The key and the next, in one batch.
    READ_MANY = 16
    ITEMS = 17  # All live keys.
    SCAN = 18  # The log's records.
    TRUNCATE_AT = 19  # Drop the log below an address that key and size choose, and the keys there.
    REOPEN_AS = 20  # As REOPEN, with other memory, or beside others that want to open it.
    LOOK_ON = 21  # Try to open what is open, and list its checkpoints.
    FLUSH = 22  # Rounds of the flush worker, where the geometry has one.
    COMPACT = 23  # Write what is live below an address anew, and drop the log below it.
    GROW = 24  # Double the main buckets of the index.
    # Only of a log; to a store they mean nothing. A CHECKPOINT of a log is a commit.
    ENQUEUE = 30
    ENQUEUE_MANY = 31  # Three entries, all of them or none.
    ROLLBACK = 32  # Drop what is not committed: all of it, the last operation, or the second half; by size.
    ITERATE = (
        33  # A named iterator, by key, takes an entry, or all, and says so; takes one and goes, or stays.
    )
    # Only in a tape for `answers`, where the size says which length, batch or function; elsewhere they are
    # nothing.
    PUT = 40  # An upsert of a value of an exact length.
    PUT_MANY = 41
    APPEND_MANY = 42
    ADD_MANY = 43
    GET_MANY = 44
    RMW_ODD = 45  # With a function that returns None, raises, or gives back no value.
    START_ODD = 46
    SCAN_FROM = 47  # From and to addresses that a scan has told.
    SAVE = 48  # Close with a checkpoint, open again.
    LEAVE = 49  # Close the session; who uses it next takes it up again.
    FORGET = 50  # Close the session and drop it; or drop one that is live, or that there is not.
    ABANDON = 51  # Give the running checkpoint up; or start one beside it.
    MISUSE = 52  # A call that must be refused, by its size.
    VIEWED = 53  # An operation whose key and value are no `bytes`, by its size.
    FAILED = 54  # An operation while the device answers no read, by its size.
    WRONG = 55  # Calls with what they cannot take, a group by its size.
    GROUND = 56  # What a store stands on, asked apart: settings, memory, devices, folders, by its size.
    OWN = 60  # An operation that a store of one's own declares, by its size: the number in its spec.

    __hash__ = int.__hash__  # That of its name is a function of Python.


class Written(Protocol):
    """The view of an effect on an operation that was issued."""

    @property
    def key(self) -> bytes: ...

    @property
    def value(self) -> bytes: ...

    def appended(self, old: bytes | None) -> bytes: ...


Effect = Callable[[dict[bytes, bytes], Written], Result]


def _upsert(content: dict[bytes, bytes], written: Written) -> Result:
    content[written.key] = written.value
    return None


def _delete(content: dict[bytes, bytes], written: Written) -> Result:
    return content.pop(written.key, None) is not None


def _rmw(content: dict[bytes, bytes], written: Written) -> Result:
    content[written.key] = written.appended(content.get(written.key))
    return content[written.key]


def _read(content: dict[bytes, bytes], written: Written) -> Result:
    return content.get(written.key)


def _insert(content: dict[bytes, bytes], written: Written) -> Result:
    is_new = written.key not in content
    content.setdefault(written.key, written.value)
    return is_new


def _enqueue(content: dict[bytes, bytes], written: Written) -> Result:
    content[written.value.rstrip(b".")] = written.value
    return None


def _enqueue_many(content: dict[bytes, bytes], written: Written) -> Result:
    for value in batch_of(written.value):
        content[value.rstrip(b".")] = value
    return None


def batch_of(value: bytes) -> list[bytes]:
    """The entries of a batch, for an operation with this value."""
    return [b"%b%d" % (value, number) if number else value for number in range(BATCH)]


class Lane(Enum):
    """Where an operation runs in a tape for `sessions`."""

    NOWHERE = "nowhere"
    SESSION = "its session's"
    FAR = "its own"
    ASIDE = "its own, beside that of checkpoints"
    BEHIND = "its own, beside both"
    APART = "its own, beside all others"


@dataclass(frozen=True, slots=True)
class Row:
    """All that is known of one kind."""

    told: str
    effect: Effect | None = None
    sign: str = ""  # Before what it writes; "": it writes nothing, and its size means nothing.
    has_result: bool = False  # Whether a report tells what it returned.
    weight: int = 0
    is_small: bool = False
    sizes: tuple[int, ...] = ()
    lane: Lane = Lane.SESSION
    is_beside: bool = False  # One after another it means nothing.
    size_max: int = SIZES  # The largest size that means anything.
    is_asked: bool = False  # It means something where every answer is judged, and nowhere else.
    is_logged: bool = False  # It means something to a log, and to nothing else.
    is_apart: bool = (
        False  # It makes stores of its own: what came before, or stands beside, is nothing to it.
    )


def _asked(told: str, size_max: int) -> Row:
    return Row(told, lane=Lane.NOWHERE, size_max=size_max, is_asked=True)


_KIND_MAX: Final = len(CHECKPOINTS) - 1
OPERATIONS: Final[dict[Kind, Row]] = {
    Kind.UPSERT: Row("upsert", _upsert, ":=", weight=9, is_small=True, sizes=(0, SIZES)),
    Kind.DELETE: Row("delete", _delete, has_result=True, weight=3, is_small=True, sizes=(0,)),
    Kind.RMW: Row("rmw", _rmw, "+=", weight=6, is_small=True, sizes=(0,)),
    Kind.READ: Row("read", _read, has_result=True, weight=2, sizes=(0,)),
    Kind.INSERT: Row("insert", _insert, ":=", has_result=True, weight=2, sizes=(0,)),
    Kind.CHECKPOINT: Row("checkpoint", weight=4, is_small=True, lane=Lane.FAR, size_max=_KIND_MAX),
    Kind.REOPEN: Row("close, and open again", weight=1, is_small=True, lane=Lane.NOWHERE),
    Kind.START: Row("start a checkpoint", weight=3, lane=Lane.FAR, size_max=_KIND_MAX),
    Kind.STEP: Row("one phase of the checkpoint", weight=6, lane=Lane.NOWHERE, size_max=_KIND_MAX),
    Kind.FORK: Row("fork", lane=Lane.NOWHERE, is_beside=True),
    Kind.TRUNCATE: Row("truncate", lane=Lane.FAR),
    Kind.START_READ: Row("start_read", is_beside=True),
    Kind.START_RMW: Row("start_rmw", is_beside=True),
    Kind.COMPLETE: Row("complete", is_beside=True),
    Kind.RESUME: Row("resume", is_beside=True),
    Kind.UPSERT_MANY: Row("upsert_many", is_beside=True),
    Kind.READ_MANY: Row("read_many", is_beside=True),
    Kind.ITEMS: Row("items", is_beside=True),
    Kind.SCAN: Row("scan", is_beside=True),
    Kind.TRUNCATE_AT: Row("truncate at", lane=Lane.ASIDE),
    Kind.REOPEN_AS: Row("close, and open otherwise", lane=Lane.NOWHERE),
    Kind.LOOK_ON: Row("look on", lane=Lane.NOWHERE),
    Kind.FLUSH: Row("flush worker", lane=Lane.BEHIND),
    Kind.COMPACT: Row("compact", lane=Lane.ASIDE),
    Kind.GROW: Row("grow the index", lane=Lane.APART),
    Kind.ENQUEUE: Row("enqueue", _enqueue, "<-", lane=Lane.NOWHERE, is_logged=True),
    Kind.ENQUEUE_MANY: Row("enqueue_many", _enqueue_many, "<-", lane=Lane.NOWHERE, is_logged=True),
    Kind.ROLLBACK: Row("roll back", lane=Lane.NOWHERE, is_logged=True),
    Kind.ITERATE: Row("iterate", lane=Lane.NOWHERE, is_logged=True),
    Kind.PUT: _asked("put", 16),
    Kind.PUT_MANY: _asked("put_many", 99),
    Kind.APPEND_MANY: _asked("append_many", 99),
    Kind.ADD_MANY: _asked("add_many", 99),
    Kind.GET_MANY: _asked("get_many", 99),
    Kind.RMW_ODD: _asked("rmw with an odd function", 7),
    Kind.START_ODD: _asked("start_rmw with an odd function", 7),
    Kind.SCAN_FROM: _asked("scan from an address", 7),
    Kind.SAVE: _asked("close with a checkpoint, and open again", 0),
    Kind.LEAVE: _asked("leave the session", 0),
    Kind.FORGET: _asked("forget the session", 2),
    Kind.ABANDON: _asked("give up the checkpoint", 4),
    Kind.MISUSE: _asked("misuse", 5),
    Kind.VIEWED: _asked("views of bytes", 3),
    Kind.FAILED: _asked("no read answered", 8),
    Kind.WRONG: _asked("wrong arguments", 4),
    Kind.GROUND: replace(_asked("what a store stands on", 6), is_apart=True),
    Kind.OWN: Row("operation of its own", lane=Lane.NOWHERE, size_max=OWN_MAX - 1),
}
# Operations on a key, with a result that the reference dict tells.
KEYED: Final = frozenset(kind for kind, row in OPERATIONS.items() if row.effect is not None)
BESIDE: Final = frozenset(kind for kind, row in OPERATIONS.items() if row.is_beside)
LOGGED: Final = frozenset(kind for kind, row in OPERATIONS.items() if row.is_logged)
ASKED: Final = frozenset(kind for kind, row in OPERATIONS.items() if row.is_asked)
