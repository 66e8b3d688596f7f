"""Verdicts: the ways in which a crash state can be wrong, as its answers say.

    lost acknowledged   it answers as the program did before something that was acknowledged since
    mixed               it answers as the program never did
    cannot be read      the command ends otherwise than it ever may there: another status, or a signal
    changes its mind    read twice, it answers twice
    hangs               the reading had to be ended
    the checker says no the command that checks it ended with a status other than 0

Invariants
  1  a reading has at most one verdict: hangs, else cannot be read, else changes its mind, else by its answer,
     else by the checker
"""

from __future__ import annotations

from enum import StrEnum

from ..reading.readers import Reading
from .legality import Legality, Range

__all__ = ["Verdict", "judge"]


class Verdict(StrEnum):
    """The kind of a finding."""

    LOST = "lost acknowledged"
    MIXED = "mixed"
    UNREADABLE = "cannot be read"
    UNSTABLE = "changes its mind"
    HANGS = "hangs"
    REFUSED = "the checker says no"


def judge(reading: Reading, legality: Legality, part: Range) -> Verdict | None:
    """The verdict of a reading where the answers of this range are legal; None if nothing is wrong."""
    if reading.why:
        return Verdict.HANGS
    legal = legality.legal(part)
    answer = reading.answer
    if answer not in legal:
        if answer in legality.older(part):
            return Verdict.LOST
        if answer.status not in {each.status for each in legal}:
            return Verdict.UNREADABLE
        if reading.again is not None and reading.again != answer:
            return Verdict.UNSTABLE
        return Verdict.MIXED
    if reading.again is not None and reading.again != answer:
        return Verdict.UNSTABLE
    return Verdict.REFUSED if reading.check else None
