"""Atomics: the only way a kernel touches a word that another session may touch.

A space is a `memoryview` cast to "Q". Each call first announces `(space, word number)` and
whether it writes to the turn hook, if a Runtime set one: that is where a scheduler may let
another session go on, so every interleaving of these calls can be played. Without a hook a call
is one plain access; threads that may really run at once take a lock around a batch (`modes`).

Compiled kernels do not call these: `compilation` puts machine instructions in their place. Here
only sequentially consistent orders can be played; weaker memory is not modelled.

`copy` and `same` move and compare many words. They announce each word under a hook, because a
reader really can see another session between two words of a value.
"""

from __future__ import annotations

from collections.abc import Callable

__all__ = [
    "Space",
    "Turn",
    "cas",
    "copy",
    "fetch_add",
    "is_watched",
    "load",
    "prefetch",
    "same",
    "set_turn",
    "store",
]

Space = memoryview  # cast to "Q"; shape (words,), dtype uint64
Turn = Callable[[Space, int, bool], None]

_turn: Turn | None = None


def set_turn(hook: Turn | None) -> None:
    """Set the hook that is called with (space, word number, is_write) before each access."""
    global _turn
    _turn = hook


def is_watched() -> bool:
    """True if a turn hook is set."""
    return _turn is not None


def load(space: Space, word: int) -> int:
    if _turn is not None:
        _turn(space, word, False)
    value: int = space[word]
    return value


def store(space: Space, word: int, value: int) -> None:
    if _turn is not None:
        _turn(space, word, True)
    space[word] = value


def cas(space: Space, word: int, expected: int, value: int) -> bool:
    """Write `value` if the word is `expected`; whether it was."""
    if _turn is not None:
        _turn(space, word, True)
    if space[word] != expected:
        return False
    space[word] = value
    return True


def fetch_add(space: Space, word: int, delta: int) -> int:
    """Add `delta`; the value before."""
    if _turn is not None:
        _turn(space, word, True)
    value: int = space[word]
    space[word] = value + delta
    return value


def prefetch(space: Space, word: int) -> None:
    """Ask for the word's cache line; here nothing, and no turn."""


def copy(source: Space, start: int, target: Space, at: int, words: int) -> None:
    """Copy `words` words; each word whole, the run of them not."""
    if _turn is None:
        target[at : at + words] = source[start : start + words]
        return
    for word in range(words):
        store(target, at + word, load(source, start + word))


def same(left: Space, start: int, right: Space, at: int, words: int) -> bool:
    """True if `words` words are equal; each word is read whole."""
    if _turn is None:
        return left[start : start + words] == right[at : at + words]
    return all(load(left, start + word) == load(right, at + word) for word in range(words))
