"""The gate of a store of one's own, on the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import typer

from .arguments import write
from .errors import ENVIRONMENT, UsageError

__all__ = ["gate_own"]


def gate_own(
    store: str,
    profile: str,
    stages: Sequence[str],
    json: Path | None,
    findings: Path,
    named: Mapping[str, object],
) -> int:
    """Search the store of this name, and report; the exit code.

    named   options that mean nothing here, by their names: each that was given is refused
    """
    for option, given in named.items():
        if given is not None:
            raise UsageError(f"{option} means nothing with --store: what is searched stands in the profile")
    from ..gate.own import load_plan, run_own

    report = run_own(
        store, load_plan(profile), findings, tuple(stages), lambda name: typer.echo(name, err=True)
    )
    typer.echo("\n".join(report.lines()))
    document = {
        "schema": 1,
        "exit": report.exit,
        "store": store,
        "seed": report.seed,
        "stages": report.stages,
    }
    is_written = json is None or write(json, msgspec.json.encode(document))
    return report.exit or (0 if is_written else ENVIRONMENT)
