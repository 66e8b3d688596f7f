"""engine: an embedded FASTER-style key-value store with checkpoints that recover a prefix.

A hash index over a hybrid log; sessions whose operations are numbered; checkpoints after which
the store, cut off at any moment, comes back with exactly operations 1..N of every session.
"""

from .checkpoint import CheckpointPoint, CheckpointTicket
from .device import Device, FileDevice, MemoryDevice
from .errors import (
    CheckpointError,
    ClosedError,
    CorruptionError,
    DeviceError,
    EngineError,
    IndexFullError,
    InvariantError,
    MissingStoreError,
    NotAStoreError,
    OperationError,
    PoisonedError,
    ReadOnlyError,
    SerialError,
    SessionError,
    SettingsError,
    StoreLockedError,
    UnknownSessionError,
    UnsupportedVersionError,
)
from .layout import Version
from .pending import Ticket
from .phases import CheckpointKind, Phase
from .reader import LogRecord
from .runtime import Runtime, ThreadRuntime
from .session import Session
from .settings import Settings
from .stats import Stats
from .store import FasterKv

__all__ = [
    "CheckpointError",
    "CheckpointKind",
    "CheckpointPoint",
    "CheckpointTicket",
    "ClosedError",
    "CorruptionError",
    "Device",
    "DeviceError",
    "EngineError",
    "FasterKv",
    "FileDevice",
    "IndexFullError",
    "InvariantError",
    "LogRecord",
    "MemoryDevice",
    "MissingStoreError",
    "NotAStoreError",
    "OperationError",
    "Phase",
    "PoisonedError",
    "ReadOnlyError",
    "Runtime",
    "SerialError",
    "Session",
    "SessionError",
    "Settings",
    "SettingsError",
    "Stats",
    "StoreLockedError",
    "ThreadRuntime",
    "Ticket",
    "UnknownSessionError",
    "UnsupportedVersionError",
    "Version",
]
