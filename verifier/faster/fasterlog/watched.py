"""Watched: a log whose state is announced, so that a scheduler may let another task go on before each access.

What threads of a log share are attributes of Python, and a thread may be taken off between any two of its
accesses to them. A watched object has a class of its own, in which each of these attributes is a word of a
space: to read it or to set it arrives at a point first. What is in a list, a dict or a byte array changes in
place, so whoever takes one in hand is taken for a writer.

Invariants
  1  what an attribute holds stands where it stood; where no turn hook is set nothing is announced
  2  the engine knows nothing of it

Threads: none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from ..seams import atomics
from .seams import FasterLog, LogIterator

__all__ = ["watch_iterator", "watch_log"]

Share = Callable[[memoryview, str], None]  # A space of one word, and its name.

# By the word of the reports: the attribute of a source that holds the object, what is set, what is filled.
_WATCHED: Final = (
    (
        "tail",
        ("at", "start", "confirmed", "_number", "_link", "_room", "_durable"),
        ("sealed", "_lengths"),
    ),
    ("tail._block", ("held", "filled"), ("_view", "_spare")),
    ("groups", ("last", "begin", "is_closed", "_failure", "_leader", "_root"), ("progress",)),
    ("groups.waiters", (), ("_calls",)),
    ("parts.files", ("durable", "_has_new_names", "_punched"), ("_known", "_dirty")),
    ("reader", ("_last",), ("_pages",)),
)
_OF_ITERATORS: Final = ("position", "skipped", "_end", "_is_closed"), ("_ready", "_calls")


class _Word:
    """An attribute as a word of a space."""

    __slots__ = ("_is_filled", "_name", "_space")

    def __init__(self, name: str, space: memoryview, *, is_filled: bool) -> None:
        self._name = name
        self._space = space
        self._is_filled = is_filled

    def __get__(self, owner: Any, kind: type) -> Any:
        if self._is_filled:
            atomics.store(self._space, 0, 0)
        else:
            atomics.load(self._space, 0)
        return owner.__dict__[self._name]

    def __set__(self, owner: Any, value: Any) -> None:
        atomics.store(self._space, 0, 0)
        owner.__dict__[self._name] = value


def watch_log(log: FasterLog, share: Share) -> None:
    """Announce every access to what the threads of the log share."""
    source = log._source
    _watch(log.automatic, "worker", ("_every", "_last", "_since", "_state"), (), share)
    for path, names, filled in _WATCHED:
        watched: Any = source
        for part in path.split("."):
            watched = getattr(watched, part)
        _watch(watched, path.split(".")[-1], names, filled, share)


def watch_iterator(iterator: LogIterator, share: Share) -> None:
    """The same of an iterator."""
    _watch(iterator, iterator.name or "iterator", *_OF_ITERATORS, share)


def _watch(watched: Any, title: str, names: Iterable[str], filled: Iterable[str], share: Share) -> None:
    kind = type(watched)
    members: dict[str, Any] = {}
    for name, is_filled in (*((name, False) for name in names), *((name, True) for name in filled)):
        if name not in watched.__dict__:
            raise AttributeError(f"{kind.__name__} has no {name} to be watched")
        space = memoryview(bytearray(8)).cast("Q")
        share(space, f"{title}.{name}")
        members[name] = _Word(name, space, is_filled=is_filled)
    watched.__class__ = type(f"Watched{kind.__name__}", (kind,), members)
