"""Bugs of compiled kernels, hunted by stress: asks a process that has them, and decides what is a kill.

    killed  <=>  with it at work stress told a violation, and with none at work it told none

What threads do is no function of the seed, so there is no tape, and the kind of violation that comes first is
not asked for.

Threads: one; the stress is in a process of its own, which ends with the call.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from math import inf
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from ..errors import HarnessError
from .bank.stress import STRESSED
from .hunts.stress import Found, Wanted
from .planted import Mutant

__all__ = ["NAMES", "Trial", "stress_planted"]

NAMES: Final = tuple(mutant.name for mutant in STRESSED)


class Trial(NamedTuple):
    """One planted bug, and the result of its hunt."""

    mutant: Mutant
    found: Found

    @property
    def killed(self) -> bool:
        return self.found.oracle == self.mutant.oracle

    @property
    def why(self) -> str:
        """The reason why it was not killed; "" if it was, or if that is unknown."""
        if self.killed or self.found.unknown:
            return ""
        return f"{self.found.lives:,} lives, and {self.found.oracle or 'nothing'} found"


def stress_planted(
    names: Sequence[str],
    *,
    seed: int,
    sessions: int,
    deadline: float = inf,
) -> list[Trial]:
    """Hunt these bugs, of NAMES; as many of them, in this order, as the deadline lets come to an end.

    Raises HarnessError where the process breaks, or finds something while no bug is at work.
    """
    chosen = [number for number, name in enumerate(NAMES, 1) if name in names]
    wanted = Wanted(tuple(chosen), seed, sessions, deadline=None if deadline == inf else deadline)
    lines = _ask(wanted)
    told = [msgspec.json.decode(line, type=Found) for line in lines]
    if told and told[0].oracle:
        raise HarnessError(f"with no bug at work {told[0].oracle} found: {told[0].detail}")
    if told and told[0].unknown:
        return [Trial(STRESSED[number - 1], told[0]) for number in chosen]
    return [
        Trial(STRESSED[each.bug - 1], each)
        for each in told[1:]
        if each.oracle or each.unknown or each.lives >= wanted.lives
    ]


def _ask(wanted: Wanted) -> list[bytes]:
    root = str(Path(__file__).parents[3])  # Where the package powercut is found.
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # Ctrl-C is for this process to tell.
    try:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", f"{__package__}.hunts.stress"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            with suppress(BrokenPipeError):  # It ended early; its status tells.
                process.stdin.write(msgspec.json.encode(wanted) + b"\n")
            lines = process.stdout.read().splitlines()
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise HarnessError(f"the stress of planted bugs ended with status {process.returncode}")
    return lines
