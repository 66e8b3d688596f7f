"""Stress of compiled kernels with planted bugs: a process that has them all, and one after the other at work.

Run as a module. A line of JSON on its standard input says which; while that stays open, answers are wanted.
Of each bug a line is told: how many lives it took, and what was found, "" if nothing. The first line is of
none at work: there nothing may be found.

Threads: those of the stress, and one that ends the process when its input ends.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from dataclasses import replace
from math import inf
from typing import Any, Final

import msgspec

from ..bank.stress import STRESSED, WORD
from ..hook import plant_all

__all__ = ["LIVES_MAX", "Found", "Wanted"]

# What is looked for is the machine's to bring about: the lives are many, and end with the first finding.
LIVES_MAX: Final = 2_000
OPERATIONS: Final = 600_000  # Of a life: few enough to be judged soon.


class Wanted(msgspec.Struct, frozen=True):
    """Numbers of the bugs, from 1, and the stress that they are put under."""

    bugs: tuple[int, ...]
    seed: int
    sessions: int
    kernels: str = "compiled"
    lives: int = LIVES_MAX
    deadline: float | None = None  # A moment of the monotonic clock.


class Found(msgspec.Struct, frozen=True):
    """The outcome of one bug, by its number; 0: none was at work."""

    bug: int
    oracle: str
    kind: str
    detail: str
    unknown: str
    lives: int
    cpu_seconds: float


def _serve() -> None:
    wanted = msgspec.json.decode(sys.stdin.buffer.readline(), type=Wanted)
    threading.Thread(target=_end_with_input, daemon=True).start()
    plant_all((WORD, *STRESSED))
    for bug in (0, *wanted.bugs):
        line = msgspec.json.encode(_stress(bug, wanted)) + b"\n"
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()


def _end_with_input() -> None:
    while os.read(0, 1 << 10):
        pass
    os._exit(1)


def _stress(bug: int, wanted: Wanted) -> Found:
    from powercut.engine.kernels import words
    from powercut.engine.shared.spaces import Spaces

    from ...finders.stress.campaign import LIVES, MIXES, run_stress
    from ...verdict import Unknown, Violation

    make = Spaces.__init__

    def plant(spaces: Spaces, *arguments: Any) -> None:
        make(spaces, *arguments)
        spaces.control[words.CONTROL_WORDS - 1] = bug

    # Kernels that meet as often as can be; registers so few and wide that a torn read is seen at once.
    mix = replace(MIXES[1], operations=OPERATIONS, registers=2, width=120)
    started = time.process_time()
    Spaces.__init__ = plant  # type: ignore[method-assign, assignment]
    try:
        campaign = run_stress(
            {"lives": wanted.lives if bug else LIVES},
            deadline=inf if wanted.deadline is None else wanted.deadline,
            sessions=wanted.sessions,
            seed=wanted.seed,
            kernels=wanted.kernels,
            mixes=(mix,),
        )
    finally:
        Spaces.__init__ = make  # type: ignore[method-assign]
    verdict = campaign.verdict
    found = (verdict.oracle, verdict.breach.value, verdict.detail) if isinstance(verdict, Violation) else None
    return Found(
        bug,
        *(found or ("", "", "")),
        unknown=verdict.why if isinstance(verdict, Unknown) else "",
        lives=campaign.reached["lives"],
        cpu_seconds=round(time.process_time() - started, 3),
    )


if __name__ == "__main__":
    _serve()
