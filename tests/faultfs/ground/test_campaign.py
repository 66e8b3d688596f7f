"""A campaign's plan, and the machines on which there is none."""

import os
import platform
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest

from powercut.faultfs.errors import UnfitMachineError
from powercut.faultfs.ground import kernel
from powercut.faultfs.ground.campaign import Plan, check_machine, tasks_of
from powercut.faultfs.ground.rig import Options
from powercut.faultfs.ground.scenarios import SCENARIOS


def plan(*names: str, drawn: int = 0, file_system: str = "ext4", seed: int = 1) -> Plan:
    return Plan(Options(file_system), names, drawn, seed)


def test_scenario_is_played_plainly_and_with_noise_after_each_call() -> None:
    tasks = list(tasks_of(plan("new-synced")))
    assert tasks[0].noise is None
    assert {task.noise.after for task in tasks[1:] if task.noise} == {1, 2, 3}
    assert {task.noise.kind for task in tasks[1:] if task.noise} == {
        "chmod", "commit", "syncfs", "writeback", "slow",
    }  # fmt: skip
    assert len(tasks) == 16


def test_ends_of_files_are_also_tried_with_one_page_written() -> None:
    kinds = {task.noise.kind for task in tasks_of(plan("append-little-far")) if task.noise}
    assert kinds >= {"page0", "page2", "page4"}


def test_tasks_are_those_of_the_seed() -> None:
    one, other = plan(drawn=30), plan(drawn=30, seed=2)
    assert list(tasks_of(one)) == list(tasks_of(one))
    programs = [{str(task.program) for task in tasks_of(each)} for each in (one, other)]
    assert len(programs[0] & programs[1]) < 5
    noises = {task.noise.kind if task.noise else "" for task in tasks_of(plan(drawn=200))}
    assert noises >= {"", "commit", "syncfs", "chmod", "slow", "writeback", "begun", "page0"}
    assert "late" not in noises


def test_scenario_that_a_file_system_does_not_know_is_left_out() -> None:
    assert list(tasks_of(plan("clone-synced"))) == []
    assert list(tasks_of(plan("clone-synced", file_system="btrfs"))) != []


def test_every_scenario_is_planned_somewhere() -> None:
    planned = {task.name for task in tasks_of(plan(*SCENARIOS, file_system="xfs"))}
    assert planned == set(SCENARIOS)


def refuse(path: str, flags: int) -> NoReturn:
    raise OSError(6, "no such device", path)


@pytest.mark.parametrize(
    ("patch", "said"),
    [
        ((platform, "system", lambda: "Darwin"), "on Linux only"),
        ((os, "geteuid", lambda: 1000), "by root only"),
        ((kernel, "may_mount", lambda: False), "lacks CAP_SYS_ADMIN"),
        ((os, "open", refuse), "/dev/fuse: no such device"),
        ((shutil, "which", lambda name: None), "mkfs.ext4 is not installed"),
        ((Path, "read_text", lambda path, encoding: "nodev tmpfs"), "this kernel has no ext4"),
    ],
)
def test_machine_on_which_it_cannot_be_is_told_why(
    patch: tuple[Any, str, Callable[..., Any]], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fine: list[tuple[Any, str, Callable[..., Any]]] = [
        (platform, "system", lambda: "Linux"),
        (platform, "release", lambda: "0.0-none"),
        (os, "geteuid", lambda: 0),
        (os, "open", lambda path, flags: 3),
        (os, "close", lambda file: None),
        (kernel, "may_mount", lambda: True),
        (shutil, "which", lambda name: name),
    ]
    for each in (*fine, patch):
        monkeypatch.setattr(*each)
    with pytest.raises(UnfitMachineError, match=said):
        check_machine("ext4")


def test_file_system_that_is_not_known_is_told_which_are() -> None:
    with pytest.raises(UnfitMachineError, match="ext4, xfs, btrfs"):
        check_machine("zfs")
