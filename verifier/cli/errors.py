"""Exceptions as a person meets them: one line, and an exit code.

    0  consistent                          3  environment or harness: permission, I/O, locked, unsupported
    1  violation, damaged store or tape       version, below a floor
    2  usage: a wrong argument, a missing  4  inconclusive
       path, not a store, not a tape       5  nondeterminism           130  interrupted

Classes go by name, along the order of their bases: naming one must not import the store.
"""

from __future__ import annotations

import traceback
from typing import Final

import typer

from .interrupt import INTERRUPTED

__all__ = ["ENVIRONMENT", "INCONCLUSIVE", "OK", "USAGE", "VIOLATION", "UsageError", "explain"]

OK: Final = 0
VIOLATION: Final = 1
USAGE: Final = 2
ENVIRONMENT: Final = 3
INCONCLUSIVE: Final = 4
NONDETERMINISM: Final = 5

_CODES: Final = {
    "UsageError": USAGE,
    "CorruptionError": VIOLATION,
    "DamagedTapeError": VIOLATION,
    "SubjectError": USAGE,
    "UnsupportedTapeError": ENVIRONMENT,
    "TapeError": USAGE,
    "CheckpointError": USAGE,
    "MissingStoreError": USAGE,
    "NotAStoreError": USAGE,
    "ProfileError": USAGE,
    "RecordingError": USAGE,
    "UnknownLawError": USAGE,
    "UnfitMachineError": USAGE,
    "StoreExistsError": USAGE,
    "StoreLockedError": ENVIRONMENT,
    "UnsupportedVersionError": ENVIRONMENT,
    "NothingToExploreError": ENVIRONMENT,
    "WorkloadError": USAGE,
    "NondeterministicReaderError": USAGE,
    "UnstableError": NONDETERMINISM,
    "HarnessError": ENVIRONMENT,
    "PlantError": ENVIRONMENT,
    "FileNotFoundError": USAGE,
    "NotADirectoryError": USAGE,
    "IsADirectoryError": USAGE,
    "OSError": ENVIRONMENT,
}


class UsageError(Exception):
    """An argument that no command can do anything with."""


def explain(error: BaseException) -> tuple[int, str]:
    """The exit code and the line."""
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        return INTERRUPTED, "interrupted"
    # Typer's own errors: a class of click's, which some releases of typer carry inside.
    message = getattr(error, "format_message", None)
    if message is not None:
        return USAGE, _one_line(message())
    for base in type(error).__mro__:
        code = _CODES.get(base.__name__)
        if code is not None:
            return code, _one_line(_said(error))
    where = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{where.filename.rpartition('/')[2]}:{where.lineno}"
    return ENVIRONMENT, _one_line(f"internal error: {type(error).__name__}: {error} ({place})")


def _said(error: BaseException) -> str:
    """An error of the operating system without its number; any other as it is."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)


def _one_line(text: str) -> str:
    return " ".join(text.split())
