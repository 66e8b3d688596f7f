"""Record: run a command, and keep what it did to a folder."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from .arguments import write
from .errors import ENVIRONMENT, OK, UsageError

__all__ = ["record"]


def record(
    command: Annotated[list[str], typer.Argument(metavar="COMMAND...", help="After --, with its arguments.")],
    root: Annotated[Path, typer.Option("--root", metavar="DIR", help="The folder that is recorded.")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FILE", help="Write the recording there.")],
    is_lines: Annotated[
        bool, typer.Option("--lines", help="Of Python programs, keep the line behind each call.")
    ] = False,
) -> int:
    """Record what a program, and every process below it, does to a folder: Linux on x86-64."""
    if not root.is_dir():
        raise UsageError(f"--root {root}: no such folder")
    if out.is_dir() or not out.absolute().parent.is_dir():
        raise UsageError(f"--out {out}: no file can be written there")
    if out.resolve().is_relative_to(root.resolve()):
        raise UsageError(f"--out {out}: it is in the folder that is recorded")
    if shutil.which(command[0]) is None:
        raise UsageError(f"{command[0]}: no such command")
    from ..programs.record import record as recorded
    from ..programs.recording import dump

    outputs = sys.stdout.buffer, sys.stderr.buffer
    recording = recorded([command], root, out=outputs[0], err=outputs[1], reads_input=True, lines=is_lines)
    if not write(out, dump(recording)):
        return ENVIRONMENT
    status = recording.steps[-1].status
    ended = f"exit status {status}" if status >= 0 else f"ended by signal {-status}"
    typer.echo(
        f"recorded: {len(recording.calls)} calls of {len(recording.processes)} processes, "
        f"{len(recording.events)} events, {ended}: {out}",
        err=True,
    )
    return OK
