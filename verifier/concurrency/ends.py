"""Ends: all of a run of sessions that is judged, and the verdicts kept for ends that are equal.

Invariants
  1  equal ends get equal verdicts, so each is judged once: a verdict is a function of the words that the
     sessions share, of what reached the device, and of the calls with their stamps and results
  2  so is each of its parts: an audit, of words and disk; a recovery, of the disk after the power cut
  3  nothing else of a run is seen by another

Threads: one.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final, NamedTuple, Protocol

from powercut.faultfs import Event, EventKind, FaultDevice, Image

from ..faster.geometries import GEOMETRIES
from ..faster.seams import InvariantError
from ..faster.stepped import SteppedRuntime
from ..faster.subject import FasterSubject
from ..verdict import Breach, Verdict, Violation

__all__ = ["End", "Kept", "Recovery", "State", "changes_of", "content_of", "forget_recoveries", "recover_cut"]

_inode = itemgetter(1)
_RECOVERIES: Final = 4_096  # Of all programs, that are kept.


class End(NamedTuple):
    """All of a run that is judged."""

    words: bytes  # What the sessions share.
    events: tuple[Event, ...]  # Since the sessions began.
    told: tuple[Hashable, ...]
    serials: tuple[tuple[int, int], ...]
    acked: tuple[tuple[int, int], ...] | None


class State(NamedTuple):
    """All that the end of a run is to its store: equal ones hold the same, and audit alike."""

    words: int  # The number of these words among all that were seen.
    events: tuple[Event, ...]


Changes = tuple[tuple[EventKind, int, str, int, bytes, int, str], ...]
_LOOKS: Final = frozenset((EventKind.READ, EventKind.SIZE, EventKind.LIST))
_CONTENTS: Final = frozenset((EventKind.WRITE, EventKind.SYNC, EventKind.TRUNCATE))


def changes_of(events: Iterable[Event]) -> Changes:
    """All of the events that says what survives where only what was synced does: those that change something.

    The content of a file is a matter of that file's calls alone, so they stand file by file, unless a name
    comes or goes.
    """
    changes = [
        (each.kind, each.inode, each.name, each.offset, each.data, each.size, each.target)
        for each in events
        if each.kind not in _LOOKS
    ]
    if all(each[0] in _CONTENTS for each in changes):
        changes.sort(key=_inode)
    return tuple(changes)


@dataclass(slots=True)
class Kept:
    """State kept over the runs of one program: how many reached what, and what was judged of each end.

    Each question is asked once: an audit is a function of words and the disk, a recovery of what
    changed the device alone, a verdict of these and of the calls with their stamps. Nothing else of a run is
    seen by another.

    cuts   who searches the power cuts in every run; None: nobody does
    """

    reached: dict[str, int] = field(default_factory=dict)  # Slow paths, by name: runs that took them.
    recoveries: dict[Changes, Recovery | Violation] = field(default_factory=dict)
    words: dict[bytes, int] = field(default_factory=dict)
    contents: dict[State, dict[bytes, bytes] | Violation] = field(default_factory=dict)
    verdicts: dict[Hashable, Verdict] = field(default_factory=dict)
    cuts: Searching | None = None


class Searching(Protocol):
    """A search of power cuts."""

    def judge(self, ran: Any) -> Verdict:
        """The verdict on every power cut in a run (`cuts.Ran`)."""


Recovery = tuple[dict[bytes, bytes], Mapping[int, int]]  # Content, and the cut that it names.


@lru_cache(maxsize=_RECOVERIES)
def recover_cut(image: Image, geometry: str) -> Recovery | Violation:
    """The crash state, where only what was synced survives; every older checkpoint of it has to open too."""
    try:
        subject = FasterSubject(FaultDevice(image), GEOMETRIES[geometry], SteppedRuntime())
        for older in subject.store.checkpoints()[1:]:
            with subject.open_to_read(FaultDevice(image, record_reads=False), older.version) as store:
                dict(store.items())
        return subject.read_all(), subject.recovered()
    except Exception as error:  # noqa: BLE001
        return Violation("openable", Breach.UNOPENABLE, f"{type(error).__name__}: {error}")


def content_of(subject: FasterSubject) -> dict[bytes, bytes] | Violation:
    """The content of the store, if its own audit finds it sound."""
    try:
        content = subject.read_all()
        subject.check()
    except InvariantError as error:
        return Violation("structure", Breach.BROKEN_INVARIANT, f"{error}")
    except Exception as error:  # noqa: BLE001 (whatever a store raises is a finding)
        return Violation("model", Breach.ERROR, f"{type(error).__name__}: {error}")
    return content


def forget_recoveries() -> None:
    """Recover again what was recovered before: where it counts which code runs, and not what comes of it."""
    recover_cut.cache_clear()
