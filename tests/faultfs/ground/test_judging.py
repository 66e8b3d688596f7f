"""Evidence is held against a law, and each way of being outside is told."""

import pytest

from powercut.faultfs import Law
from powercut.faultfs.ground.evidence import Collection, Evidence, Head, Sighting
from powercut.faultfs.ground.judging import Outside, judge, outside_of, unseen

SYNCED = "old=O*4096: write old 0 N*4096; sync old"


def outside(program: str, content: str, *steps: tuple[int, int], law: Law = Law.POSIX) -> list[Outside]:
    sighting = Sighting(content, list(steps), 1, "no noise")
    return list(outside_of(Evidence("x", program, 1, 1, 0, [sighting]), law))


@pytest.mark.parametrize(
    ("content", "steps"),
    [
        ("old=O*4096", (0, 3)),
        ("old=N*4096", (1, 4)),
        ("old=N*512+O*3584", (1, 3)),  # Torn at a sector.
    ],
)
def test_content_that_the_law_has_is_fine(content: str, steps: tuple[int, int]) -> None:
    assert outside(SYNCED, content, steps) == []


@pytest.mark.parametrize(
    ("content", "steps", "half_step", "place"),
    [
        ("old=N*4096", (0, 1), 0, "before all calls"),
        ("old=O*4096", (3, 4), 4, "after sync old"),
        ("old=N*512+O*3584", (1, 4), 4, "after sync old"),
        ("old=N*256+O*3840", (1, 1), 1, "in write old 0 N*4096"),
        ("old=N*4096+0*1", (1, 1), 1, "in write old 0 N*4096"),
        ("-", (2, 2), 2, "after write old 0 N*4096"),
        ("new=N*4096 old=O*4096", (2, 2), 2, "after write old 0 N*4096"),
        ("!mount 22", (2, 3), 2, "after write old 0 N*4096"),
    ],
)
def test_content_outside_the_law_is_told_with_its_place(
    content: str, steps: tuple[int, int], half_step: int, place: str
) -> None:
    (found,) = outside(SYNCED, content, steps)
    assert (found.half_step, found.place) == (half_step, place)


def test_call_under_way_may_have_come_to_any_of_its_events() -> None:
    program = "old=O*1: write_through old 0 N*1"
    assert outside(program, "old=O*1", (1, 1)) == []
    assert len(outside(program, "old=O*1", (2, 2))) == 1


def test_law_is_judged_and_not_only_posix() -> None:
    assert outside(SYNCED, "old=N*4096", (2, 2)) == []
    assert len(outside(SYNCED, "old=N*4096", (2, 2), law=Law.STRICT)) == 1


def test_collection_is_sound_iff_each_of_its_contents_is() -> None:
    head = Head("ext4", "", "", "6.18", "mke2fs", 1)
    good = Evidence("good", SYNCED, 1, 1, 0, [Sighting("old=N*4096", [(4, 4)], 1, "")])
    verdict = judge(Collection(head, {SYNCED: good}), Law.POSIX)
    assert verdict.is_sound
    assert (verdict.programs, verdict.contents) == (1, 1)
    good.seen.append(Sighting("old=O*4096", [(4, 4)], 1, ""))
    assert [each.name for each in judge(Collection(head, {SYNCED: good}), Law.POSIX).outside] == ["good"]


def test_states_that_no_scenario_showed_are_counted_and_drawn_programs_are_not() -> None:
    head = Head("ext4", "", "", "6.18", "mke2fs", 1)
    scenario = Evidence("good", SYNCED, 1, 1, 0, [Sighting("old=N*4096", [(4, 4)], 1, "")])
    drawn = Evidence("drawn 1.0", "old=O*1: remove old", 1, 1, 0, [])
    verdict = judge(Collection(head, {each.program: each for each in (scenario, drawn)}), Law.POSIX)
    assert (verdict.states, verdict.unseen) == (2, [("good", "old=O*4096")])


def test_states_of_the_law_that_nobody_saw_are_listed() -> None:
    program = "old=O*4096: write old 4096 N*4096"
    seen = [Sighting("old=O*4096", [(0, 2)], 1, ""), Sighting("old=O*4096+N*4096", [(2, 2)], 1, "")]
    missing, count = unseen(Evidence("x", program, 1, 2, 0, seen), Law.POSIX)
    assert (missing, count) == (["old=O*4096+0*4096"], 3)
