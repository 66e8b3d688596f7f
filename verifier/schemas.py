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
    return msgspec.json.format(msgspec.json.encode(_ordered(schema)), indent=2) + b"\n"


def _ordered(node: Any) -> Any:
    """The schema with alternatives in one order: releases of msgspec differ in it."""
    if isinstance(node, list):
        return [_ordered(each) for each in node]
    if not isinstance(node, dict):
        return node
    ordered = {name: _ordered(each) for name, each in node.items()}
    if "anyOf" in ordered:
        ordered["anyOf"].sort(key=str)
    return ordered
