"""The order of a search: programs that touch what the planted bug touches come first.

    feature   a word for what is in a tape, or for where it is played: a geometry, a setting of sessions
              side by side, a kind of operation, or one of
                  lives    it goes on after a power cut
                  phases   a checkpoint is taken apart into its steps, or begun before the sessions part
                  pages    values so large that pages turn
                  growth   values that outgrow their place
                  a kind of checkpoint but the usual one

Of sessions side by side only what runs side by side has a kind, pages or growth.

Invariants
  1  a hint orders and excludes nothing: what is yielded is a permutation of what was given
  2  among those that have all the features asked for, and among the rest, the order stays: by size
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from functools import cache
from typing import Final, TypeVar

from ...concurrency.lanes import split
from ...concurrency.programs import SETTINGS
from ...faster.geometries import GEOMETRIES
from ...tapes.operations import CHECKPOINTS
from ...tapes.tape import KEYED, SESSIONS, SIZES, Kind, Operation, Tape

__all__ = ["FEATURES", "features", "likely_first"]

T = TypeVar("T")
LIVES: Final = "lives"
PHASES: Final = "phases"
PAGES: Final = "pages"
GROWTH: Final = "growth"
_KINDS: Final = {kind: kind.name.lower() for kind in Kind}
FEATURES: Final = frozenset(
    (LIVES, PHASES, PAGES, GROWTH, *CHECKPOINTS[1:], *_KINDS.values(), *GEOMETRIES, *SETTINGS)
)
_SETTING_OF: Final = {setting: name for name, setting in SETTINGS.items()}


def features(tape: Tape) -> set[str]:
    """The features of the tape."""
    found = {tape.geometry}
    if tape.subject == SESSIONS:
        before, operations = split(tape.eras[-1].program)
        setting = tuple(operation for operation in before if operation.kind != Kind.STEP)
        found.add(_SETTING_OF.get(setting, ""))
        found.update([PHASES] * (len(setting) < len(before)))
    else:
        operations = [operation for era in tape.eras for operation in era.program]
    if len(tape.eras) > 1:
        found.add(LIVES)
    found.update(*map(_words, operations))
    return found & FEATURES


@cache
def _words(operation: Operation) -> tuple[str, ...]:
    kind = Kind(operation.kind)
    words = [_KINDS[kind]]
    if kind in (Kind.CHECKPOINT, Kind.START):
        words.append(CHECKPOINTS[operation.size % len(CHECKPOINTS)])
    if kind is Kind.START:
        words.append(PHASES)
    elif kind in KEYED and operation.size:
        words.append(PAGES if operation.size == SIZES - 1 else GROWTH)
    return tuple(words)


def likely_first(
    searched: Iterable[T], wanted: Iterable[str], own: Callable[[T], Collection[str]]
) -> Iterator[tuple[T, bool]]:
    """Each with whether it has all that is wanted; those that have come first. `own` says what one has."""
    asked = frozenset(wanted)
    if not asked:
        yield from ((each, False) for each in searched)
        return
    rest: list[T] = []
    for each in searched:
        if asked.issubset(own(each)):
            yield each, True
        else:
            rest.append(each)
    yield from ((each, False) for each in rest)
