"""The fault oracle: what a run may and may not do once a fault of its plan has fired.

    excused     a refusal (of `spec.Errors`) in a call in which a fault fired that an error may answer; once
                the store is poisoned, what says so; any refusal once the medium is damaged; never a broken
                invariant
    in doubt    an operation that raised has its effect or none: the content then must be one of the two, and
                from there on there is one model again. Where nothing can be read, the next recovery must
                give one of the two
    poisoned    after a sync that was told to have failed, and after any error that says so, every entry does
    owed        what was acknowledged, at a power cut as on a clean reopening; after a sync that lied and a
                power cut, what was acknowledged before it, until an honest sync of that file makes good

The kinds of fault, by what may come of them:

    told        error, full disk, failed sync: the call raises, and nothing is lost
    harmless    short transfer, delay: nobody may notice
    damaging    rot, lost, misdirected, stale, and lying syncs after a power cut: every content that is shown
                is right, or the store refuses with a typed error; an older state, silently, is allowed only
                after a lying sync and a power cut, or more damages than one: no store can see these

Invariants
  1  what is excused depends on the trace alone, so a tape is judged as the search was
  2  without a fault nothing is excused
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from powercut.faultfs import Effect, EventKind, FaultDevice, Image, Plan, PlannedDevice, Trace

from ..spec.history import Segment
from ..spec.model import Issued, apply
from ..spec.spec import Errors
from ..spec.subject import Bound
from ..tapes.tape import Kind
from ..verdict import OK, Breach, Verdict, Violation
from .prefix import judge_recovery

__all__ = ["FaultOracle", "Firings", "settle", "without_effect"]

ORACLE: Final = "faults"
_LYING: Final = frozenset({Effect.LATE, Effect.LYING})
_DAMAGING: Final = frozenset({Effect.ROT, Effect.LOST, Effect.MISDIRECTED, Effect.STALE})
_TRANSIENT: Final = frozenset({Effect.STALE})  # Not of the medium: a later opening is not excused.
_FAILED_SYNCS: Final = frozenset({Effect.KEPT, Effect.REVERTED, Effect.EXT4, Effect.XFS, Effect.BTRFS})
_SYNCS: Final = frozenset({"SYNC", "SYNC_NAMES", "DATASYNC"})
# Which calls that lied an honest sync of the same file makes good. No datasync one that should have been a
# sync: a size that shrank is not in it.
_HONEST: Final = {
    EventKind.SYNC: ("SYNC", "DATASYNC"),
    EventKind.DATASYNC: ("DATASYNC",),
    EventKind.SYNC_NAMES: ("SYNC_NAMES",),
}
_TOLD: Final = frozenset({Effect.ERROR, Effect.FULL}) | _FAILED_SYNCS

_Fired = tuple[int, Effect, str]  # Index into the trace, what, and the kind of call that was struck.


class Firings:
    """The faults that have fired in a trace, looked through once.

    A sync that lied did nothing to one file, or to the names, and only until the next honest sync of that
    file, or of the names: all that was dirty is durable then. What a LATE sync passed over is lost for good.
    """

    def __init__(self, trace: Trace, start: int = 0) -> None:
        self._end = len(trace)
        self.all: list[_Fired] = []
        self._lies: list[tuple[int, int]] = []  # Index, and the last crash index at which it is one.
        open_lies: dict[tuple[int, str], list[int]] = {}  # By file and by call, those in _lies.
        for index, event in enumerate(trace.events[start:], start):
            if event.kind in _HONEST:
                for call in _HONEST[event.kind]:
                    for place in open_lies.pop((event.inode, call), ()):
                        self._lies[place] = (self._lies[place][0], index)
            if event.kind is not EventKind.FAULT:
                continue
            effect = Effect(event.size)
            self.all.append((index, effect, event.target))
            if effect in _LYING:
                if effect is Effect.LYING:
                    open_lies.setdefault((event.inode, event.target), []).append(len(self._lies))
                self._lies.append((index, self._end))
        self._damages = [index for index, effect, _ in self.all if effect in _DAMAGING]

    def lied_at(self, index: int) -> int:
        """The index of the first sync that lied and was not made good by crash index `index`; else that."""
        return next((at for at, until in self._lies if at < index <= until), index)

    def is_damaged_at(self, index: int) -> bool:
        """True if a power cut at `index` may find damage."""
        damages = (at for at, effect, _ in self.all if effect in _DAMAGING - _TRANSIENT)
        return any(at < index for at in damages) or self.lied_at(index) < index

    def turns(self, first: int, last: int) -> list[int]:
        """The crash indices from `first` to `last`, these two and all at which what is owed may change."""
        turns = {at for at, _, _ in self.all} | {until + 1 for _, until in self._lies}
        return sorted({first, last} | {at for at in turns if first < at < last})

    def owed_at(self, segment: Segment, index: int, *, is_cut: bool) -> int:
        """The index up to which acknowledged operations must be there for an opening at `index`.

        Nothing is after a second damage: one is what a store is built to see. After one, what was confirmed;
        after a sync that lied, until it is made good, and a power cut, what came before it.
        """
        if len(self._damages) > 1 and self._damages[1] < index:
            return segment.confirmed_until(-1)
        owed = self.lied_at(index) if is_cut else index
        return segment.confirmed_until(owed) if self._damages and self._damages[0] < index else owed


class FaultOracle:
    """The calls excused, in doubt and required in one run. None in a run without faults."""

    def __init__(self, errors: Errors, *, has_faults: bool = False) -> None:
        self.errors = errors
        self.has_faults = has_faults
        self.is_poisoned = False
        self.is_damaged = False
        self.is_damaged_before = False  # Already when this stretch of the run began.
        self.unresolved: Issued | None = None
        self._start = 0
        self._trace = Trace()
        self.plan = Plan()

    # -- the device ----------------------------------------------------------------------------------

    def disk(self, image: Image | None = None) -> FaultDevice:
        """A new device for the next stretch of the run."""
        return PlannedDevice(image) if self.has_faults else FaultDevice(image)

    def arm(self, device: FaultDevice, digits: Sequence[int]) -> None:
        """Give the device this plan from now on."""
        if isinstance(device, PlannedDevice):
            device.plan = self.plan = Plan.of(digits)

    @contextmanager
    def unharmed(self) -> Iterator[None]:
        """Let no fault strike inside: the oracles look."""
        self.plan.is_on, before = False, self.plan.is_on
        try:
            yield
        finally:
            self.plan.is_on = before

    # -- one call --------------------------------------------------------------------------------------

    def begin(self, trace: Trace) -> None:
        """Take in that a call of the store begins."""
        self._trace, self._start = trace, len(trace)

    def reopen(self, trace: Trace) -> None:
        """Take in that the store is opened: the poisoned one was the one before."""
        self.begin(trace)
        self.is_poisoned = False

    def excuses(self, error: Exception) -> bool:
        """True if the call that began may end in this error; a poisoned store is known from here on."""
        errors = self.errors
        if not self.has_faults or isinstance(error, errors.invariants):
            return False
        if not isinstance(error, errors.refusals):
            return False
        effects = self._look()
        was_poisoned = self.is_poisoned
        self.is_poisoned |= isinstance(error, errors.poisoned)
        if was_poisoned:
            return isinstance(error, errors.poisoned or errors.refusals)
        return self.is_damaged or bool(effects & _TOLD)

    def judge_return(self, *, is_entry: bool) -> Verdict:
        """Judge whether the call that began may have returned."""
        if not self.has_faults:
            return OK
        was_poisoned = self.is_poisoned
        self._look()
        if was_poisoned and is_entry:
            return Violation(ORACLE, Breach.UNPOISONED, "after a failed sync the store takes another call")
        if self.is_poisoned and not was_poisoned:
            return Violation(ORACLE, Breach.SWALLOWED, "a sync failed and the call that wanted it returned")
        return OK

    def _look(self) -> set[Effect]:
        """Take in the faults that fired in this call, and what follows from them for all later ones."""
        effects = set()
        for _, effect, call in Firings(self._trace, self._start).all:
            effects.add(effect)
            self.is_damaged |= effect in _DAMAGING
            is_failed_sync = effect in _FAILED_SYNCS or (effect is Effect.ERROR and call in _SYNCS)
            self.is_poisoned |= is_failed_sync
        return effects

    # -- what is in doubt --------------------------------------------------------------------------------

    def judge_recovery(
        self, history: list[Issued], acked: Bound, recovered: Bound | None, content: dict[bytes, bytes]
    ) -> tuple[Verdict, list[Issued]]:
        """Judge by the prefix oracle, an operation in doubt either way; and the history as it turned out."""
        verdict = judge_recovery(history, acked, recovered, content)
        if verdict == OK or self.unresolved is None:
            return verdict, history
        doubtful = self.unresolved
        other = [without_effect(each) if each == doubtful else each for each in history]
        if judge_recovery(other, acked, recovered, content) == OK:
            return OK, other
        return verdict, history

    def owed_at(self, segment: Segment) -> int:
        """The index up to which acknowledged operations must be there if the device is opened as it is."""
        end = len(segment.trace)
        return Firings(segment.trace).owed_at(segment, end, is_cut=False) if self.has_faults else end

    def cut(self, segment: Segment, index: int) -> int:
        """Cut the power at `index`; the index up to which acknowledged operations must be there."""
        firings = Firings(segment.trace)
        # What struck after the cut never happened; and what was read wrong was no damage of the medium.
        self.is_damaged = self.is_damaged_before or firings.is_damaged_at(index)
        self.is_damaged_before = self.is_damaged
        return firings.owed_at(segment, index, is_cut=True)


def without_effect(issued: Issued) -> Issued:
    """An operation that takes the same serial and changes nothing."""
    return replace(issued, kind=Kind.READ, effect=None)


def settle(issued: Issued, content: dict[bytes, bytes], before: dict[bytes, bytes]) -> Issued | None:
    """The operation as it went, by the content that is there after it raised; None if by neither."""
    if content == before:
        return without_effect(issued)
    after = dict(before)
    apply(after, issued)
    return issued if content == after else None
