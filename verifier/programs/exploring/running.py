"""Running: from a workload to its reports: recorded, every law searched, and what is known held against it.

Invariants
  1  a known finding that occurs is told and fails nothing; one that does not occur fails
  2  reports are in the order of the laws, each followed by those of second eras that show another kind

Threads: one.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

import msgspec

from powercut.faultfs import Law

from ..reading.readers import Command
from ..reading.spaces import missing_folders
from ..recording import Recording
from .asked import Readings
from .eras import begin_eras, record_again
from .ignoring import without
from .legality import NothingToExploreError
from .report import Report, report_of
from .search import Exploration, Wanted, explore
from .workload import ROOT, Workload, WorkloadError, check_found, command_of

__all__ = ["Record", "explore_recording", "record_workload"]


_STDERR: Final = 2  # The output of `init` is none of the report.


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
            done = subprocess.run(
                command, check=False, stdin=subprocess.DEVNULL, stdout=_STDERR, cwd=workload.folder
            )
            if done.returncode:
                raise WorkloadError(f"init: {text!r} ended with status {done.returncode}")
        commands = [command_of(text, root) for text in workload.steps]
        for text, command in zip(workload.steps, commands, strict=True):
            check_found(text, command, workload.folder)
        return record(commands, root, folder=workload.folder)


def explore_recording(
    recording: Recording,
    workload: Workload,
    *,
    jobs: int = 1,
    is_pruned: bool = True,
    executor: Executor | None = None,
) -> list[Report]:
    """Judge every crash state under each law of the workload. Raises NothingToExploreError and others.

    executor  whose processes read, `jobs` of them at once; second eras are read here
    """
    workload.check_values()
    recording = msgspec.structs.replace(without(recording, workload.ignore), sector_bytes=workload.sector)
    root = recording.root
    missing = missing_folders(root)
    Path(root).mkdir(parents=True, exist_ok=True)
    folder = os.path.abspath(workload.folder)
    read, check, after = (
        command_of(text, root) if text else () for text in (workload.read, workload.check, workload.after)
    )
    for text, words in ((workload.read, read), (workload.check, check), (workload.after, after)):
        if words:
            check_found(text, words, folder)
    command = Command(read, folder, check)
    try:
        with Readings(recording, command, jobs=jobs, is_pruned=is_pruned, executor=executor) as readings:
            reports = []
            for law in workload.laws:
                wanted = Wanted(Law.of(law), workload.ack, workload.atomic, workload.limit)
                found = explore(recording, readings, wanted)
                report = _known(report_of(recording, found, readings, wanted), workload)
                reports.append(report)
                if workload.after:
                    reports += _eras(report, found, readings, workload, wanted)
            return reports
    finally:
        for each in missing:
            os.rmdir(each)


def _eras(
    first: Report, found: Exploration, readings: Readings, workload: Workload, wanted: Wanted
) -> Iterator[Report]:
    """Go on after states of the first era, and search what that leaves."""
    root, command = readings.setting.root, readings.command
    commands = [command.read, command_of(workload.after, root)]
    eras, count = begin_eras(found, readings)
    idle, states, told = 0, 0, {kind.verdict for kind in first.kinds}
    for era in eras:
        recording = record_again(era, root, command.cwd, commands)
        recording = msgspec.structs.replace(without(recording, workload.ignore), sector_bytes=workload.sector)
        with Readings(recording, command) as again:
            try:
                searched = explore(recording, again, wanted)
            except NothingToExploreError:
                idle += 1
                continue
            report = report_of(recording, searched, again, wanted, has_advice=False)
        report.era, report.unsynced = era.told, []
        report = _known(report, workload, is_second=True)
        states += report.states
        report.kinds = [kind for kind in report.kinds if kind.verdict not in told]
        if report.kinds:
            told |= {kind.verdict for kind in report.kinds}
            yield report
    first.notes.append(
        f"second eras: after {len(eras)} of {count} states whose readings differ, {states:,} crash states; "
        f"in {idle} nothing happened; a kind that the first era shows is not told again"
    )


def _known(report: Report, workload: Workload, *, is_second: bool = False) -> Report:
    """Take away what is known, and say what is known and did not occur. Invariant 1."""
    verdicts = {kind.verdict for kind in report.kinds}
    for each in workload.known:
        if each.law and each.law != report.law:
            continue
        if each.verdict in verdicts:
            report.known.append(f"{each.verdict}: {each.reason}")
        elif not report.is_bounded and not is_second:
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
