"""Inspection: what is on the device of a store, as text and as one JSON document."""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec

from powercut.engine import CheckpointPoint, CorruptionError, Version
from powercut.engine.checkpoint.backup import backup_store
from powercut.engine.inspection import StoreInspection, inspect_store
from powercut.engine.management import Verified
from powercut.engine.management import drop_checkpoint as drop
from powercut.engine.management import list_checkpoints as list_all
from powercut.engine.management import verify_checkpoints as verify
from powercut.engine.salvage import Salvaged, salvage_store

__all__ = [
    "CheckpointPoint",
    "CorruptionError",
    "Salvaged",
    "Verified",
    "Version",
    "backup_store",
    "drop",
    "encode_inspection",
    "inspect_store",
    "list_all",
    "salvage_store",
    "tell_inspection",
    "verify",
]


def tell_inspection(found: StoreInspection) -> str:
    """The content of the device, from the roots down."""
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
        f"log to {block.final}{f', with the index of {_version(block.image)}' if block.image else ''}"
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
        mended += "; openings do without it, and take longer" if damage.is_spare else ""
        lines.append(
            f"damage     {damage.file} at byte {damage.offset}: "
            f"found {damage.found}, expected {damage.expected}{mended}"
        )
    lines.append(found.verdict)
    return "\n".join(lines)


def encode_inspection(found: StoreInspection) -> str:
    """The content of the device as one JSON document."""
    document: dict[str, Any] = {"schema": 1, "is_sound": found.is_sound} | msgspec.to_builtins(found)
    document["store_id"] = found.store_id.hex() if found.store_id else None
    document["newest"] = found.newest._asdict() if found.newest else None
    document["image"] = (
        found.image._asdict() | {"version": found.image.version._asdict()} if found.image.used else None
    )
    document["voids"] = [void._asdict() for void in found.voids]
    document["sessions"] = [mark._asdict() for mark in found.sessions]
    for block, shown in zip(found.chain, document["chain"], strict=True):
        shown["version"] = block.version._asdict()
        shown["image"] = block.image._asdict() if block.image else None
    for segment, shown in zip(found.segments, document["segments"], strict=True):
        shown["first_bad"] = segment.first_bad._asdict() if segment.first_bad else None
    return msgspec.json.encode(document).decode()


def _version(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"
