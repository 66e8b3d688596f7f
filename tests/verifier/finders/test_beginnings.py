"""Beginnings and endings of runs that are struck: what is known is as if it had been played."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product

import pytest
from msgspec.structs import replace

from powercut.faultfs import Effect, EventKind, Fault, FaultDevice
from powercut.verifier.faster.geometries import make_faster
from powercut.verifier.finders import beginnings, faults
from powercut.verifier.finders.beginnings import Kept
from powercut.verifier.finders.coverage import Coverage
from powercut.verifier.finders.endings import Endings
from powercut.verifier.finders.faults import sweep
from powercut.verifier.finders.templates import PROGRAMS, torn
from powercut.verifier.reach.pairs import FAULT, counting, pair
from powercut.verifier.rewinding import Snapshot
from powercut.verifier.runs.steps import step
from powercut.verifier.runs.world import World
from powercut.verifier.spec.spec import StoreMaker
from powercut.verifier.spec.subject import Subject
from powercut.verifier.tapes.tape import Kind, Operation
from powercut.verifier.verdict import Breach, Violation

_CHECKPOINT, _RMW = Operation(Kind.CHECKPOINT), Operation(Kind.RMW)


def _sweeps() -> Iterator[Coverage]:
    templates = [
        Fault(Effect.ERROR, EventKind.WRITE),
        Fault(Effect.ERROR, EventKind.SYNC, sticky=True, after=True),
        Fault(Effect.FULL, EventKind.WRITE),
        Fault(Effect.ROT, EventKind.READ),
        Fault(Effect.LYING, EventKind.SYNC_NAMES),
        Fault(Effect.MISDIRECTED, EventKind.WRITE),
    ]
    for number, (program, before) in enumerate((("reopened", ()), ("cold", ()), ("opened", torn(1)))):
        some = templates[number::3]
        coverage, finding = sweep(PROGRAMS[program], "tiny", "posix", some, limit=8, before=before)
        assert finding is None
        yield coverage


def counted_openings(monkeypatch: pytest.MonkeyPatch) -> tuple[list[int], Callable[[int], None]]:
    """Two counts of openings, and what says which of them goes on from now."""
    opened = [0, 0]
    store = make_faster("tiny")

    def counting(place: int) -> None:
        def open_one(device: FaultDevice) -> Subject:
            opened[place] += 1
            return store(device)

        monkeypatch.setattr(faults, "maker_of", lambda *_: StoreMaker(open_one, store.spec))

    return opened, counting


def test_a_sweep_along_a_walk_with_known_endings_is_the_sweep_that_plays_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened, counting = counted_openings(monkeypatch)
    counting(0)
    short = list(_sweeps())
    counting(1)
    monkeypatch.setattr(beginnings.Known, "play", lambda *_: None)
    monkeypatch.setattr(Endings, "_is_explained", lambda *_: False)
    assert short == list(_sweeps())
    assert opened[0] < opened[1]


def test_a_fault_that_is_told_of_another_run_has_struck_the_same_steps() -> None:
    """A sticky fault at the last call of its kind is the one that strikes it once."""
    once = Fault(Effect.ERROR, EventKind.REMOVE, after=True)
    sticky = replace(once, sticky=True)
    with counting() as pairs:
        coverage, _ = sweep(PROGRAMS["truncated"], "tiny", "posix", (once, sticky), limit=0)
    assert coverage.fired[sticky.name]
    steps = {
        each.partition(f"{once.name}, ")[2] for each in pairs if each.startswith(f"{FAULT}: {once.name}, ")
    }
    steps = {step for step in steps if not step.startswith("sticky")}
    assert steps
    assert all(pair(FAULT, sticky.name, step) in pairs for step in steps)


def test_an_ending_is_held_against_the_history_of_the_run_at_hand() -> None:
    """A content on which another run ended well is no excuse for the run that owes more."""
    endings = Endings()
    saved, owing = (World(make_faster("tiny"), has_faults=True) for _ in range(2))
    for world in (saved, owing):
        assert world.open()
        assert all(step(world, operation) for operation in (Operation(), _CHECKPOINT, _RMW))
        assert world.close()
    assert endings.play(saved)
    owing.segment.acks.append((0, {0: 2}))  # The second operation too was acknowledged.
    assert not endings.play(owing)
    assert isinstance(owing.verdict, Violation)
    assert owing.verdict.breach is Breach.LOST_ACK


def test_a_fault_that_strays_from_no_run_played_before_is_counted_and_not_played(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Sticky faults with no call left to strike, and strikes past the last call, come to what was seen."""
    once = Fault(Effect.ERROR, EventKind.SYNC)
    templates = [
        once,
        Fault(Effect.KEPT, EventKind.SYNC),
        replace(once, sticky=True),
        replace(once, after=True),
    ]
    runs = [0, 0]
    run = faults._Strike.run

    def counted(place: int) -> None:
        def running(self: faults._Strike) -> object:
            runs[place] += 1
            return run(self)

        monkeypatch.setattr(faults._Strike, "run", running)

    counted(0)
    short, finding = sweep(PROGRAMS["saved"], "tiny", "posix", templates, limit=8)
    assert finding is None
    counted(1)
    monkeypatch.setattr(beginnings.Played, "is_last", lambda *_: False)
    monkeypatch.setattr(beginnings.Known, "play", lambda *_: None)
    whole, finding = sweep(PROGRAMS["saved"], "tiny", "posix", templates, limit=8)
    assert finding is None
    assert short == whole
    assert short.programs == runs[1] + 3  # Three of four templates end past the last call.
    assert runs[0] < runs[1]
    parted = Coverage()
    for template in templates:
        parted.merge(sweep(PROGRAMS["saved"], "tiny", "posix", [template], limit=8)[0])
    assert replace(parted, checked=0) == replace(short, checked=0)


def test_sweeps_of_one_template_that_keep_what_they_found_out_count_as_those_that_do_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Runs without a power cut serve other templates; what is opened behind one is opened for each."""
    once = Fault(Effect.ERROR, EventKind.SYNC)
    templates = [once, Fault(Effect.KEPT, EventKind.SYNC), replace(once, sticky=True)]
    opened, counting = counted_openings(monkeypatch)

    def sweeps(kept: Kept | None) -> list[Coverage]:
        found = []
        for limit, before, template in product((0, 8), ((), torn(1)), templates):
            program = () if before else PROGRAMS["saved"]
            coverage, finding = sweep(
                program, "tiny", "posix", [template], limit=limit, before=before, kept=kept
            )
            assert finding is None
            found.append(coverage)
        return found

    counting(0)
    fresh = sweeps(None)
    counting(1)
    assert sweeps(Kept()) == fresh
    assert sum(coverage.checked for coverage in fresh) > 0
    assert opened[1] < opened[0]


def test_an_ending_is_played_where_the_store_before_failed_to_open() -> None:
    """It may have left its device locked: the content is known, and opens no more."""
    endings = Endings()
    saved = World(make_faster("tiny"), has_faults=True)
    assert saved.open()
    assert step(saved, _CHECKPOINT)
    assert saved.close()
    ended = Snapshot((saved,))
    assert endings.play(saved)
    ended.rewind()
    saved.device.lock_owner = object()
    assert endings.play(saved)  # It is known, and closed in order.
    saved.segment.lives[-1].opened = None
    assert not endings.play(saved)
    assert isinstance(saved.verdict, Violation)
