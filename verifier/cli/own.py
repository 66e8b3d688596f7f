"""The gate of a store of one's own, on the command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
import typer

from .arguments import write
from .errors import ENVIRONMENT, UsageError

__all__ = ["OwnGate", "gate_own"]


@dataclass(frozen=True, slots=True)
class OwnGate:
    """The arguments of a gate of one's own store."""

    store: str
    profile: str
    stages: tuple[str, ...]
    json: Path | None
    findings: Path
    html: Path | None


def gate_own(asked: OwnGate, named: Mapping[str, object]) -> int:
    """Search the store of this name, and report; the exit code.

    named   options that mean nothing here, by their names: each that was given is refused
    """
    for option, given in named.items():
        if given is not None:
            raise UsageError(f"{option} means nothing with --store: what is searched stands in the profile")
    from ..gate.own import run_own
    from ..gate.own_plan import load_plan
    from .pages import page_of_own
    from .progress import ProgressLine

    plan = load_plan(asked.profile)
    with ProgressLine() as line:
        report = run_own(asked.store, plan, asked.findings, asked.stages, line.show)
    typer.echo("\n".join(report.lines()))
    document = {
        "schema": 1,
        "exit": report.exit,
        "store": asked.store,
        "seed": report.seed,
        "stages": report.stages,
    }
    is_written = asked.json is None or write(asked.json, msgspec.json.encode(document))
    is_shown = asked.html is None or write(asked.html, page_of_own(report).encode())
    return report.exit or (0 if is_written and is_shown else ENVIRONMENT)
