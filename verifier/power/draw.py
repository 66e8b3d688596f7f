"""The draw: a sample of mutants, module by module, by a seed.

Each module is a stratum. The strata are laid end to end, in an order and each shuffled by the seed, and every
so many is taken, from a start that is drawn: so a module has its share, one up or down, and each mutant the
same chance.

Invariants
  1  equal mutants, size and seed: equal sample, in the order of the names
  2  who is replaced is replaced by the next of its own stratum, in an order that the seed fixed
"""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

from .generic import Generic

__all__ = ["Drawn", "draw"]


class Drawn:
    """The mutants drawn, and those that stand behind them."""

    def __init__(self, chosen: list[Generic], rest: dict[str, list[Generic]]) -> None:
        self.chosen = chosen
        self._rest = rest

    def next_of(self, module: str) -> Generic | None:
        """The next mutant of the module that was not drawn yet; None: there is none."""
        rest = self._rest.get(module)
        return rest.pop(0) if rest else None


def draw(mutants: Iterable[Generic], sample: int, seed: int) -> Drawn:
    """Draw so many, or all where there are no more."""
    strata: dict[str, list[Generic]] = {}
    for mutant in mutants:
        strata.setdefault(mutant.module, []).append(mutant)
    names = sorted(strata)
    for name in names:
        Random(f"{seed}:{name}").shuffle(strata[name])
    line = names.copy()
    Random(f"{seed}:line").shuffle(line)
    total = sum(len(each) for each in strata.values())
    sample = min(sample, total)
    start = Random(f"{seed}:start").random()
    places = [int((start + number) * total / sample) for number in range(sample)]
    counts = {}
    end = 0
    for name in line:
        begin, end = end, end + len(strata[name])
        counts[name] = sum(begin <= place < end for place in places)
    chosen = [mutant for name in names for mutant in strata[name][: counts[name]]]
    rest = {name: strata[name][counts[name] :] for name in names}
    return Drawn(sorted(chosen, key=lambda each: each.name), rest)
