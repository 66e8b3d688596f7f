"""Evidence is put together, kept, and read again."""

from pathlib import Path

import msgspec
import pytest

from powercut.faultfs.ground.evidence import (
    Collection,
    Evidence,
    Head,
    Sighting,
    keep,
    load,
    new_in,
    save,
    union,
)

PROGRAM = "old=O*1: remove old"
HEAD = Head("ext4", "", "", "6.18", "mke2fs", 1)


def evidence(*seen: Sighting, program: str = PROGRAM) -> Evidence:
    return Evidence("gone", program, 1, 5, 1, list(seen))


def collection(*found: Evidence) -> Collection:
    made = Collection(HEAD, {})
    for each in found:
        made.add(each)
    return made


def gone(*steps: tuple[int, int]) -> Sighting:
    return Sighting("-", list(steps), 2, "no noise")


def there() -> Sighting:
    return Sighting("old=O*1", [(0, 1)], 3, "chmod@1")


def test_recordings_of_one_program_are_put_together() -> None:
    made = collection(evidence(gone((1, 2))), evidence(there(), gone((2, 4))))
    (found,) = made.programs.values()
    assert (found.recordings, found.images, found.unmounted) == (2, 10, 2)
    assert found.seen == [Sighting("-", [(1, 4)], 4, "no noise"), there()]
    assert made.count("images") == 10
    assert made.contents == 2


@pytest.mark.parametrize(
    ("steps", "whole"),
    [
        ([], []),
        ([(3, 4), (0, 1)], [(0, 1), (3, 4)]),
        ([(0, 1), (2, 2)], [(0, 2)]),
        ([(0, 5), (1, 2)], [(0, 5)]),
    ],
)
def test_union_of_runs(steps: list[tuple[int, int]], whole: list[tuple[int, int]]) -> None:
    assert union(steps) == whole


def test_kept_evidence_is_read_as_it_was_written() -> None:
    made = collection(evidence(gone((1, 2))), evidence(there(), program="old=O*1: sync old"))
    assert load(save(made)) == made
    assert save(load(save(made))) == save(made)


def test_whole_run_takes_the_place_of_all_and_a_part_of_its_own_programs(tmp_path: Path) -> None:
    other = "old=O*1: sync old"
    both = collection(evidence(gone((1, 2))), evidence(there(), program=other))
    path = keep(both, tmp_path)
    assert path.name == "ext4.jsonl"
    again = collection(evidence(gone((2, 2))))
    assert keep(again, tmp_path, is_part=True) == path
    assert load(path.read_bytes()).programs == {**both.programs, **again.programs}
    assert keep(again, tmp_path) == path
    assert load(path.read_bytes()) == again


def test_options_are_in_the_name_of_the_file(tmp_path: Path) -> None:
    made = Collection(msgspec.structs.replace(HEAD, mkfs="-O ^has_journal", mount="noatime"), {})
    assert keep(made, tmp_path).name == "ext4-O-^has_journal-noatime.jsonl"


def test_file_that_is_no_evidence_is_refused() -> None:
    with pytest.raises(msgspec.DecodeError):
        load(save(collection(evidence())) + b"torn")


def test_content_that_was_not_seen_before_is_new() -> None:
    before, after = collection(evidence(there())), collection(evidence(there(), gone((1, 1))))
    assert [each.content for each in new_in(after, [before])] == ["-"]
    assert new_in(before, [after]) == []
    other = Collection(msgspec.structs.replace(HEAD, mount="data=writeback"), dict(after.programs))
    assert new_in(other, [before]) == [], "another set of options is another file system"
