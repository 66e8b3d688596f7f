"""The shrinker: the smallest tape that still shows the same kind of violation.

Two ways to try a smaller tape: play it as it is; or, since dropping an operation moves the device
calls under a crash, search all crash states of its program again. The second is dear, so it comes
only where the first has ended, and not for a tape that is small enough.

Invariants
  1  the result shows the same oracle and the same breach as the tape that was given
  2  every tape that is taken weighs less than the one before, so shrinking ends
  3  unless the budget is spent, the result is 1-minimal: no era, crash, operation or digit can go alone;
     of at most `enough` operations, no other than the crash or the damage stays as it is
  4  the budget counts runs and not seconds, one that hangs as many: equal tapes shrink to equal tapes

It knows nothing of the store: a run is whatever `run` says, a search whatever `search` says.
Source: delta debugging (Zeller and Hildebrandt, 2002); the order by weight is Hypothesis's idea.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, Protocol

from ..finders.search import search_programs
from ..oracles.progress import runs_worth
from ..runs.play import play
from ..spec.subject import MakeStore
from ..tapes.tape import Tape
from ..verdict import Verdict, Violation
from .passes import (
    count_operations,
    milder_crashes,
    milder_damages,
    open_ended,
    simpler_operations,
    weigh,
    whole_checkpoints,
    without,
    without_eras,
    without_names,
)

__all__ = ["BUDGET", "Judged", "Search", "descend", "shrink"]

BUDGET: Final = 20_000  # Runs: a few seconds of a store in its smallest geometry.


class Judged(Protocol):
    """The shrinker's view of a run."""

    @property
    def verdict(self) -> Verdict: ...


# A tape of the same programs that shows a violation, if one was found; and how many runs it took.
Search = Callable[[Tape], tuple[Tape | None, int]]


def shrink(
    tape: Tape,
    make_store: MakeStore | None = None,
    *,
    verdict: Violation | None = None,
    budget: int = BUDGET,
    enough: int = -1,
) -> Tape:
    """The smallest tape found that shows the kind of `verdict`, or else of what this tape shows.

    enough  operations of a tape for which no smaller one is searched

    A tape that does not show it is handed back as it is.
    """
    shown = play(tape, make_store).verdict if verdict is None else verdict
    if not isinstance(shown, Violation):
        return tape
    return descend(
        tape,
        shown,
        lambda each: play(each, make_store),
        lambda each: search_programs(each, make_store),
        budget,
        enough,
    )


def descend(
    tape: Tape,
    verdict: Violation,
    run: Callable[[Tape], Judged],
    search: Search | None = None,
    budget: int = BUDGET,
    enough: int = -1,
) -> Tape:
    """The same for whatever `run` and `search` say; no search: tapes are only played as they are."""
    descent = _Descent(tape, verdict, run, search, budget, enough)
    descent.go()
    return descent.best


class _Descent:
    """One shrinking: the best tape so far, and what is left of the budget."""

    def __init__(
        self,
        tape: Tape,
        verdict: Violation,
        run: Callable[[Tape], Judged],
        search: Search | None,
        budget: int,
        enough: int,
    ) -> None:
        self.best = tape
        self.verdict = verdict
        self.run = run
        self.search = search
        self.budget = budget
        self.enough = enough
        self._played: set[Tape] = set()
        self._searched: set[Tape] = set()

    def go(self) -> None:
        """Apply every pass until none of them helps."""
        if not self._is_same(self.best):
            return
        attempts = [self.replays] if self.search is None else [self.replays, self.recurs]
        while any(self._helps(attempt) for attempt in attempts):
            pass

    def _helps(self, attempt: Callable[[Tape], bool]) -> bool:
        """All passes with one way of trying; whether any of them helped."""
        before = self.best
        self._take_first(without_eras, attempt)
        self._take_first(without_names, attempt)
        self._drop_operations(attempt)
        self._take_first(whole_checkpoints, attempt)
        self._take_first(simpler_operations, attempt)
        if attempt == self.replays:
            self._take_first(milder_crashes, attempt)  # A search chooses its own crash, and its own site.
            self._take_first(milder_damages, attempt)
        return self.best != before

    # -- trying ------------------------------------------------------------------------------------

    def replays(self, candidate: Tape) -> bool:
        """Take the candidate if it shows the same kind as it is."""
        if candidate in self._played or not self._is_smaller(candidate):
            return False
        self._played.add(candidate)
        if not self._is_same(candidate):
            return False
        self.best = candidate
        return True

    def recurs(self, candidate: Tape) -> bool:
        """Take the candidate, under whichever crash, if its programs can still show the same kind."""
        assert self.search is not None
        if count_operations(self.best) <= self.enough:
            return False
        opened = open_ended(candidate)
        if opened in self._searched or not self._is_smaller(candidate):
            return False
        self._searched.add(opened)
        found, runs = self.search(opened)
        self.budget -= runs
        return found is not None and self.replays(found)

    def _is_smaller(self, candidate: Tape) -> bool:
        return self.budget > 0 and weigh(candidate) < weigh(self.best)

    def _is_same(self, candidate: Tape) -> bool:
        verdict = self.run(candidate).verdict
        self.budget -= runs_worth(verdict)
        return self.verdict.is_same_kind(verdict)

    # -- passes ------------------------------------------------------------------------------------

    def _take_first(
        self, candidates: Callable[[Tape], Iterator[Tape]], attempt: Callable[[Tape], bool]
    ) -> None:
        """Take candidates of the best tape until none of them is taken."""
        while any(attempt(candidate) for candidate in candidates(self.best)):
            pass

    def _drop_operations(self, attempt: Callable[[Tape], bool]) -> None:
        """Chunks from the end, halving down to single operations."""
        size = max(1, count_operations(self.best) // 2)
        while True:
            stop = count_operations(self.best)
            while stop > 0:
                attempt(without(self.best, max(0, stop - size), stop))
                stop -= size
            if size == 1:
                return
            size //= 2
