"""Answers as the child of a hunt does, among schedules with an eighth of the programs: the gate has them all.

Named to a fork server in the place of what answers there. Not for the process of a test: it would have an
eighth from then on.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from unittest.mock import patch

from powercut.verifier.mutants.hunts.crash import answer
from powercut.verifier.mutants.hunts.preempt import programs
from powercut.verifier.tapes.tape import Tape

__all__ = ["answer"]


def _eighth(preemptions: int, oracle: str) -> Iterator[Tape]:
    return islice(programs(preemptions, oracle), 0, None, 8)


patch("powercut.verifier.mutants.hunts.schedule.programs", _eighth).start()
