"""Running: from a workload to its reports: recorded, every law searched, and what is known held against it.

Invariants
  1  a known finding that occurs is told and fails nothing; one that does not occur fails
  2  reports are in the order of the laws, each followed by its second eras

Threads: one.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import msgspec

from powercut.faultfs import Law

from ..reading.readers import Command
from ..reading.spaces import missing_folders
from ..recording import Recording
from .asked import Readings
from .ignoring import without
from .report import Report, report_of
from .search import Wanted, explore
from .workload import ROOT, Workload, WorkloadError, command_of

__all__ = ["Record", "explore_recording", "record_workload"]


class Record(Protocol):
    """Runs commands, one step each, and records what they do below a folder (`record`)."""

    def __call__(self, commands: Sequence[Sequence[str]], root: str, *, folder: str) -> Recording: ...


def record_workload(workload: Workload, record: Record) -> Recording:
    """Run `init`, and record the steps. Raises WorkloadError, OSError, and what the recorder raises."""
    if not workload.steps:
        raise WorkloadError("steps: none, so nothing is recorded")
    with _root_of(workload) as root:
        for text in workload.init:
            command = command_of(text, root)
            done = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, cwd=workload.folder)
            if done.returncode:
                raise WorkloadError(f"init: {text!r} ended with status {done.returncode}")
        return record([command_of(text, root) for text in workload.steps], root, folder=workload.folder)


def explore_recording(
    recording: Recording, workload: Workload, *, jobs: int = 1, is_pruned: bool = True
) -> list[Report]:
    """Judge every crash state under each law of the workload. Raises NothingToExploreError and others."""
    workload.check_values()
    recording = msgspec.structs.replace(
        without(recording, workload.ignore), sector_bytes=workload.sector or recording.sector_bytes
    )
    root = recording.root
    missing = missing_folders(root)
    Path(root).mkdir(parents=True, exist_ok=True)
    folder = os.path.abspath(workload.folder)
    check = command_of(workload.check, root) if workload.check else ()
    command = Command(command_of(workload.read, root), folder, check)
    try:
        with Readings(recording, command, jobs=jobs, is_pruned=is_pruned) as readings:
            reports = []
            for law in workload.laws:
                wanted = Wanted(Law.of(law), workload.ack, workload.atomic, workload.limit)
                found = explore(recording, readings, wanted)
                reports.append(_known(report_of(recording, found, readings, wanted), workload))
            return reports
    finally:
        for each in missing:
            os.rmdir(each)


def _known(report: Report, workload: Workload) -> Report:
    """Take away what is known, and say what is known and did not occur. Invariant 1."""
    verdicts = {kind.verdict for kind in report.kinds}
    for each in workload.known:
        if each.law and each.law != report.law:
            continue
        if each.verdict in verdicts:
            report.known.append(f"{each.verdict}: {each.reason}")
        elif not report.is_bounded:
            report.gone.append(f"{each.verdict}: {each.reason}")
    known = {each.verdict for each in workload.known if not each.law or each.law == report.law}
    report.kinds = [kind for kind in report.kinds if kind.verdict not in known]
    return report


@contextmanager
def _root_of(workload: Workload) -> Iterator[str]:
    """The folder of a workload, as a path without links: its own, a new one, or the folder of commands."""
    commands = [workload.read, workload.after, workload.check, *workload.init, *workload.steps]
    if not workload.root and any(ROOT in each for each in commands):
        with tempfile.TemporaryDirectory(prefix="powercut-") as root:
            yield os.path.realpath(root)
        return
    folder = Path(workload.folder, workload.root or ".")
    folder.mkdir(parents=True, exist_ok=True)
    yield os.path.realpath(folder)
