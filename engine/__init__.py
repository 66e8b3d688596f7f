"""engine: an embedded FASTER-style key-value store with checkpoints that recover a prefix.

A hash index over a hybrid log; sessions whose operations are numbered; checkpoints after which
the store, stopped at any moment, comes back with exactly operations 1..N of every session.
"""

from .checkpoint.driver import CheckpointTicket
from .checkpoint.running import CheckpointPoint
from .device import Device, FileDevice, MemoryDevice
from .errors import (
    CheckpointError,
    ClosedError,
    CorruptionError,
    DeviceError,
    DiskFullError,
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
    StoreExistsError,
    StoreLockedError,
    UnknownSessionError,
    UnsupportedVersionError,
)
from .fasterlog import Commit, Entry, FasterLog, LogArrays, LogIterator, LogSettings
from .flush import BehindTail, Flusher, FlushMetrics, FlushSettings, OlderThan, ToReadOnly
from .metadata.layout import Version
from .runtime import Runtime, ThreadRuntime
from .sessions.listed import SessionInfo
from .sessions.pending import Ticket
from .sessions.reader import LogRecord
from .sessions.session import Session
from .settings import Settings
from .shared.phases import CheckpointKind, Phase
from .stats import Stats
from .store import FasterKv
from .upkeep.compaction import Compacted

__all__ = [
    "BehindTail",
    "CheckpointError",
    "CheckpointKind",
    "CheckpointPoint",
    "CheckpointTicket",
    "ClosedError",
    "Commit",
    "Compacted",
    "CorruptionError",
    "Device",
    "DeviceError",
    "DiskFullError",
    "EngineError",
    "Entry",
    "FasterKv",
    "FasterLog",
    "FileDevice",
    "FlushMetrics",
    "FlushSettings",
    "Flusher",
    "IndexFullError",
    "InvariantError",
    "LogArrays",
    "LogIterator",
    "LogRecord",
    "LogSettings",
    "MemoryDevice",
    "MissingStoreError",
    "NotAStoreError",
    "OlderThan",
    "OperationError",
    "Phase",
    "PoisonedError",
    "ReadOnlyError",
    "Runtime",
    "SerialError",
    "Session",
    "SessionError",
    "SessionInfo",
    "Settings",
    "SettingsError",
    "Stats",
    "StoreExistsError",
    "StoreLockedError",
    "ThreadRuntime",
    "Ticket",
    "ToReadOnly",
    "UnknownSessionError",
    "UnsupportedVersionError",
    "Version",
]
