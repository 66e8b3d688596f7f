"""The command `checkpoints`: those of a store as lines, or as one JSON document."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec
import typer

from ..faster.inspection import CheckpointPoint, CorruptionError, Verified, Version, drop, list_all, verify
from .errors import OK, VIOLATION

__all__ = ["manage"]

_VERSION: Final = re.compile(r"(\d+)\.(\d+)")


def manage(do: str, path: str, which: str, *, is_json: bool) -> int:
    """Do it, and tell; the exit code. Raises what the engine raises."""
    verified: list[Verified | None]
    if do == "verify":
        verified = list(verify(path))
        points = [each.point for each in verified if each is not None]
    else:
        found = _VERSION.fullmatch(which)
        chosen = Version(int(found[1]), int(found[2])) if found else which
        points = list_all(path) if do == "list" else drop(path, chosen)
        verified = [None] * len(points)
    rows = list(zip(points, verified, strict=True))
    if is_json:
        typer.echo(msgspec.json.encode({"schema": 1, "checkpoints": [_row(*row) for row in rows]}).decode())
    else:
        typer.echo("\n".join(_line(*row) for row in rows) or "no checkpoint yet")
    return VIOLATION if any(each is not None and (each.error or each.index) for each in verified) else OK


def _line(point: CheckpointPoint, verified: Verified | None) -> str:
    parts = [f"{point.version.life}.{point.version.counter:<8} {point.kind.name:<11}"]
    parts.append(f"{point.bytes} bytes of log, {len(point.serials)} sessions")
    if point.base is not None:
        parts.append(f"from {point.base.life}.{point.base.counter}")
    if point.index is not None:
        parts.append(f"with the index of {point.index.life}.{point.index.counter}")
    if point.name:
        parts.append(f"pinned as {point.name!r}")
    if verified is not None:
        told = f"verified {verified.extents} extents, {verified.bytes} bytes"
        parts.append(f"DAMAGED: {verified.error}" if verified.error else told)
        if verified.index is not None:
            parts.append(f"the index DAMAGED, opened without it: {verified.index}")
    return ", ".join(parts)


def _row(point: CheckpointPoint, verified: Verified | None) -> dict[str, Any]:
    row: dict[str, Any] = {
        "version": point.version._asdict(),
        "kind": point.kind.name,
        "name": point.name or None,
        "base": None if point.base is None else point.base._asdict(),
        "index": None if point.index is None else point.index._asdict(),
        "bytes": point.bytes,
        "serials": point.serials,
    }
    if verified is not None:
        row["verified"] = {"extents": verified.extents, "bytes": verified.bytes}
        row["damage"], row["index_damage"] = _damage(verified.error), _damage(verified.index)
    return row


def _damage(error: CorruptionError | None) -> dict[str, Any] | None:
    if error is None:
        return None
    return {"file": error.file, "offset": error.offset, "found": error.found, "expected": error.expected}
