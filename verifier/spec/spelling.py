"""Spelling: a name that is most likely meant to be another one.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

__all__ = ["is_misspelt", "nearest"]

_LONG: Final = 8  # Of so many letters two may be wrong.


def is_misspelt(name: str, meant: str) -> bool:
    """True if one letter is missing, too many, another one, or changed places with the next. O(letters)."""
    if name == meant or abs(len(name) - len(meant)) > 1:
        return False
    start = 0
    while start < min(len(name), len(meant)) and name[start] == meant[start]:
        start += 1
    rest, wanted = name[start:], meant[start:]
    is_swapped = rest[:2] == wanted[1::-1] and rest[2:] == wanted[2:]
    return is_swapped or rest[1:] == wanted[1:] or rest[1:] == wanted or rest == wanted[1:]


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The one of these names that is most likely meant by another one; None: none of them.

    A letter is wrong, in a long name two are, or its words stand in another order.
    """
    for meant in sorted(names, key=lambda each: (_distance(name, each), each)):
        letters = _distance(name, meant)
        is_turned = sorted(name.split("_")) == sorted(meant.split("_"))
        if name != meant and (is_misspelt(name, meant) or is_turned or letters <= (len(meant) >= _LONG) * 2):
            return meant
    return None


def _distance(one: str, other: str) -> int:
    """Letters to leave out, put in or change. O(letters**2)."""
    row = list(range(len(other) + 1))
    for count, letter in enumerate(one, 1):
        before, row[0] = row[0], count
        for place, wanted in enumerate(other, 1):
            before, row[place] = (
                row[place],
                min(before + (letter != wanted), row[place] + 1, row[place - 1] + 1),
            )
    return row[-1]
