"""Planted bugs on the command line: one in this process, or the hunt for all of them.

Imports nothing of the store: what is planted must be planted before.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import msgspec
import typer

from ..mutants.bank import BANK, find
from ..mutants.hook import install
from ..mutants.hunt import Row, kill, matrix
from ..mutants.planted import Mutant
from ..tapes.kept import UnsupportedTapeError
from .errors import ENVIRONMENT, INCONCLUSIVE, OK, UsageError

__all__ = ["describe", "hunt_all", "list_all", "plant_bug"]


def plant_bug(name: str) -> None:
    """Plant it in this process. Raises UnsupportedTapeError where there is none of that name."""
    try:
        install(name)
    except KeyError:
        raise UnsupportedTapeError(f"no planted bug {name!r} in this release") from None


def hunt_all(only: list[str], seed: int, jobs: int, *, is_json: bool) -> int:
    """Hunt the named bugs, or all; print the matrix."""
    names = [mutant.name for mutant in _chosen(only)]
    rows: list[Row] = []
    # Each hunt is a process of its own; the threads only wait for them.
    threads = ThreadPoolExecutor(jobs)
    try:
        for row in threads.map(lambda name: kill(name, seed=seed), names):
            rows.append(row)
            if not is_json:
                typer.echo(matrix([row]))
    finally:
        # After an error or Ctrl-C nobody wants the rest.
        threads.shutdown(wait=False, cancel_futures=True)
    code = _code(rows)
    if is_json:
        document = {"schema": 1, "exit": code, "seed": seed, "mutants": rows}
        typer.echo(msgspec.json.encode(document).decode())
    else:
        typer.echo(f"{sum(row.killed for row in rows)} of {len(rows)} planted bugs killed")
    return code


def list_all(only: list[str], *, is_json: bool) -> int:
    """Tell of each bug its name, the stage that must find it, by which oracle, as what; and its ancestor."""
    chosen = _chosen(only)
    if is_json:
        mutants = [
            {
                "name": each.name,
                "stage": each.search,
                "oracle": each.oracle,
                "kind": each.breach,
                "module": each.module,
                "ancestor": each.ancestor,
            }
            for each in chosen
        ]
        typer.echo(msgspec.json.encode({"schema": 1, "exit": OK, "mutants": mutants}).decode())
        return OK
    rows = [(each.name, each.search, each.oracle, each.breach, each.ancestor) for each in chosen]
    rows.insert(0, ("name", "stage", "oracle", "kind", "ancestor"))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        typer.echo("  ".join([*cells, row[4]]))
    return OK


def _chosen(only: list[str]) -> list[Mutant]:
    """Those of the bank that are named, or all. Raises UsageError for what it has not."""
    known = [mutant.name for mutant in BANK]
    unknown = sorted(set(only) - set(known))
    if unknown:
        raise UsageError(f"--only {unknown[0]}: there are {', '.join(known)}")
    return [mutant for mutant in BANK if mutant.name in only or not only]


def _code(rows: list[Row]) -> int:
    if all(row.killed for row in rows):
        return OK
    return INCONCLUSIVE if all(row.killed or row.unknown for row in rows) else ENVIRONMENT


def describe(name: str) -> tuple[str, list[tuple[str, str]], list[tuple[str, str]]]:
    """Its ancestor, the lines that it takes out, and those that it puts in."""
    mutant = find(name)
    old, new = mutant.old.splitlines(), mutant.new.splitlines()
    removed = [("-", line.strip()) for line in old if line.strip() and line not in new]
    return mutant.ancestor, removed, [("+", line.strip()) for line in new if line.strip() and line not in old]
