"""The seams of the engine for those who may not open it: tickets, turns, errors, and the hash of a key."""

from __future__ import annotations

from powercut.engine import (
    CheckpointError,
    ClosedError,
    DeviceError,
    EngineError,
    FasterKv,
    IndexFullError,
    InvariantError,
    MissingStoreError,
    OperationError,
    ReadOnlyError,
    Session,
    SessionError,
    StoreExistsError,
    UnknownSessionError,
)
from powercut.engine import Ticket as PendingTicket
from powercut.engine.kernels import atomics
from powercut.engine.kernels.probe import hash_words
from powercut.engine.runtime import Ticket

__all__ = [
    "CheckpointError",
    "ClosedError",
    "DeviceError",
    "EngineError",
    "FasterKv",
    "IndexFullError",
    "InvariantError",
    "MissingStoreError",
    "OperationError",
    "PendingTicket",
    "ReadOnlyError",
    "Session",
    "SessionError",
    "StoreExistsError",
    "Ticket",
    "UnknownSessionError",
    "atomics",
    "hash_of",
]


def hash_of(key: bytes, mask: int) -> int:
    """The 64-bit hash of a key, with the mask `mask`."""
    return hash_words(memoryview(key + bytes(-len(key) % 8)).cast("Q"), 0, len(key), mask)
