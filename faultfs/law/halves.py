"""Halves: the renames that are not whole in names that may be found (F12).

A name that is bound as it was before can be read as either version; of all readings the one counts in which
the fewest renames are half done.

Threads: pure.
"""

from bisect import bisect_right
from collections.abc import Mapping
from itertools import islice, product
from typing import Final

from .chains import NO_FILE, AnyChain, Chain, Step
from .logs import Names, bound_to

__all__ = ["FREE", "PLACES", "may_be_free", "torn"]

_READINGS: Final = 256
_WHOLE: Final = "whole"
FREE: Final = frozenset({"free"})
PLACES: Final = frozenset({_WHOLE, "before"}) | FREE


def torn(renames: list[Step], names: Names, index: int, places: frozenset[str]) -> list[int]:
    """The fewest renames, by birth, that are not whole in what is found, however it is read, and have come to
    one of these places.
    """
    moved = sorted({chain for step in renames for chain, _ in step.moves}, key=lambda chain: chain.name)
    # A name that is bound as it was before is at either version.
    readings = product(*(_alike(chain, names[chain], index) for chain in moved))  # type: ignore[index,arg-type]
    torn = []
    for reading in islice(readings, _READINGS):
        at = dict(zip(moved, reading, strict=True))
        come = {step.birth: _moved(at, step) for step in renames}
        half = [birth for birth, to in come.items() if len(to) > 1 and not to.isdisjoint(places)]
        torn.append(half)
        if not half:
            break
    return min(torn, key=len)


def may_be_free(step: Step, names: Names) -> bool:
    """True if a name that the step has filled is free there, and had a file before."""
    return any(made - 1 in chain.passing and bound_to(names, chain) == NO_FILE for chain, made in step.moves)


def _moved(names: Mapping[AnyChain, int], step: Step) -> set[str]:
    """The places that the names of a step have come to."""
    found = set()
    for chain, made in step.moves:
        version = names[chain]
        is_free = version == made - 1 and version in chain.passing
        found.add(_WHOLE if version >= made else "free" if is_free else "before")
    return found


def _alike(chain: Chain[int], version: int, index: int) -> list[int]:
    """The versions of a name that bind it alike, this one first."""
    bound = chain.values[version]
    legal = range(bisect_right(chain.kills, index), bisect_right(chain.births, index))
    return [version, *(other for other in legal if other != version and chain.values[other] == bound)]
