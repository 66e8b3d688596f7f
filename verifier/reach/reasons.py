"""Reasons: one file, unreached.toml, that says of what no program of a gate takes why it need not be.

    [[ways]]
    why = "one line"
    at = [["engine file", "function", "text of the condition", "side"], ...]

    [[pairs]]
    why = "one line"
    table = "operation x phase"
    at = [["FORK", "REST"], ...]      "*" stands for every one.

A function that is never called has no text, and the side `entered`; a line has its text, and `run`. Numbers
of lines are not quoted, so an edit elsewhere changes nothing here.

Invariants
  1  a reason whose text is gone, or whose way or pair was taken after all, is refused
  2  nothing has two reasons

Threads: one.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Annotated, Final, NamedTuple

import msgspec

from ..errors import HarnessError
from .pairs import Pair, pair
from .roots import explained, implied, roots
from .ways import RUN, Source, Way

__all__ = [
    "BRANCHES",
    "FILE",
    "LINES",
    "NO_REASONS",
    "Judged",
    "Reasons",
    "Told",
    "judge_pairs",
    "judge_ways",
    "load_reasons",
    "parse_reasons",
]

FILE: Final = "unreached.toml"
LINES: Final = "lines"
BRANCHES: Final = "branches"
_Text = Annotated[str, msgspec.Meta(min_length=1, pattern=r"^[^\n]+$")]
_Quote = tuple[str, str, str, str]


class WayReason(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The reason that some ways are not taken."""

    why: _Text
    at: Annotated[tuple[_Quote, ...], msgspec.Meta(min_length=1)]


class PairReason(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The reason that there are no such pairs."""

    why: _Text
    table: str
    at: Annotated[tuple[tuple[str, str], ...], msgspec.Meta(min_length=1)]


class Reasons(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file."""

    ways: tuple[WayReason, ...] = ()
    pairs: tuple[PairReason, ...] = ()

    def of_ways(self) -> dict[_Quote, str]:
        """The reason of each way that is quoted. Raises HarnessError where one has two."""
        found: dict[_Quote, str] = {}
        for reason in self.ways:
            for quote in reason.at:
                if quote in found:
                    raise HarnessError(f"{FILE}: two reasons for {_said(quote)}")
                found[quote] = reason.why
        return found


NO_REASONS: Final = Reasons()


class Told(NamedTuple):
    """Something that was not taken, with its reason; "" where it has none."""

    way: Way
    why: str


class Judged(NamedTuple):
    """The ways of an engine, judged."""

    reached: Counter[str]  # By LINES and BRANCHES; a function that was called counts as a branch.
    owed: Counter[str]  # All but those that a reason explains.
    unreached: list[Told]  # The roots, in the order of the files.
    stale: list[str]  # Reasons that are refused.


def load_reasons() -> Reasons:
    """The reasons that ship with the package."""
    return parse_reasons(files(__package__).joinpath(FILE).read_text(encoding="utf-8"))


def parse_reasons(text: str) -> Reasons:
    """The reasons in a text. Raises HarnessError where it is none."""
    try:
        return msgspec.convert(tomllib.loads(text), Reasons)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise HarnessError(f"{FILE}: {error}") from None


def judge_ways(sources: Sequence[Source], taken: Sequence[int], reasons: Reasons) -> Judged:
    """Hold what was taken (1 a way, in the order of the sources) against the reasons.

    A reason for what stands behind something else that was not taken is neither used nor refused.
    """
    why = reasons.of_ways()
    judged = Judged(Counter(), Counter(), [], [])
    left, every, rest = set[_Quote](), set[_Quote](), iter(taken)
    for source in sources:
        spots = {spot for spot, was in [(spot, next(rest)) for spot in source.ways] if was}
        spots |= implied(source, spots)
        quotes = {spot: _quote(way) for spot, way in source.ways.items()}
        every.update(quotes.values())
        left.update(quote for spot, quote in quotes.items() if spot not in spots)
        for spot in roots(source, spots):
            judged.unreached.append(Told(source.ways[spot], why.get(quotes[spot], "")))
        reasoned = {spot for spot, quote in quotes.items() if quote in why and spot not in spots}
        excused = explained(source, reasoned) - spots
        for spot, way in source.ways.items():
            what = LINES if way.way == RUN else BRANCHES
            judged.reached[what] += spot in spots
            judged.owed[what] += spot not in excused
    for quote in why:
        if quote not in every:
            judged.stale.append(f"{_said(quote)} is not there any more")
        elif quote not in left:
            judged.stale.append(f"{_said(quote)} was reached after all")
    return judged


def judge_pairs(
    every: Mapping[str, Sequence[tuple[str, str]]], counted: Mapping[Pair, int], reasons: Reasons
) -> tuple[int, int, list[tuple[Pair, str]], list[str]]:
    """Hold the pairs that were counted against those that are possible.

    How many were met, how many are owed, those that were not with their reasons or "", and refused reasons.
    """
    why: dict[Pair, str] = {}
    stale: list[str] = []
    for reason in reasons.pairs:
        for quote in reason.at:
            meant = [
                pair(reason.table, *both)
                for both in every.get(reason.table, ())
                if all(text in ("*", name) for text, name in zip(quote, both, strict=True))
            ]
            after_all = [each for each in meant if counted.get(each)]
            if not meant or after_all:
                what = pair(reason.table, *quote)
                stale.append(f"{what}: " + (f"{after_all[0]} was met after all" if meant else "no such pair"))
            why.update(dict.fromkeys(meant, reason.why))
    pairs = [pair(table, *both) for table in every for both in every[table]]
    met = sum(each in counted for each in pairs)
    missed = [(each, why.get(each, "")) for each in pairs if each not in counted]
    return met, met + sum(not reason for _, reason in missed), missed, stale


def _quote(way: Way) -> _Quote:
    return way.file, way.function, way.condition, way.way


def _said(quote: _Quote) -> str:
    file, function, condition, way = quote
    return f"{file}, {function}: {f'`{condition}` ' if condition else ''}{way}"
