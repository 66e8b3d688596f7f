"""The progress of a gate, on stderr.

Invariants
  1  bars are drawn on a terminal only; elsewhere a line is told, and at most one in PAUSE_SECONDS, but for
     the name of a stage whose work has no pieces
  2  NO_COLOR is honoured
"""

from __future__ import annotations

import os
import sys
from math import inf
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

import typer

if TYPE_CHECKING:
    import rich.progress

    from ..gate import Progress

__all__ = ["PAUSE_SECONDS", "ProgressLine"]

PAUSE_SECONDS: Final = 10.0


class ProgressLine:
    """Shows the progress of each stage: a bar a stage on a terminal, else a line now and then."""

    def __init__(self) -> None:
        self._bars: rich.progress.Progress | None = None
        self._tasks: dict[str, rich.progress.TaskID] = {}
        self._told = -inf

    def __enter__(self) -> Self:
        if sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

            # Console honours NO_COLOR.
            self._bars = Progress(
                TextColumn("{task.description:<8}"),
                BarColumn(bar_width=24),
                MofNCompleteColumn(),
                TextColumn("{task.fields[told]}"),
                console=Console(stderr=True),
            )
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars is not None:
            self._bars.stop()

    def show(self, progress: Progress) -> None:
        """Show the progress of a stage."""
        if self._bars is None:
            self._say(progress)
            return
        told = describe(progress)
        if progress.stage not in self._tasks:
            self._tasks[progress.stage] = self._bars.add_task(progress.stage, total=progress.total, told=told)
        # A stage may know only once it has begun how many pieces there are.
        self._bars.update(
            self._tasks[progress.stage], total=progress.total, completed=progress.done, told=told
        )

    def _say(self, progress: Progress) -> None:
        now = monotonic()
        if now - self._told < PAUSE_SECONDS if progress.unit else progress.done:
            return
        self._told = now
        where = progress.stage
        if progress.unit:
            where += f": {progress.done} of {progress.total} {progress.unit}"
        typer.echo(f"{where}, {told}" if (told := describe(progress)) else where, err=True)


def describe(progress: Progress) -> str:
    """States, states a second, and the time that is left for the stage at this pace; "" at its beginning."""
    if not progress.done or progress.seconds <= 0:
        return ""
    left = progress.seconds * (progress.total - progress.done) / progress.done
    minutes, seconds = divmod(round(left), 60)
    pace = progress.states / progress.seconds
    return f"{progress.states:,} states, {pace:,.0f}/s, {minutes}:{seconds:02} left"
