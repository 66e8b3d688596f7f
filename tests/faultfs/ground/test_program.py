"""Programs of the rig: their text, and what of them a FaultDevice is told."""

from random import Random

import pytest

from powercut.faultfs import EventKind
from powercut.faultfs.errors import ProgramError
from powercut.faultfs.ground.contents import tell
from powercut.faultfs.ground.drawn import draw
from powercut.faultfs.ground.growing import grow
from powercut.faultfs.ground.program import Program, parse_call
from powercut.faultfs.ground.scenarios import SCENARIOS, is_playable


@pytest.mark.parametrize("name", SCENARIOS)
def test_text_of_a_scenario_is_the_scenario(name: str) -> None:
    program = SCENARIOS[name]
    assert Program.parse(str(program)) == program


def test_no_two_scenarios_are_one() -> None:
    assert len(set(SCENARIOS.values())) == len(SCENARIOS) >= 70


@pytest.mark.parametrize(
    ("call", "content"),
    [
        ("write old 4 N*4", "old=O*4+N*4"),
        ("write_through old 4 N*4", "old=O*4+N*4"),
        ("truncate old 2", "old=O*2"),
        ("empty old", "old="),
        ("allocate old 2 6", "old=O*6+0*2"),
        ("reserve old 2 60", "old=O*6"),
        ("punch old 1 90", "old=O*1+0*5"),
        ("store old 0 N*1", "old=N*1+O*5"),
        ("link old new", "new=O*6 old~new"),
        ("rename old new", "new=O*6"),
        ("remove old", "-"),
        ("close old", "old=O*6"),
        ("flush_range old", "old=O*6"),
        ("create new; copy old new 4", "new=O*4 old=O*6"),
        ("create new; clone old new", "new=O*6 old=O*6"),
    ],
)
def test_device_is_told_what_a_reader_would_see(call: str, content: str) -> None:
    assert tell(Program.parse(f"old=O*6: {call}").device().image()) == content


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        ("sync old", EventKind.SYNC),
        ("datasync old", EventKind.DATASYNC),
        ("msync old", EventKind.DATASYNC),
        ("sync_names", EventKind.SYNC_NAMES),
        ("write_through old 0 N*1", EventKind.WRITE_THROUGH),
    ],
)
def test_sync_of_the_kernel_is_a_sync_of_the_device(call: str, kind: EventKind) -> None:
    assert Program.parse(f"old=O*6: {call}").device().trace.events[-1].kind is kind


def test_indices_count_the_events_of_each_call() -> None:
    program = Program.parse("old=O*6: write_through old 0 N*1; flush_range old; remove old")
    assert program.indices() == [0, 2, 2, 3]


@pytest.mark.parametrize(
    "text",
    [
        "create a",
        "old=O*1: frobnicate old",
        "old=O*1: write old N*1",
        "old=O*1: write old -1 N*1",
        "old=O*1: create old",
        "old=O*1: rename new old",
        "old=O: sync old",
    ],
)
def test_text_that_is_no_program_is_refused(text: str) -> None:
    with pytest.raises(ProgramError):
        Program.parse(text)


def test_call_without_its_arguments_is_told_which_it_takes() -> None:
    with pytest.raises(ProgramError, match="write takes name offset runs"):
        parse_call("write old")


def test_clone_is_not_played_on_ext4() -> None:
    assert not is_playable(SCENARIOS["clone-synced"], "ext4")
    assert is_playable(SCENARIOS["clone-synced"], "xfs")


def test_drawn_programs_are_those_of_the_seed_and_write_each_letter_once() -> None:
    words, marked = set(), 0
    for seed in range(200):
        program = draw(Random(seed))
        marked += program.calls[0].arguments == ("third", 50)
        assert program == draw(Random(seed))
        assert Program.parse(str(program)) == program
        written = [call.arguments[2] for call in program.calls if call.word in ("write", "write_through")]
        letters = [data[:1] for data in written if isinstance(data, bytes)]
        assert len(set(letters)) == len(letters)
        words |= {call.word for call in program.calls}
    assert 70 < marked < 130
    assert words >= {"create", "write", "truncate", "empty", "rename", "link", "remove", "allocate", "punch"}


def test_drawn_programs_on_folders_are_those_of_the_seed_and_play_on_a_device() -> None:
    words = set()
    for seed in range(200):
        program = grow(Random(seed))
        assert program == grow(Random(seed))
        assert Program.parse(str(program)) == program
        assert 5 <= len(program.calls) <= 9
        words |= {call.word for call in program.calls}
    assert words >= {"make_folder", "remove_folder", "sync_folder", "symlink", "exchange", "rename", "link"}
