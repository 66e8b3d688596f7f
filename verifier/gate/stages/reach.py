"""Stage `reach`: what the programs of the stages before it took of the engine, and what they did not.

It has no programs of its own. While those of `model`, `crash`, `faults`, `damage`, `schedule` and `kill` run,
the lines and both sides of each branch of the engine are noted, and which operations, phases, geometries,
faults and steps met. What none of them took is listed, each with its reason or without one.

    lines, of lines     how many were taken, of how many that are owed: all but those that a reason explains
    lines in 1,000      the share of these
    branches, pairs     likewise; a function that is called counts as a branch

`fired` tells the pairs that were met by table.

Not counted are `stress`, whose threads run as they may, and planted bugs, which are other sources.

Invariants
  1  the figures are a function of profile and seed on one version of Python: not of processes, nor of time
  2  without a monitor (before Python 3.12) nothing is measured, and nothing owed but programs: it says so
  3  a reason that is refused is a shortfall
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from ...finders.templates import TEMPLATES
from ...reach.collector import engine_sources, phases
from ...reach.pairs import Pair, pair, possible
from ...reach.reasons import BRANCHES, FILE, LINES, Told, judge_pairs, judge_ways, load_reasons
from ...reach.seen import Seen
from ..chunks import Chunk, Definition
from ..document import NO_LAW, Stage, Unreached
from ..plans import Floor, check_names

__all__ = ["STAGE", "ReachPlan", "judge_reach"]

PAIRS: Final = "pairs"
_NOT_MEASURED: Final = "not measured: only from Python 3.12 on can a program watch itself"
_SHARE: Final = 1000


class ReachPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The least that the stages before it have to take of the engine."""

    floor: Floor


def judge_reach(plan: ReachPlan, stage: Stage, seen: Seen) -> None:
    """Fill in the stage from what was seen. Some tenths of a second."""
    stage.programs, stage.checked = seen.programs, seen.checked
    if not seen.ways:
        stage.floor = {"programs": 1}
        stage.reached = {_NOT_MEASURED: 1}
        return
    reasons = load_reasons()
    judged = judge_ways(engine_sources(), seen.ways, reasons)
    for what in (LINES, BRANCHES):
        _count(stage, what, judged.reached[what], judged.owed[what])
    stage.unreached = [Unreached(_said(each), each.why) for each in judged.unreached]
    every = possible(seen.pairs, phases(), [(fault.name, fault.call.name.lower()) for fault in TEMPLATES])
    met, owed, missed, stale = judge_pairs(every, seen.pairs, reasons)
    _count(stage, PAIRS, met, owed)
    stage.unreached += [Unreached(what, why) for what, why in missed]
    stage.fired = dict(sorted(_sizes(every, seen.pairs).items()))
    stage.failures = [f"a reason in {FILE} is refused: {each}" for each in judged.stale + stale]


def _sizes(every: Mapping[str, Sequence[tuple[str, str]]], counted: Mapping[Pair, int]) -> dict[str, int]:
    """The number of pairs of each table that were met."""
    return {
        f"{table}, of {len(both)}": sum(pair(table, *each) in counted for each in both)
        for table, both in every.items()
    }


def _count(stage: Stage, what: str, reached: int, owed: int) -> None:
    stage.reached |= {what: reached, f"of {what}": owed, f"{what} in 1,000": _SHARE * reached // max(1, owed)}


def _said(told: Told) -> str:
    way = told.way
    text = f"`{way.condition}` " if way.condition else ""
    return f"engine/{way.file}:{way.line} {way.function}: {text}{way.way}"


def _no_chunks(plan: ReachPlan, law: str, seed: int) -> Iterator[Chunk]:
    return iter(())


def _describe(stage: Stage) -> str:
    if _NOT_MEASURED in stage.reached:
        return _NOT_MEASURED
    shares = [
        f"{stage.reached[f'{what} in 1,000'] / 10:.1f} % of {stage.reached[f'of {what}']:,} {what}"
        for what in (BRANCHES, LINES, PAIRS)
        if f"of {what}" in stage.reached
    ]
    return ", ".join(shares)


def _check(plan: ReachPlan) -> None:
    check_names("table", tuple(plan.floor), ("reached",))


STAGE: Final[Definition[ReachPlan]] = Definition(
    "reach",
    law=lambda plan, law: NO_LAW,
    chunks=_no_chunks,
    describe=_describe,
    check=_check,
    judge=judge_reach,
)
