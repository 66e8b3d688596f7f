"""Materialised: crash states written into real folders, and opened there as in memory.

A state of the law `posix` is no state that a kill leaves, so no process can be made to leave it; but
a folder can be made to hold it. What FileDevice makes of the folder must be, to the byte, what the
fault device makes of the image: what was read, what was recovered, what the opening wrote.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Final

import msgspec

from powercut.faultfs import FaultDevice, Image, crash_states
from powercut.faultfs.states.enumeration import CrashState

from ...registry import maker_of
from ...runs.play import play
from ...spec.history import crash_at
from ...spec.subject import MakeStore
from ...tapes.tape import Crash, Era, Tape
from ...verdict import Breach, Violation
from .folder import FolderDevice, MakeDevice, make_file_device, read_folder, write_folder
from .openings import Opened, open_twice
from .tally import Tally, Unwanted

__all__ = ["materialise"]

ORACLE: Final = "folder"
LIMIT: Final = 256  # Crash states of one point that are drawn from.


def materialise(
    tape: Tape,
    folder: Path,
    states: int,
    random: Random,
    *,
    make_device: MakeDevice = make_file_device,
    is_wanted: Callable[[], bool] = lambda: True,
) -> Tally:
    """Write crash states of the tape's last segment, drawn by `random`; ends with the first violation."""
    tally = Tally(programs=1, several_eras=int(len(tape.eras) > 1))
    make_store = maker_of(tape)
    last = msgspec.structs.replace(tape.eras[-1], crash=Crash())
    run = play(msgspec.structs.replace(tape, eras=(*tape.eras[:-1], last)), make_store)
    if isinstance(run.verdict, Violation):
        tally.violation = run.verdict
        if run.verdict.is_same_kind(play(tape, make_store).verdict):
            tally.tape = tape
        return tally
    trace = run.segments[-2].trace
    found = list(crash_states(trace, tape.law, limit=LIMIT))
    for state in random.sample(found, min(states, len(found))):
        if not is_wanted():
            raise Unwanted
        tally.distinct += 1
        tally.checked += 1
        tally.images += 1
        tally.violation = _compare(state, folder, make_store, make_device)
        if tally.violation is not None:
            crash = crash_at(trace, state.index, state.digits)
            eras = (*tape.eras[:-1], Era(last.program, crash), Era())
            told = msgspec.structs.replace(tape, eras=eras)
            if tally.violation.is_same_kind(play(told, make_store).verdict):
                tally.tape = told
            break
    return tally


def _compare(
    state: CrashState, folder: Path, make_store: MakeStore, make_device: MakeDevice
) -> Violation | None:
    write_folder(folder, state.image)
    simulated = FaultDevice(state.image)
    expected = open_twice(simulated, make_store)
    opened = open_twice(FolderDevice(folder, make_device=make_device), make_store)
    if opened == expected and read_folder(folder) == simulated.image():
        return opened.error
    detail = _difference(opened, expected, read_folder(folder), simulated.image())
    return Violation(ORACLE, Breach.WRONG_VALUE, f"crash state {state.index} {state.digits}: {detail}")


def _difference(opened: Opened, expected: Opened, left: Image, simulated: Image) -> str:
    for what in ("error", "recovered", "content", "reading"):
        found, wanted = getattr(opened, what), getattr(expected, what)
        if found != wanted:
            return f"{what} {found!r:.200}, in memory {wanted!r:.200}"
    there, here = left.content(), simulated.content()
    name = min(name for name in there.keys() | here.keys() if there.get(name) != here.get(name))
    return f"the opening left {name} unlike the one in memory"
