"""Spelling: a name that is most likely meant to be another one.

Pure.
"""

from __future__ import annotations

__all__ = ["is_misspelt"]


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
