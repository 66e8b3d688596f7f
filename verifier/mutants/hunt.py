"""The hunt: a verdict on each planted bug, killed or not, and the matrix of all of them.

killed  <=>  a violation by the very oracle and of the very kind that the bank names was found,
             and two fresh children that play its tape show that kind with equal digests,
             and it takes at most OPERATIONS_MAX operations,
             and the unchanged code under the same tape is Ok

Another violation or exception is no kill, and a child that exceeds its limit is `unknown`: not
decided, so not killed.

The children of one hunt descend from one process in which nothing but the planting was done; the
unchanged code has such a process of its own, which serves all hunts that share a server.

Threads: any number of hunts at once, each has a server for itself while it lasts.
"""

from __future__ import annotations

import atexit
from collections.abc import Iterable
from math import inf
from typing import Final

import msgspec

from ..tapes.tape import Tape, decode_tape
from ..verdict import Breach
from .bank import find
from .client import Answer, Server
from .planted import OPERATIONS_MAX, Mutant

__all__ = ["OPERATIONS_MAX", "PROGRAMS_MAX", "Row", "kill", "matrix", "objection"]

PROGRAMS_MAX: Final = 15_000  # More than any hunt has.
# Processor time of one child: a cap for a bug that goes round in circles, far above the work of any hunt.
LIMIT_SECONDS: Final = 900


class Row(msgspec.Struct, frozen=True):
    """One planted bug, and the result of its hunt."""

    name: str
    ancestor: str
    oracle: str
    kind: str
    killed: bool
    cpu_seconds: float
    operations: int
    unknown: str  # "", or why it was not decided.
    why: str  # "", or why it was not killed.
    programs: int
    distinct: int
    checked: int
    tape: Tape | None
    sessions: int = 1  # Side by side, in the program that shows it.
    preemptions: int = 0  # With fewer it was not found.
    stage: str = ""  # Of the gate; whose search found it, or had to.
    drawn: bool = False  # Found among what the seed draws; else every seed comes to it.


def kill(
    name: str,
    *,
    seed: int,
    programs_max: int = PROGRAMS_MAX,
    limit_seconds: int = LIMIT_SECONDS,
    deadline: float = inf,
) -> Row:
    """Hunt the named bug down. Raises KeyError where the bank has none of that name.

    deadline   a moment of the monotonic clock; a hunt that has not ended by then is not decided
    """
    mutant = find(name)
    server = _IDLE.pop() if _IDLE else Server()
    try:
        row = _hunt(server, mutant, seed, programs_max, limit_seconds, deadline)
    except BaseException:
        server.close()
        raise
    _IDLE.append(server)
    return row


def matrix(rows: Iterable[Row]) -> str:
    """The rows as a table for a terminal."""
    lines = []
    for row in rows:
        state = "killed" if row.killed else "unknown" if row.unknown else "SURVIVED"
        tail = ": ".join(filter(None, (row.kind, row.unknown or row.why)))
        part = "drawn" if row.drawn else "exhaustive" if row.killed else ""
        lines.append(
            f"{row.name:32} {state:8} {row.stage:8} {row.oracle:12} {row.operations} operations"
            f"  {row.programs:5} programs {row.cpu_seconds:6.2f} s  {part:10}  {tail}"
        )
    return "\n".join(lines)


def _hunt(
    server: Server, mutant: Mutant, seed: int, programs_max: int, limit_seconds: int, deadline: float
) -> Row:
    before = server.cpu_seconds
    row = _ask_all(server, mutant, seed, programs_max, limit_seconds, deadline)
    return msgspec.structs.replace(row, cpu_seconds=round(server.cpu_seconds - before, 3))


def _ask_all(
    server: Server, mutant: Mutant, seed: int, programs_max: int, limit_seconds: int, deadline: float
) -> Row:
    common: Answer = {
        "oracle": mutant.oracle,
        "breach": mutant.breach,
        "search": mutant.search,
        "preemptions": mutant.preemptions,
        "around": mutant.around,
        "is_of_log": mutant.is_of_log,
        "limit_seconds": limit_seconds,
        "deadline": None if deadline == inf else deadline,
    }
    hunt = {"task": "hunt", "bug": mutant.name, "seed": seed, "programs_max": programs_max, **common}
    unknown, found = server.ask(hunt)
    if unknown or not (found["tape"] or found["operations"]):  # Some need no operation, some have no tape.
        others = found.get("others", {})
        seen = ", ".join(f"{kind} ({count})" for kind, count in others.items())
        return _row(mutant, found, unknown, f"found {seen or 'nothing'}")
    calls = found.get("calls", found["operations"])
    replay = {"task": "replay", "tape": found["tape"], "calls": calls, **common}
    plays = [server.ask({**replay, "bug": bug}) for bug in (mutant.name, mutant.name, "")]
    unknown = next((each for each, _ in plays if each), "")
    why = "" if unknown else objection(mutant, found, [result for _, result in plays])
    return _row(mutant, found, unknown, why)


def objection(mutant: Mutant, found: Answer, plays: list[Answer]) -> str:
    """The reason why the finding is no kill; "" if it is one."""
    first, second, unchanged = plays
    for play in (first, second):
        if (play["oracle"], play["breach"]) != (mutant.oracle, mutant.breach):
            return f"its tape replays as {play['oracle'] or 'ok'} {play['breach']}".rstrip()
    if first["digest"] != second["digest"]:
        return "two replays differ"
    if unchanged["oracle"]:
        return f"the unchanged code fails too: {unchanged['oracle']} {unchanged['breach']}"
    if found["operations"] > OPERATIONS_MAX:
        return f"it still takes {found['operations']} operations"
    return ""


def _row(mutant: Mutant, found: Answer, unknown: str, why: str) -> Row:
    tape = decode_tape(found["tape"].encode()) if found.get("tape") else None
    return Row(
        name=mutant.name,
        ancestor=mutant.ancestor,
        oracle=mutant.oracle,
        kind=Breach[mutant.breach].value,
        killed=not unknown and not why,
        cpu_seconds=0.0,
        operations=found.get("operations", 0),
        unknown=unknown,
        why="" if unknown else why,
        programs=found.get("programs", 0),
        distinct=found.get("distinct", 0),
        checked=found.get("checked", 0),
        tape=tape,
        sessions=found.get("sessions", 1),
        preemptions=found.get("preemptions", 0),
        stage=mutant.search,
        drawn=found.get("drawn", False),
    )


_IDLE: Final[list[Server]] = []  # Of this process: to start one costs as much as many a hunt.


@atexit.register
def _dismiss() -> None:
    while _IDLE:
        _IDLE.pop().close()
