"""Errors of the engine: one class per reaction the caller can have.

Every error is an `EngineError`, also where an argument is wrong: `arguments` says which class for which
call. Those that a standard class describes are that class too, so `except ValueError` and
`except EngineError` both do what they say. A message tells where, what was found, what was expected, and
what to do next.
"""

from __future__ import annotations

__all__ = [
    "CheckpointError",
    "ClosedError",
    "CorruptionError",
    "DeviceError",
    "DiskFullError",
    "EngineError",
    "IndexFullError",
    "InvariantError",
    "MissingStoreError",
    "NotAStoreError",
    "OperationError",
    "PoisonedError",
    "ReadOnlyError",
    "SerialError",
    "SessionError",
    "SettingsError",
    "StoreExistsError",
    "StoreLockedError",
    "UnknownSessionError",
    "UnsupportedVersionError",
]


class EngineError(Exception):
    """Base of every error the engine raises on purpose.

    done   of a batch: so many of its operations are done, the others were never issued; 0 where it was
           refused before it began
    """

    done: int | None = None


class SettingsError(EngineError, ValueError):
    """An argument of an opening is not valid: a path, a setting, a flag; or a setting is another one than the
    store was created with. Nothing happened.
    """


class OperationError(EngineError, ValueError):
    """An argument of a call is not valid; nothing happened. No serial was taken, but for an
    `rmw` whose function returned what is no value: that is known only after it was called.
    """


class SessionError(EngineError):
    """A session is used in a way its state does not allow (live twice, in use, forgotten)."""


class UnknownSessionError(SessionError, KeyError):
    """No session of that name was recovered or closed here."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class ClosedError(EngineError):
    """The store, or the session, is closed."""


class ReadOnlyError(EngineError):
    """The store was opened read-only; open it for writing to change it."""


class CheckpointError(EngineError):
    """A checkpoint cannot start or go on; the store goes on as if it had not been asked."""


class IndexFullError(EngineError):
    """The hash index has no overflow bucket left; nothing was lost. Reopen with more memory."""


class DiskFullError(EngineError):
    """The files have reached what `disk` of the opening says, and there is no room to be made; nothing was
    lost, and nothing of the operation happened. The message says why: delete keys, or open with more.
    """


class DeviceError(EngineError, OSError):
    """The device failed below a call; what a session was asked for did not happen. Or it was called with what
    is no name, offset or buffer (EINVAL).
    """


class PoisonedError(EngineError):
    """A sync or a root write failed: what is durable is unknown, so nothing more is accepted.

    Close the store and open it again: recovery tells what survived.
    """


class MissingStoreError(EngineError, FileNotFoundError):
    """The path does not exist and the caller did not ask to create a store."""


class NotAStoreError(EngineError):
    """The folder holds files, and none of ours; or a file of a root's name that is no root."""


class StoreExistsError(EngineError, FileExistsError):
    """There are files of a store where a new one is to be put; choose another place. Nothing happened."""


class StoreLockedError(EngineError):
    """Another open store holds the device."""


class UnsupportedVersionError(EngineError):
    """The format version is not one this release reads. Not corruption: use another release."""


class CorruptionError(EngineError):
    """Bytes on the device are not what a checkpoint says they are.

    `file`, `offset` (bytes), `found` and `expected` say where and what; no repair is attempted.
    """

    def __init__(self, file: str, offset: int, found: str, expected: str) -> None:
        self.file = file
        self.offset = offset
        self.found = found
        self.expected = expected
        super().__init__(
            f"{file} at byte {offset}: found {found}, expected {expected}; "
            "restore the file from a copy, the engine repairs nothing it cannot prove"
        )


class SerialError(CorruptionError):
    """Session serials in the metadata contradict each other or an earlier checkpoint."""


class InvariantError(EngineError, AssertionError):
    """`check()` found a broken invariant of the engine itself: a bug, not bad input.

    `name` is the invariant's number (A1, H3, ...), as in the docstring of its module.
    """

    def __init__(self, name: str, what: str) -> None:
        self.name = name
        super().__init__(f"invariant {name}: {what}")
