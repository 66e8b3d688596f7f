"""Session states: names, numbers, commit points."""

import pytest

from engine import SessionError, UnknownSessionError
from engine.layout import SessionMark
from engine.phases import System
from engine.sessions import SessionRegistry


def test_a_live_name_cannot_be_opened_again() -> None:
    registry = SessionRegistry(System(1), 1)
    registry.open("a")
    with pytest.raises(SessionError, match="live"):
        registry.open("a")
    with pytest.raises(SessionError, match="live"):
        registry.forget("a")


def test_an_unknown_name_is_not_resumed_or_forgotten() -> None:
    registry = SessionRegistry(System(1), 1)
    for call in (registry.resume, registry.forget):
        with pytest.raises(UnknownSessionError, match="'a'"):
            call("a")


@pytest.mark.parametrize("name", ["", "x" * 256, "ü" * 128, "\ud800"])
def test_a_name_that_cannot_be_kept_is_refused(name: str) -> None:
    with pytest.raises(SessionError):
        SessionRegistry(System(1), 1).open(name)


def test_a_recovered_session_goes_on_from_its_serial() -> None:
    state = SessionRegistry(System(5), 2, [SessionMark("a", 7, 41)]).resume("a")
    assert (state.serial, state.number, state.version) == (41, 7, 5)


def test_numbers_differ_between_lives_and_between_bearers_of_a_name() -> None:
    first = SessionRegistry(System(1), 1)
    state = first.open("a")
    numbers = [state.number, SessionRegistry(System(1), 2).open("a").number]
    state.is_live = False
    first.forget("a")
    numbers.append(first.open("a").number)
    assert len(set(numbers)) == 3


def test_the_commit_point_is_set_once_for_a_version() -> None:
    system = System(1)
    registry = SessionRegistry(system, 1)
    state = registry.open("a")
    state.serial = state.applied = 3
    system.version = 2
    state.shift(system)
    state.serial = state.applied = 9
    registry.shift_idle()
    assert registry.marks(1) == [SessionMark("a", state.number, 3)]
    assert registry.marks(2) == []


def test_an_operation_under_way_belongs_to_the_next_version() -> None:
    system = System(1)
    registry = SessionRegistry(system, 1)
    state = registry.open("a")
    state.serial, state.applied = 4, 3
    system.version = 2
    registry.shift_idle()
    assert registry.marks(1)[0].serial == 3


def test_a_session_born_after_the_shift_has_no_mark() -> None:
    system = System(1)
    registry = SessionRegistry(system, 1)
    system.version = 2
    registry.open("late")
    registry.shift_idle()
    assert registry.marks(1) == []


def test_only_the_bearer_whose_mark_it_is_counts_as_saved() -> None:
    registry = SessionRegistry(System(1), 1)
    state = registry.open("a")
    state.serial = 5
    registry.save([SessionMark("a", state.number + 1, 5)])
    assert registry.unsaved() == {"a": 5}
    registry.save([SessionMark("a", state.number, 4)])
    assert registry.unsaved() == {"a": 1}
