"""The shrinker: the smallest tape that still shows the same kind of violation.

    weight   operations, eras, crashes, sessions, keys, the operations' numbers, survivors lost,
             how far from the end the power goes; compared in this order

Two ways to try a smaller tape: play it as it is; or, since dropping an operation moves the device
calls under a crash, search all crash states of its program again. The second is dear, so it comes
only where the first has ended.

Invariants
  1  the result shows the same oracle and the same breach as the tape that was given
  2  every tape that is taken weighs less than the one before, so shrinking ends
  3  unless the budget is spent, the result is 1-minimal: no era, crash, operation or digit can go alone
  4  the budget counts runs and not seconds: equal tapes shrink to equal tapes

It knows nothing of the store: a run is whatever `run` says, a search whatever `search` says.
Source: delta debugging (Zeller and Hildebrandt, 2002); the order by weight is Hypothesis's idea.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, Protocol

from msgspec.structs import replace

from .crashes import search_tape
from .subjects import MakeStore
from .tape import Crash, Era, Kind, Operation, Tape
from .verdict import Verdict, Violation
from .world import play

__all__ = ["BUDGET", "Judged", "Search", "count_operations", "searching", "shrink", "weigh"]

BUDGET: Final = 20_000  # Runs: a few seconds of a store in its smallest geometry.
STATES_MAX: Final = 1024  # Of one crash point, where a program is searched again.


class Judged(Protocol):
    """What a run is to the shrinker."""

    @property
    def verdict(self) -> Verdict: ...


# A tape of the same programs that shows a violation, if one was found; and how many runs it took.
Search = Callable[[Tape], tuple[Tape | None, int]]


def shrink(
    tape: Tape,
    verdict: Violation,
    run: Callable[[Tape], Judged] = play,
    search: Search | None = None,
    budget: int = BUDGET,
) -> Tape:
    """The smallest tape found that `run` gives a verdict of the same kind as `verdict`.

    A tape that does not show that kind is handed back as it is.
    """
    search = searching() if search is None and run is play else search
    descent = _Descent(tape, verdict, run, search, budget)
    descent.go()
    return descent.best


def searching(make_store: MakeStore | None = None) -> Search:
    """The search of every crash state of a tape's programs, with this maker of stores."""

    def search(tape: Tape) -> tuple[Tape | None, int]:
        coverage, finding = search_tape(tape, limit=STATES_MAX, make_store=make_store)
        return (finding.tape if finding is not None else None), 1 + coverage.checked

    return search


def count_operations(tape: Tape) -> int:
    """Operations in all eras."""
    return sum(len(era.program) for era in tape.eras)


def weigh(tape: Tape) -> tuple[int, ...]:
    """What `smaller` means."""
    operations = [operation for era in tape.eras for operation in era.program]
    crashes = [era.crash for era in tape.eras if era.crash is not None]
    digits = [digit for crash in crashes for digit in crash.survivors]
    keyed = [operation for operation in operations if operation.kind < Kind.CHECKPOINT]
    return (
        len(operations),
        len(tape.eras),
        len(crashes),
        len({operation.session for operation in keyed}),
        len({operation.key for operation in keyed}),
        sum(o.kind + o.session + o.key + o.size for o in operations),
        sum(len(era.switches) + len(era.faults) for era in tape.eras),
        sum(digit != 0 for digit in digits),
        sum(digits),
        sum(crash.sync for crash in crashes),
        sum(crash.before for crash in crashes),
        len(digits),
    )


class _Descent:
    """One shrinking: the best tape so far, and what is left of the budget."""

    def __init__(
        self,
        tape: Tape,
        verdict: Violation,
        run: Callable[[Tape], Judged],
        search: Search | None,
        budget: int,
    ) -> None:
        self.best = tape
        self.verdict = verdict
        self.run = run
        self.search = search
        self.budget = budget
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
        self._take_first(_without_eras, attempt)
        self._take_first(_without_names, attempt)
        self._drop_operations(attempt)
        self._take_first(_whole_checkpoints, attempt)
        self._take_first(_simpler_operations, attempt)
        if attempt == self.replays:
            self._take_first(_milder_crashes, attempt)  # A search chooses its own crash.
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
        open_ended = _open_ended(candidate)
        if open_ended in self._searched or not self._is_smaller(candidate):
            return False
        self._searched.add(open_ended)
        found, runs = self.search(open_ended)
        self.budget -= runs
        return found is not None and self.replays(found)

    def _is_smaller(self, candidate: Tape) -> bool:
        return self.budget > 0 and weigh(candidate) < weigh(self.best)

    def _is_same(self, candidate: Tape) -> bool:
        self.budget -= 1
        return self.verdict.is_same_kind(self.run(candidate).verdict)

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
                attempt(_without(self.best, max(0, stop - size), stop))
                stop -= size
            if size == 1:
                return
            size //= 2


def _open_ended(tape: Tape) -> Tape:
    """The tape up to its last program, whose crash is forgotten."""
    eras = list(tape.eras)
    while len(eras) > 1 and not eras[-1].program:
        eras.pop()
    eras[-1] = replace(eras[-1], crash=None)
    return replace(tape, eras=tuple(eras))


def _with_era(tape: Tape, number: int, *eras: Era) -> Tape:
    return replace(tape, eras=(*tape.eras[:number], *eras, *tape.eras[number + 1 :]))


def _without(tape: Tape, start: int, stop: int) -> Tape:
    """The tape without operations start to stop, counted over all eras."""
    eras = []
    at = 0
    for era in tape.eras:
        kept = [op for place, op in enumerate(era.program, at) if not start <= place < stop]
        eras.append(replace(era, program=tuple(kept)))
        at += len(era.program)
    return replace(tape, eras=tuple(eras))


def _without_eras(tape: Tape) -> Iterator[Tape]:
    """Fewer eras: one goes, or ends without its crash, or runs on into the next."""
    eras = tape.eras
    for number in range(len(eras) - 1, -1, -1):
        era = eras[number]
        if len(eras) > 1:
            yield _with_era(tape, number)
        if number + 1 < len(eras):
            after = eras[number + 1]
            joined = replace(after, program=(*era.program, *after.program))
            yield replace(tape, eras=(*eras[:number], joined, *eras[number + 2 :]))
            # The crash stays with the longer program: what came after it may not have mattered.
            yield replace(tape, eras=(*eras[:number], replace(joined, crash=era.crash), *eras[number + 2 :]))
        if era.crash is not None:
            yield _with_era(tape, number, replace(era, crash=None))
        if era.switches or era.faults:
            yield _with_era(tape, number, replace(era, switches=(), faults=()))


def _without_names(tape: Tape) -> Iterator[Tape]:
    """Fewer sessions and keys: the operations of one go, or become another's."""
    for field in ("session", "key"):
        used = sorted(
            {getattr(op, field) for era in tape.eras for op in era.program if op.kind < Kind.CHECKPOINT}
        )
        for name in reversed(used):
            yield _renamed(tape, field, name, None)
            for other in range(name):
                yield _renamed(tape, field, name, other)


def _renamed(tape: Tape, field: str, name: int, other: int | None) -> Tape:
    """The operations of `name` become another's, or go."""

    def change(operation: Operation) -> Operation | None:
        if not _has(operation, field, name):
            return operation
        return None if other is None else replace(operation, **{field: other})

    return _map(tape, change)


def _has(operation: Operation, field: str, name: int) -> bool:
    return operation.kind < Kind.CHECKPOINT and getattr(operation, field) == name


def _map(tape: Tape, change: Callable[[Operation], Operation | None]) -> Tape:
    eras = tuple(
        replace(era, program=tuple(new for op in era.program if (new := change(op)) is not None))
        for era in tape.eras
    )
    return replace(tape, eras=eras)


def _whole_checkpoints(tape: Tape) -> Iterator[Tape]:
    """A checkpoint in one step in the place of one that was started and stepped."""
    for number, era in enumerate(tape.eras):
        for place, operation in enumerate(era.program):
            if operation.kind != Kind.START:
                continue
            tail = era.program[place + 1 :]
            ends = [at for at, later in enumerate(tail) if later.kind == Kind.START]
            own, others = tail[: ends[0]] if ends else tail, tail[ends[0] :] if ends else ()
            last = max((at for at, later in enumerate(own) if later.kind == Kind.STEP), default=-1)
            for at in dict.fromkeys((-1, last)):  # Where it began, or where it ended.
                rest = [
                    Operation(Kind.CHECKPOINT) if here == at else later
                    for here, later in enumerate(own)
                    if here == at or later.kind != Kind.STEP
                ]
                first = (Operation(Kind.CHECKPOINT),) if at < 0 else ()
                program = (*era.program[:place], *first, *rest, *others)
                yield _with_era(tape, number, replace(era, program=program))


def _simpler_operations(tape: Tape) -> Iterator[Tape]:
    """One number of one operation is lowered."""
    for number, era in enumerate(tape.eras):
        for place, operation in enumerate(era.program):
            for simpler in _simpler(operation):
                program = (*era.program[:place], simpler, *era.program[place + 1 :])
                yield _with_era(tape, number, replace(era, program=program))


def _simpler(operation: Operation) -> Iterator[Operation]:
    for field in ("size", "key", "session", "kind"):
        value = getattr(operation, field)
        for lower in range(value):
            yield replace(operation, **{field: lower})
    if operation.kind >= Kind.CHECKPOINT and (operation.session or operation.key or operation.size):
        yield Operation(operation.kind)


def _milder_crashes(tape: Tape) -> Iterator[Tape]:
    """More survives, or the power goes later."""
    for number, era in enumerate(tape.eras):
        if era.crash is None:
            continue
        for milder in _milder(era.crash):
            yield _with_era(tape, number, replace(era, crash=milder))


def _milder(crash: Crash) -> Iterator[Crash]:
    digits = crash.survivors
    size = len(digits)
    while size:
        for start in range(0, len(digits), size):
            if any(digits[start : start + size]):
                kept = (*digits[:start], *[0] * len(digits[start : start + size]), *digits[start + size :])
                yield replace(crash, survivors=_trimmed(kept))
        size //= 2
    for place, digit in enumerate(digits):
        for lower in dict.fromkeys((1, digit // 2, digit - 1)):
            if 0 < lower < digit:
                yield replace(crash, survivors=(*digits[:place], lower, *digits[place + 1 :]))
    if _trimmed(digits) != digits:
        yield replace(crash, survivors=_trimmed(digits))
    for field in ("sync", "before"):
        value = getattr(crash, field)
        for lower in dict.fromkeys((0, value // 2, value - 1)):
            if 0 <= lower < value:
                yield replace(crash, **{field: lower})


def _trimmed(digits: tuple[int, ...]) -> tuple[int, ...]:
    end = len(digits)
    while end and digits[end - 1] == 0:
        end -= 1
    return digits[:end]
