"""Roots: of all that was not taken, what stands first, behind which the rest could not be taken.

A function that was never called is one root, however much stands in it. In one that was called the bytecode
is followed along what was taken: where it comes to a side or to a line that was not, this is a root, and it
goes no further there.

Along the same graph it is known of a side that it was taken where something was that nothing else leads to.
So a branch that the collector has given up after it went the other way many times is not taken for one that
never went this way.

Invariants
  1  what is not taken is a root, or can be come to through a root alone
  2  a way is explained if it can be come to only through roots that are
  3  a side is implied only if no path without it comes to some line or side that was taken

Threads: one.
"""

from __future__ import annotations

import dis
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass, field
from functools import cache
from types import CodeType
from typing import Any, Final

from .ways import Decision, Source, Spot, decisions, entry_of, line_of, lines_of, nested

__all__ = ["explained", "implied", "roots"]

_LEAVES: Final = frozenset({"RETURN_VALUE", "RETURN_CONST", "RAISE_VARARGS", "RERAISE"})
_GOES: Final = frozenset({"JUMP_FORWARD", "JUMP_BACKWARD", "JUMP_BACKWARD_NO_INTERRUPT"})


@dataclass(frozen=True, slots=True)
class _Step:
    """One instruction: what is taken by running it, and where it goes."""

    line: Spot | None
    next: tuple[int, ...]  # Where it goes whatever was taken,
    sides: tuple[tuple[Spot, int], ...]  # and by each side.


@dataclass(slots=True)
class _Walk:
    """A walk over a module's code, as far as `may_pass` lets it come."""

    source: Source
    may_pass: Callable[[Spot], bool]
    passed: set[Spot] = field(default_factory=set)
    stopped: dict[Spot, None] = field(default_factory=dict)  # In order.

    def walk(self) -> _Walk:
        inner = {id(each): None for code in self.source.codes for each in nested(code)}
        for code in self.source.codes:
            if id(code) not in inner:
                self._enter(code)
        return self

    def _takes(self, spot: Spot | None) -> bool:
        if spot is None or spot not in self.source.ways:
            return True
        if not self.may_pass(spot):
            self.stopped[spot] = None
            return False
        self.passed.add(spot)
        return True

    def _enter(self, code: CodeType) -> None:
        if not self._takes(entry_of(self.source.file, code)):
            return
        steps = _graph(self.source.file, code, self.source)
        seen, rest = set[int](), [0]
        while rest:
            at = rest.pop()
            if at in seen or at not in steps:
                continue
            seen.add(at)
            step = steps[at]
            if not self._takes(step.line):
                continue
            rest += step.next
            rest += [to for side, to in step.sides if self._takes(side)]
        for inner in nested(code):
            # It is made where it stands; what is not come to makes none.
            there = line_of(self.source.file, inner.co_firstlineno)
            if there in self.passed or there not in self.source.ways:
                self._enter(inner)


def roots(source: Source, taken: Set[Spot]) -> list[Spot]:
    """The roots of what was not taken of a module, in the order in which its code is come to."""
    return list(_Walk(source, taken.__contains__).walk().stopped)


def explained(source: Source, reasons: Set[Spot]) -> set[Spot]:
    """All that can be come to only through these roots, themselves included."""
    passed = _Walk(source, lambda spot: spot not in reasons).walk().passed
    return source.ways.keys() - passed


def implied(source: Source, taken: Set[Spot]) -> set[Spot]:
    """The sides without which some of what was taken could not be come to (invariant 3)."""
    owners: dict[Spot, int] = {}
    for code in source.codes:
        for line in lines_of(code):
            spot = line_of(source.file, line)
            owners[spot] = owners.get(spot, 0) + 1
    found: set[Spot] = set()
    for code in source.codes:
        steps = _graph(source.file, code, source)
        own = {spot for step in steps.values() for spot, _ in step.sides}
        # A line of two functions is no witness: which of them has run it is not known.
        witnesses = {step.line for step in steps.values() if step.line and owners.get(step.line) == 1}
        seen = (own | witnesses) & taken
        found.update(side for side in own - taken if not seen <= _come_to(steps, side))
    return found & source.ways.keys()


def _come_to(steps: dict[int, _Step], closed: Spot) -> set[Spot]:
    """The lines and sides that can be come to without one side."""
    found: set[Spot] = set()
    passed, rest = set[int](), [0]
    while rest:
        at = rest.pop()
        if at in passed or at not in steps:
            continue
        passed.add(at)
        step = steps[at]
        if step.line is not None:
            found.add(step.line)
        rest += step.next
        for side, to in step.sides:
            if side != closed:
                found.add(side)
                rest.append(to)
    return found


@cache
def _graph(file: str, code: CodeType, source: Source) -> dict[int, _Step]:
    decided = {each.offset: each for each in decisions(code, source.conditions)}
    bytecode: Any = dis.Bytecode(code)  # Its table of exceptions is told by no stub.
    instructions = list(bytecode)
    handlers = [(entry.start, entry.end, entry.target) for entry in bytecode.exception_entries]
    steps: dict[int, _Step] = {}
    follows = [*(each.offset for each in instructions[1:]), -1]
    for instruction, after in zip(instructions, follows, strict=True):
        line = instruction.positions.lineno if instruction.positions is not None else None
        spot = None if line in (None, code.co_firstlineno) else line_of(file, line or 0)
        at = instruction.offset
        next_ = [target for start, end, target in handlers if start <= at < end]
        sides: list[tuple[Spot, int]] = []
        if (decision := decided.get(at)) is not None:
            sides = list(_sides(file, decision))
        else:
            next_ += _ahead(instruction, after)
        steps[at] = _Step(spot, tuple(next_), tuple(sides))
    return steps


def _sides(file: str, decision: Decision) -> Iterator[tuple[Spot, int]]:
    yield Spot(file, decision.place, decision.jumped), decision.target
    yield Spot(file, decision.place, decision.stayed), decision.next


def _ahead(instruction: dis.Instruction, after: int) -> list[int]:
    if instruction.opname in _LEAVES:
        return []
    jumps = instruction.opcode in dis.hasjrel or instruction.opcode in dis.hasjabs
    to = [int(instruction.argval)] if jumps else []
    return to if instruction.opname in _GOES else [*to, after]
