"""Arguments: what a caller hands in, taken as what it means or refused.

One rule for every public call of the engine: an argument that it cannot take is one EngineError, raised
before anything is done. No serial is taken, nothing changes in the store, in memory or on the disk.

    SettingsError     of what opens or inspects a store, and of Settings, FileDevice and ThreadRuntime
    OperationError    of an operation of a session, and of a call of an open store
    SessionError      of a session's name; CheckpointError of a kind of checkpoint
    DeviceError       of a device: a name, an offset or a buffer (EINVAL)

What a function of the caller's raises goes through as it is, and so does what Python itself says of a call
that has too few arguments, or unknown ones.

Bytes are `bytes` and its subclasses (numpy's `bytes_`), `bytearray` and `memoryview`; they are copied at
once.

Threads: any; nothing is kept.
"""

from __future__ import annotations

import os
from contextlib import suppress
from numbers import Integral, Real
from typing import Final

from .errors import EngineError, OperationError, SettingsError
from .settings import Settings

__all__ = [
    "AnyPath",
    "Data",
    "bytes_of",
    "check_flag",
    "check_opening",
    "check_where",
    "path_of",
    "seconds_of",
    "serial_of",
]

Data = bytes | bytearray | memoryview
AnyPath = str | bytes | os.PathLike[str] | os.PathLike[bytes]

_DEVICE: Final = (
    *("list", "create", "remove", "size", "read_into", "write"),
    *("truncate", "sync", "sync_names", "close"),
)
_RUNTIME: Final = ("submit", "wait", "until", "lock", "now", "turn", "current", "entropy", "is_parallel")


def path_of(where: object) -> str:
    """The path as text. Raises SettingsError for none, an empty one, and one with a NUL."""
    try:
        path = os.fsdecode(where)  # type: ignore[arg-type]
        encoded = os.fsencode(path)
    except (TypeError, ValueError) as error:
        raise SettingsError(f"no path: {error}") from None
    if not encoded:
        raise SettingsError("a path is expected, and this one is empty")
    if b"\0" in encoded:
        raise SettingsError(f"path {path!r}: expected none with a NUL character")
    return path


def check_flag(name: str, given: object, error: type[EngineError] = OperationError) -> None:
    """Raises `error` unless it is True or False."""
    if type(given) is not bool:
        raise error(f"{name} is {given!r}: expected True or False")


def seconds_of(timeout: object, name: str = "timeout") -> float | None:
    """The seconds to wait, None for ever. Raises OperationError for what is no number of seconds."""
    if timeout is None:
        return None
    seconds = -1.0
    if isinstance(timeout, Real):
        with suppress(OverflowError, ValueError):
            seconds = float(timeout)
    if isinstance(timeout, bool) or not seconds >= 0:  # Neither a flag nor what is not a number.
        raise OperationError(
            f"{name} is {timeout!r}: expected seconds from now, at least 0, or None for ever"
        )
    return seconds


def serial_of(serial: object, issued: int) -> int:
    """The serial of an operation that was issued; of the last one for None. Raises OperationError."""
    if serial is None:
        return issued
    number = int(serial) if type(serial) is not bool and isinstance(serial, Integral) else -1
    if not 0 <= number <= issued:
        raise OperationError(f"serial is {serial!r}: expected 0 to {issued}, all that were issued, or None")
    return number


def bytes_of(given: object) -> bytes:
    """A copy of what is bytes. Raises OperationError for anything else."""
    if type(given) is bytes:
        return given
    if not isinstance(given, bytes | bytearray | memoryview):
        raise OperationError(f"expected bytes, found {type(given).__name__}")
    try:
        return bytes(memoryview(given))  # A subclass has no say in what it holds.
    except ValueError as error:
        raise OperationError(f"expected bytes: {error}") from None


def check_opening(
    where: object,
    *,
    create: object,
    read_only: object,
    settings: object,
    runtime: object,
    version: object,
) -> None:
    """Check the arguments of an opening before anything is touched. Raises SettingsError."""
    check_where(where)
    check_flag("create", create, SettingsError)
    check_flag("read_only", read_only, SettingsError)
    if settings is not None and not isinstance(settings, Settings):
        raise SettingsError(f"settings are {type(settings).__name__}: expected Settings")
    if runtime is not None and not _has_shape(runtime, _RUNTIME):
        raise SettingsError(f"runtime is {type(runtime).__name__}: expected a Runtime, or None")
    if version is not None and not (isinstance(version, tuple) and len(version) == 2):
        raise SettingsError(f"version is {version!r}: expected one that checkpoints() lists")
    if version is not None and not read_only:
        raise SettingsError("an older checkpoint opens read-only: give read_only=True with version")


def check_where(where: object) -> None:
    """Raises SettingsError for what is neither a path nor a Device."""
    if isinstance(where, str | bytes | os.PathLike):
        path_of(where)
    elif not _has_shape(where, _DEVICE):
        raise SettingsError(f"expected a path or a Device, found {type(where).__name__}")


def _has_shape(given: object, names: tuple[str, ...]) -> bool:
    return not isinstance(given, type) and all(hasattr(given, name) for name in names)
