"""Sampling: contents drawn at random from all that a crash at one index can leave, and what was missed.

Where neither listing nor branching comes to an end, version vectors are drawn: each legal one as likely as
any other, chain by chain, for the chains of files are independent; renames couple names, so names are drawn
step by step, each step by how many legal ways to go on it leaves.

    n draws, f1 contents seen once, f2 seen twice, of those that no other search had found
    share    f1 / n                          the chance that one more draw shows a content not found yet
    missed   f1 (f1 - 1) / (2 (f2 + 1))      how many contents are missing, at least

Invariants
  1  a draw is a legal version vector, uniformly, and a function of the generator alone
  2  a state is told by survivor_image(trace, index, digits, law), and its key is that image's
  3  an estimate speaks of one crash index and of one law

What the estimate is worth: `share` is off by about 1 / sqrt(n) at worst; `missed` is a lower bound, and a
poor one where nearly every draw is new. Contents with few version vectors are drawn seldom; nothing that
depends on one of them alone is likely to be met.

Threads: pure; the generator is the caller's.
Sources: I. J. Good, The population frequencies of species, 1953; A. Chao, 1984, in the form without bias.
"""

from collections import Counter
from collections.abc import Container
from functools import lru_cache
from random import Random

import msgspec

from ..disk.image import named_key, size_key
from ..law.chains import AnyChain
from ..law.history import History
from ..law.survival import Survivors
from .product import NameState, Product, name_state


class Estimate(msgspec.Struct, frozen=True):
    """The part of one crash index that a sample has left unseen."""

    index: int
    draws: int
    seen: int  # Contents in the sample,
    fresh: int  # and those of them that were not known before.
    share: float  # Of all version vectors, those whose content is still unknown (Good-Turing).
    missed: float  # Contents still unknown, at least (Chao1).


def estimate(index: int, counts: Counter[int], known: Container[int]) -> Estimate:
    """The estimate, from the draws of each crash state, and those known without a draw."""
    draws = counts.total()
    fresh = Counter(times for key, times in counts.items() if key not in known)
    once, twice = fresh[1], fresh[2]
    share = once / draws if draws else 1.0
    missed = once * (once - 1) / (2 * (twice + 1))
    return Estimate(index, draws, len(counts), fresh.total(), share, missed)


class Sampler:
    """Draws version vectors of one crash index, each equally likely."""

    def __init__(self, history: History, index: int, generator: Random) -> None:
        self.history = history
        self.index = index
        self.generator = generator
        self.product = Product(history)
        self.steps = history.pending_name_steps(index)
        self.pending = history.pending(index)
        later: set[AnyChain] = set()
        self._later: list[frozenset[AnyChain]] = [frozenset()]  # By how many steps are left: what they move.
        for step in reversed(self.steps):
            later |= {chain for chain, _ in step.moves}
            self._later.append(frozenset(later))
        self._ways = lru_cache(maxsize=None)(self._count_ways)

    def draw(self) -> dict[AnyChain, int]:
        """A version for each pending chain. Invariant 1."""
        choice: dict[AnyChain, int] = {}
        for chain in self.pending:
            legal = chain.legal(self.index)
            choice[chain] = legal[0]
            if chain not in self._later[-1]:
                choice[chain] = self.generator.choice(legal)
        lost: frozenset[AnyChain] = frozenset()
        for at, step in enumerate(self.steps):
            moved = frozenset(chain for chain, _ in step.moves)
            without = self._ways(at + 1, self._blocked(at + 1, lost | moved))
            both = self._ways(at, self._blocked(at, lost))
            if self.generator.randrange(both) < without:
                lost |= moved
            else:
                choice.update(step.moves)
        return choice

    def digits_of(self, choice: dict[AnyChain, int]) -> Survivors:
        """The survivors that name a choice."""
        digits = [chain.legal(self.index)[-1] - choice[chain] for chain in self.pending]
        while digits and not digits[-1]:
            digits.pop()
        return tuple(digits)

    def state_of(self, choice: dict[AnyChain, int]) -> tuple[int, NameState, object]:
        """The key of a choice, without its image being built; its names, and the trail of its files."""
        full = dict(choice)
        for _, chain in self.history.ordered_names:
            full.setdefault(chain, chain.legal(self.index)[-1])
        names = name_state(self.history, full, self.index)
        key = names.key
        trail: object = None
        for inode, group in names.files.items():
            file = self._file(inode, choice)
            key ^= named_key(group, file[0])
            trail = (trail, inode, file)
        return key, names, trail

    def _file(self, inode: int, choice: dict[AnyChain, int]) -> tuple[int, int, int, object]:
        versions: dict[AnyChain, int] = {}
        trail: object = (self.index, True)
        for chain in self.history.file_chains(inode):
            newest = chain.legal(self.index)[-1]
            versions[chain] = choice.get(chain, newest)
            if versions[chain] != newest:
                trail = (trail, chain, versions[chain])
        sizes = self.history.sizes[inode]
        # From an empty file it is one change of size.
        change = self.product.size_change_key(inode, 0, sizes.values[versions[sizes]], versions)
        return size_key(0) ^ change, self.index, 0, trail

    def _blocked(self, at: int, lost: frozenset[AnyChain]) -> frozenset[AnyChain]:
        """The names that have lost a step and that a later step moves: only they matter."""
        return lost & self._later[len(self.steps) - at]

    def _count_ways(self, at: int, blocked: frozenset[AnyChain]) -> int:
        """The number of legal ways to take or lose the steps from this one on."""
        if at == len(self.steps):
            return 1
        moved = frozenset(chain for chain, _ in self.steps[at].moves)
        ways: int = self._ways(at + 1, self._blocked(at + 1, blocked | moved))
        if not blocked & moved:
            ways += self._ways(at + 1, self._blocked(at + 1, blocked))
        return ways
