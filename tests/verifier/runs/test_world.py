"""The world: plays tapes, is deterministic, and objects when a store misbehaves."""

from __future__ import annotations

from random import Random

import pytest

from powercut.engine import InvariantError
from powercut.faultfs import FaultDevice, Trace
from powercut.verifier.faster.geometries import GEOMETRIES, make_faster
from powercut.verifier.faster.stepped import SteppedRuntime
from powercut.verifier.runs.world import play
from powercut.verifier.spec.history import crash_at, crash_index
from powercut.verifier.spec.model import Issued, Result
from powercut.verifier.spec.subject import FasterSubject, Subject
from powercut.verifier.tapes.programs import random_tapes
from powercut.verifier.tapes.tape import Crash, Era, Kind, Operation, Tape
from powercut.verifier.verdict import OK, Breach, Verdict, Violation

_UPSERT, _CHECKPOINT, _REOPEN = Operation(), Operation(Kind.CHECKPOINT), Operation(Kind.REOPEN)


def _breach(verdict: Verdict) -> tuple[str, Breach]:
    assert isinstance(verdict, Violation)
    return verdict.oracle, verdict.breach


@pytest.mark.parametrize("geometry", sorted(GEOMETRIES))
def test_faster_stands_random_tapes_and_every_run_repeats(geometry: str) -> None:
    for tape in random_tapes(Random(5), 40, (geometry,), "posix", 30):
        run = play(tape)
        assert run.verdict == OK, run.tape
        assert play(tape).digest() == run.digest()


def test_digest_tells_runs_apart() -> None:
    digests = {play(Tape((Era(program),))).digest() for program in ((), (_UPSERT,), (_UPSERT, _CHECKPOINT))}
    assert len(digests) == 3


def test_unsaved_operations_are_gone_after_a_clean_close() -> None:
    run = play(Tape((Era((_UPSERT, _CHECKPOINT, _UPSERT, _REOPEN)),)))
    assert run.verdict == OK
    assert run.segments[0].passages[1].recovered == {0: 1}


def test_crash_coordinates_go_there_and_back() -> None:
    trace = play(Tape((Era((_UPSERT, _CHECKPOINT)),))).segments[0].trace
    for index in range(len(trace) + 1):
        assert crash_index(trace, crash_at(trace, index, ())) == index
    assert crash_index(trace, Crash()) == len(trace)
    assert crash_index(trace, Crash(10**6, 10**6)) == 0
    assert crash_index(Trace(), Crash(3, 3)) == 0


class _Faulty(FasterSubject):
    """FasterKv with one thing wrong."""

    def __init__(self, device: FaultDevice) -> None:
        super().__init__(device, GEOMETRIES["tiny"], SteppedRuntime())


class _ForgetsDeletes(_Faulty):
    def apply(self, issued: Issued) -> Result:
        return True if issued.kind is Kind.DELETE else super().apply(issued)


class _Boasts(_Faulty):
    def checkpoint(self) -> dict[int, int]:
        return {session: count + 1 for session, count in super().checkpoint().items()}


class _LosesOnOpening(_Faulty):
    def recovered(self) -> dict[int, int]:
        return {}

    def read_all(self) -> dict[bytes, bytes]:
        return {}


class _Breaks(_Faulty):
    def check(self) -> None:
        raise InvariantError("A1", "planted")


class _Raises(_Faulty):
    def apply(self, issued: Issued) -> Result:
        raise ValueError("planted")


@pytest.mark.parametrize(
    ("subject", "program", "oracle", "breach"),
    [
        (
            _ForgetsDeletes,
            (_UPSERT, Operation(Kind.DELETE), Operation(Kind.READ)),
            "model",
            Breach.WRONG_RESULT,
        ),
        (_ForgetsDeletes, (_UPSERT, Operation(Kind.DELETE)), "model", Breach.WRONG_VALUE),
        (_Boasts, (_UPSERT, _CHECKPOINT), "serials", Breach.WRONG_SERIAL),
        (_LosesOnOpening, (_UPSERT, _CHECKPOINT, _REOPEN), "prefix", Breach.LOST_ACK),
        (_Breaks, (), "structure", Breach.BROKEN_INVARIANT),
        (_Raises, (_UPSERT,), "model", Breach.ERROR),
    ],
)
def test_wrong_store_is_objected_to(
    subject: type[_Faulty], program: tuple[Operation, ...], oracle: str, breach: Breach
) -> None:
    run = play(Tape((Era(program),)), subject)
    assert _breach(run.verdict) == (oracle, breach)


def test_store_that_cannot_open_is_objected_to() -> None:
    def make_store(device: FaultDevice) -> Subject:
        if device.list():
            raise OSError("planted")
        return make_faster("tiny")(device)

    assert _breach(play(Tape((Era((_UPSERT, _REOPEN)),)), make_store).verdict) == (
        "openable",
        Breach.UNOPENABLE,
    )
