"""The rarer steps: those that only some programs have, and only some stores can take.

Invariant: a store that cannot take one is left as it is, and nothing is objected to.
"""

from __future__ import annotations

from typing import Final

from powercut.faultfs import EventKind

from ..oracles.prefix import judge_listed
from ..spec.model import truncation
from ..spec.subject import Truncation
from ..tapes.tape import Kind, Operation
from ..verdict import OK, Breach, Violation
from .bench import Bench

__all__ = ["RarerSteps"]

CHANGES: Final = frozenset(EventKind) - {EventKind.READ, EventKind.LIST, EventKind.SIZE, EventKind.FAULT}


class RarerSteps(Bench):
    """Truncations at any address; looks from outside."""

    def _truncate(self, operation: Operation) -> bool:
        """Truncate the log, if the subject can: below what is live, or where the operation says."""
        assert self.mounted is not None
        if self.mounted.truncates_at is not None:
            told = self.mounted.truncates_at.truncate_at(operation)
            return self._has_returned() and self._take_away(told)
        truncates = self.mounted.truncates if operation.kind == Kind.TRUNCATE else None
        if truncates is not None:
            truncates.truncate()
        return self._has_returned(is_entry=truncates is not None)

    def _take_away(self, told: Truncation) -> bool:
        """Hold a truncation against its promise, and take what it took from the model."""
        if told.begin != told.expected:
            detail = f"a truncation made {told.begin} the begin, expected {told.expected}"
            return self._object(Violation("model", Breach.WRONG_RESULT, detail))
        self._observe("truncate", -1, str(told.begin), str(told.expected))
        if told.begin == told.before:
            return True
        if told.gone:
            self.segment.count("truncated away")
        issued = truncation(told.begin, told.gone)
        life = self.segment.lives[-1]
        life.history.append(issued)
        life.issued_at.append(len(self.device.trace))
        self.model.apply(issued)
        return True

    def _flush(self, operation: Operation) -> bool:
        """Let the store flush beforehand, if it can; a poisoned one does not say so, and does nothing."""
        assert self.mounted is not None
        if self.mounted.flushes is not None:
            self.segment.count("flushed beforehand")
            self.mounted.flushes.drive_flushes(operation)
        return self._has_returned(is_entry=False)

    def _choose(self, operation: Operation) -> None:
        """Choose the kind of the checkpoint that begins, where there are several."""
        if self.mounted is not None and self.mounted.kinds is not None:
            self.mounted.kinds.choose_kind(operation.size)

    def _look_on(self) -> bool:
        """Hold the checkpoints that an open store tells against what was acknowledged."""
        assert self.mounted is not None
        if self.mounted.looks_on is None:
            return True
        before = len(self.device.trace)
        told = self.mounted.looks_on.look_on()
        if not self._has_returned():
            return False
        self.segment.count("looked on")
        verdict = judge_listed(told, self._acked())
        if verdict == OK and any(event.kind in CHANGES for event in self.device.trace.events[before:]):
            verdict = Violation("model", Breach.WRONG_RESULT, "the store was looked at, and has written")
        return verdict == OK or self._object(verdict)
