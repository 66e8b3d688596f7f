"""Equivalent mutants: those that nobody can see, each with one line of why.

A reason names a mutant by what is read there, not by a number: module, function, operator, the lines as they
stand, and what they become (left out: whatever the operator makes of them).

Invariant
  1  a reason for a mutant that is not there any more is refused: the code has changed, and what was argued
     may not hold
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from importlib.resources import files
from typing import Final

import msgspec

from .generic import Generic

__all__ = ["Reason", "Reasons", "parse_reasons", "read_reasons"]

_FILE: Final = "equivalent.toml"


class Reason(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The reason why nobody can see a mutant; `text` and `becomes` without the white space around them."""

    module: str
    function: str
    operator: str
    text: str
    why: str
    becomes: str | None = None

    def is_of(self, mutant: Generic) -> bool:
        """True if it is this mutant that it speaks of."""
        place = (self.module, self.function, self.operator)
        if place != (mutant.module.removeprefix("powercut."), mutant.function, mutant.operator):
            return False
        old, new = mutant.change()
        return old.strip() == self.text.strip() and (
            self.becomes is None or new.strip() == self.becomes.strip()
        )


class Reasons(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of them."""

    equivalent: tuple[Reason, ...] = ()

    def of(self, mutant: Generic) -> str:
        """The reason why nobody can see it; "": there is none."""
        return next((reason.why for reason in self.equivalent if reason.is_of(mutant)), "")

    def gone(self, mutants: Iterable[Generic]) -> list[str]:
        """The reasons of which no mutant is left, in words; invariant 1."""
        places: dict[tuple[str, str, str], list[Generic]] = {}
        for each in mutants:
            key = (each.module.removeprefix("powercut."), each.function, each.operator)
            places.setdefault(key, []).append(each)
        return [
            f"{reason.module}:{reason.function} has no {reason.operator} of {reason.text.strip()!r}"
            for reason in self.equivalent
            if not any(
                reason.is_of(each)
                for each in places.get((reason.module, reason.function, reason.operator), ())
            )
        ]


def parse_reasons(text: str) -> Reasons:
    """The reasons in `text`. Raises ValidationError, TOMLDecodeError."""
    return msgspec.convert(tomllib.loads(text), Reasons)


def read_reasons() -> Reasons:
    """Those that ship with the package."""
    return parse_reasons(files(__package__).joinpath(_FILE).read_text(encoding="utf-8"))
