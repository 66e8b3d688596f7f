"""Batches: entering and leaving, serials, and where a batch stops; interpreted kernels, one task."""

from collections.abc import Callable, Iterator
from itertools import count

import pytest

from powercut.engine import FasterKv, MemoryDevice, SessionError, Settings
from powercut.engine.checkpoint.parts import Parts
from powercut.engine.kernels import words as w
from powercut.engine.kernels.atomics import Space, set_turn
from powercut.engine.sessions.registry import SessionState
from powercut.engine.sessions.staging import Rooms, Stage
from powercut.engine.shared.phases import Phase
from powercut.engine.shared.spaces import Spaces
from powercut.verifier.faster.stepped import SteppedRuntime

KEYS = 5


class Side:
    """A session's stage with KEYS upserts of 8-byte keys and 16-byte values, and no driver."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.spaces: Spaces = parts.log.spaces
        self.state: SessionState = parts.sessions.open("s")
        self.stage = Stage(self.spaces, parts.shared.mode, self.state.row, Rooms(KEYS, 1, 2))
        self.batch = self.stage.batch
        self.prepare()

    def prepare(self, kind: int = w.UPSERT) -> None:
        batch = self.batch
        batch[w.B_KIND], batch[w.B_START], batch[w.B_COUNT], batch[w.B_ISSUE] = kind, 0, KEYS, 1
        batch[w.B_KEY_BYTES], batch[w.B_VALUE_BYTES] = 8, 16
        for number in range(KEYS):
            batch[self.stage.keys + number] = 7 + number
            batch[self.stage.values + 2 * number] = batch[self.stage.values + 2 * number + 1] = number

    @property
    def row(self) -> list[int]:
        return list(self.spaces.epochs[self.state.row : self.state.row + w.ROW_WORDS])

    @property
    def counts(self) -> tuple[int, int]:
        """(issued, ended)."""
        return self.row[w.ROW_SERIAL], self.row[w.ROW_APPLIED]


@pytest.fixture
def side(parts: Parts) -> Iterator[Side]:
    yield Side(parts)
    set_turn(None)


# -- entering and leaving ----------------------------------------------------------------------------


def test_a_batch_holds_its_epoch_in_its_row_and_lets_it_go(side: Side) -> None:
    side.parts.shared.epochs.defer(lambda: None)
    epoch = side.parts.shared.epochs.current
    states: list[int] = []
    at = side.state.row + w.ROW_STATE

    def hook(space: Space, word: int, is_write: bool) -> None:
        states.append(side.spaces.epochs[at])

    set_turn(hook)
    assert side.stage.kernels.run() == w.DONE
    set_turn(None)
    # Epoch and row are asked for before it is entered; all the rest happens inside.
    assert states[:2] == [w.IDLE, w.IDLE]
    assert set(states[2:]) == {epoch}
    assert side.row[w.ROW_STATE] == w.IDLE
    assert side.counts == (KEYS, KEYS)


@pytest.mark.parametrize("state", [w.CLAIMED, 7])
def test_a_row_that_is_taken_lets_nobody_in(side: Side, state: int) -> None:
    side.spaces.epochs[side.state.row] = state
    before = side.row, bytes(side.spaces.log), bytes(side.spaces.index)
    assert side.stage.kernels.run() == w.TAKEN
    assert (side.row, bytes(side.spaces.log), bytes(side.spaces.index)) == before
    side.spaces.epochs[side.state.row] = w.IDLE
    assert side.stage.kernels.run() == w.DONE
    assert side.counts == (KEYS, KEYS)


def test_a_claim_sees_a_whole_number_of_operations_or_does_not_get_in(tiny: Settings) -> None:
    """At every place of the batch somebody tries to claim the row (S5)."""
    outcomes: list[int] = []
    for at in count():
        with FasterKv.open(MemoryDevice(), create=True, settings=tiny, runtime=SteppedRuntime()) as store:
            side = Side(store._parts)
            seen = count()
            claimed: list[tuple[int, int]] = []

            def hook(
                space: Space,
                word: int,
                is_write: bool,
                at: int = at,
                seen: Iterator[int] = seen,
                side: Side = side,
                claimed: list[tuple[int, int]] = claimed,
            ) -> None:
                epochs, row = side.spaces.epochs, side.state.row
                if next(seen) == at and epochs[row + w.ROW_STATE] == w.IDLE:
                    epochs[row + w.ROW_STATE] = w.CLAIMED
                    claimed.append(side.counts)

            set_turn(hook)
            why = side.stage.kernels.run()
            set_turn(None)
            if next(seen) <= at:
                break
            outcomes.append(why)
            assert bool(claimed) == (why == w.TAKEN)
            assert claimed in ([], [(0, 0)])
            side.spaces.epochs[side.state.row] = w.IDLE
            assert why == w.DONE or side.stage.kernels.run() == w.DONE
            assert side.counts == (KEYS, KEYS)
    assert outcomes.count(w.TAKEN) == 2
    assert outcomes.count(w.DONE) > 50


# -- versions ----------------------------------------------------------------------------------------


def test_a_batch_of_a_version_that_is_over_does_nothing(side: Side) -> None:
    before = bytes(side.spaces.log)
    side.parts.shared.system.set(2, Phase.IN_PROGRESS)
    assert side.stage.kernels.run() == w.SHIFT
    assert (side.counts, bytes(side.spaces.log)) == ((0, 0), before)
    side.parts.sessions.shift(side.state)
    assert side.stage.kernels.run() == w.DONE
    assert side.parts.sessions.marks(1)[0].serial == 0


def test_a_shift_in_the_middle_of_a_batch_leaves_what_is_done_to_the_old_version(side: Side) -> None:
    """The record of the third key is of the next version already, so two operations are of the old one."""
    parts, control = side.parts, side.spaces.control
    parts.shared.system.set_fuzzy_start(control[w.TAIL])
    parts.shared.system.set(1, Phase.PREPARE)
    other = Stage(side.spaces, parts.shared.mode, parts.sessions.open("other").row, Rooms(1, 1, 2))
    parts.shared.system.set(2, Phase.IN_PROGRESS)
    parts.sessions.shift_all()
    assert other.kernels.run_pair(w.UPSERT, (9).to_bytes(8, "little"), bytes(16)) == w.DONE
    # This session has not noticed: it entered before the version's edge.
    side.spaces.epochs[side.state.row + w.ROW_VERSION] = 1
    control[w.SYSTEM] = 1 << w.PHASE_BITS | Phase.WAIT_PENDING.value
    assert side.stage.kernels.run() == w.SHIFT
    assert side.batch[w.B_START] == 2
    assert side.counts == (KEYS, 2)
    parts.shared.system.set(2, Phase.IN_PROGRESS)
    parts.sessions.shift(side.state)
    assert side.stage.kernels.run() == w.DONE
    assert side.counts == (KEYS, KEYS)
    assert {mark.name: mark.serial for mark in parts.sessions.marks(1)} == {"other": 0, "s": 2}


# -- where it stops ----------------------------------------------------------------------------------


def test_a_batch_stops_at_a_full_page_and_goes_on_from_there(side: Side) -> None:
    control = side.spaces.control
    record = (2 + 1 + 2) * 8
    control[w.PAGE_END] = control[w.TAIL] + 3 * record + 8
    assert side.stage.kernels.run() == w.PAGE_FULL
    assert side.batch[w.B_START] == 3
    assert side.counts == (KEYS, 3)
    assert side.batch[w.B_ISSUE] == 0
    control[w.PAGE_END] = 1024
    assert side.stage.kernels.run() == w.DONE
    assert side.counts == (KEYS, KEYS)
    side.prepare(w.READ)
    assert side.stage.kernels.run() == w.DONE
    results = list(side.batch[side.stage.results : side.stage.results + KEYS])
    assert results == [w.FOUND | 16 << w.RESULT_BITS] * KEYS
    assert list(side.batch[side.stage.values : side.stage.values + 2 * KEYS]) == [
        0,
        0,
        1,
        1,
        2,
        2,
        3,
        3,
        4,
        4,
    ]


def test_operations_of_one_batch_on_one_key_are_done_in_order(side: Side) -> None:
    for number in range(KEYS):
        side.batch[side.stage.keys + number] = 7
    assert side.stage.kernels.run() == w.DONE
    side.prepare(w.READ)
    assert side.stage.kernels.run() == w.DONE
    assert side.batch[side.stage.values] == KEYS - 1


def test_what_a_batch_found_where_is_counted(side: Side) -> None:
    batch, control = side.batch, side.spaces.control
    side.stage.kernels.run()
    assert (batch[w.N_APPENDED], batch[w.N_ABSENT]) == (KEYS, KEYS)
    side.prepare()
    side.stage.kernels.run()
    assert (batch[w.N_IN_PLACE], batch[w.N_MUTABLE]) == (KEYS, KEYS)
    control[w.READ_ONLY] = control[w.SAFE_READ_ONLY] = control[w.TAIL]
    side.prepare(w.READ)
    side.stage.kernels.run()
    assert batch[w.N_FROZEN] == KEYS
    assert (batch[w.N_LEFT], batch[w.N_RETRY]) == (0, 0)


# -- through a session -------------------------------------------------------------------------------


class Turning(SteppedRuntime):
    """Others use every turn."""

    def __init__(self) -> None:
        super().__init__()
        self.others: Callable[[], None] = lambda: None
        self.turns: list[str] = []

    def turn(self, what: str) -> None:
        self.turns.append(what)
        assert len(self.turns) < 10, self.turns
        self.others()


def test_an_operation_waits_for_a_claim_and_refuses_a_busy_row(tiny: Settings) -> None:
    runtime = Turning()
    with FasterKv.open(MemoryDevice(), create=True, settings=tiny, runtime=runtime) as store:
        session = store.session("s")
        epochs = store._parts.log.spaces.epochs
        session.upsert(b"k", b"1")
        epochs[w.ROW_STATE] = w.CLAIMED

        def let_go() -> None:
            if len(runtime.turns) == 3:
                epochs[w.ROW_STATE] = w.IDLE

        runtime.turns.clear()
        runtime.others = let_go
        session.upsert(b"k", b"2")
        assert runtime.turns == ["a claim to let go of the session"] * 3
        epochs[w.ROW_STATE] = store._parts.shared.epochs.current
        with pytest.raises(SessionError, match="in use"):
            session.read(b"k")
        with pytest.raises(SessionError, match="in use"):
            session.upsert_many([b"k"], [b"3"])
        epochs[w.ROW_STATE] = w.IDLE
        assert session.serial == 2
        assert session.read(b"k") == b"2"
        assert session.serial == 3


def test_an_operation_waits_for_a_lock_and_drains_meanwhile(tiny: Settings) -> None:
    """A record in the fuzzy region is frozen once the epoch has drained, which whoever retries sees to."""
    runtime = Turning()
    with FasterKv.open(MemoryDevice(), create=True, settings=tiny, runtime=runtime) as store:
        session, log = store.session("s"), store._parts.log
        session.upsert(b"k", b"1")
        row = store._parts.sessions.open("elsewhere").row
        log.spaces.epochs[row] = store._parts.shared.epochs.current
        log.ring.shift_read_only(log.spaces.control[w.TAIL])
        assert log.spaces.control[w.SAFE_READ_ONLY] == w.FIRST_ADDRESS

        def leave() -> None:
            if len(runtime.turns) == 2:
                log.spaces.epochs[row] = w.IDLE

        runtime.turns.clear()
        runtime.others = leave
        session.upsert(b"k", b"2")
        assert len(runtime.turns) == 3  # Whoever left is seen by the next that asks.
        assert session.read(b"k") == b"2"
        assert session.counters()[w.N_RETRY - w.N_IN_PLACE] == 3
