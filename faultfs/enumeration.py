"""Enumeration: every content that a crash of one trace can leave behind, each once, with when it is legal.

Invariants
  1  exhaustive: the contents are exactly those of survivor_image(trace, t, digits, law) for t in start..stop
  2  bounded(k): at each crash index with more than `limit` legal states, at least those that differ in at
     most k chains from the newest or from the durable state; at all others, all
  3  first and last are the least and the greatest t in start..stop at which the content is legal; when
     bounded they may lie closer together, for only what was visited is known
  4  survivor_image(trace, state.index, state.digits, law) == state.image, and its key is state.key;
     index == first
  5  legal is the number of version vectors, summed over crash indices; distinct is the number of contents

Method, law `posix`: at a crash index only what uses a version made by the event before it can be new, so only
that file's new states are crossed with all others; how long a state lasts is known from the kills of its
versions. The other laws are walks: each state is one step from the one before.

Threads: pure; the trace must not grow while it is enumerated.
"""

from collections.abc import Iterator

from .chains import History
from .findings import Entry
from .image import Image
from .product import unwind, versions_of
from .search import search
from .survival import Law, Survivors, file_bytes
from .trace import Trace
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
    """The crash states of one trace under one law, in order of `first`, and how complete they are."""

    def __init__(self, trace: Trace, law: Law, start: int, stop: int, limit: int) -> None:
        self.law = law
        self.start = start
        self.stop = stop
        self.points = stop - start + 1
        self._history = History(trace)
        self._bytes: dict[tuple[int, int], bytes] = {}
        if law is Law.POSIX:
            findings = search(self._history, start, stop, limit)
        else:
            findings = walk(self._history, law, start, stop)
        self._found = findings.found
        self.legal = findings.legal
        self.bounded_points = findings.bounded_points
        self.depth = findings.depth  # The least k of any bounded point; None if all were exhausted.

    @property
    def distinct(self) -> int:
        """How many contents there are."""
        return len(self._found)

    @property
    def completeness(self) -> str:
        """`exhaustive`, or `bounded(k)` with the least k of any crash point."""
        return "exhaustive" if self.depth is None else f"bounded({self.depth})"

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
                choice = versions_of(self._history, inode, state[3])
                data = self._bytes[inode, state[0]] = file_bytes(self._history, first, inode, choice)
            files[inode] = data
        return Image(dict(names.bindings), files)

    def digits_of(self, entry: Entry) -> Survivors:
        """The digits of a finding."""
        first, _, names, trail, known = entry
        if known is not None:
            return known
        choice = dict(names.choice)
        for inode, state in unwind(trail):
            choice.update(versions_of(self._history, inode, state[3]))
        digits = []
        for chain in self._history.pending(first):
            newest = chain.legal(first)[-1]
            digits.append(newest - choice.get(chain, newest))
        while digits and not digits[-1]:
            digits.pop()
        return tuple(digits)


def crash_states(
    trace: Trace, law: str | Law, *, start: int = 0, stop: int | None = None, limit: int = LIMIT
) -> Enumeration:
    """Every content that a crash at an index from `start` to `stop` (the end if None), both included, can
    leave.

    A crash point with more than `limit` legal states is bounded, and `completeness` says so.
    """
    last = trace.check_index(len(trace) if stop is None else stop)
    return Enumeration(trace, Law.of(law), min(trace.check_index(start), last), last, limit)
