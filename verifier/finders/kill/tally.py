"""The tally: what a sweep of kills came to, as a value that crosses to another process."""

from __future__ import annotations

import msgspec

from ...tapes.tape import Tape
from ...verdict import Violation

__all__ = ["Tally", "Unwanted"]

_TABLES = ("reached", "fired")


class Tally(msgspec.Struct):
    """Counts add up over sweeps."""

    way: str = ""  # How kills were dealt; "" where there were none.
    why: str = ""  # Why not at system calls; "" where they were.
    programs: int = 0
    several_eras: int = 0
    after_checkpoint: int = 0  # Programs with a judged kill behind an acknowledged checkpoint.
    lives: int = 0  # Processes, those that came to their end included.
    distinct: int = 0  # (content left x what was acknowledged), for each program.
    checked: int = 0  # Contents opened, twice each.
    images: int = 0  # Of those, written from a crash state.
    reached: dict[str, int] = {}
    fired: dict[str, int] = {}
    violation: Violation | None = None
    tape: Tape | None = None  # Where the simulator shows the violation too.
    unknown: str = ""
    is_cut: bool = False  # Whoever asked wanted no more before it was done.

    @property
    def is_over(self) -> bool:
        """True if there is nothing more to look for."""
        return self.violation is not None or bool(self.unknown)

    def merge(self, other: Tally) -> None:
        """Add the tally of another sweep; the first violation stays."""
        for name in self.__struct_fields__:
            mine, its = getattr(self, name), getattr(other, name)
            if name in _TABLES:
                for what, count in its.items():
                    mine[what] = mine.get(what, 0) + count
            elif isinstance(mine, int) and not isinstance(mine, bool):
                setattr(self, name, mine + its)
        self.way, self.why = self.way or other.way, self.why or other.why
        if self.violation is None:
            self.violation, self.tape = other.violation, other.tape
        self.unknown = self.unknown or other.unknown
        self.is_cut = self.is_cut or other.is_cut


class Unwanted(Exception):  # noqa: N818 (no error)
    """Whoever asked is gone, or wants no more: nobody waits for the rest."""
