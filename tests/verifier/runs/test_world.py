"""The world: plays tapes, is deterministic, and objects when a store misbehaves."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from powercut.engine import InvariantError
from powercut.faultfs import FaultDevice, Trace
from powercut.verifier.faster.geometries import GEOMETRIES, make_faster
from powercut.verifier.faster.stepped import SteppedRuntime
from powercut.verifier.faster.subject import FASTER, FasterSubject
from powercut.verifier.runs.play import play, play_eras
from powercut.verifier.runs.world import World
from powercut.verifier.spec.history import Segment, crash_at, crash_index
from powercut.verifier.spec.model import Issued, Model, Result
from powercut.verifier.spec.spec import StoreMaker
from powercut.verifier.spec.subject import Subject
from powercut.verifier.tapes.kept import UnsupportedTapeError
from powercut.verifier.tapes.programs import random_tapes
from powercut.verifier.tapes.tape import SESSIONS, Crash, Era, Kind, Operation, Tape
from powercut.verifier.verdict import OK, Breach, Verdict, Violation

_UPSERT, _CHECKPOINT, _REOPEN = Operation(), Operation(Kind.CHECKPOINT), Operation(Kind.REOPEN)


def _breach(verdict: Verdict) -> tuple[str, Breach]:
    assert isinstance(verdict, Violation)
    return verdict.oracle, verdict.breach


@pytest.mark.parametrize("geometry", sorted(GEOMETRIES))
def test_faster_stands_random_tapes_and_every_run_repeats(geometry: str) -> None:
    """A few; the stages `crash` and `model` have hundreds in each."""
    count = 1 if geometry == "full" else 8  # Whose openings take long.
    for tape in random_tapes(Random(5), count, (geometry,), "posix", 30):
        run = play(tape)
        assert run.verdict == OK, run.tape
        assert play(tape).digest() == run.digest()


def test_digest_tells_runs_apart() -> None:
    digests = {play(Tape((Era(program),))).digest() for program in ((), (_UPSERT,), (_UPSERT, _CHECKPOINT))}
    assert len(digests) == 3


def test_unsaved_operations_are_gone_after_a_clean_close() -> None:
    run = play(Tape((Era((_UPSERT, _CHECKPOINT, _UPSERT, _REOPEN)),)))
    assert run.verdict == OK
    assert run.segments[0].lives[1].recovered == {0: 1}


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

    closed = Tape((Era((_UPSERT, _REOPEN)),))
    assert _breach(play(closed, make_store).verdict) == ("openable", Breach.ERROR)
    cut = Tape((Era((_UPSERT,), Crash()), Era()))
    assert _breach(play(cut, make_store).verdict) == (
        "openable",
        Breach.UNOPENABLE,
    )


def test_operation_that_means_nothing_to_the_kind_of_store_is_passed_over() -> None:
    kinds = FASTER.kinds - {Kind.CHECKPOINT}
    maker = StoreMaker(make_faster("tiny"), replace(FASTER, kinds=kinds))
    run = play(Tape((Era((_UPSERT, _CHECKPOINT, _UPSERT)),)), maker)
    assert run.verdict == OK
    assert [seen.what.split()[0] for seen in run.segments[0].observations] == ["upsert", "upsert"]
    assert [bound for _, bound in run.segments[0].acks] == [{}]


def test_model_of_the_spec_is_what_a_store_is_held_against() -> None:
    class Doubting(Model):
        def apply(self, issued: Issued) -> Result:
            super().apply(issued)
            return b"something else"

    maker = StoreMaker(make_faster("tiny"), replace(FASTER, model=Doubting))
    assert _breach(play(Tape((Era((_UPSERT,)),)), maker).verdict) == ("model", Breach.WRONG_RESULT)


def test_store_of_ones_own_is_not_played_with_sessions_side_by_side() -> None:
    with pytest.raises(UnsupportedTapeError, match="sessions side by side"):
        play(Tape(subject=SESSIONS), make_faster("tiny"))


def test_whoever_looks_between_eras_changes_nothing_and_may_leave() -> None:
    tape = Tape((Era((_UPSERT, _CHECKPOINT), Crash()), Era((_UPSERT,)), Era()))
    world = World(make_faster("tiny"))
    ended: list[Segment] = []
    stops = [(stop.place, stop.is_last, stop.is_fine) for stop in play_eras(world, tape, ended)]
    assert stops == [(0, False, True), (1, False, True), (2, True, True)]
    run = play(tape)
    assert [each.trace.digest() for each in (*ended, world.segment)] == [
        each.trace.digest() for each in run.segments
    ]
    left = World(make_faster("tiny"))
    for stop in play_eras(left, tape):
        if stop.place == 1:
            break
    assert left.subject is not None, "the second era has not ended"
