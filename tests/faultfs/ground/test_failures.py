"""Syncs that failed on real file systems: the evidence, and the table of aftermaths that it is held to."""

import pytest

from powercut.faultfs import Aftermath, Effect, Law
from powercut.faultfs.ground.evidence import Collection, kept
from powercut.faultfs.ground.judging import outside_of
from powercut.faultfs.ground.program import Program
from powercut.faultfs.law import aftermath
from powercut.faultfs.law.aftermath import After

SYSTEMS = {each.title: each for each in kept() if each.title in ("ext4", "xfs", "btrfs")}
OF = {"ext4": Effect.EXT4, "xfs": Effect.XFS, "btrfs": Effect.BTRFS}


def lacking(collection: Collection, effect: Effect) -> list[str]:
    """The programs in which `posix`, with this effect of a failed sync, lacks a content."""
    programs = [each for each in collection.programs.values() if Program.parse(each.program).has_failure]
    assert len(programs) == 10
    return [each.name for each in programs if list(outside_of(each, Law.POSIX, effect))]


def last(title: str, name: str) -> set[str]:
    """The contents of a program after its last call, a clean unmount included."""
    (evidence,) = (each for each in SYSTEMS[title].programs.values() if each.name == name)
    end = 2 * len(Program.parse(evidence.program).calls)
    return {each.content.split()[0] for each in evidence.seen if end in each.half_steps()}


@pytest.mark.parametrize("title", SYSTEMS)
def test_the_effect_of_a_file_system_has_all_that_it_showed(title: str) -> None:
    assert lacking(SYSTEMS[title], OF[title]) == []


def test_what_f39_says_was_seen() -> None:
    zeros = "old=O*8192+0*4096"
    assert last("ext4", "failed-append") == {zeros}
    assert last("ext4", "failed-append-again") == {zeros}  # Written again, synced, lost.
    assert last("xfs", "failed-append") == {"old=O*8192"}
    assert last("xfs", "failed-append-again") == {"old=O*8192+N*4096"}
    assert last("btrfs", "failed-new") == {"old=0*4096", "old="}  # Synced, then taken back.
    assert last("btrfs", "failed-append-again") == {"old=O*8192+N*4096"}
    for title in SYSTEMS:
        assert last(title, "failed-overwrite") == {"old=O*8192"}  # F33
        assert last(title, "failed-overwrite-again") == {"old=N*4096+O*4096"}
        assert last(title, "failed-append-cut") == {"old=O*8192+N*4096"}


@pytest.mark.parametrize("title", SYSTEMS)
def test_a_table_that_promises_more_is_told(title: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(aftermath.TABLE, Aftermath[title.upper()], After())
    assert lacking(SYSTEMS[title], OF[title])


@pytest.mark.parametrize("title", SYSTEMS)
def test_a_failed_sync_after_which_the_next_one_writes_all_is_told(
    title: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aftermath.Failures, "fail", lambda *_: None)
    assert "failed-overwrite" in lacking(SYSTEMS[title], OF[title])


def test_file_systems_are_told_from_one_another() -> None:
    assert lacking(SYSTEMS["ext4"], Effect.XFS)
    assert lacking(SYSTEMS["xfs"], Effect.EXT4)
    assert lacking(SYSTEMS["btrfs"], Effect.EXT4)
