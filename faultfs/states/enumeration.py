"""Enumeration: every content that a crash of one trace can leave behind, each once, with when it is legal.

Invariants
  1  exhaustive: the contents are exactly those of survivor_image(trace, t, digits, law) for t in start..stop
  2  bounded(k): at each crash index with more than `limit` legal states, at least those that differ in at
     most k chains from the newest or from the durable state; at all others, all
     sampled(n): the same, and at each such index n version vectors drawn besides, with an estimate of what
     is still missing
  3  first and last are the least and the greatest t in start..stop at which the content is legal; when
     bounded they may lie closer together, for only what was visited is known
  4  survivor_image(trace, state.index, state.digits, law) == state.image, and its key is state.key;
     index == first
  5  at(t), is_legal(key, t), witness(key, t) and sample(t, ...) say what a new enumeration of t alone would
  6  legal is the number of version vectors, summed over crash indices; distinct is the number of contents

Method, `posix`, `posix_split` and laws with a journal: at a crash index only what uses a version made by the
event before it can be new, so only that file's new states are crossed with all others; how long a state lasts
is known from the kills of its versions. The other laws are walks: each state is one step from the one before.

Threads: pure; the trace must not grow while it is enumerated.
"""

from collections import Counter
from collections.abc import Iterator
from random import Random

from ..disk.image import Image
from ..disk.trace import Trace
from ..law.history import History, history_of
from ..law.journal import RULES
from ..law.survival import PRODUCTS, Law, Survivors, digits_of, file_bytes, history_under
from .contents import Entry
from .options import unwind, versions_of
from .sampling import Estimate, Sampler, estimate
from .search import search, search_journal
from .walk import walk

LIMIT = 4096


class CrashState:
    """One content that a crash can leave behind, and the first and last crash index at which it can."""

    __slots__ = ("_entry", "_enumeration", "first", "index", "key", "last")

    def __init__(self, enumeration: "Enumeration", key: int, entry: Entry) -> None:
        self._enumeration = enumeration
        self._entry = entry
        self.key = key
        self.first, self.last = entry[0], entry[1]
        self.index = self.first

    @property
    def image(self) -> Image:
        """The content itself; a file that many states share is built once."""
        return self._enumeration.image_of(self._entry)

    @property
    def digits(self) -> Survivors:
        """With `index`, what survivor_image maps to this content; without trailing zeros."""
        return self._enumeration.digits_of(self._entry)

    def __repr__(self) -> str:
        return f"CrashState({self.key:032x}, legal {self.first}..{self.last}, {self.digits})"


class Enumeration:
    """The crash states of one history under one law, in order of `first`, and how complete they are."""

    def __init__(self, history: History, law: Law, start: int, stop: int, limit: int) -> None:
        self.law = law
        self.start = start
        self.stop = stop
        self.points = stop - start + 1
        self.history = history_under(history, law)
        self._limit = limit
        self._points: dict[int, Enumeration] = {}
        self._bytes: dict[tuple[int, int], bytes] = {}
        if law in PRODUCTS:
            findings = search(self.history, start, stop, limit)
        elif law in RULES:
            findings = search_journal(self.history, law, start, stop, limit)
        else:
            findings = walk(self.history, law, start, stop, limit)
        self._found = findings.found
        self.legal = findings.legal
        self.bounded = findings.bounded  # The crash indices that were not exhausted.
        self.depth = findings.depth  # The least k of any bounded point; None if all were exhausted.
        self.draws = 0  # At each bounded point; 0 if there is none, or no sample was asked for.
        self.estimates: list[Estimate] = []

    @property
    def distinct(self) -> int:
        """The number of distinct crash states."""
        return len(self._found)

    @property
    def bounded_points(self) -> int:
        """The number of crash points that were not exhausted."""
        return len(self.bounded)

    @property
    def completeness(self) -> str:
        """`exhaustive`, or `bounded(k)` with the least k of any crash point, or `sampled(n)`."""
        if self.depth is None:
            return "exhaustive"
        return f"sampled({self.draws})" if self.draws else f"bounded({self.depth})"

    @property
    def unseen_share(self) -> float:
        """The most that any bounded point leaves unseen, as a share of its version vectors."""
        return max((each.share for each in self.estimates), default=0.0 if self.depth is None else 1.0)

    @property
    def unseen_contents(self) -> float:
        """A lower bound of the crash states unseen at the worst bounded point; 0 if nothing was drawn."""
        return max((each.missed for each in self.estimates), default=0.0)

    def draw(self, count: int, generator: Random) -> None:
        """Adds what `count` version vectors, drawn at each bounded point, show besides.

        Only under the laws whose version vectors are a product; under the others bounded stays bounded.
        """
        if not self.bounded or self.law not in PRODUCTS:
            return
        self.draws = count
        for index in self.bounded:
            sampler = Sampler(self.history, index, generator)
            drawn: Counter[int] = Counter()
            fresh: dict[int, Entry] = {}
            for _ in range(count):
                choice = sampler.draw()
                key, names, trail = sampler.state_of(choice)
                drawn[key] += 1
                if key not in self._found and key not in fresh:
                    fresh[key] = (index, index, names, trail, sampler.digits_of(choice))
            self.estimates.append(estimate(index, drawn, self._found))
            self._found |= fresh
        self._found = dict(sorted(self._found.items(), key=lambda item: item[1][0]))

    # One crash index, from the history that is there.

    def at(self, index: int) -> "Enumeration":
        """The crash states of this index alone."""
        point = self._points.get(index)
        if point is None:
            point = self._points[index] = Enumeration(self.history, self.law, index, index, self._limit)
        return point

    def is_legal(self, key: int, index: int) -> bool:
        """True if the content may be there at this index, which may lie between its first and its last.

        It may not: it can be lost for good, and written again. Where the index is bounded, nothing says so.
        """
        point = self.at(index)
        return bool(point.bounded) or key in point._found

    def witness(self, key: int, index: int) -> CrashState | None:
        """The content with the digits that lead to it at this index, if it is found there."""
        point = self.at(index)
        return CrashState(point, key, point._found[key]) if key in point._found else None

    def sample(self, index: int, count: int, generator: Random) -> "Enumeration":
        """The crash states of this index, and what `count` version vectors drawn there show besides."""
        point = Enumeration(self.history, self.law, index, index, self._limit)
        point.draw(count, generator)
        return point

    def __len__(self) -> int:
        return len(self._found)

    def __iter__(self) -> Iterator[CrashState]:
        for key, entry in self._found.items():
            yield CrashState(self, key, entry)

    def image_of(self, entry: Entry) -> Image:
        """The image of a finding."""
        first, _, names, trail, _ = entry
        files = {}
        for inode, state in unwind(trail):
            data = self._bytes.get((inode, state[0]))
            if data is None:
                choice = versions_of(self.history, inode, state[3])
                data = self._bytes[inode, state[0]] = file_bytes(self.history, first, inode, choice)
            files[inode] = data
        return Image.under(self.history.forest, names.bindings, files)

    def digits_of(self, entry: Entry) -> Survivors:
        """The digits of a finding."""
        first, _, names, trail, known = entry
        if known is not None:
            return known
        choice = dict(names.choice)
        for inode, state in unwind(trail):
            choice.update(versions_of(self.history, inode, state[3]))
        return digits_of(self.history, first, choice, self.law, names.cut)


def crash_states(
    trace: Trace,
    law: str | Law,
    *,
    start: int = 0,
    stop: int | None = None,
    limit: int = LIMIT,
    sample: int = 0,
    generator: Random | None = None,
) -> Enumeration:
    """Every content that a crash at an index from `start` to `stop` (the end if None), both included, can
    leave.

    A crash point with more than `limit` legal states is bounded, and `completeness` says so. There, `sample`
    version vectors are drawn by the generator besides.
    """
    last = trace.check_index(len(trace) if stop is None else stop)
    states = Enumeration(history_of(trace), Law.of(law), min(trace.check_index(start), last), last, limit)
    if sample and generator is not None:
        states.draw(sample, generator)
    return states
