"""The hunt among answers: the gate's families in turn, then random programs that grow.

Programs that have the features which the bank names for the bug come first, in the same order. Besides those
of `order`, a program of a family has the feature `of NAME`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from random import Random
from typing import Any, Final

from msgspec.structs import replace

from ...answers.drawn import random_answers
from ...answers.families import FAMILIES, family
from ...finders.answers import search_answers
from ...finders.coverage import Coverage
from ...reducing.passes import count_operations
from ...reducing.shrink import shrink
from ...tapes.tape import Tape, encode_tape
from ...verdict import Breach, Violation
from ..planted import OPERATIONS_MAX
from .order import features, likely_first

__all__ = ["FAMILY_FEATURES", "answers_order", "hunt_answers"]

GEOMETRIES: Final = ("tiny", "paired", "roomy")
RANDOM_STEPS: Final = (8, 16, 24)
RANDOM_TAPES: Final = 400  # Of each length.
SHRINK_RUNS: Final = 4_000

Answer = dict[str, Any]
_OF: Final = {name: f"of {name}" for name in FAMILIES}
FAMILY_FEATURES: Final = frozenset(_OF.values())


def answers_order(seed: int, around: Iterable[str]) -> Iterator[tuple[Tape, bool]]:
    """The programs to search, in order, and whether each has all features of `around`."""
    whole = ((tape, _OF[name]) for name in FAMILIES for tape in family(name, GEOMETRIES[0]))
    drawn = ((tape, "") for tape in _drawn(seed))
    likely = likely_first(chain(whole, drawn), around, lambda each: {*features(each[0]), each[1]})
    yield from ((tape, is_likely) for (tape, _), is_likely in likely)


def _drawn(seed: int) -> Iterator[Tape]:
    """The tapes that another seed would not have."""
    random = Random(seed)
    for steps in RANDOM_STEPS:
        yield from random_answers(random, RANDOM_TAPES, GEOMETRIES, steps)


def hunt_answers(request: Answer) -> Answer:
    """Look for the wanted kind of violation; the tape that shows it, and other finds."""
    wanted = Violation(request["oracle"], Breach[request["breach"]], "")
    others: dict[str, int] = {}
    coverage = Coverage()
    answer: Answer = {"tape": "", "operations": 0, "others": others}
    for tape, _ in islice(answers_order(request["seed"], request["around"]), request["programs_max"]):
        seen, finding = search_answers(tape)
        coverage.merge(seen)
        if finding is None:
            continue
        if wanted.is_same_kind(finding.verdict):
            small = shrink(tape, verdict=finding.verdict, budget=SHRINK_RUNS, enough=OPERATIONS_MAX)
            answer["tape"] = encode_tape(replace(small, bug=request["bug"])).decode()
            answer["operations"] = max(1, count_operations(small))  # None at all is a kill too.
            answer["drawn"] = tape in _drawn(request["seed"])
            break
        kind = f"{finding.verdict.oracle}: {finding.verdict.breach.value}"
        others[kind] = others.get(kind, 0) + 1
    return answer | {"programs": coverage.programs, "distinct": 0, "checked": coverage.judged}
