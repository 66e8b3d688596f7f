"""The collector: what of the engine was taken while chunks of a gate were run.

A place that has been seen is not looked at again until the next chunk, so watching costs little. Up to
Python 3.13 both sides of a branch are one place: one that goes the same way is given up after SAME times,
until something begins that few programs do (`anew`), or else for the rest of its chunk.

Invariants
  1  what is taken in a chunk is a function of the chunk: at its beginning nothing is seen
  2  what is taken in a process forked meanwhile is taken, even if it is killed: it stands in shared memory
  3  without a monitor (before Python 3.12) nothing is taken, and `collecting` tells so by None

Threads: one begins and ends; whichever runs the code notes what it takes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, cached_property
from importlib import import_module
from inspect import unwrap
from mmap import mmap
from types import CodeType, FunctionType
from typing import Any, Final

from .monitor import IS_WATCHING, Monitor
from .ways import Source, Spot, Way, decisions, entry_of, line_of, lines_of, sources_of, within

__all__ = ["Collector", "all_ways", "anew", "collecting", "engine_sources", "note", "phases", "the_collector"]

PACKAGE: Final = "powercut.engine"
# A translator, at work before there is a store: what the machine has in its cache decides what it does.
BESIDES: Final = (f"{PACKAGE}.compiler",)
SAME: Final = 64


class Collector:
    """The ways of some modules, and the code objects of this process in which they are seen.

    more   namespaces of functions that were made of the same files
    """

    def __init__(self, sources: list[Source], *more: dict[str, Any]) -> None:
        self.sources = sources
        self._numbers: dict[Spot, int] = {}
        for source in sources:
            for spot in source.ways:
                self._numbers.setdefault(spot, len(self._numbers))
        self._nothing = len(self._numbers)  # A place that is not counted.
        self._taken = mmap(-1, self._nothing + 1)
        self._branches: dict[int, dict[int, tuple[int, int, int, int]]] = {}
        self._lines: dict[int, dict[int, int]] = {}
        self._entries: dict[int, int] = {}
        self._slots = 0
        self._left: list[int] = []
        self._begun: set[str] = set()  # What has begun since it watches.
        self.codes: list[CodeType] = []
        of_path = {source.path: source for source in sources}
        live, self._forget = _live(sources, more)
        for code in live:
            self._add(code, of_path)

    def _add(self, code: CodeType, of_path: dict[str, Source]) -> None:
        source = of_path.get(code.co_filename)
        if source is None:
            return
        self.codes.append(code)
        number = self._numbers.get
        self._entries[id(code)] = number(entry_of(source.file, code), self._nothing)
        self._lines[id(code)] = {
            line: number(line_of(source.file, line), self._nothing) for line in lines_of(code)
        }
        branches = self._branches[id(code)] = {}
        for each in decisions(code, source.conditions):
            jumped, stayed = (
                number(Spot(source.file, each.place, way), self._nothing)
                for way in (each.jumped, each.stayed)
            )
            branches[each.offset] = each.target, jumped, stayed, self._slots
            self._slots += 1

    @property
    def ways(self) -> list[Way]:
        """All of them, in their order."""
        return [way for source in self.sources for way in source.ways.values()]

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Note what is taken while it lasts; nothing is from before, nor what a function remembers."""
        for forget in self._forget:
            forget()
        self._taken[:] = bytes(len(self._taken))
        self._left = [SAME] * self._slots
        self._begun = set[str]()
        with Monitor(line=self._line, branch=self._branch, start=self._start, codes=self.codes):
            yield

    def anew(self, what: str) -> None:
        """Look at every branch that was given up again, the first time that this begins."""
        if what not in self._begun:
            self._begun.add(what)
            self._left = [SAME] * self._slots
            sys.monitoring.restart_events()

    def taken(self) -> bytes:
        """A byte for each way, 1 where it was taken."""
        return self._taken[: self._nothing]

    def note(self, taken: bytes) -> None:
        """Add what was taken in another process."""
        for number, was in enumerate(taken):
            if was:
                self._taken[number] = 1

    # -- what the monitor calls ------------------------------------------------------------------------

    def _start(self, code: CodeType, offset: int) -> object:
        self._taken[self._entries[id(code)]] = 1
        return sys.monitoring.DISABLE

    def _line(self, code: CodeType, line: int) -> object:
        self._taken[self._lines[id(code)].get(line, self._nothing)] = 1
        return sys.monitoring.DISABLE

    def _branch(self, code: CodeType, offset: int, to: int) -> object:
        known = self._branches[id(code)].get(offset)
        if known is None:
            return sys.monitoring.DISABLE
        target, jumped, stayed, slot = known
        went, other = (jumped, stayed) if to >= target else (stayed, jumped)
        self._taken[went] = 1
        self._left[slot] -= 1
        if self._taken[other] or self._left[slot] <= 0:
            return sys.monitoring.DISABLE
        return None


def _live(
    sources: list[Source], more: tuple[dict[str, Any], ...]
) -> tuple[list[CodeType], list[Callable[[], None]]]:
    """The code objects of the functions that stand in these modules, and in other namespaces.

    And what makes those forget that remember what they were asked: they are not entered again for it.
    """
    found: dict[int, CodeType] = {}
    remembering: dict[int, Callable[[], None]] = {}
    modules = {source.module for source in sources}
    seen: set[int] = set()
    for names in (*(vars(import_module(source.module)) for source in sources), *more):
        for value in list(names.values()):
            for function in _functions(value, modules, seen):
                if hasattr(function, "cache_clear"):
                    remembering[id(function)] = function.cache_clear
                for each in (function, unwrap(function)):
                    if isinstance(each, FunctionType):
                        found.update((id(code), code) for code in within(each.__code__))
    return list(found.values()), list(remembering.values())


def _functions(value: Any, modules: set[str], seen: set[int]) -> Iterator[Any]:
    """The functions behind a name, those of a class too, as they stand there: with all that wraps them."""
    match value:
        case type():
            if value.__module__ in modules and id(value) not in seen:
                seen.add(id(value))
                for inner in list(vars(value).values()):
                    yield from _functions(inner, modules, seen)
        case property():
            yield from (each for each in (value.fget, value.fset, value.fdel) if each is not None)
        case cached_property():
            yield value.func
        case staticmethod() | classmethod():
            yield from _functions(value.__func__, modules, seen)
        case FunctionType():
            yield value
        case _ if isinstance(getattr(value, "__wrapped__", None), FunctionType):
            yield value


@cache
def engine_sources() -> list[Source]:
    """The modules of the engine that are counted."""
    return sources_of(PACKAGE, BESIDES)


def all_ways() -> list[Way]:
    """The ways of the engine, in the order of a collector's."""
    return [way for source in engine_sources() for way in source.ways.values()]


def phases() -> list[str]:
    """The names of a checkpoint's phases."""
    return [phase.name for phase in import_module(f"{PACKAGE}.shared.phases").Phase]


@cache
def the_collector() -> Collector:
    """The collector of this process, for the engine."""
    inlined = import_module(f"{PACKAGE}.compiler.inlining").load_inlined()
    return Collector(engine_sources(), inlined.run_batch.__globals__)


_collecting: list[Collector] = []


@contextmanager
def collecting() -> Iterator[Collector | None]:
    """Collect while it lasts; None where nothing can be watched."""
    if not IS_WATCHING:
        yield None
        return
    collector = the_collector()
    _collecting.append(collector)
    try:
        with collector.watching():
            yield collector
    finally:
        _collecting.pop()


def anew(what: str) -> None:
    """Something begins that few programs do, under this name: where ways are collected, look at all anew."""
    if _collecting:
        _collecting[-1].anew(what)


def note(taken: bytes) -> None:
    """Add what another process took to what is being collected here."""
    if _collecting and taken:
        _collecting[-1].note(taken)
