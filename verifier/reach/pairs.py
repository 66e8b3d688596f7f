"""Pairs: which operations met which phase, operation and geometry, and which fault met which step.

    operation x phase        an operation ran while the checkpoint was in the phase
    operation x operation    one ran after another between one opening and its close
    operation | operation    they stand in two lanes of one program
    operation x geometry     it ran in a store of these sizes
    fault x step             a fault fired at a call that a step of the store makes

Each is counted once an opening, a program or a call. Which are possible follows from what else was counted:
`family` tells which operations and which geometries the tapes of a subject have, and two of different
families never meet; `step` tells the steps that made a call, struck or not, and a fault strikes its own kind
of call. What closes a store is the last of its opening. A log has no phase of a checkpoint, so the operations
of a log meet none; and what is asked apart from the open store meets nothing of it.

Threads: one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import combinations, combinations_with_replacement, product
from typing import Final, TypeAlias

from ..tapes.operations import OPERATIONS, Kind, Lane

__all__ = [
    "BESIDE",
    "FAMILY",
    "FAULT",
    "GEOMETRY",
    "OPERATION",
    "PHASE",
    "STEP",
    "TABLES",
    "Life",
    "Pair",
    "beside",
    "counting",
    "is_counting",
    "note_pairs",
    "pair",
    "possible",
]

# A table, and the two that met, as `pair` writes them.
Pair: TypeAlias = str
PHASE: Final = "operation x phase"
OPERATION: Final = "operation x operation"
BESIDE: Final = "operation | operation"
GEOMETRY: Final = "operation x geometry"
FAULT: Final = "fault x step"
STEP: Final = "step"
FAMILY: Final = "family"
TABLES: Final = (PHASE, OPERATION, BESIDE, GEOMETRY, FAULT)
_OPERATIONS: Final = tuple(
    kind._name_ for kind in Kind if kind not in (Kind.FORK, Kind.OWN)
)  # That one only parts lanes.
# Nothing of an open store is anything to the others: what they ask they make.
_MEETING: Final = tuple(name for name in _OPERATIONS if not OPERATIONS[Kind[name]].is_apart)
_PHASED: Final = tuple(name for name in _MEETING if not OPERATIONS[Kind[name]].is_logged)
_CLOSING: Final = (Kind.REOPEN.name, Kind.REOPEN_AS.name, Kind.SAVE.name)
_LANES: Final = tuple(kind._name_ for kind, row in OPERATIONS.items() if row.lane is not Lane.NOWHERE)

_counters: list[Counter[Pair]] = []


def pair(table: str, one: str, other: str) -> Pair:
    """The text of a pair."""
    return f"{table}: {one}, {other}"


@contextmanager
def counting() -> Iterator[Counter[Pair]]:
    """Count while it lasts."""
    _counters.append(Counter())
    try:
        yield _counters[-1]
    finally:
        _counters.pop()


def is_counting() -> bool:
    """True while `counting` lasts."""
    return bool(_counters)


def note_pairs(pairs: Mapping[Pair, int]) -> None:
    """Add pairs, where pairs are counted."""
    if _counters:
        _counters[-1].update(pairs)


class Life:
    """The operations between one opening of a store and its close."""

    __slots__ = ("_family", "_geometry", "_kinds", "_seen")

    def __init__(self, family: str, geometry: str) -> None:
        self._family = family
        self._geometry = geometry
        self._kinds: list[str] = []
        self._seen: set[tuple[str, int]] = set()

    @property
    def is_counted(self) -> bool:
        """True if its operations are counted: now, for a store may be kept from one program to the next."""
        return bool(_counters and self._geometry)

    def ran(self, kind: Kind, phase: str) -> None:
        """Count an operation with those before it. Linear in the kinds that there are, once for each."""
        if not _counters:
            return
        counter, name, kinds = _counters[-1], kind._name_, self._kinds
        # The same again after the same: nothing new.
        if (f"{name} {phase}", len(kinds)) in self._seen:
            return
        self._seen.add((f"{name} {phase}", len(kinds)))
        counter[pair(PHASE, name, phase)] += 1
        counter[pair(GEOMETRY, name, self._geometry)] += 1
        for what in (name, self._geometry):
            counter[pair(FAMILY, self._family, what)] += 1
        for earlier in kinds:
            counter[pair(OPERATION, earlier, name)] += 1
        if name not in kinds:
            kinds.append(name)


def beside(lanes: Sequence[Iterable[Kind]]) -> None:
    """Count what stands in two lanes of one program, in either order."""
    pairs = {
        pair(BESIDE, *sorted((one._name_, other._name_)))
        for left, right in combinations(lanes, 2)
        for one in left
        for other in right
    }
    note_pairs(dict.fromkeys(sorted(pairs), 1))


def possible(
    counted: Mapping[Pair, int], phases: Iterable[str], faults: Iterable[tuple[str, str]]
) -> dict[str, list[tuple[str, str]]]:
    """The pairs of each table that there can be, given what was counted.

    phases  of a checkpoint
    faults  the name of each, and the kind of call that it strikes
    """
    families: dict[str, list[str]] = {}
    for family, what in _of(FAMILY, counted):
        families.setdefault(family, []).append(what)
    together = sorted(
        {
            (name, other)
            for whole in families.values()
            for name, other in product(whole, whole)
            if name in _MEETING
        }
    )
    steps = _of(STEP, counted)
    return {
        PHASE: list(product(_PHASED, phases)),
        OPERATION: [each for each in together if each[0] not in _CLOSING and each[1] in _MEETING],
        BESIDE: list(combinations_with_replacement(sorted(_LANES), 2)),
        GEOMETRY: [each for each in together if each[1] not in _OPERATIONS],
        FAULT: [(name, step) for name, call in faults for struck, step in steps if struck == call],
    }


def _of(table: str, counted: Mapping[Pair, int]) -> list[tuple[str, str]]:
    """The pairs of a table that were counted."""
    found = [text.partition(": ")[2].split(", ", 1) for text in counted if text.startswith(f"{table}: ")]
    return sorted((one, other) for one, other in found)
