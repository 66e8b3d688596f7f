"""Arguments of commands: taken as what they mean, or refused; and what a command leaves, or cannot leave."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Final, NoReturn

import typer

from .errors import ENVIRONMENT, UsageError

__all__ = [
    "Html",
    "Json",
    "Seed",
    "Store",
    "Tape",
    "Where",
    "check_named",
    "check_page",
    "check_targets",
    "cores",
    "elsewhere",
    "end_unread",
    "seconds_of",
    "version_told",
    "write",
]

_BUDGET: Final = re.compile(r"(\d+(?:\.\d+)?)(s|m|h)?")
_SECONDS: Final = {None: 1, "s": 1, "m": 60, "h": 3600}


Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout in place of text.")]
Tape = Annotated[str, typer.Argument(metavar="TAPE", help="A tape, bare or kept; - reads stdin.")]
Store = Annotated[
    str, typer.Option("--store", metavar="MODULE:FACTORY", help="Play over this store; default: the tape's.")
]
Html = Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write one HTML page there.")]
Where = Annotated[
    str, typer.Option("--executor", metavar="dask:ADDRESS", help="Work on a cluster of Dask; docs/gate.md.")
]
Seed = Annotated[int | None, typer.Option(min=0, help="Of every random choice; default: the profile's.")]


def check_named(path: str) -> None:
    """Refuse an empty path: it would be taken for the current folder."""
    if not path:
        raise UsageError("a path is expected, and this one is empty")


def check_targets(json: Path | None, findings: Path) -> None:
    """Refuse a document that no file can be written to, and a folder that is none."""
    if json is not None and not (json.absolute().parent.is_dir() and not json.is_dir()):
        raise UsageError(f"--json {json}: no file can be written there")
    nearest = next(each for each in (findings.absolute(), *findings.absolute().parents) if each.exists())
    if not nearest.is_dir():
        raise UsageError(f"--findings {findings}: {nearest} is a file and not a folder")


def check_page(html: Path | None) -> None:
    """Refuse a page that no file can be written to."""
    if html is not None and not (html.absolute().parent.is_dir() and not html.is_dir()):
        raise UsageError(f"--html {html}: no file can be written there")


def write(path: Path, data: bytes) -> bool:
    """Write the file, or say in a line why not; True if it was written."""
    try:
        path.write_bytes(data)
    except OSError as error:
        typer.echo(f"powercut: {path}: {error.strerror or error}", err=True)
        return False
    return True


def seconds_of(budget: str | None) -> float | None:
    """The seconds that a budget says: a number, or one with s, m or h."""
    if budget is None:
        return None
    found = _BUDGET.fullmatch(budget)
    if found is None or not float(found[1]):
        raise UsageError(f"--budget {budget}: expected a number of seconds, or like 90s, 5m, 1h")
    return float(found[1]) * _SECONDS[found[2]]


def cores() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0))


@contextmanager
def elsewhere(where: str, jobs: int | None) -> Iterator[tuple[Executor | None, int]]:
    """The executor that is named, and how much it does at once; none, and the processes to be made here."""
    if not where:
        yield None, jobs or cores()
        return
    kind, _, address = where.partition(":")
    if kind != "dask" or not address:
        raise UsageError(f"--executor {where}: expected dask:ADDRESS, the address of a scheduler")
    from ..gate.cluster import cluster_at

    with cluster_at(address) as cluster:
        yield cluster, jobs or cluster.jobs


def end_unread() -> NoReturn:
    """End where nobody reads the output: drop the buffers, or the interpreter complains at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for number in (1, 2):
        os.dup2(nowhere, number)
    sys.exit(ENVIRONMENT)


def version_told() -> str:
    """The version that is installed."""
    try:
        return version("powercut")
    except PackageNotFoundError:
        return "of a checkout that is not installed"
