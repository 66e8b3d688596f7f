"""Options: what can be chosen of one coordinate or of several, by the key that it contributes.

An option is (key, last, spent, trail): the key it contributes, the crash index until which it stays legal, in
how many chains it differs from the base, and what was chosen.

Invariants
  1  the key of options together is the XOR of their keys, `last` the least of theirs, `spent` the sum
  2  of a layer the first option is the base: it costs nothing and has no trail of its own
"""

from collections.abc import Iterator
from itertools import accumulate
from typing import Any, TypeAlias

from ..disk.image import named_key
from ..law.chains import AnyChain
from ..law.history import History

UNLIMITED = 1 << 62

# The trail of a file state is a nest, cheap to build and rarely read: (earlier trail, chain, version), at the
# bottom (index, newest), the base. That of a disk state: (earlier trail, inode, file state), at the bottom
# None.
Option: TypeAlias = tuple[int, int, int, Any]
NOTHING: Option = (0, UNLIMITED, 0, None)


def cross(partial: list[Option], inode: int, options: list[Option], budget: int) -> list[Option]:
    """Each of the partial disk states with each of the options of one more file that the budget allows."""
    return [
        (
            key ^ added,
            last if last < option_last else option_last,
            spent + option_spent,
            (trail, inode, state),
        )
        for added, option_last, option_spent, state in options
        for key, last, spent, trail in partial
        if spent + option_spent <= budget
    ]


def named(names: tuple[str, ...], states: list[Option]) -> list[Option]:
    """The states of a file as options of the disk: keyed with the file's names, each with itself as its
    trail."""
    return [(named_key(names, state[0]), state[1], state[2], state) for state in states]


def unwind(trail: Any) -> Iterator[tuple[int, Option]]:
    """The inodes and file states in the trail of a disk state."""
    while trail is not None:
        trail, inode, state = trail
        yield inode, state


def versions_of(history: History, inode: int, trail: Any) -> dict[AnyChain, int]:
    """Reads the trail of a file state: a version for each chain of the file."""
    chosen: dict[AnyChain, int] = {}
    while len(trail) == 3:
        trail, chain, version = trail
        chosen.setdefault(chain, version)  # What was chosen later stands before what was chosen earlier.
    index, newest = trail
    window = history.at(index)
    for chain in history.file_chains(inode):
        legal = window.legal[chain]
        chosen.setdefault(chain, legal[-1] if newest else legal[0])
    return chosen


def fold(state: Option, option: Option) -> Option:
    """A state with one more option, at no cost and with no trail of its own."""
    key, last, spent, trail = state
    until = option[1]
    return (key ^ option[0], last if last < until else until, spent, trail)


def expand(start: Option, free: list[list[Option]], budget: int) -> list[Option]:
    """Every way to take one option from each layer within the budget, in O(1) a state.

    A state is named by the layers in which it leaves the base: all that follow the last of them are one fold.
    """
    rest = list(accumulate((layer[0] for layer in reversed(free)), fold, initial=NOTHING))[::-1]
    states = []
    stack = [(0, start)]
    while stack:
        position, state = stack.pop()
        states.append(fold(state, rest[position]))
        if state[2] == budget:
            continue
        for following, layer in enumerate(free[position:], position + 1):
            key, last, spent, trail = state
            for added, until, _, choice in layer[1:]:
                option = (key ^ added, last if last < until else until, spent + 1, (trail, *choice))
                stack.append((following, option))
            state = fold(state, layer[0])
    return states
