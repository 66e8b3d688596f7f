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

__all__ = ["CONTRACT", "CRASHES", "DAMAGE", "FAULTS", "KILLS", "MODEL", "SCHEDULES", "STRESS", "Mutant"]

# The stages of the gate that must find a bug, by name; DAMAGE and FAULTS have oracles of the same name.
CRASHES: Final = "crash"
FAULTS: Final = "faults"
DAMAGE: Final = "damage"
MODEL: Final = "model"
SCHEDULES: Final = "schedule"
KILLS: Final = "kill"
STRESS: Final = "stress"  # In compiled kernels; a bank of its own, for it shows no tape.
# And what no stage can see, for no disk of ours is below the device: its contract, an oracle as well.
CONTRACT: Final = "contract"


@dataclass(frozen=True, slots=True)
class Mutant:
    """One planted bug; `breach` is the name of a member of `verdict.Breach`.

    search   where it must be found: among the crash states of one session after the other (CRASHES), among
             the schedules of sessions side by side, among programs whose every answer is judged (MODEL), and
             so on
    preemptions  how many it takes there; so many and fewer are tried
    around   features of the programs that are searched first, words of `order.FEATURES`: what the bug is
             about. A hint orders and excludes nothing: without one, or with a wrong one, it takes longer
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
    around: tuple[str, ...] = ()
