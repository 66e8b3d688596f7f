"""Finder `answers`: one tape whose every answer is judged as it is played.

Invariant: equal tapes, equal figures.
"""

from __future__ import annotations

from ..answers.player import play_answers
from ..tapes.tape import Tape
from ..verdict import Violation
from .coverage import Coverage
from .crashes import Finding

__all__ = ["search_answers"]


def search_answers(tape: Tape) -> tuple[Coverage, Finding | None]:
    """Play the tape; its coverage, and the objection of an oracle. O(operations)."""
    run = play_answers(tape)
    coverage = Coverage(programs=1, judged=run.judged)
    coverage.several_eras = len(tape.eras) > 1
    coverage.reached = dict.fromkeys(sorted(run.reached), 1)
    verdict = run.verdict
    return coverage, Finding(tape, verdict) if isinstance(verdict, Violation) else None
