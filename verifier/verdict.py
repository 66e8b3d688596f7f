"""Verdicts: an oracle's answer, one of three; what was not decided is never a pass.

Ok           nothing to object to
Violation    which oracle objects, to what kind of thing, and the facts
Unknown      a bound or a time limit was reached first
"""

from __future__ import annotations

from enum import Enum
from typing import Final

import msgspec

__all__ = ["OK", "Breach", "Ok", "Unknown", "Verdict", "Violation"]


class Breach(Enum):
    """The kinds of violation, worst first."""

    LOST_ACK = "lost acknowledged operation"
    HOLE = "hole: an operation of the prefix is missing"
    PHANTOM = "phantom: an operation beyond the prefix has an effect"
    WRONG_VALUE = "wrong value"
    WRONG_RESULT = "wrong result of an operation"
    WRONG_SERIAL = "serial that contradicts what was issued or reported"
    SILENT = "silent: wrong or older content after damage, and no word of it"
    UNOPENABLE = "cannot be opened after a power cut"
    REFUSED = "refused after damage that the other copies make good"
    OVERLOOKED = "damaged bytes were read, and neither refused nor mended"
    SWALLOWED = "a sync failed, and nobody was told"
    UNPOISONED = "a store goes on after a failed sync"
    DEADLOCK = "deadlock: everybody waits for somebody"
    HANG = "hang: no end within the bound on steps"
    BROKEN_INVARIANT = "broken invariant"
    ERROR = "an operation failed that should not"


class Ok(msgspec.Struct, frozen=True):
    """The oracle has nothing to object to."""


class Unknown(msgspec.Struct, frozen=True):
    """The oracle did not decide, and why."""

    why: str


class Violation(msgspec.Struct, frozen=True):
    """An objection: by which oracle, of which kind, and what was expected and found."""

    oracle: str
    breach: Breach
    detail: str

    def is_same_kind(self, other: object) -> bool:
        """True if `other` is a violation by the same oracle and of the same kind."""
        return isinstance(other, Violation) and (self.oracle, self.breach) == (other.oracle, other.breach)


Verdict = Ok | Violation | Unknown
OK: Final = Ok()
