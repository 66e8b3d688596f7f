"""A planted bug: a source edit that takes one promise of the engine away, as data.

    ancestor   where this bug, or this shape of bug, really happened: a commit or an issue of
               FASTER, oxifaster or garnet, or powercut's own history
    oracle     who must object, breach: to what kind of thing

Invariants
  1  the old text stands exactly once in its module; a refactoring that moves it fails a test
  2  the engine names no planted bug: `hook` makes the edit on the way into the interpreter

Source: mutation testing (DeMillo, Lipton and Sayward, 1978), with mutants that once lived.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["CONTRACT", "CRASHES", "SCHEDULES", "Mutant"]

CONTRACT: Final = "contract"  # The oracle of the device's own bugs: no disk of ours is below it.
CRASHES: Final = "crashes"
SCHEDULES: Final = "schedules"


@dataclass(frozen=True, slots=True)
class Mutant:
    """One planted bug; `breach` is the name of a member of `verdict.Breach`.

    search   where it must be found: among the crash states of one session after the other, or among the
             schedules of sessions side by side
    preemptions  how many it takes there; so many and fewer are tried
    """

    name: str
    ancestor: str
    module: str
    old: str
    new: str
    oracle: str
    breach: str
    search: str = CRASHES
    preemptions: int = 0
