"""The demonstration: one planted bug, from the edit to the story.

plant    the sync of the newest root goes missing
search   random programs, every state that a power cut can leave behind each
shrink   the smallest tape that still shows it
tell     the report
mend     the sync that is missing, and where it belongs
judge    the unchanged store plays the same tape in a process of its own
"""

from __future__ import annotations

import signal
import subprocess
import sys
from random import Random
from typing import Final

import typer

from ..errors import HarnessError
from ..tapes.tape import Tape, encode_tape
from .errors import ENVIRONMENT, OK
from .planted import describe, plant_bug

__all__ = ["show"]

_BUG: Final = "root-never-synced"
_SEED: Final = 7
_PROGRAMS: Final = 50
_STEPS: Final = 14
_ALONE: Final = "from powercut.verifier.cli import main; main()"


def show() -> int:
    """Do it, and print what is done."""
    plant_bug(_BUG)
    ancestor, removed, put = describe(_BUG)
    typer.echo(f"planted   {_BUG}, the like of {ancestor}")
    for sign, line in removed + put:
        typer.echo(f"            {sign} {line}")
    # Only now: these import the store, with the bug in it.
    from ..finders.crashes import Coverage, search_tape
    from ..reducing.mend import mend
    from ..reducing.passes import count_operations
    from ..reducing.shrink import shrink
    from ..tapes.programs import random_tapes
    from ..telling.report import tell

    coverage = Coverage()
    for tape in random_tapes(Random(_SEED), _PROGRAMS, ("tiny",), "posix", _STEPS):
        seen, finding = search_tape(tape)
        coverage.merge(seen)
        if finding is not None:
            break
    else:
        raise HarnessError(f"{_BUG} was not found in {_PROGRAMS} programs")
    programs = f"{coverage.programs} program{'s' * (coverage.programs != 1)}"
    typer.echo(f"searched  {programs}, {coverage.checked} disks opened and judged")
    found = finding.tape
    typer.echo(f"found     {finding.verdict.breach.value}, in {count_operations(found)} operations")
    small = shrink(found, verdict=finding.verdict)
    typer.echo(f"shrunk    to {count_operations(small)} operations\n")
    small = Tape(small.eras, small.geometry, small.law, _BUG)
    typer.echo(tell(small))
    typer.echo("\n".join([*mend(small).lines(), ""]))
    is_clean = _is_clean(Tape(small.eras, small.geometry, small.law))
    verdict = "stands the same tape" if is_clean else "FAILS on the same tape"
    typer.echo(f"The unchanged store {verdict}.")
    return OK if is_clean else ENVIRONMENT


def _is_clean(tape: Tape) -> bool:
    command = [sys.executable, "-c", _ALONE, "replay", "-", "--json"]
    # It keeps for life what is held back at birth: Ctrl-C is for this process to tell.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    try:
        child.communicate(encode_tape(tape))
    finally:
        child.kill()  # It has ended, or nobody wants its answer.
    return child.returncode == OK
