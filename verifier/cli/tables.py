"""Tables that gate and inspect print, and the progress of a gate.

Invariant
  1  bars are drawn on a terminal only; elsewhere a line now and then, so that a log stays readable
"""

from __future__ import annotations

import dataclasses
import os
import sys
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

import msgspec
import typer

from powercut.engine.inspection import StoreInspection

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from ..gate import GateReport, Stage

__all__ = ["Bars", "encode_inspection", "tell_gate", "tell_inspection"]

_TOLD_MAX: Final = 8  # Quarters would do; a long stage should not look dead.


class Bars:
    """The progress of a gate, on stderr."""

    def __init__(self) -> None:
        self._progress: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._told: dict[str, int] = {}

    def __enter__(self) -> Self:
        if sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

            # Console honours NO_COLOR.
            self._progress = Progress(
                TextColumn("{task.description:<8}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                console=Console(stderr=True),
            )
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def show(self, stage: str, done: int, total: int) -> None:
        """Show that so many chunks of a stage are done."""
        if self._progress is None:
            self._say(stage, done, total)
            return
        if stage not in self._tasks:
            self._tasks[stage] = self._progress.add_task(stage, total=total)
        self._progress.update(self._tasks[stage], completed=done, total=total)

    def _say(self, stage: str, done: int, total: int) -> None:
        share = done * _TOLD_MAX // max(1, total)
        if self._told.get(stage) != share:
            self._told[stage] = share
            typer.echo(f"{stage}: {done} of {total} chunks", err=True)


def tell_gate(report: GateReport) -> str:
    """A line a stage, what each proved or found, and the verdict."""
    head = ("programs", "distinct", "checked", "read paths", "violations", "seconds")
    lines = [f"{'stage':<10}" + "".join(f"{title:>12}" for title in head)]
    for name, stage in report.stages.items():
        figures = (stage.programs, stage.distinct, stage.checked, stage.read_paths, len(stage.violations))
        row = "".join(f"{figure:>12,}" for figure in figures)
        lines.append(f"{name:<10}{row}{stage.seconds:>12.1f}")
    lines.append("")
    last = next(reversed(report.stages), "")
    for name, stage in report.stages.items():
        is_interrupted = report.interrupted and name == last
        lines += [f"{name}: {line}" for line in _details(stage, is_interrupted=is_interrupted)]
    for stage in report.stages.values():
        lines += [violated.story for violated in stage.violations if violated.story]
    profile = f"profile {report.profile}, seed {report.seed}, {report.seconds:.1f} s"
    return "\n".join([*lines, profile, report.summary])


def _details(stage: Stage, *, is_interrupted: bool) -> list[str]:
    lines = []
    for bound in stage.bounds:
        state = "complete" if bound.complete else "NOT complete"
        lines.append(
            f"{bound.name}: {state}, {bound.programs_visited:,} of {bound.programs:,} programs, "
            f"{bound.visited:,} of {bound.legal:,} crash states"
        )
    if stage.vectors:
        lines.append(
            f"{stage.vectors:,} version vectors came down to {stage.contents:,} contents and these to "
            f"{stage.checked:,} openings; {stage.judged:,} judgements"
        )
    if stage.mutants:
        killed = sum(planted.killed for planted in stage.mutants)
        lines.append(f"{killed} of {len(stage.mutants)} planted bugs killed")
    # A stage ends with its first violation, so what else it had to show says nothing then.
    if not stage.violations:
        misses, undecided = stage.misses(), stage.undecided()
        lines += [f"undecided: {why}" for why in undecided]
        # Figures of a part of the work say nothing of a floor that the whole of it owes.
        is_partial = is_interrupted or bool(undecided)
        lines += [
            f"below the floor: {what}" for what in stage.shortfalls() if not is_partial or what not in misses
        ]
        if is_partial and misses:
            lines.append(f"{'interrupted' if is_interrupted else 'stopped short'}: the floor is not judged")
    lines += [f"nondeterminism: {what}" for what in stage.unstable]
    lines += [f"VIOLATION {each.oracle}: {each.kind}; {each.repeat}" for each in stage.violations]
    return lines


def tell_inspection(found: StoreInspection) -> str:
    """Say what is on the device, from the roots down."""
    lines = [f"store      {found.store_id.hex() if found.store_id else 'unknown: no root can be read'}"]
    for root in found.roots:
        says = root.complaint or f"sequence {root.sequence}, life {root.life}"
        lines.append(f"{root.file:<11}{says}{'   <-- damaged' if root.complaint else ''}")
    if found.settings is not None:
        settings = dataclasses.asdict(found.settings)
        lines.append("settings   " + ", ".join(f"{k} {v}" for k, v in settings.items() if v is not None))
    if found.newest is None and not found.is_sound:
        lines.append("newest     unknown: it cannot be read")
    else:
        lines.append(f"newest     {_version(found.newest) if found.newest else 'no checkpoint yet'}")
        lines.append(f"log        {found.begin} to {found.tail}")
    lines += [
        f"checkpoint {_version(block.version)}: tables at {block.offset}+{block.length}, "
        f"{block.extents} extents{' (all of them)' if block.is_full else ''}, {block.sessions} sessions, "
        f"log to {block.final}"
        for block in found.chain
    ]
    lines += [f"session    {mark.name}: up to #{mark.serial}" for mark in found.sessions]
    for segment in found.segments:
        size = "no file" if segment.size is None else f"{segment.size} bytes"
        bad = f", damaged from {segment.first_bad.start}   <--" if segment.first_bad else ""
        lines.append(f"segment    {segment.name}: {size}, {segment.extents} extents{bad}")
    lines += [f"void       [{void.low}, {void.high}): version {void.counter} is void" for void in found.voids]
    lines += [f"stranger   {name}" for name in found.strangers]
    for damage in found.damage:
        mended = "; the next opening for writing mends it" if damage.is_mended else ""
        lines.append(
            f"damage     {damage.file} at byte {damage.offset}: "
            f"found {damage.found}, expected {damage.expected}{mended}"
        )
    lines.append("sound" if found.is_sound else "DAMAGED")
    return "\n".join(lines)


def encode_inspection(found: StoreInspection) -> str:
    """The same as one JSON document."""
    document: dict[str, Any] = {"schema": 1, "is_sound": found.is_sound} | msgspec.to_builtins(found)
    document["store_id"] = found.store_id.hex() if found.store_id else None
    document["newest"] = found.newest._asdict() if found.newest else None
    document["voids"] = [void._asdict() for void in found.voids]
    document["sessions"] = [mark._asdict() for mark in found.sessions]
    for block, shown in zip(found.chain, document["chain"], strict=True):
        shown["version"] = block.version._asdict()
    for segment, shown in zip(found.segments, document["segments"], strict=True):
        shown["first_bad"] = segment.first_bad._asdict() if segment.first_bad else None
    return msgspec.json.encode(document).decode()


def _version(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"
