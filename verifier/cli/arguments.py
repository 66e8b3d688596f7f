"""Arguments of commands: taken as what they mean, or refused; and files that a command writes."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

import typer

from .errors import UsageError

__all__ = ["check_named", "cores", "seconds_of", "write"]

_BUDGET: Final = re.compile(r"(\d+(?:\.\d+)?)(s|m|h)?")
_SECONDS: Final = {None: 1, "s": 1, "m": 60, "h": 3600}


def check_named(path: str) -> None:
    """Refuse an empty path: it would be taken for the current folder."""
    if not path:
        raise UsageError("a path is expected, and this one is empty")


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
