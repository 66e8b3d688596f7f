"""Inspection: what is on the device of a log, as text and as one JSON document."""

from __future__ import annotations

import dataclasses
from typing import Any, Final

import msgspec

from powercut.engine.log_inspection import LogInspection, inspect_log, is_log
from powercut.engine.metadata.layout import FORMAT_VERSION

__all__ = ["FORMAT_VERSION", "encode_log", "inspect_log", "is_log", "tell_log"]

_SHOWN: Final = 60  # Bytes of an entry in a line.


def tell_log(found: LogInspection) -> str:
    """The content of the device, from the roots down."""
    lines = [f"log        {found.store_id.hex() if found.store_id else 'unknown: no root can be read'}"]
    for root in found.roots:
        says = root.complaint or f"sequence {root.sequence}, life {root.life}"
        lines.append(f"{root.file:<11}{says}{'   <-- damaged' if root.complaint else ''}")
    if found.settings is not None:
        settings = dataclasses.asdict(found.settings)
        lines.append("settings   " + ", ".join(f"{name} {value}" for name, value in settings.items()))
        lines.append(f"begin      {found.begin}")
        lines.append(f"confirmed  commit {found.confirmed_number}, to {found.confirmed}")
        cookie = f", cookie {found.cookie!r}" if found.cookie else ""
        lines.append(f"committed  commit {found.committed_number}, to {found.committed}{cookie}")
        lines.append(f"behind it  {'nothing: the log was closed' if found.is_closed else found.tail}")
        counted = f"{found.commits} commits, {found.blocks} blocks, {found.entries} entries"
        lines.append(f"from begin {counted} of {found.entry_bytes} bytes")
    lines += [f"iterator   {name}: done below {at}" for name, at in sorted(found.progress.items())]
    lines += [f"segment    {name}: {size} bytes" for name, size in sorted(found.segments.items())]
    lines += [f"stranger   {name}" for name in found.strangers]
    lines += [
        f"entry      {address}: {len(data)} bytes {data[:_SHOWN]!r}{'...' if len(data) > _SHOWN else ''}"
        for address, data in found.entry_list
    ]
    for damage in found.damage:
        mended = "; the next opening for writing mends it" if damage.is_mended else ""
        lines.append(
            f"damage     {damage.file} at byte {damage.offset}: "
            f"found {damage.found}, expected {damage.expected}{mended}"
        )
    lines.append(found.verdict)
    return "\n".join(lines)


def encode_log(found: LogInspection) -> str:
    """The content of the device as one JSON document; bytes as hexadecimal digits."""
    document: dict[str, Any] = {"schema": 1, "kind": "log", "is_sound": found.is_sound}
    document |= dataclasses.asdict(found)
    document["verdict"] = found.verdict
    document["store_id"] = found.store_id.hex() if found.store_id else None
    document["cookie"] = found.cookie.hex()
    document["entry_list"] = [{"address": at, "data": data.hex()} for at, data in found.entry_list]
    return msgspec.json.encode(document).decode()
