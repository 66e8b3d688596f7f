"""Files: the few lives in which a bug of the device itself shows.

The simulator has no file below it, so nothing but real files shows such a bug. A violation here has
no tape of its own: the lives are always these.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Final

from ...tapes.tape import SIZES, Era, Kind, Operation, Tape
from ...verdict import Violation
from .client import scratch
from .lives import LAW
from .sweep import Sweeper
from .tally import Unwanted

__all__ = ["judge_files"]

_UPSERT, _CHECKPOINT, _REOPEN = Operation(), Operation(Kind.CHECKPOINT), Operation(Kind.REOPEN)
_LARGE: Final = tuple(Operation(Kind.UPSERT, 0, key, SIZES - 1) for key in range(6))
_PROGRAMS: Final = (
    (),
    (_UPSERT, _CHECKPOINT),
    (_UPSERT, _CHECKPOINT, Operation(Kind.RMW), _CHECKPOINT, _REOPEN, _UPSERT),
    (*_LARGE, _CHECKPOINT, _REOPEN, *_LARGE, _CHECKPOINT),
)


def judge_files(lives: int | None = None) -> tuple[Violation | None, int]:
    """The first violation, if any, and how many lives it took. No thread may run in this process.

    lives   so many are lived at most, for whoever knows that the violation is in the last of them
    """

    def is_wanted() -> bool:
        return lives is None or sweeper.tally.lives < lives

    with scratch() as home:
        sweeper = Sweeper(Path(home), is_wanted=is_wanted)
        with suppress(Unwanted):
            for program in _PROGRAMS:
                sweeper.sweep(Tape((Era(program),), law=LAW))
                if sweeper.tally.is_over:
                    break
        sweeper.close()
    return sweeper.tally.violation, sweeper.tally.lives
