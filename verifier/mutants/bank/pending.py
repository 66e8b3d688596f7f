"""Planted bugs of operations that are begun and completed later: found among schedules."""

from __future__ import annotations

from typing import Final

from ..planted import SCHEDULES, Mutant

__all__ = ["PENDING"]

PENDING: Final[tuple[Mutant, ...]] = (
    Mutant(
        "answer-looked-for-twice",
        "powercut: an answer that came between two looks was in neither list, and its operation lost",
        "powercut.engine.sessions.pending",
        """        try:
            for each in self._waiting:
                if each.answer.done():
                    each.ticket.end(lambda each=each: self._end(each))  # type: ignore[misc]
        finally:
            # By what has ended, and not by a second look at the answers: one may have come since.
            self._waiting = [each for each in self._waiting if not each.ticket.is_done]
""",
        """        ready = [each for each in self._waiting if each.answer.done()]
        self._waiting = [each for each in self._waiting if not each.answer.done()]
        for each in ready:
            each.ticket.end(lambda each=each: self._end(each))
""",
        "progress",
        "HANG",
        SCHEDULES,
        1,
        ("start_read", "complete"),
    ),
)
