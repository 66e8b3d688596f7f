"""Schemas: the JSON Schema of a document, as it ships beside the code."""

from __future__ import annotations

from inspect import cleandoc
from typing import Any

import msgspec

__all__ = ["schema_of"]


def schema_of(document: type) -> bytes:
    """The schema of a Struct that is written with all its fields; equal on every version of Python."""
    schema = msgspec.json.schema(document)
    definitions: dict[str, dict[str, Any]] = schema["$defs"]
    for definition in definitions.values():
        definition["required"] = list(definition["properties"])
        # Python 3.13 takes the indentation off docstrings, and those before leave it.
        definition["description"] = cleandoc(definition["description"])
    return msgspec.json.format(msgspec.json.encode(schema), indent=2) + b"\n"
