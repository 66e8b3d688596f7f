"""Bugs planted in the harness itself: what judges faults, garbage and threads notices each of them.

A module is compiled with one text of it replaced; asked as it is, it answers well.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from powercut.engine import DeviceError
from powercut.engine.runtime import Runtime
from powercut.faultfs import Effect, Event, EventKind, Fault, FaultDevice, Trace
from powercut.faultfs.law import garbage
from powercut.verifier.concurrency import threads
from powercut.verifier.faster.geometries import GEOMETRIES
from powercut.verifier.faster.stepped import SteppedRuntime
from powercut.verifier.faster.subject import FasterSubject
from powercut.verifier.finders import behind, faults
from powercut.verifier.oracles import faults as oracle
from powercut.verifier.runs.play import play_eras
from powercut.verifier.runs.world import World
from powercut.verifier.tapes.tape import Era, Kind, Operation, Tape


def planted(module: ModuleType, old: str, new: str) -> Any:
    """The module with this in the place of that; its name means the genuine one afterwards."""
    assert module.__file__ is not None
    source = Path(module.__file__).read_text(encoding="utf-8")
    assert source.count(old) == (1 if old else source.count(old))
    changed = ModuleType(module.__name__)
    changed.__package__ = module.__package__
    was, sys.modules[module.__name__] = sys.modules[module.__name__], changed
    try:
        exec(compile(source.replace(old, new) if old else source, module.__file__, "exec"), changed.__dict__)
    finally:
        sys.modules[module.__name__] = was
    return changed


# -- syncs that lied -----------------------------------------------------------------------------------------


def lies(module: Any) -> object:
    """The indices at which a lie and a late sync are excused, with another file's sync between."""
    sync, other = Event(EventKind.SYNC, "a", 1), Event(EventKind.SYNC, "b", 2)
    lie = Event(EventKind.FAULT, "a", 1, size=Effect.LYING, target="SYNC")

    def damaged(effect: Effect, *events: Event) -> list[bool]:
        fault = Event(EventKind.FAULT, "a", 1, size=effect, target="SYNC")
        firings = module.Firings(Trace(events=[fault, *events]))
        return [firings.is_damaged_at(index) for index in range(len(events) + 2)]

    return (
        damaged(Effect.LYING, other, sync),
        damaged(Effect.LATE, sync),
        module.Firings(Trace(events=[lie, sync, Event(EventKind.LIST)])).turns(0, 3),
    )


LIES = {
    "a lie is excused for ever": ("self._lies[place] = (self._lies[place][0], index)", "pass"),
    "what is late is made good": ("if effect is Effect.LYING:\n", "if True:\n"),
    "a sync of another file makes good": (
        "open_lies.pop((event.inode, call), ())",
        "open_lies.pop((1, call), ())",
    ),
    "no index is asked in between": ("{first, last} | {at for at", "{first, last} or {at for at"),
}


@pytest.mark.parametrize("bug", LIES)
def test_a_bug_in_what_is_excused_is_noticed(bug: str) -> None:
    assert lies(planted(oracle, *LIES[bug])) != lies(planted(oracle, "", "")) == lies(oracle)


# -- the power cut behind a fault in close -------------------------------------------------------------------


class GivesUpWhenClosing(FasterSubject):
    """A store whose closing wipes its roots where the disk refuses."""

    def __init__(self, device: FaultDevice) -> None:
        super().__init__(device, GEOMETRIES["tiny"], SteppedRuntime())

    def close(self) -> None:
        device = self.store._parts.disk.device
        try:
            device.list()
        except OSError as error:
            for name in ("root-a", "root-b"):
                device.truncate(name, 0)
                device.sync(name)
            super().close()
            raise DeviceError(error.errno, "the disk refuses") from None
        super().close()


@pytest.mark.parametrize("bug", ["", "fired = [] and ["])
def test_a_cut_that_leaves_close_out_is_noticed(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program = (Operation(Kind.UPSERT), Operation(Kind.CHECKPOINT))
    world = World(GivesUpWhenClosing, has_faults=True)
    next(play_eras(world, Tape((Era(program, faults=Fault().digits), Era()))))
    fault = Fault(Effect.ERROR, EventKind.LIST, world.fault_oracle.plan.counted(EventKind.LIST))
    changed = planted(behind, "fired = [", bug) if bug else behind
    monkeypatch.setattr(faults, "Behind", changed.Behind)
    tape = Tape((Era(program, faults=fault.digits), Era()))
    finding = faults.search_strike(tape, make_store=GivesUpWhenClosing)[1]
    assert (finding is None) == bool(bug)


# -- garbage -------------------------------------------------------------------------------------------------


GARBAGE = {
    "torn one way only": ("(new[:at] + was[at:], was[:at] + new[at:])", "(new[:at] + was[at:],)"),
    "torn in the middle only": ("(WORD_BYTES, len(new) // 2)", "(len(new) // 2,)"),
    "garbage with zeros": ("% 255 + 1", "% 256"),
    "never garbage alone": ("[was] if is_grown else []", "[]"),
}


@pytest.mark.parametrize("bug", ["", *GARBAGE])
def test_a_bug_in_what_a_torn_sector_shows_is_noticed(bug: str) -> None:
    module = planted(garbage, *GARBAGE[bug]) if bug else garbage
    old, new, was = b"o" * 512, b"n" * 512, module.garbage_of(512)
    torn = {part for at in (8, 256) for part in (new[:at] + old[at:], old[:at] + new[at:])}
    fine = set(module.spoiled(old, new, is_grown=False)) == torn
    fine &= was in set(module.spoiled(b"", new, is_grown=True))
    fine &= 0 not in was
    assert fine == (not bug)


# -- threads of one's own ------------------------------------------------------------------------------------


class TrustsTheOther:
    """Whoever comes second trusts that the first has synced already; `is_right`: each syncs."""

    is_right = False

    def start(self, runtime: Runtime, device: FaultDevice) -> Sequence[Callable[[], object]]:
        self.device, self.is_dirty = device, False
        device.create("a")
        device.sync_names()
        return [self.add, self.add]

    def add(self) -> None:
        if self.is_right or not self.is_dirty:
            self.is_dirty = True
            self.device.write("a", 0, b"1")
            self.device.sync("a")
        self.device.mark("acked", b"1")

    def check(self, device: FaultDevice, acked: list[bytes]) -> str:
        return "" if not acked or device.read("a") == b"1" else "it is not there"


class Right(TrustsTheOther):
    is_right = True


THREADS = {
    "later acknowledgements count": ("if at < state.last", "if True"),
    "no power cut is asked for": ("in crash_states(trace, self._law, limit=STATES_MAX)", "in ()"),
    "calls of the device are no points": ("        self.arrive(", "        len("),
    "a mark of any name is an acknowledgement": (
        " and event.label == ACKED)",
        " and not event.label == ACKED)",
    ),
}


@pytest.mark.parametrize("bug", ["", *THREADS])
def test_a_bug_in_the_search_of_threads_is_noticed(bug: str) -> None:
    module = planted(threads, *THREADS[bug]) if bug else threads
    broken, right = (module.explore_threads(each).violation is None for each in (TrustsTheOther, Right))
    assert ((broken, right) == (False, True)) == (not bug)
