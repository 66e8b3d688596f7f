"""Programs of a log with several tasks: small ones, whose lanes are sessions.

    setting   what is there before the tasks begin: nothing, a commit, entries without one, two pages
    lanes     two that append, commit, wait, follow, scan, read, roll back, truncate or close, each against
              each; then a third beside the pairs that have most to do with each other

Invariant: the same programs for everybody; those of two lanes come first.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations_with_replacement
from typing import Final

from msgspec.structs import replace

from .tape import APPENDERS, Era, Kind, Operation, Tape

__all__ = ["LANES", "SETTINGS", "appenders_tape", "appenders_tapes", "thirds_tapes"]

Program = tuple[Operation, ...]

_FORK: Final = Operation(Kind.FORK)
_SHORT: Final = Operation(Kind.ENQUEUE)
_LONG: Final = Operation(Kind.ENQUEUE, 0, 0, 2)
_MANY: Final = Operation(Kind.ENQUEUE_MANY, 0, 0, 2)  # More than a page.
_COMMIT: Final = Operation(Kind.CHECKPOINT)
_WAIT: Final = Operation(Kind.COMPLETE)
SETTINGS: Final[dict[str, Program]] = {
    "nothing": (),
    "committed": (_SHORT, _SHORT, _COMMIT),
    "open": (_SHORT, _COMMIT, _SHORT),
    "pages": (_MANY, _COMMIT, _LONG),
}
LANES: Final[dict[str, Program]] = {
    "append": (_SHORT,),
    "page": (_LONG, _LONG),
    "batch": (_MANY,),
    "commit": (_COMMIT,),
    "durable": (_SHORT, _COMMIT),
    "wait": (_SHORT, _WAIT),
    "await": (_SHORT, replace(_WAIT, size=1)),
    "follow": (Operation(Kind.ITERATE),),
    "tail": (Operation(Kind.ITERATE, 0, 0, 1), _COMMIT),
    "peek": (Operation(Kind.ITERATE, 0, 0, 2),) * 3,
    "scan": (Operation(Kind.SCAN),),
    "uncommitted": (Operation(Kind.SCAN, 0, 0, 1),),
    "read": (Operation(Kind.READ),),
    "back": (Operation(Kind.ROLLBACK),),
    "instead": (Operation(Kind.ROLLBACK), _SHORT, _SHORT),
    "back again": (_SHORT, Operation(Kind.ROLLBACK, 0, 0, 1), _SHORT),
    "truncate": (Operation(Kind.TRUNCATE_AT),),
    "truncate less": (Operation(Kind.TRUNCATE_AT, 0, 0, 1),),
    "by itself": (Operation(Kind.FLUSH),),
    "close": (Operation(Kind.REOPEN),),
    "leave": (Operation(Kind.REOPEN, 0, 0, 1),),
    "failing sync": (Operation(Kind.FAILED), _SHORT, _COMMIT),
    "failing write": (Operation(Kind.FAILED, 0, 0, 1), _SHORT, _COMMIT),
}
_WRITERS: Final = ("append", "page", "batch", "commit", "durable", "wait", "await")
_READERS: Final = ("follow", "tail", "scan", "uncommitted", "read")
_TAKERS: Final = ("truncate", "truncate less", "close")
_THREES: Final = (
    *(("durable", "durable", "wait"), ("durable", "durable", "await"), ("append", "durable", "follow")),
    *(("append", "append", "commit"), ("wait", "wait", "commit"), ("durable", "tail", "truncate")),
    *(("append", "append", "by itself"), ("batch", "commit", "uncommitted"), ("await", "commit", "close")),
    *(("append", "commit", "back"), ("peek", "append", "back")),
)


def appenders_tapes(geometry: str) -> Iterator[Tape]:
    """The programs of two lanes."""
    yield from (appenders_tape(setting, lanes, geometry) for setting, lanes in _pairs())


def thirds_tapes(geometry: str) -> Iterator[Tape]:
    """The programs of three lanes."""
    yield from (appenders_tape("open", lanes, geometry) for lanes in _THREES)


def _pairs() -> Iterator[tuple[str, tuple[str, ...]]]:
    """By names: the setting, and the lanes."""
    for pair in combinations_with_replacement(_WRITERS, 2):
        yield "nothing" if "append" in pair else "open", pair
    for waiter in ("wait", "await", "follow"):
        for other in ("commit", "durable"):
            yield "open", (waiter, other)
    for writer in ("page", "batch", "durable"):
        for reader in _READERS:
            yield "open", (writer, reader)
    for writer in ("append", "page", "wait"):
        yield "open", (writer, "by itself")
    for writer in ("durable", "wait", "await"):
        for failing in ("failing sync", "failing write"):
            yield "open", (writer, failing)
    yield "pages", ("follow", "follow")
    yield "open", ("by itself", "close")
    yield "open", ("append", "leave")
    for other in ("append", "batch", "durable", "wait", "peek", "uncommitted", "back", "failing write"):
        yield "open", (other, "back")
    for other in ("commit", "peek", "scan", "by itself", "truncate", "back again"):
        yield "open", (other, "back again")
    for other in ("append", "page", "durable", "close", "instead"):
        yield "open", ("peek", other)
    yield "open", ("durable", "leave")
    for taker in _TAKERS:
        for other in ("durable", "batch", "tail", "scan", "read", "await", *_TAKERS[:2]):
            yield "committed" if other == "await" else "pages", (other, taker)


def appenders_tape(setting: str, lanes: tuple[str, ...], geometry: str) -> Tape:
    """The program as a tape."""
    beside = [
        replace(operation, session=number) for number, lane in enumerate(lanes) for operation in LANES[lane]
    ]
    return Tape((Era((*SETTINGS[setting], _FORK, *beside)),), geometry, subject=APPENDERS)
