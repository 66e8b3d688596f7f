"""Branching: all contents that a crash can leave at one index, followed through a tree of read sets.

Instead of listing contents and asking what became of each, walk the tree with all of them at once. A region
is a set of choices: so many states of names, so many versions of each chain. At a question it falls apart by
what a content answers; at an answer that nobody gave yet, one content of the region is opened, which grows
the tree; at a leaf the whole region shares one outcome, whatever its other chains hold.

    legal(region)  =  states of names  x  product over all chains of the versions left
    openings       =  leaves that were not there before

So 8 records of 2 sectors, all in flight, each with a checksum, read until the first that fails: 65,536
contents, 25 regions.

Invariants
  1  the regions of one index are disjoint, and together they are all that is legal: their counts add up to
     the formula, or the exploration is not closed
  2  every content of a region answers as its witness does, so its outcome is the witness's

For the laws whose choices are a product: `posix`, `posix_split`. Threads: pure, but for `open_content`.
Source: lazy branching on what recovery reads (Jaaru, ASPLOS 2021). Where we differ: names and sizes branch
too, and the count of what was not listed is exact.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic

from ..disk.image import Image
from ..law.history import History
from .point import Point, Region, Witness
from .readset import Ask, Leaf, Outcome, ReadTree

_REGIONS = 8  # For each opening allowed: a region that shares an outcome costs a fraction of an opening.


@dataclass(slots=True)
class Exploration(Generic[Outcome]):
    """The outcomes found at one index, each with a witness; closed if there are no others."""

    index: int
    legal: int
    covered: int = 0
    regions: int = 0
    outcomes: list[tuple[Outcome, Witness]] = field(default_factory=list)

    @property
    def is_closed(self) -> bool:
        """True if every outcome at this index is known. Invariant 1."""
        return self.covered == self.legal


def explore(
    history: History,
    index: int,
    tree: ReadTree[Outcome],
    open_content: Callable[[Image], Outcome],
    limit: int,
    is_new: Callable[[Outcome], bool] | None = None,
) -> Exploration[Outcome]:
    """Follows everything legal at `index` through the tree; gives up past `limit` openings, or eight times as
    many regions.

    `open_content` recovers a content that the tree does not find and adds it to the tree; `is_new` says of an
    outcome that is met whether it counts as an opening (None: those opened here do).
    """
    point = Point(history, index)
    found = Exploration[Outcome](index, point.legal)
    if point.names_legal > limit:
        return found
    opened = 0
    known: set[int] = set()
    stack: list[tuple[dict[Any, Any], Any, Region]] = [(tree.root, None, Region(point.names(), {}))]
    while stack:
        branches, key, region = stack.pop()
        node = branches.get(key)
        if node is None:
            if is_new is None and opened == limit:
                return found
            opened += is_new is None
            open_content(point.witness(region).image)
            node = branches[key]
        if type(node) is Leaf:
            if id(node) not in known:
                if is_new is not None and is_new(node.outcome):
                    opened += 1
                    if opened > limit:
                        return found
                known.add(id(node))
                found.outcomes.append((node.outcome, point.witness(region)))
            found.regions += 1
            found.covered += point.count(region)
        elif node.question[0] == Ask.ALL:
            return found
        else:
            unknown: set[Any] = set()
            for answered, part in point.split(region, node.question):
                stack.append((node.branches, answered, part))
                # An answer that nothing was asked behind yet takes an opening, whatever else is found.
                if answered not in node.branches:
                    unknown.add(answered)
                if found.regions + len(stack) > _REGIONS * limit or opened + len(unknown) > limit:
                    return found
    assert found.is_closed, "regions are disjoint and nothing is left out"
    return found
