"""The command `ground`: the kept evidence without root, and what it refuses."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import msgspec
import pytest

from powercut.faultfs import Law
from powercut.faultfs.ground import campaign, claims, evidence
from powercut.faultfs.ground.evidence import Collection, Evidence, Head, Sighting

Called = Callable[..., CompletedProcess[bytes]]

SYNCED = "old=O*1: write old 0 N*1; sync old"


def collection(*seen: Sighting) -> Collection:
    head = Head("xfs", "", "", "6.18", "mkfs.xfs", 1)
    return Collection(head, {SYNCED: Evidence("overwrite", SYNCED, 1, 3, 0, list(seen))})


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Puts evidence in the place of the kept one."""
    return lambda *seen: monkeypatch.setattr(evidence, "kept", lambda: [collection(*seen)])


def test_evidence_that_the_laws_have_is_consistent(called: Called, shown: Callable[..., None]) -> None:
    shown(Sighting("old=N*1", [(1, 4)], 3, "no noise"))
    done = called("ground", "--kept")
    assert (done.returncode, done.stderr) == (0, b"")
    head, *rows = done.stdout.decode().splitlines()
    assert head == "xfs, Linux 6.18: 1 programs, 1 recordings, 3 images, 1 contents"
    assert [row.split()[:2] for row in rows] == [
        [law.value, rows[at].split()[1]] for at, law in enumerate(Law)
    ]


def test_content_outside_a_claimed_law_is_a_violation_and_told_with_its_program(
    called: Called, shown: Callable[..., None]
) -> None:
    shown(Sighting("old=O*1", [(4, 4)], 3, "commit@1"))
    done = called("ground", "--kept")
    assert done.returncode == 1
    assert f"outside posix, overwrite: {SYNCED}\n    after sync old: old=O*1   (3 images; commit@1)" in (
        done.stdout.decode()
    )


def test_document_has_every_law_and_what_is_outside(called: Called, shown: Callable[..., None]) -> None:
    shown(Sighting("old=O*1", [(4, 4)], 3, "commit@1"))
    done = called("ground", "--kept", "--json")
    assert done.returncode == 1
    (told,) = msgspec.json.decode(done.stdout)
    assert [row["law"] for row in told["laws"]] == [law.value for law in Law]
    assert {row["law"] for row in told["laws"] if row["is_claimed"]} == set(claims.laws_of(collection().head))
    posix = next(row for row in told["laws"] if row["law"] == "posix")
    assert posix["outside"] == [
        {
            "name": "overwrite",
            "program": SYNCED,
            "content": "old=O*1",
            "half_step": 4,
            "place": "after sync old",
            "images": 3,
            "example": "commit@1",
        }
    ]


def test_measured_content_that_is_not_kept_is_told(
    called: Called, shown: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown(Sighting("old=O*1", [(0, 3)], 3, ""))
    monkeypatch.setattr(campaign, "check_machine", lambda name: None)
    monkeypatch.setattr(
        campaign, "run", lambda plan, jobs, hear: collection(Sighting("old=N*1", [(2, 4)], 3, ""))
    )
    done = called("ground", "--fs", "xfs", "--json")
    assert done.returncode == 0
    assert done.stderr.startswith(b"xfs: 3 images, 0 mounted, in ")
    (told,) = msgspec.json.decode(done.stdout)
    assert told["new"] == [{"name": "overwrite", "program": SYNCED, "content": "old=N*1"}]


def test_program_that_the_file_system_refuses_is_told_and_fails(
    called: Called, shown: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(plan: campaign.Plan, jobs: int, hear: Callable[[campaign.Done], None]) -> Collection:
        task = next(campaign.tasks_of(plan))
        hear(campaign.Done(task, None, 0, 0.0, "No space left on device (28)"))
        return collection()

    shown()
    monkeypatch.setattr(campaign, "check_machine", lambda name: None)
    monkeypatch.setattr(campaign, "run", run)
    done = called("ground", "--fs", "xfs", "--only", "append-alone", "--fuzz", "0")
    assert done.returncode == 1
    assert b"not played: append-alone, None: No space left on device (28)" in done.stderr


def test_machine_that_cannot_is_told_why_and_nothing_is_measured(
    called: Called, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    done = called("ground", "--fs", "ext4")
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr == b"powercut: real file systems are mounted by root only\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--only", "none"), b"no scenario 'none'"),
        (("--fs", "zfs"), b"no file system 'zfs' is known"),
        (("--fuzz", "-1"), b"--fuzz"),
        (("-j", "0"), b"--jobs"),
        (("--fs", ""), b"--fs names no file system"),
    ],
)
def test_refusal_is_one_line(called: Called, tmp_path: Path, arguments: tuple[str, ...], said: bytes) -> None:
    done = called("ground", *arguments, folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, b"")
    assert said in done.stderr
    assert done.stderr.count(b"\n") == 1
