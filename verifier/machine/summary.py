"""The summary of a run of a machine: what was looked at, in one line, and the least that it must have been.

    LogMachine: 100 programs, 512 operations, 1,203 crash states, 340 openings; posix lost something in 987

Invariant: an example that is played twice counts once; what is below the floor is a failure, and not a line.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from time import process_time
from typing import Final

from ..finders.coverage import Coverage
from ..finders.crashes import CONTINUED
from ..tapes.tape import KEYED, Kind, Tape

__all__ = ["FLOOR", "Summary"]

# The least that a run must have done; a machine's `floor` raises it.
FLOOR: Final[Mapping[str, int]] = {"programs": 1, "operations": 1, "states": 2, "openings": 1, "lost": 1}


class Summary:
    """Figures of all examples of one run."""

    def __init__(self, name: str, budget: float = 0.0) -> None:
        """`budget`: processor seconds after which examples are no more searched; 0.0: all are."""
        self.name = name
        self.unsearched = 0  # Examples that came after that.
        self.known: list[str] = []  # Limitations that are no news, and were shown.
        self.has_found = False  # From then on all are: one that fails is played again.
        self._until = process_time() + budget if budget else inf
        self.coverage = Coverage()
        self.operations = 0
        self._seen: set[Tape] = set()

    def add(self, tape: Tape, coverage: Coverage) -> None:
        """Take in an example that passed."""
        if tape not in self._seen:
            self._seen.add(tape)
            self.coverage.merge(coverage)
            self.operations += sum(
                each.kind in KEYED or each.kind == Kind.OWN for era in tape.eras for each in era.program
            )

    def skips(self) -> bool:
        """True, and counted, of an example that is not to be searched."""
        is_spent = not self.has_found and process_time() > self._until
        self.unsearched += is_spent
        return is_spent

    @property
    def figures(self) -> dict[str, int]:
        """By the names that a floor has."""
        coverage = self.coverage
        return {
            "programs": coverage.programs,
            "operations": self.operations,
            "states": coverage.contents,
            "openings": coverage.checked,
            "lost": sum(coverage.fired.values()),
            "continued": coverage.reached.get(CONTINUED, 0),
            "unexhausted": coverage.bounded,
        }

    def line(self) -> str:
        """All figures, for people."""
        found = self.figures
        counts = (f"{found[name]:,} {name}" for name in ("programs", "operations"))
        parts = [*counts, f"{found['states']:,} crash states", f"{found['openings']:,} openings"]
        if found["continued"]:
            parts.append(f"{found['continued']:,} gone on from")
        if found["unexhausted"]:
            parts.append(f"{found['unexhausted']:,} points not exhausted")
        if self.unsearched:
            parts.append(f"{self.unsearched:,} not searched: the budget was spent")
        lost = ", ".join(
            f"{what.removeprefix('law ')} lost something in {count:,}"
            for what, count in sorted(self.coverage.fired.items())
        )
        known = "".join(f"; known: {each}" for each in self.known)
        return f"{self.name}: {', '.join(parts)}; {lost or 'nothing was ever lost'}{known}"

    def shortfalls(self, floor: Mapping[str, int]) -> list[str]:
        """The figures below the floor."""
        found = self.figures
        return [
            f"{what}: {found[what]:,} of at least {least:,}"
            for what, least in floor.items()
            if found[what] < least
        ]
