"""Reopening: other memory, openings that are refused, second openers; and each check saying no."""

from __future__ import annotations

import pytest

from powercut.engine import FasterKv
from powercut.engine.device import Lease
from powercut.faultfs import FaultDevice
from powercut.verifier.faster.geometries import GEOMETRIES
from powercut.verifier.faster.reopening import Guarded, TrespassError, check_refusals, knock, variant
from powercut.verifier.faster.stepped import SteppedRuntime
from powercut.verifier.faster.subject import FasterSubject
from powercut.verifier.oracles.prefix import judge_listed
from powercut.verifier.runs.play import play
from powercut.verifier.tapes.tape import KEYS_MAX, Era, Kind, Operation, Tape
from powercut.verifier.verdict import OK, Breach, Violation

TINY = GEOMETRIES["tiny"]
UPSERT, CHECKPOINT, LOOK = Operation(), Operation(Kind.CHECKPOINT), Operation(Kind.LOOK_ON)


def _made() -> FaultDevice:
    device = FaultDevice()
    FasterSubject(device, TINY, SteppedRuntime()).close()
    return device


def _otherwise(key: int, size: int) -> Tape:
    return Tape(
        (Era((UPSERT, CHECKPOINT, Operation(Kind.REOPEN_AS, 0, key, size), Operation(Kind.RMW), LOOK)),)
    )


@pytest.mark.parametrize("key", range(KEYS_MAX))
def test_store_opens_with_each_memory_and_never_with_fewer_buckets(key: int) -> None:
    settings, memory = variant(TINY, key)
    store = FasterKv.open(_made(), settings=settings, memory=memory, runtime=SteppedRuntime())
    stats = store.stats()
    assert stats.index_bytes >= 2 * 64
    wanted = settings or TINY
    assert settings is None or wanted.ring_pages in (None, stats.ring_bytes // TINY.page_bytes)
    store.close()
    run = play(_otherwise(key, 0))
    assert run.verdict == OK
    assert run.segments[0].reached == {"reopened otherwise": 1, "looked on": 1}


def test_memories_are_not_alike() -> None:
    assert len({variant(TINY, key) for key in range(KEYS_MAX)}) == KEYS_MAX


def test_second_opener_is_refused_at_every_call_and_the_first_goes_on() -> None:
    tape = _otherwise(0, 2)
    assert play(tape).verdict == OK
    assert play(tape).digest() == play(tape).digest()


def test_opener_that_is_let_in_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    device = _made()
    with pytest.raises(TrespassError, match="let in at nowhere"):
        knock(device, TINY, "nowhere")  # It is nobody's.
    device = _made()
    guarded = Guarded(device, TINY)
    assert guarded.lock_owner is None
    with pytest.raises(TrespassError, match="at list"):
        guarded.list()

    def too_early(lease: Lease) -> None:
        lease.release()
        lease.device.close()

    monkeypatch.setattr(Lease, "close", too_early)
    verdict = play(_otherwise(0, 2)).verdict
    assert isinstance(verdict, Violation)
    assert "let in at close" in verdict.detail


def test_refusal_that_writes_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    device = _made()
    check_refusals(device, TINY)
    opened = FasterKv.open

    def careless(where: FaultDevice, **given: object) -> FasterKv:
        where.acquire(given)
        where.write("root-a", 512, b"a note")
        where.release(given)
        return opened(where, **given)  # type: ignore[arg-type]

    monkeypatch.setattr(FasterKv, "open", careless)
    with pytest.raises(TrespassError, match="has written"):
        check_refusals(device, TINY)


def test_opening_that_should_be_refused_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    device, opened = _made(), FasterKv.open
    monkeypatch.setattr(FasterKv, "open", lambda where, **given: opened(where, runtime=SteppedRuntime()))
    with pytest.raises(TrespassError, match="was not refused"):
        check_refusals(device, TINY)


def test_listed_checkpoints_are_the_acknowledged_ones_and_only_grow() -> None:
    assert judge_listed([], {}) == judge_listed([{0: 3}, {0: 1, 1: 0}], {0: 3, -2: 512}) == OK
    for listed, acked in (([], {0: 1}), ([{0: 1}], {0: 2}), ([{0: 2}], {0: 1}), ([{0: 2}, {0: 3}], {0: 2})):
        verdict = judge_listed(listed, acked)
        assert isinstance(verdict, Violation)
        assert verdict.breach is Breach.WRONG_SERIAL


def test_list_without_the_newest_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    program = (UPSERT, CHECKPOINT, UPSERT, CHECKPOINT, LOOK)
    assert play(Tape((Era(program),))).verdict == OK
    listed = FasterKv.checkpoints
    monkeypatch.setattr(FasterKv, "checkpoints", lambda store: listed(store)[1:])
    verdict = play(Tape((Era(program),))).verdict
    assert isinstance(verdict, Violation)
    assert verdict.breach is Breach.WRONG_SERIAL
