"""Truncating: where an operation truncates, and that what a store makes of it is held against its promise."""

from __future__ import annotations

import pytest

from powercut.engine import FasterKv
from powercut.engine.checkpoint import driver
from powercut.engine.checkpoint.running import Running
from powercut.engine.log.ring import Ring
from powercut.verifier.faster.geometries import GEOMETRIES
from powercut.verifier.finders.crashes import search_tape
from powercut.verifier.runs.play import play
from powercut.verifier.spec.model import TRUNCATIONS
from powercut.verifier.tapes.tape import SIZES, Crash, Era, Kind, Operation, Tape
from powercut.verifier.verdict import OK, Breach, Violation

CHECKPOINT, REOPEN = Operation(Kind.CHECKPOINT), Operation(Kind.REOPEN)
PAGED = tuple(
    Operation(Kind.UPSERT, 0, key, SIZES - 1) for key in range(4)
)  # A page each; two are on the device.


def _tape(*program: Operation, after: tuple[Operation, ...] | None = None) -> Tape:
    eras = (Era(program),) if after is None else (Era(program, Crash()), Era(after))
    return Tape(eras, "slim")


def _at(key: int, size: int) -> Operation:
    return Operation(Kind.TRUNCATE_AT, 0, key, size)


@pytest.mark.parametrize(
    ("where", "begin", "gone"),
    [
        (_at(0, 0), 1024, {b"key-0", b"key-1"}),  # The tail: down to head.
        (_at(1, 1), 512, {b"key-0"}),  # Inside a record: its page stays.
        (_at(0, 2), 64, set()),
        (_at(0, 3), 512, {b"key-0"}),
        (_at(7, 1), 512, {b"key-0"}),  # No such key: the middle of the log.
        (Operation(Kind.TRUNCATE), 64, set()),  # Nothing but what nobody needs.
    ],
)
def test_place_is_where_key_and_size_say(where: Operation, begin: int, gone: set[bytes]) -> None:
    run = play(_tape(*PAGED, where, CHECKPOINT))
    assert run.verdict == OK
    history = run.segments[0].lives[0].history
    found = [(each.serial, set(each.gone)) for each in history if each.session == TRUNCATIONS]
    assert found == ([(begin, gone)] if begin > GEOMETRIES["slim"].page_bytes // 8 else [])
    assert run.segments[0].acks[-1][1] == ({0: 4, TRUNCATIONS: begin} if found else {0: 4})


def _objects(tape: Tape) -> tuple[str, Breach]:
    _, finding = search_tape(tape)
    assert finding is not None
    assert play(finding.tape).verdict == finding.verdict
    return finding.verdict.oracle, finding.verdict.breach


def test_begin_that_is_not_the_one_promised_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Ring, "truncate", lambda ring, address: address)
    assert _objects(_tape(*PAGED, _at(1, 1))) == ("model", Breach.WRONG_RESULT)


def test_key_that_is_still_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Ring, "truncate", lambda ring, address: 1024)  # And nothing is done.
    assert _objects(_tape(*PAGED, _at(0, 0))) == ("model", Breach.WRONG_VALUE)


def test_truncation_that_a_checkpoint_holds_and_a_power_cut_takes_back_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Forgetful(Running):
        """Has the begin of a log that nobody has truncated."""

        def __setattr__(self, name: str, value: object) -> None:
            super().__setattr__(name, 64 if name == "begin" else value)

    monkeypatch.setattr(driver, "Running", Forgetful)
    verdict = _objects(_tape(*PAGED, _at(1, 1), CHECKPOINT))
    assert verdict == ("prefix", Breach.LOST_ACK)


def test_truncation_that_no_checkpoint_holds_may_be_taken_back() -> None:
    run = play(_tape(*PAGED, CHECKPOINT, _at(0, 0), Operation(Kind.DELETE), after=(Operation(Kind.READ),)))
    assert run.verdict == OK
    assert run.segments[1].observations[-1].returned.startswith("'0.1;'")  # What was not there is back.


def test_scan_that_fails_truncates_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def scan(store: FasterKv) -> None:
        raise OSError("the device does not answer")

    monkeypatch.setattr(FasterKv, "scan", scan)
    verdict = play(_tape(*PAGED, _at(0, 0))).verdict
    assert isinstance(verdict, Violation)
    assert verdict.breach is Breach.ERROR
