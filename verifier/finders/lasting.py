"""Lasting: what was opened outlasts a search in a process that says so, and serves the ones after it.

The outcome of an opening is a function of the content, and so is what an ending finds. A worker that searches
chunk after chunk therefore opens a content once; each chunk counts what it would have opened by itself.

Nothing lasts by default: who changes the store between two searches would be told of the one before. Nor does
it where the engine is watched, for what a chunk takes of it is counted by chunk.

Invariant: counts and findings are those of searches that leave one another nothing.

Threads: one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from ..reach.seen import is_watching

__all__ = ["Lasting", "lasting", "of_before"]

T = TypeVar("T")
Lasting = dict[tuple[object, ...], Any]
_own: list[Lasting] = []


@contextmanager
def lasting(kept: Lasting) -> Iterator[None]:
    """Keep here what is opened, and begin with what is there already."""
    _own.append(kept)
    try:
        yield
    finally:
        _own.pop()


def of_before(make: Callable[[], T], *kind: object) -> T:
    """The one that was made before for this kind of store and search, or one that is made now."""
    if not _own or is_watching():
        return make()
    kept = _own[-1]
    if (make, *kind) not in kept:
        kept[make, *kind] = make()
    found: T = kept[make, *kind]
    return found
