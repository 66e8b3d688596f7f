"""Session states: names, numbers, rows, commit points; a claim and a batch exclude each other."""

from collections.abc import Callable

import pytest

from powercut.engine import SessionError, UnknownSessionError
from powercut.engine.checkpoint.parts import Parts
from powercut.engine.kernels import words as w
from powercut.engine.metadata.marks import SessionMark
from powercut.engine.sessions.registry import SessionRegistry, SessionState
from powercut.engine.sessions.staging import Rooms, Stage
from powercut.engine.shared.phases import Phase
from powercut.engine.shared.spaces import SESSIONS_MAX
from powercut.verifier.faster.stepped import SteppedRuntime

Make = Callable[..., SessionRegistry]


@pytest.fixture
def make(parts: Parts) -> Make:
    """Registries over the spaces of one store."""

    def registry(life: int = 1, marks: tuple[SessionMark, ...] = ()) -> SessionRegistry:
        return SessionRegistry(parts.shared, SteppedRuntime(), life, marks)

    return registry


@pytest.fixture
def registry(parts: Parts) -> SessionRegistry:
    return parts.sessions


def put(parts: Parts, state: SessionState, serial: int, applied: int) -> None:
    """Let the live session have issued and ended so many operations."""
    epochs = parts.log.spaces.epochs
    epochs[state.row + w.ROW_SERIAL], epochs[state.row + w.ROW_APPLIED] = serial, applied


def shift_system(parts: Parts) -> None:
    parts.shared.system.set(parts.shared.system.version + 1, Phase.IN_PROGRESS)


# -- names and numbers -------------------------------------------------------------------------------


def test_a_live_name_cannot_be_opened_again(registry: SessionRegistry) -> None:
    registry.open("a")
    with pytest.raises(SessionError, match="live"):
        registry.open("a")
    with pytest.raises(SessionError, match="live"):
        registry.forget("a")


def test_an_unknown_name_is_not_resumed_or_forgotten(registry: SessionRegistry) -> None:
    for call in (registry.resume, registry.forget):
        with pytest.raises(UnknownSessionError, match="'a'"):
            call("a")


@pytest.mark.parametrize("name", ["", "x" * 256, "ü" * 128, "\ud800"])
def test_a_name_that_cannot_be_kept_is_refused(registry: SessionRegistry, name: str) -> None:
    with pytest.raises(SessionError):
        registry.open(name)


def test_a_recovered_session_goes_on_from_its_serial(make: Make, parts: Parts) -> None:
    parts.shared.system.set(5, Phase.REST)
    registry = make(2, (SessionMark("a", 7, 41),))
    state = registry.resume("a")
    assert (registry.serial(state), state.number) == (41, 7)
    epochs = parts.log.spaces.epochs
    assert epochs[state.row + w.ROW_VERSION] == 5
    assert epochs[state.row + w.ROW_APPLIED] == 41
    assert registry.unsaved() == {}


def test_numbers_differ_between_lives_and_between_bearers_of_a_name(make: Make) -> None:
    first = make(1)
    state = first.open("a")
    numbers = [state.number, make(2).open("a").number]
    first.retire(state)
    first.forget("a")
    numbers.append(first.open("a").number)
    assert len(set(numbers)) == 3


# -- rows --------------------------------------------------------------------------------------------


def test_live_sessions_have_rows_of_their_own_and_a_freed_one_is_given_again(
    registry: SessionRegistry,
) -> None:
    a, b = registry.open("a"), registry.open("b")
    assert a.row != b.row
    row = a.row
    registry.retire(a)
    assert not a.is_live
    assert registry.open("c").row == row
    assert registry.resume("a").row not in (row, b.row)


def test_what_stood_in_a_row_is_not_inherited(registry: SessionRegistry, parts: Parts) -> None:
    before = registry.open("before")
    put(parts, before, 9, 9)
    parts.log.spaces.epochs[before.row + w.ROW_PENDING] = 1
    shift_system(parts)
    registry.shift_all()
    registry.retire(before)
    heir = registry.open("heir")
    assert registry.serial(heir) == 0
    assert registry.pending() == []
    assert [mark.name for mark in registry.marks(1)] == ["before"]


def test_a_closed_session_takes_its_numbers_along(registry: SessionRegistry, parts: Parts) -> None:
    state = registry.open("a")
    put(parts, state, 4, 4)
    registry.retire(state)
    registry.retire(state)
    registry.open("other")
    assert registry.serials() == {"a": 4, "other": 0}
    again = registry.resume("a")
    assert registry.serial(again) == 4


def test_more_live_sessions_than_rows_are_refused(registry: SessionRegistry) -> None:
    states = [registry.open(f"{number}") for number in range(SESSIONS_MAX)]
    with pytest.raises(SessionError, match="close one"):
        registry.open("late")
    registry.retire(states[100])
    assert registry.open("late").row == 100 * w.ROW_WORDS


# -- versions ----------------------------------------------------------------------------------------


def test_the_commit_point_is_set_once_for_a_version(registry: SessionRegistry, parts: Parts) -> None:
    state = registry.open("a")
    put(parts, state, 3, 3)
    shift_system(parts)
    registry.shift(state)
    put(parts, state, 9, 9)
    registry.shift_all()
    assert registry.marks(1) == [SessionMark("a", state.number, 3)]
    assert registry.marks(2) == []


def test_a_session_closed_before_the_shift_is_shifted_too(registry: SessionRegistry, parts: Parts) -> None:
    state = registry.open("a")
    put(parts, state, 3, 3)
    registry.retire(state)
    shift_system(parts)
    registry.shift_all()
    state = registry.resume("a")
    put(parts, state, 9, 9)
    registry.shift_all()
    assert registry.marks(1) == [SessionMark("a", state.number, 3)]


def test_an_operation_under_way_belongs_to_the_next_version(registry: SessionRegistry, parts: Parts) -> None:
    put(parts, registry.open("a"), 4, 3)
    shift_system(parts)
    registry.shift_all()
    assert registry.marks(1)[0].serial == 3


def test_a_session_born_after_the_shift_has_no_mark(registry: SessionRegistry, parts: Parts) -> None:
    shift_system(parts)
    registry.open("late")
    registry.shift_all()
    assert registry.marks(1) == []


def test_only_the_bearer_whose_mark_it_is_counts_as_saved(registry: SessionRegistry, parts: Parts) -> None:
    state = registry.open("a")
    put(parts, state, 5, 5)
    registry.save(1, [SessionMark("a", state.number + 1, 5)])
    assert registry.unsaved() == {"a": 5}
    registry.save(1, [SessionMark("a", state.number, 4)])
    assert registry.unsaved() == {"a": 1}


# -- claims and batches ------------------------------------------------------------------------------


def test_a_claim_waits_for_the_batch_that_has_the_row(registry: SessionRegistry, parts: Parts) -> None:
    """Without threads a wait that nobody can end fails: that is how it is seen here."""
    state = registry.open("a")
    epochs = parts.log.spaces.epochs
    shift_system(parts)
    for taken in (parts.shared.epochs.current, w.CLAIMED):
        epochs[state.row + w.ROW_STATE] = taken
        for call in (registry.shift_all, lambda: registry.retire(state)):
            with pytest.raises(AssertionError, match="session 'a' to leave its batch"):
                call()
        assert epochs[state.row + w.ROW_STATE] == taken
        assert epochs[state.row + w.ROW_VERSION] == 1
    epochs[state.row + w.ROW_STATE] = w.IDLE
    registry.shift_all()
    assert epochs[state.row + w.ROW_STATE] == w.IDLE
    assert epochs[state.row + w.ROW_VERSION] == 2


def test_a_batch_does_not_enter_a_row_that_is_claimed(registry: SessionRegistry, parts: Parts) -> None:
    state = registry.open("a")
    spaces = parts.log.spaces
    stage = Stage(spaces, parts.shared.mode, state.row, Rooms(1, 1, 1))
    before = bytes(spaces.log)
    spaces.epochs[state.row + w.ROW_STATE] = w.CLAIMED
    assert stage.kernels.run_pair(w.UPSERT, b"k", b"v") == w.TAKEN
    assert spaces.epochs[state.row + w.ROW_STATE] == w.CLAIMED
    assert registry.serial(state) == 0
    assert bytes(spaces.log) == before
