"""The load of stage cpr: its work, and that each of its oracles says no."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from math import inf
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from powercut.engine import CheckpointKind, CheckpointPoint, EngineError
from powercut.engine.compiler.compilation import available
from powercut.engine.sessions.durable import Durability
from powercut.engine.sessions.registry import SessionRegistry
from powercut.verifier.finders.cpr import cutting
from powercut.verifier.finders.cpr.cutting import judge_load, judge_readers, judge_told, search_load
from powercut.verifier.finders.cpr.load import WRITERS, Load, Loaded, Read, run_load, stamps_of
from powercut.verifier.verdict import OK, Breach, Unknown, Violation

OPERATIONS, CHECKPOINTS = 96, 6


@pytest.fixture(scope="module")
def loaded() -> Loaded:
    return run_load(Load("test", OPERATIONS, CHECKPOINTS, inf, "interpreted"))


def breach_of(verdict: object) -> tuple[str, Breach]:
    assert isinstance(verdict, Violation), verdict
    return verdict.oracle, verdict.breach


def test_a_load_ends_with_its_work_and_every_cut_is_proved(loaded: Loaded) -> None:
    assert (loaded.errors, loaded.unknown) == ([], "")
    assert [len(keys) for keys in loaded.keys] == [OPERATIONS] * WRITERS
    assert len(loaded.acks) == CHECKPOINTS
    assert {acked.point.kind for acked in loaded.acks} == set(CheckpointKind)
    verdict, reached = judge_load(loaded, 12, "test", "interpreted")
    assert verdict == OK
    assert reached["cuts"] == 12
    assert reached["with a checkpoint"] > 0
    assert reached["values read"] > 0


def test_a_stamp_that_is_gone_or_comes_twice_is_told(loaded: Loaded) -> None:
    at = next(key for key, value in enumerate(loaded.content) if value and len(value) >= 16)
    value = loaded.content[at]
    assert value is not None
    for wrong in (value[:-8], value + value[-8:], value[:-8] + bytes(8), value[:-3]):
        content = [*loaded.content]
        content[at] = wrong
        verdict, _ = judge_load(replace(loaded, content=content), 1, "test", "interpreted")
        assert breach_of(verdict)[0] == "prefix"


def test_a_reader_that_saw_the_next_version_is_told(loaded: Loaded) -> None:
    last = loaded.acks[-1].point
    assert judge_readers(loaded, Counter()) == OK
    reader = "r0"
    assert last.serials[reader] > 0
    beyond = stamps_of(3, last.serials["s3"] + 1, 1).tobytes()
    seen = [*loaded.reads, Read(reader, last.serials[reader], [beyond])]
    earlier = [acked for acked in loaded.acks if acked.point.serials[reader] >= last.serials[reader]]
    assert earlier
    verdict = judge_readers(replace(loaded, reads=seen), Counter())
    assert breach_of(verdict) == ("prefix", Breach.PHANTOM)


def test_a_checkpoint_that_tells_too_few_or_too_many_is_told(loaded: Loaded) -> None:
    assert judge_told(loaded) == OK
    acked = loaded.acks[-1]
    for wrong in (acked.least["s0"] - 1, acked.issued["s0"] + 1):
        point = replace(acked.point, serials=acked.point.serials | {"s0": wrong})
        assert isinstance(point, CheckpointPoint)
        verdict = judge_told(replace(loaded, acks=[*loaded.acks[:-1], replace(acked, point=point)]))
        assert breach_of(verdict) == ("serials", Breach.WRONG_SERIAL)


def test_a_waiter_that_was_let_go_early_is_told(loaded: Loaded) -> None:
    early = (1, "s0", 1)  # Long before there is a checkpoint.
    verdict, _ = judge_load(replace(loaded, waits=[early]), 12, "test", "interpreted")
    assert breach_of(verdict) == ("prefix", Breach.LOST_ACK)


def test_marks_of_a_store_that_are_one_late_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = SessionRegistry.marks

    def late(self: SessionRegistry, version: int) -> Any:
        return [mark._replace(serial=max(0, mark.serial - 1)) for mark in genuine(self, version)]

    monkeypatch.setattr(SessionRegistry, "marks", late)
    searched = search_load("late", OPERATIONS, CHECKPOINTS, 12, kernels="interpreted", deadline=inf)
    assert isinstance(searched.verdict, Violation)


def test_waiters_of_a_store_that_are_let_go_at_once_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Durability, "wait", lambda *_: True)
    searched = search_load("early", OPERATIONS, CHECKPOINTS, 30, kernels="interpreted", deadline=inf)
    assert breach_of(searched.verdict) == ("prefix", Breach.LOST_ACK)


def test_without_kernels_or_time_it_is_undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    searched = search_load("t", OPERATIONS, CHECKPOINTS, 1, kernels="interpreted", deadline=0.0)
    assert isinstance(searched.verdict, Unknown)
    monkeypatch.setattr(cutting, "available", lambda: False)
    searched = search_load("t", OPERATIONS, CHECKPOINTS, 1, kernels="compiled", deadline=inf)
    assert searched.verdict == Unknown("no compiled kernels: pip install 'powercut[speed]'")


def test_an_error_of_a_thread_is_a_violation_or_the_harness_own(monkeypatch: pytest.MonkeyPatch) -> None:
    for error, kind in ((EngineError("no"), Violation), (ZeroDivisionError(), None)):
        failed = SimpleNamespace(errors=[error], unknown="")
        monkeypatch.setattr(cutting, "run_load", lambda _, failed=failed: failed)
        if kind is None:
            with pytest.raises(ZeroDivisionError):
                search_load("t", 1, 1, 1, kernels="interpreted", deadline=inf)
        else:
            searched = search_load("t", 1, 1, 1, kernels="interpreted", deadline=inf)
            assert isinstance(searched.verdict, kind)


@pytest.mark.skipif(not available(), reason="numba is not installed")
def test_compiled_kernels_stand_it() -> None:
    searched = search_load("compiled", 1_000, CHECKPOINTS, 9, kernels="compiled", deadline=inf)
    assert searched.verdict == OK
    assert searched.reached["operations"] == 1_000 * WRITERS
    assert searched.reached["operations proved"] > 0


def test_stamps_are_words_of_a_session_and_a_serial() -> None:
    assert stamps_of(2, 5, 2).tolist() == [(2 << 32) + 5, (2 << 32) + 6]
    assert stamps_of(2, 5, 2).dtype == np.uint64
