"""The command `salvage`: what was kept and what was given up, as lines or as one JSON document."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import typer

from ..faster.inspection import Salvaged, salvage_store
from .errors import OK, VIOLATION

__all__ = ["salvage_told"]

_TOLD_MAX: Final = 20


def salvage_told(path: str, out: str, *, certain: bool, is_json: bool) -> int:
    """Salvage and tell; the exit code, 1 where something is damaged. Raises what the engine raises."""
    told = salvage_store(path, out, certain=certain)
    if is_json:
        typer.echo(msgspec.json.encode({"schema": 1, "salvaged": _document(told)}).decode())
    else:
        typer.echo("\n".join(_lines(told, out, certain=certain)))
    return VIOLATION if told.damage else OK


def _lines(told: Salvaged, out: str, *, certain: bool) -> list[str]:
    life, counter = told.version
    what = "left out" if certain else "kept as they were last read"
    lines = [
        f"{out}: {told.kept} keys of checkpoint {life}.{counter}, from {told.records} records",
        f"in doubt: {told.doubtful} keys, {what}: log was lost behind their last record",
        f"given up: {told.lost} bytes of log, with as many keys as had no record elsewhere",
    ]
    lines += [f"given up: session {name!r}, {serial} operations" for name, serial in told.sessions.items()]
    lines += [f"damaged:  {error}" for error in told.damage[:_TOLD_MAX]]
    if len(told.damage) > _TOLD_MAX:
        lines.append(f"damaged:  and {len(told.damage) - _TOLD_MAX} more")
    return lines


def _document(told: Salvaged) -> dict[str, Any]:
    return {
        "version": told.version._asdict(),
        "kept": told.kept,
        "doubtful": told.doubtful,
        "records": told.records,
        "lost": told.lost,
        "sessions": told.sessions,
        "damage": [
            {"file": each.file, "offset": each.offset, "found": each.found, "expected": each.expected}
            for each in told.damage
        ],
    }
