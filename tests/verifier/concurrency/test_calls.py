"""Operations of lanes beyond single ones: what comes of them, and the histories that are refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from powercut.engine import FasterKv, Session
from powercut.verifier.concurrency.calls import OF_SESSIONS, Call, Listing
from powercut.verifier.concurrency.lanes import SessionsProgram
from powercut.verifier.concurrency.programs import SETTINGS, tape_of
from powercut.verifier.concurrency.schedule import Record, Scheduler
from powercut.verifier.concurrency.truncations import judge_lanes
from powercut.verifier.faster.subject import FasterSubject
from powercut.verifier.oracles.linear import Span
from powercut.verifier.runs.play import play
from powercut.verifier.spec.model import TRUNCATIONS, issue
from powercut.verifier.tapes.tape import BESIDE, SIZES, Era, Kind, Operation, Tape, decode_tape, encode_tape
from powercut.verifier.telling.report import tell
from powercut.verifier.verdict import OK, Breach, Verdict, Violation

FORK = Operation(Kind.FORK)
COMPLETE = Operation(Kind.COMPLETE)
CHECKPOINT = Operation(Kind.CHECKPOINT)
TRUNCATE = Operation(Kind.TRUNCATE)
LARGE = SIZES - 1
COLD = "on the device"


def beside(setting: str, *operations: Operation, switches: tuple[int, ...] = ()) -> Tape:
    return tape_of((*SETTINGS[setting], FORK, *operations), "narrow", switches)


def run_of(tape: Tape) -> tuple[SessionsProgram, Record]:
    program = SessionsProgram(tape)
    scheduler = Scheduler()
    return program, scheduler.run(program.setup(scheduler))


LANES: dict[str, tuple[str, *tuple[Operation, ...]]] = {
    "pending read": (COLD, Operation(Kind.START_READ), COMPLETE, Operation(Kind.UPSERT, 1)),
    "pending rmw": (COLD, Operation(Kind.START_RMW), COMPLETE, Operation(Kind.RMW, 1)),
    "never completed": (COLD, Operation(Kind.START_RMW), CHECKPOINT),
    "resumed": ("mutable", Operation(Kind.RMW), Operation(Kind.RESUME), Operation(Kind.RMW), CHECKPOINT),
    "resumed while pending": (COLD, Operation(Kind.START_RMW), Operation(Kind.RESUME), CHECKPOINT),
    "batches": ("full", Operation(Kind.UPSERT_MANY, 0, 0, LARGE), Operation(Kind.READ_MANY, 1)),
    "items": ("full", Operation(Kind.ITEMS), Operation(Kind.RMW, 1)),
    "scan": ("full", Operation(Kind.SCAN), Operation(Kind.RMW, 1)),
    "truncation": (COLD, Operation(Kind.RMW), TRUNCATE, CHECKPOINT),
    "scan and truncation": (COLD, Operation(Kind.SCAN), TRUNCATE, CHECKPOINT),
}
REACHED = {"pending": 4, "resumed": 2, "batches": 1, "listed": 3, "truncated": 2}


@pytest.mark.parametrize("lanes", LANES.values(), ids=LANES)
@pytest.mark.parametrize("switches", [(), (7, 1), (3, 1, 20, 1)])
def test_a_tape_plays_again_to_the_same_digest(
    lanes: tuple[str, *tuple[Operation, ...]], switches: tuple[int, ...]
) -> None:
    tape = decode_tape(encode_tape(beside(*lanes, switches=switches)))
    run = play(tape)
    assert run.verdict == OK
    assert run.digest() == play(tape).digest()
    assert tell(tape, run=run) == tell(tape)


def test_each_lane_reaches_what_it_is_there_for() -> None:
    reached = dict.fromkeys(REACHED, 0)
    for lanes in LANES.values():
        program, record = run_of(beside(*lanes))
        assert program.judge(record) == OK
        for what in program._issuer.reached:
            reached[what] += 1
    assert reached == REACHED


def test_one_after_another_they_are_nothing() -> None:
    kinds = [Operation(kind) for kind in sorted(BESIDE)]
    assert play(Tape((Era((Operation(), *kinds, Operation(Kind.READ))),))).verdict == OK
    assert BESIDE - {Kind.FORK} <= OF_SESSIONS


def kinds_of(calls: list[Call]) -> list[tuple[Kind, bytes, int]]:
    return [(call.issued.kind, call.issued.key, call.issued.serial) for call in calls]


def test_a_batch_is_a_call_for_each_key_with_a_serial_of_its_own() -> None:
    program, _ = run_of(beside("absent", Operation(Kind.UPSERT_MANY, 1, 7), Operation(Kind.READ_MANY, 1, 7)))
    assert kinds_of(program.calls) == [
        (Kind.UPSERT, b"key-7", 1),
        (Kind.UPSERT, b"key-0", 2),
        (Kind.READ, b"key-7", 3),
        (Kind.READ, b"key-0", 4),
    ]
    assert [call.result for call in program.calls[2:]] == [call.issued.value for call in program.calls[:2]]
    stamps = [stamp for call in program.calls for stamp in (call.invoked, call.returned)]
    assert len(set(stamps)) == len(stamps)


def test_a_pending_read_that_saw_what_came_after_its_start_is_refused() -> None:
    program, record = run_of(beside(COLD, Operation(Kind.START_READ), Operation(Kind.UPSERT, 1)))
    assert program.judge(record) == OK
    read, upsert = program.calls[-2:]
    assert read.returned < upsert.invoked
    read.result = upsert.issued.value
    verdict = program.judge(record)
    assert isinstance(verdict, Violation)
    assert verdict.breach is Breach.WRONG_RESULT


def lose_a_key(listing: Listing) -> None:
    del listing.values[b"key-0"]


def tear_a_value(listing: Listing) -> None:
    listing.values[b"key-0"] = b"3.1;9.9;"


def invent_a_key(listing: Listing) -> None:
    listing.values[b"key-9"] = b"3.1;"


def cover_what_nobody_wrote(listing: Listing) -> None:
    listing.others.append(b"3.1;9.9;")


@pytest.mark.parametrize("kind", [Kind.ITEMS, Kind.SCAN])
@pytest.mark.parametrize("spoil", [lose_a_key, tear_a_value, invent_a_key, cover_what_nobody_wrote])
def test_a_walk_that_lists_what_was_not_there_is_refused(
    kind: Kind, spoil: Callable[[Listing], None]
) -> None:
    program, record = run_of(beside("full", Operation(kind), Operation(Kind.UPSERT, 1, 1)))
    assert program.judge(record) == OK
    spoil(program.listings[0])
    verdict = program.judge(record)
    assert isinstance(verdict, Violation)
    assert (verdict.oracle, verdict.breach) == ("linearizable", Breach.WRONG_RESULT)


@pytest.mark.parametrize(("kind", "method"), [(Kind.ITEMS, "items"), (Kind.SCAN, "scan")])
def test_a_walk_that_comes_to_a_place_twice_is_refused(
    kind: Kind, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = getattr(FasterKv, method)

    def twice(self: FasterKv) -> list[object]:
        return [each for each in honest(self) for _ in (0, 1)]

    program = SessionsProgram(beside("full", Operation(kind)))
    scheduler = Scheduler()
    calls = program.setup(scheduler)
    with monkeypatch.context() as patch:
        patch.setattr(FasterKv, method, twice)
        record = scheduler.run(calls)
    verdict = program.judge(record)
    assert isinstance(verdict, Violation)
    assert verdict.breach is Breach.WRONG_RESULT


def test_a_session_that_resumes_with_another_serial_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = FasterSubject.resume_session

    def resume(self: FasterSubject, number: int) -> Session:
        session = honest(self, number)
        session.read(b"key-0")
        return session

    monkeypatch.setattr(FasterSubject, "resume_session", resume)
    program, record = run_of(beside("mutable", Operation(Kind.RMW), Operation(Kind.RESUME)))
    verdict = program.judge(record)
    assert isinstance(verdict, Violation)
    assert (verdict.oracle, verdict.breach) == ("serials", Breach.WRONG_SERIAL)


# -- truncations -------------------------------------------------------------------------------------

WRITE = issue(Operation(Kind.UPSERT, 0), 1)
AGAIN = issue(Operation(Kind.UPSERT, 0), 2)
LOOK = issue(Operation(Kind.READ, 1), 1)
KEY = WRITE.key


def told(*reads: bytes | None, more: tuple[Span, ...] = ()) -> list[Span]:
    """The key is written at 1 to 2; then come reads, each within four."""
    looks = [Span(LOOK, 4 * number + 10, 4 * number + 12, value) for number, value in enumerate(reads)]
    return [Span(WRITE, 1, 2), *looks, *more]


def test_a_truncation_may_take_a_key_away_once_and_for_good() -> None:
    value = WRITE.value
    meanwhile = [(9.0, 21.0)]
    assert judge_lanes(told(value, None), {}, meanwhile, {}) == OK
    assert judge_lanes(told(value, value), {KEY: value}, meanwhile, {}) == OK
    for spans, content, windows in (
        (told(value, None), {}, []),  # Nobody took it.
        (told(None, value), {KEY: value}, meanwhile),  # It does not come back.
        (told(value), {}, [(3.0, 5.0)]),  # It was there when the truncation had ended.
        (told(None), {}, [(20.0, 21.0)]),  # It was gone before.
        (told(value, more=(Span(AGAIN, 30, 31),)), {}, meanwhile),  # It was written after.
    ):
        assert isinstance(judge_lanes(spans, content, windows, {}), Violation)


def test_a_truncation_takes_no_value_that_was_written_above_it() -> None:
    """The old value is frozen; a session has written the key anew before the truncation began."""
    old, new = WRITE.value, AGAIN.value
    written = (Span(WRITE, 1, 2), Span(AGAIN, 5, 6))
    meanwhile = [(9.0, 21.0)]
    overtaken = (*written, Span(LOOK, 3, 22, None))
    assert judge_lanes(overtaken, {KEY: new}, meanwhile, {}) != OK  # It is there at the end.
    assert judge_lanes(overtaken, {}, meanwhile, {}) == OK
    assert judge_lanes(overtaken, {}, meanwhile, {KEY: old}) != OK
    assert judge_lanes((*written, Span(LOOK, 3, 22, new)), {KEY: new}, meanwhile, {KEY: old}) == OK
    assert judge_lanes((Span(WRITE, 1, 2), Span(LOOK, 3, 22, None)), {}, meanwhile, {KEY: old}) == OK


def test_two_truncations_may_take_a_key_away_twice() -> None:
    spans = told(WRITE.value, None, more=(Span(AGAIN, 30, 31),))
    assert judge_lanes(spans, {}, [(9.0, 21.0), (32.0, 33.0)], {}) == OK
    assert isinstance(judge_lanes(spans, {}, [(9.0, 21.0)], {}), Violation)


def test_a_cut_may_bring_back_what_was_taken_and_nothing_else() -> None:
    program, record = run_of(beside(COLD, Operation(Kind.READ), TRUNCATE, CHECKPOINT))
    assert program.judge(record) == OK
    issuer = program._issuer
    value = program.calls[0].issued.value
    bounds = {0: 1, 3: 6}
    others = {call.issued.key: call.issued.value for call in program.calls[1:6]}

    def judged(content: dict[bytes, bytes], begin: int = 0) -> Verdict:
        above = {key: value for key, value in others.items() if issuer._places[key] >= begin}
        return issuer.judge_cut(bounds | {TRUNCATIONS: begin}, {**above, **content})

    (begin,) = issuer.begins
    assert judged({}, begin) == judged({KEY: value}) == OK
    # What a checkpoint has taken away does not come back, and where none has, nothing is gone.
    assert isinstance(judged({KEY: value}, begin), Violation)
    assert isinstance(judged({}), Violation)
    assert isinstance(judged({KEY: b"3.1;9.9;"}), Violation)
    issuer.calls[-1].result = b"0.7;"
    assert isinstance(judged({KEY: value}), Violation)
