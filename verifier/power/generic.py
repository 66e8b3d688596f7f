"""Generic mutants: every change that an operator makes of a module, with a name and a place.

Invariants
  1  a name is `module:function:operator:number`, the number counted within the three before it; equal
     sources, equal names
  2  equal edits are one mutant, the first; one that does not compile, or to the same, is not born
"""

from __future__ import annotations

import ast
import difflib
from functools import cache
from typing import Final, NamedTuple

import msgspec

from ..mutants.hook import read_source
from ..mutants.planted import Edit, Span
from .operators import OPERATORS, Known, know
from .source import Source, read_sources

__all__ = ["COMPILED", "ENGINE", "FOLDERS", "HARNESS", "Generic", "Shown", "generate", "generate_all"]

ENGINE: Final = "engine"
HARNESS: Final = "harness"
FOLDERS: Final = {ENGINE: ("engine",), HARNESS: ("faultfs/law", "verifier/oracles")}
COMPILED: Final = (
    "engine.kernels.",
    "engine.compiler.",
)  # To machine code, or what does it.
_WITHIN: Final = {ENGINE: ("engine",), HARNESS: ("faultfs", "verifier/oracles", "verifier/spec")}


class Generic(msgspec.Struct, frozen=True):
    """One mutant: where it is, what is done there, and the edit."""

    name: str
    module: str
    function: str  # Dotted, in its module; "": none.
    operator: str
    line: int
    spans: tuple[Span, ...]

    def edit(self) -> Edit:
        """The edit, to be planted."""
        return Edit(self.name, self.module, self.spans)

    def change(self) -> Shown:
        """Its lines before and after, of the source as it stands."""
        before = read_source(self.edit())
        return Shown(*_lines(before, self.edit().edited(before)))

    def is_born(self) -> bool:
        """True if it compiles, and to something else than what stands there."""
        before = read_source(self.edit())
        try:
            made = ast.parse(self.edit().edited(before))
            compile(made, self.module, "exec", dont_inherit=True)
        except (SyntaxError, ValueError):
            return False
        return ast.dump(made) != ast.dump(ast.parse(before))


class Shown(NamedTuple):
    """Whole lines that change, and what they become."""

    old: str
    new: str

    def diff(self) -> str:
        """The lines that go and those that come, with those in between."""
        lines = difflib.ndiff(self.old.splitlines(), self.new.splitlines())
        return "\n".join(line.rstrip() for line in lines if not line.startswith("?"))


def generate_all(of: str, only: str = "") -> list[Generic]:
    """Every mutant of `engine` or of the `harness`; `only` names one module, by the end of its name."""
    return [
        each
        for number, source in enumerate(_sources(of))
        if not only or f".{source.module}".endswith(f".{only}")
        for each in _of_module(of, number)
    ]


@cache
def _sources(of: str) -> tuple[Source, ...]:
    return tuple(read_sources(FOLDERS[of]))


@cache
def _known(of: str) -> Known:
    return know(read_sources(_WITHIN[of]))


@cache
def _of_module(of: str, number: int) -> tuple[Generic, ...]:
    """The mutants of one source; each module's by itself, for most who ask name one."""
    return tuple(generate(_sources(of)[number], _known(of)))


def generate(source: Source, known: Known) -> list[Generic]:
    """Every mutant of one module, operator by operator, each in the order of the text."""
    found: dict[tuple[Span, ...], Generic] = {}
    counts: dict[str, int] = {}
    for operator, make in OPERATORS.items():
        for change in make(source, known):
            function = source.function_at(change.line)
            stem = f"{source.module.removeprefix('powercut.')}:{function}:{operator}"
            spans = tuple(sorted(change.spans))
            if spans in found or all(span.old == span.new for span in spans):
                continue
            counts[stem] = counts.get(stem, 0) + 1
            name = f"{stem}:{counts[stem]}"
            found[spans] = Generic(name, source.module, function, operator, change.line, spans)
    return list(found.values())


def _lines(before: str, after: str) -> tuple[str, str]:
    """The lines of either side from the first that differ to the last."""
    old, new = before.splitlines(), after.splitlines()
    most = min(len(old), len(new))
    above = next((at for at in range(most) if old[at] != new[at]), most)
    most -= above
    below = next((at for at in range(most) if old[-1 - at] != new[-1 - at]), most)
    return "\n".join(old[above : len(old) - below]), "\n".join(new[above : len(new) - below])
