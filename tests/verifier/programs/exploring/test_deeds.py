"""Deeds: what is left of a scene, and when two scenes are the same; each bug planted there is noticed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from powercut.verifier.programs.reading import deeds
from powercut.verifier.programs.reading.scene import Entry
from tests.verifier.programs.exploring.test_planted import planted


def left(module: Any) -> object:
    """The scene that is left of one, by paths."""
    before = {
        "": _entry(9, b"", 0o40755),
        "a": _entry(1, b"0123"),
        "b": _entry(1, b"0123"),
        "c": _entry(2, b"x"),
    }
    told = module.done(before, [(0, "a", 1, b"y"), (0, "c", 3, b"z"), (1, "b", 3, b""), (2, "b", 0, b"")])
    return {path: (entry.data, entry.modified) for path, entry in told.items()}


def same(module: Any) -> object:
    """Scenes that are the same as one, and others."""
    one, other, two = _entry(1, b"0"), _entry(1, b"1"), _entry(2, b"0")
    return [
        module.is_same({"a": one, "b": one}, each)
        for each in ({"a": two, "b": two}, {"a": one, "b": two}, {"a": one, "b": other}, {"a": one})
    ]


def _entry(inode: int, data: bytes, mode: int = 0o100644) -> Entry:
    return Entry(inode, mode, 0, 0, 5, data)


def test_what_is_left_and_what_is_the_same() -> None:
    assert left(deeds) == {"": (b"", 0), "a": (b"0y2", 0), "c": (b"x\0\0z", 0)}
    assert same(deeds) == [True, False, False, False]


BUGS = [
    (
        "what is behind a write is lost",
        left,
        "if what == WRITE else",
        "if False else",
    ),
    (
        "a write to one of two names is no write to the other",
        left,
        "other.inode == entry.inode",
        "each == path",
    ),
    ("a hole is no zeros", left, '.ljust(number, b"\\0")', ""),
    ("a removal is not done", left, "            del left[path]\n", ""),
    (
        "bytes that were left are not compared",
        same,
        "mine[1:] != theirs[1:]",
        "mine[1:3] != theirs[1:3]",
    ),
    ("names of one file are not compared", same, "len(names) == len({mine", "True or len({mine"),
]


@pytest.mark.parametrize(("case", "old", "new"), [bug[1:] for bug in BUGS], ids=[bug[0] for bug in BUGS])
def test_a_planted_bug_is_noticed(case: Callable[[Any], object], old: str, new: str) -> None:
    assert case(planted(deeds, old, new)) != case(deeds)
