"""The hunt among programs: small ones, recorded and explored with the bug in both, until one objects.

A recorder is a process of its own, so the bug is planted there too. Programs that the bank names for the bug
come first. There is no tape: what replays is the place of the program in that order.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ...errors import HarnessError
from ...programs import record
from ...programs.exploring.suite import PROGRAMS, Outcome, try_program
from ...verdict import Violation

__all__ = ["hunt_programs", "replay_programs"]

Answer = dict[str, Any]


def hunt_programs(request: Answer) -> Answer:
    """Look for the wanted kind of violation; the program that shows it, and other finds."""
    wanted = (request["oracle"], request["breach"])
    _plant(request["bug"])
    others: dict[str, int] = {}
    answer: Answer = {
        "tape": "",
        "operations": 0,
        "others": others,
        "programs": 0,
        "distinct": 0,
        "checked": 0,
    }
    for place, name in enumerate(_ordered(request["around"]), 1):
        violation, outcome = _try(name)
        answer["programs"] += 1
        answer["distinct"] += outcome.states
        answer["checked"] += outcome.read
        if violation is None:
            continue
        if (violation.oracle, violation.breach.name) == wanted:
            return answer | {"operations": PROGRAMS[name].calls.count(";") + 1, "calls": place}
        kind = f"{violation.oracle}: {violation.breach.value}"
        others[kind] = others.get(kind, 0) + 1
    return answer


def replay_programs(request: Answer) -> Violation | None:
    """The objection of the program at that place."""
    _plant(request["bug"])
    return _try(_ordered(request["around"])[request["calls"] - 1])[0]


def _ordered(around: Iterable[str]) -> list[str]:
    return list(dict.fromkeys([*around, *PROGRAMS]))


def _try(name: str) -> tuple[Violation | None, Outcome]:
    outcome = try_program(PROGRAMS[name])
    if outcome.untraced:
        raise HarnessError(f"nothing can be recorded here: {outcome.untraced}")
    return outcome.objection(name), outcome


def _plant(bug: str) -> None:
    if bug:
        record.FIRST[:] = [f"from powercut.verifier.mutants.hook import install; install({bug!r})"]
