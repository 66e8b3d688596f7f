"""Hunted: the work of a process with a bug in it that no bank has: does a part of the gate tell it?

    pieces  the chunks of the gate, by stage and kind, for whoever orders them
    hunt    run chunks in the order asked for, until one tells; and whose lines each of them ran

A chunk tells by what makes a gate red: a violation, a harness that breaks, more work than any chunk takes.
Nothing is replayed or shrunk: the bug is known to be there, and the same chunk passes without it.

Invariants
  1  a chunk runs as it does in the gate: the same programs, the same seed. But for kills, which are dealt in
     this process, since one that is started would be without the bug
  2  no clock tells: a chunk that is ended by one leaves its question open

Threads: one, but for those that `stress` starts.
"""

from __future__ import annotations

import resource
from collections.abc import Iterator, Sequence
from functools import cache
from math import inf
from pathlib import Path
from typing import Any, Final

import msgspec

from ..finders.kill.client import Task, scratch
from ..finders.kill.sweep import Sweeper
from ..finders.kill.worker import do_task
from ..mutants.meter import Meter, SpentError
from ..power.hunt import COMPILED
from .chunks import Chunk, Deadline, Result
from .profile import load_profile
from .stages import STAGES
from .stages.cpr import Loads
from .stages.kill import Killed, result_of
from .stages.stress import Planted, Stressed

__all__ = ["WORK_MAX", "answer"]

# Rounds of the engine's loops in one operation of a store. The most that one takes in the gate are 2.1
# million: a walk over the index of a store that was opened with more memory.
WORK_MAX: Final = 10_000_000
MEMORY_MAX: Final = 8 << 30  # Bytes of addresses, against a bug that takes all there is.
_PLANTING: Final = ("mutants", "power")  # Stages that plant bugs of their own.
_ENGINE: Final = str(Path(__file__).parents[2] / "engine")
_BEGINS: Final = (str(Path(__file__).parents[1] / "faster" / "subject.py"), "FasterSubject.")

Request = dict[str, Any]


def answer(request: Request) -> bytes:
    """Do what the server was asked; the result as JSON."""
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MAX, most))
    return msgspec.json.encode(_TASKS[request["task"]](request))


def _pieces(request: Request) -> list[tuple[str, int, str]]:
    """(stage, number, kind) of every chunk; a kind of its own is what runs compiled kernels."""
    return [
        (stage, number, type(chunk).__name__ + (COMPILED if _is_compiled(chunk) else ""))
        for stage, chunks in _chunks(request["profile"], request["seed"]).items()
        for number, chunk in enumerate(chunks)
    ]


def _is_compiled(chunk: Chunk) -> bool:
    return getattr(chunk, "kernels", "") == "compiled"


def _hunt(request: Request) -> Request:
    every = _chunks(request["profile"], request["seed"])
    reached: list[list[str]] = []
    for stage, number in request["chunks"]:
        chunk = every[stage][number]
        meter = Meter(_ENGINE, _limit(chunk, request.get("work_max", WORK_MAX)), _BEGINS, is_seen=True)
        told = _told(chunk, meter)
        reached.append(_reached(request.get("regions", ()), meter))
        if told:
            return {"told": told, "reached": reached}
    return {"told": "", "reached": reached}


def _reached(regions: Sequence[tuple[str, str, list[int] | None]], meter: Meter) -> list[str]:
    """The names of those of whose lines one was run, or that have none."""
    seen = {str(Path(file).relative_to(_ENGINE)): lines for file, lines in meter.lines.items()}
    return [
        name for name, file, lines in regions if lines is None or not seen.get(file, set()).isdisjoint(lines)
    ]


def _told(chunk: Chunk, meter: Meter) -> str:
    """The chunk's words; "": it tells nothing."""
    try:
        with meter:
            result = _run(chunk)
    except SpentError as error:
        return f"hang: {error}"
    except Exception as error:  # noqa: BLE001 (a chunk that fails makes the gate red)
        return f"the stage breaks: {type(error).__name__}: {error}"[:300]
    verdict = result.objection or (result.finding.verdict if result.finding is not None else None)
    if verdict is not None:
        return f"{verdict.oracle}: {verdict.breach.value}"
    return ""


def _limit(chunk: Chunk, work_max: int) -> float:
    """The work of one operation; none where threads go on by themselves, and no operation begins."""
    return inf if isinstance(chunk, Loads | Stressed) else work_max


def _run(chunk: Chunk) -> Result:
    if not isinstance(chunk, Killed):
        return chunk.run(Deadline())
    task = Task(chunk.tapes, chunk.start_steps, chunk.states, chunk.seed)
    with scratch() as home:
        return result_of(do_task(task, Sweeper(Path(home)), Path(home)))


@cache
def _chunks(profile: str, seed: int | None) -> dict[str, list[Chunk]]:
    """The chunks in which nothing is planted, by stage."""
    return dict(_stages(profile, seed))


def _stages(name: str, seed: int | None) -> Iterator[tuple[str, list[Chunk]]]:
    profile = load_profile(name)
    for definition in STAGES:
        plan = profile.plan(definition.name)
        if plan is not None and definition.name not in _PLANTING:
            law = definition.law(plan, None)
            own = profile.seed if seed is None else seed
            chunks = definition.chunks(plan, law, own)
            yield definition.name, [chunk for chunk in chunks if not isinstance(chunk, Planted)]


_TASKS: Final = {"pieces": _pieces, "hunt": _hunt}
