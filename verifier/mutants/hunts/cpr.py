"""The hunt among power cuts in schedules: programs beside each kind of checkpoint, few preemptions first.

Or those of a log with several tasks, where the bug is in one.

Those that have the features which the bank names for the bug come first, in the same order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any, Final

from msgspec.structs import replace

from ...concurrency.cpr import KINDS, cpr_tapes
from ...concurrency.schedule import Bounded, decode
from ...finders.cpr.cuts import Opened, search_cuts
from ...tapes.appenders import appenders_tapes, thirds_tapes
from ...tapes.tape import Tape, encode_tape
from ...verdict import Breach, Violation
from .order import features, likely_first
from .preempt import SCHEDULES_MAX, count_beside

__all__ = ["appenders_order", "cut_order", "hunt_appenders", "hunt_cuts"]

GEOMETRY: Final = "narrow"
LOG_GEOMETRY: Final = "tiny"
LAW: Final = "posix"
_FEW: Final = 12
Answer = dict[str, Any]


def hunt_cuts(request: Answer) -> Answer:
    """Look for the wanted kind of violation; the tape that shows it, and other finds."""
    return _hunt(request, cut_order(request["around"]), _FEW)


def hunt_appenders(request: Answer) -> Answer:
    """The same among programs of a log."""
    return _hunt(request, appenders_order(request["around"]), 1)


def _hunt(request: Answer, order: Iterable[Tape], few: int) -> Answer:
    """Search with so few preemptions as may do, one of `few` programs while they are fewer than it takes."""
    tapes = list(islice(order, request["programs_max"]))
    wanted = Violation(request["oracle"], Breach[request["breach"]], "")
    answer: Answer = {"tape": "", "operations": 0, "others": {}, "programs": 0, "distinct": 0, "checked": 0}
    opened: Opened = {}
    for preemptions in range(request["preemptions"] + 1):
        limit = SCHEDULES_MAX[2] if preemptions else 1
        # Of a bug that takes a preemption few programs tell without one.
        for tape in tapes[:: few if preemptions < request["preemptions"] else 1]:
            searched, tally = search_cuts(tape, Bounded(preemptions, limit), limit, opened)
            answer["programs"] += 1
            answer["distinct"] += tally.contents
            answer["checked"] += searched.exploration.schedules
            if searched.verdict is None or searched.tape is None:
                continue
            if wanted.is_same_kind(searched.verdict):
                return answer | _found(searched.tape, request["bug"])
            kind = f"{searched.verdict.oracle}: {searched.verdict.breach.value}"
            answer["others"][kind] = answer["others"].get(kind, 0) + 1
    return answer


def appenders_order(around: list[str]) -> Iterator[Tape]:
    """Programs of a log with two tasks, then three; those with all features of `around` first."""
    tapes = chain(appenders_tapes(LOG_GEOMETRY), thirds_tapes(LOG_GEOMETRY))
    yield from (tape for tape, _ in likely_first(tapes, around, features))


def cut_order(around: list[str]) -> Iterator[Tape]:
    """The programs to search, those with all features of `around` first."""
    every = chain.from_iterable(cpr_tapes(kind, GEOMETRY) for kind in KINDS)
    tapes = sorted((replace(tape, law=LAW) for tape in every), key=lambda tape: len(tape.eras[-1].program))
    yield from (tape for tape, _ in likely_first(tapes, around, features))


def _found(tape: Tape, bug: str) -> Answer:
    operations, sessions = count_beside(tape)
    return {
        "tape": encode_tape(replace(tape, bug=bug)).decode(),
        "operations": operations,
        "sessions": sessions,
        "preemptions": len(decode(tape.eras[-1].switches)),
    }
