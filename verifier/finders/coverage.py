"""Coverage: the figures of a crash search, in numbers that add up.

The first four make a ladder, each rung what the one before comes down to; pruning lowers the last one only.
  vectors     version vectors, by formula: the sum over crash points, those inside recoveries too
  contents    equal contents once a segment and once a recovery
  distinct    (durable content x the program that had run when it first arises x acknowledgement)
  checked     openings run, or known of an earlier chunk of the process; contents that answer alike share one
  judged      judgements made
  read paths  distinct (what opening read x program x acknowledgement)
  legal       version vectors of the segments alone
  visited     of those, decoded one by one as well, the ones whose content had been judged

A state is counted in the program in which it first arises, or first owes more; so programs that share their
beginning count it once.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import msgspec

from powercut.faultfs.states.enumeration import CrashState
from powercut.faultfs.states.point import Witness

from .judgements import Judgements
from .recoveries import Outcome

__all__ = ["Content", "Coverage", "Tally"]

Content: TypeAlias = CrashState | Witness
_TABLES: Final = ("reached", "fired")


class Coverage(msgspec.Struct):
    """The coverage of a search; counts add up over searches of different programs."""

    programs: int = 0
    legal: int = 0
    visited: int = 0
    vectors: int = 0  # The ladder: version vectors of all crash points, those inside recoveries too,
    contents: int = 0  # contents, each once a search and a recovery,
    judged: int = 0  # judgements made,
    distinct: int = 0
    checked: int = 0
    read_paths: int = 0
    bounded: int = 0  # Crash points with more legal states than the limit: not exhausted.
    closed: int = 0  # Such points that were exhausted all the same, by what recovery reads.
    sampled: int = 0  # Of the bounded ones those that were sampled besides,
    missed: int = 0  # and how many contents are still missing there, at least, by estimate.
    after_checkpoint: int = 0  # Programs with a judged crash behind an acknowledged checkpoint.
    several_eras: int = 0  # Programs that went on after a power cut.
    reached: dict[str, int] = {}
    fired: dict[str, int] = {}

    def merge(self, other: Coverage) -> None:
        """Add the coverage of another search."""
        for name in _NUMBERS:
            if more := getattr(other, name):
                setattr(self, name, getattr(self, name) + more)
        for name in _TABLES:
            table: dict[str, int] = getattr(self, name)
            for what, count in getattr(other, name).items():
                table[what] = table.get(what, 0) + count


_NUMBERS: Final = tuple(name for name in Coverage.__struct_fields__ if name not in _TABLES)


class Tally:
    """The crash states counted in one segment, each by what is acknowledged while it is legal."""

    def __init__(self, judgements: Judgements, start: int) -> None:
        self.keys: dict[object, set[int]] = {}
        self.paths: dict[object, set[int]] = {}
        self.contents = 0
        self._seen: set[int] = set()
        self._judgements = judgements
        self._start = start
        self._owed = judgements.owed(start)

    def add(self, state: Content, outcome: Outcome) -> None:
        """Count it and the crash states inside its opening, unless an earlier program has."""
        if state.key not in self._seen:
            self._seen.add(state.key)
            self.contents += len(outcome.keys)
        owed = self._judgements.owed(state.last)
        if state.first > self._start or owed != self._owed or self._start == 0:
            shift = outcome.key ^ state.key
            self.keys.setdefault(owed, set()).update([key ^ shift for key in outcome.keys])
            self.paths.setdefault(owed, set()).update(outcome.paths)

    def count(self, coverage: Coverage) -> None:
        """Add what was counted."""
        coverage.contents += self.contents
        coverage.distinct += sum(map(len, self.keys.values()))
        coverage.read_paths += sum(map(len, self.paths.values()))
