"""The sieve: many mutants planted together, and which of them it was where a piece of work tells.

A survivor costs all that there is to ask. Most of it passes, so all who are left are planted at once:

    a piece that passes with all of them in it tells none of them
    with one that is red, fewer are planted until one mutant is found that makes it so: alone it is told

One mutant may hide another: it counts as a survivor then, so the share that is told is a lower bound.

Invariants
  1  who is told was planted alone when it was
  2  no two mutants of one group touch one statement
  3  pieces are asked in their order, and who is told is asked no further

Threads: one caller.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol

from ..mutants.hook import read_source
from ..mutants.planted import Edit
from .generic import Generic
from .region import regions

__all__ = ["Bench", "Told", "UndecidedError", "groups", "sift", "together"]


class UndecidedError(Exception):
    """A clock ended it, or a process broke: nothing is known."""


class Told(NamedTuple):
    """A piece that is red.

    place     its number
    words     of what told, and where
    part      of the piece, if less than all of it has to be asked again
    suspects  the names of those whose lines it ran; empty: not known
    """

    place: int
    words: str
    part: str = ""
    suspects: frozenset[str] = frozenset()


class Bench(Protocol):
    """Whoever plants and asks; raises UndecidedError."""

    def first(self, mutants: Sequence[Generic], start: int) -> Told | None:
        """The first piece from number `start` on that is red with these planted; None: none is."""

    def again(self, mutants: Sequence[Generic], told: Told) -> Told | None:
        """The same piece with these planted; None: it passes."""


def sift(mutants: Sequence[Generic], bench: Bench, start: int = 0) -> Iterator[tuple[Generic, Told | str]]:
    """Each who is told, and each who could not be decided, with the reason; all others passed all pieces.

    O(pieces + told * log(mutants)) pieces are asked, where mutants do not disturb each other. One that is red
    with others only goes on without these, in a group behind theirs.
    """
    live, since = list(mutants), start
    aside: list[Generic] = []
    while live:
        try:
            told = bench.first(live, start)
        except UndecidedError as error:
            if len(live) == 1:
                yield live[0], str(error)
            else:
                middle = len(live) // 2
                yield from sift(live[:middle], bench, start)
                yield from sift(live[middle:], bench, start)
            break
        if told is None:
            break
        start = told.place
        one = _blamed(live, told, bench)
        alone = told if len(live) == 1 else _again([one], told, bench)
        live.remove(one)
        if alone is not None:
            yield one, alone
        else:
            since = since if aside else start
            aside.append(one)
    if aside:
        yield from sift(aside, bench, since)


def _blamed(live: Sequence[Generic], told: Told, bench: Bench) -> Generic:
    """The last of the fewest of them, in an order, with which the piece is red; it is with all of them."""
    suspects = [each for each in live if each.name in told.suspects]
    order = suspects + [each for each in live if each.name not in told.suspects]
    passing, red = 0, len(order)  # So many of them.
    middle = len(suspects) if 0 < len(suspects) < red else red // 2
    while red - passing > 1:
        if _again(order[:middle], told, bench) is not None:
            red = middle
        else:
            passing = middle
        middle = (passing + red) // 2
    return order[red - 1]


def _again(group: Sequence[Generic], told: Told, bench: Bench) -> Told | None:
    try:
        return bench.again(group, told)
    except UndecidedError:
        return None


def together(mutants: Sequence[Generic]) -> list[Edit]:
    """All of them as one edit for each module."""
    of_module: dict[str, list[Generic]] = {}
    for each in mutants:
        of_module.setdefault(each.module, []).append(each)
    return [
        Edit(
            "+".join(each.name for each in some),
            module,
            tuple(sorted(span for each in some for span in each.spans)),
        )
        for module, some in sorted(of_module.items())
    ]


def groups(mutants: Sequence[Generic], read: Callable[[Edit], str] = read_source) -> list[list[Generic]]:
    """Each mutant in the first group that it fits in; invariant 2. `read` tells the source of an edit."""
    found: list[tuple[list[Generic], set[tuple[str, int]]]] = []
    for mutant in mutants:
        edit = mutant.edit()
        own = {(mutant.module, line) for line in _touched(edit, read(edit))}
        for group, taken in found:
            if taken.isdisjoint(own):
                group.append(mutant)
                taken |= own
                break
        else:
            found.append(([mutant], set(own)))
    return [group for group, _ in found]


def _touched(edit: Edit, text: str) -> set[int]:
    """The lines of the statements that it changes, and all between its spans."""
    # As if nothing were planted: the lines of the source as it stands.
    lines = regions(Edit(edit.name, edit.module, ()), {"": edit.spans}, text)[""]
    data = text.encode()
    first, last = edit.spans[0].start, max(span.stop for span in edit.spans)
    return {*(lines or ()), *range(data.count(b"\n", 0, first) + 1, data.count(b"\n", 0, last) + 2)}
