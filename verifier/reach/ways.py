"""Ways: what a run of the engine can take, listed from its bytecode before anything is run.

    entered   a function was called
    a branch  each of the two sides of an instruction that decides, by the place of what it asks
    a line    run

So what was not taken is known, and told by file, line, function and text. Code that runs when a module is
imported is not counted, nor are the functions of a protocol, nor what a condition leaves out.

Invariants
  1  equal sources on one version of Python: equal ways, in the same order, in every process
  2  a kernel as it is written and its copy without calls (`inlining`) are one: the same file and places

Threads: one.
"""

from __future__ import annotations

import dis
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from inspect import CO_NEWLOCALS
from pkgutil import walk_packages
from types import CodeType
from typing import Any, Final, NamedTuple

from .conditions import Conditions, Place

__all__ = ["ENTERED", "RUN", "Source", "Spot", "Way", "decisions", "sources_of"]

ENTERED: Final = "entered"
RUN: Final = "run"
_LOOP: Final = "FOR_ITER"
_AT_ONCE: Final = ("<genexpr>", "<listcomp>", "<setcomp>", "<dictcomp>")
_DECIDES: Final = "POP_JUMP_IF"


class Way(NamedTuple):
    """One thing that a run can take."""

    file: str  # Below the folder of the package.
    line: int
    function: str
    condition: str  # Its text: of a branch what it asks, of a line all of it, of a function nothing.
    way: str  # Which side; ENTERED, or RUN.


class Spot(NamedTuple):
    """Where a way is seen: a place with the side that was taken, or a line."""

    file: str
    place: Place
    way: str


class Decision(NamedTuple):
    """An instruction that decides."""

    offset: int
    target: int  # Where it goes if it jumps,
    next: int  # and where, if it does not.
    place: Place
    jumped: str  # What that says of the condition,
    stayed: str  # and what the other does.


@dataclass(slots=True, eq=False)
class Source:
    """One module: its code objects, and what can be taken of it."""

    module: str
    file: str
    path: str
    conditions: Conditions
    codes: list[CodeType]
    ways: dict[Spot, Way] = field(default_factory=dict)

    def list_ways(self) -> None:
        for code in self.codes:
            self._list(code)

    def _list(self, code: CodeType) -> None:
        conditions, first = self.conditions, code.co_firstlineno
        if first in conditions.stubs and not code.co_name.startswith("<"):
            return
        name = name_of(code)
        self.ways[entry_of(self.file, code)] = Way(self.file, first, name, "", ENTERED)
        for each in decisions(code, conditions):
            if each.place in conditions.unowed:
                continue
            for way in (each.jumped, each.stayed):
                if way == "no" and each.place in conditions.last_handlers:
                    continue
                text = conditions.text(each.place)
                self.ways[Spot(self.file, each.place, way)] = Way(self.file, each.place.line, name, text, way)
        for line in lines_of(code):
            if line in conditions.messages:
                continue
            spot = line_of(self.file, line)
            self.ways.setdefault(spot, Way(self.file, line, name, conditions.line(line), RUN))


def name_of(code: CodeType) -> str:
    """The name of a function, with those in which it stands."""
    return code.co_qualname.replace("<locals>.", "")


def entry_of(file: str, code: CodeType) -> Spot:
    """The spot of a function's beginning: two of one line are told apart by where their code stands."""
    column = next((start for _, _, start, _ in code.co_positions() if start), 0)
    return Spot(file, Place(code.co_firstlineno, column, 0, 0), ENTERED)


def line_of(file: str, line: int) -> Spot:
    """The spot of a line."""
    return Spot(file, Place(line, 0, 0, 0), RUN)


def lines_of(code: CodeType) -> list[int]:
    """The lines of a function's body."""
    lines = {line for _, _, line in code.co_lines() if line is not None}
    return sorted(lines - {code.co_firstlineno})


@cache  # Equal code of one file, as it is listed and as it is run, is looked through once.
def decisions(code: CodeType, conditions: Conditions) -> list[Decision]:
    """The instructions of a code object that decide."""
    return list(_decisions(code, conditions))


def _decisions(code: CodeType, conditions: Conditions) -> Iterator[Decision]:
    instructions = list(dis.get_instructions(code))
    for instruction, after in zip(instructions, [*instructions[1:], None], strict=True):
        if not (instruction.opname.startswith(_DECIDES) or instruction.opname == _LOOP):
            continue
        where = instruction.positions
        assert where is not None
        place = Place(
            where.lineno or 0, where.col_offset or 0, where.end_lineno or 0, where.end_col_offset or 0
        )
        next_ = instruction.offset if after is None else after.offset
        jumped, stayed = _said(instruction.opname, conditions.text(place))
        yield Decision(instruction.offset, instruction.argval, next_, place, jumped, stayed)


def _said(name: str, text: str) -> tuple[str, str]:
    """The side of the condition that a jump means, and the one that none means."""
    if name == _LOOP:
        return "ended", "a turn"
    if text.startswith(("except ", "case ")):
        return ("yes", "no") if "TRUE" in name else ("no", "yes")
    if name.endswith(("IF_NOT_NONE", "IF_NONE")):
        is_positive = name.endswith("IF_NOT_NONE") == text.endswith("is not None")
        return ("true", "false") if is_positive else ("false", "true")
    return ("true", "false") if "TRUE" in name else ("false", "true")


def sources_of(package: str, besides: Sequence[str] = ()) -> list[Source]:
    """The modules of a package, by name, without those below `besides`."""
    root = import_module(package)
    names = sorted([package, *(each.name for each in walk_packages(root.__path__, f"{package}."))])
    sources: list[Source] = []
    top = len(root.__path__[0]) + 1 if root.__path__ else 0
    for name in names:
        if any(name == other or name.startswith(f"{other}.") for other in besides):
            continue
        spec = find_spec(name)
        assert spec is not None
        loader: Any = spec.loader
        path = spec.origin or ""
        text = loader.get_source(name)
        codes = list(_functions(loader.get_code(name)))
        source = Source(name, path[top:], path, Conditions(text), codes)
        source.list_ways()
        sources.append(source)
    return sources


def _functions(code: CodeType) -> Iterator[CodeType]:
    """The code objects that run after the import: those of functions and what stands in them."""
    for inner in nested(code):
        # What stands in no function is a body, or a loop that ends with the import.
        is_late = bool(inner.co_flags & CO_NEWLOCALS) and inner.co_name not in _AT_ONCE
        if is_late:
            yield from within(inner)
        elif not inner.co_name.startswith("<"):
            yield from _functions(inner)


def nested(code: CodeType) -> Iterator[CodeType]:
    """The code objects that stand in one."""
    return (inner for inner in code.co_consts if isinstance(inner, CodeType))


def within(code: CodeType) -> Iterator[CodeType]:
    """A code object and all that stand in it."""
    yield code
    for inner in nested(code):
        yield from within(inner)
