"""The tape: one whole run as a value, made of integers and a few names.

A header says in which geometry, under which law, with which planted bug; then come eras. An era
opens the store, runs its program, and ends in a crash or in a clean close. A recovery is the
opening of the next era, so a crash inside a recovery is the crash of an era with no program.

    operation  [kind, session, key, size]     0 is the dullest choice everywhere
    crash      k-th sync from the end (0: the end itself), events before it, one survivor digit a
               chain in canonical order, counted from the newest version (0: it survived)

Invariants
  1  decoding clamps and never rejects a number: every tape of the right shape runs
  2  equal tapes give equal traces, byte for byte, on every interpreter
  3  a smaller number is a duller choice; missing numbers are 0

Source: the choice-sequence idea of Hypothesis, kept in the domain's own terms.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import msgspec

from ..errors import TapeError

__all__ = [
    "BESIDE",
    "FORMAT",
    "KEYS_MAX",
    "SESSIONS_MAX",
    "SIZES",
    "Crash",
    "Era",
    "Kind",
    "Operation",
    "Tape",
    "clamp",
    "decode_tape",
    "encode_tape",
]

FORMAT: Final = 1
SESSIONS_MAX: Final = 4
KEYS_MAX: Final = 8
SIZES: Final = 3  # Of what is searched one after another; one more is for sessions side by side.


class Kind(IntEnum):
    """The closed alphabet; numbers are only ever appended to, kept tapes carry them."""

    UPSERT = 0
    DELETE = 1
    RMW = 2
    READ = 3
    INSERT = 4
    CHECKPOINT = 5
    REOPEN = 6  # Close cleanly, open again: an era's end without a crash, written as a step.
    START = 7  # Begin a checkpoint that STEP takes on.
    STEP = 8
    FORK = 9  # In a tape for `sessions`: what follows runs side by side, a task for each session.
    TRUNCATE = 10  # Drop the log below the oldest record that is still some key's newest.
    # Only in a tape for `sessions`; one after another they are nothing.
    START_READ = 11  # Begun; ends with COMPLETE where the device has to be asked.
    START_RMW = 12
    COMPLETE = 13
    RESUME = 14  # Close the session, and take it up again.
    UPSERT_MANY = 15  # The key and the next, in one batch.
    READ_MANY = 16
    ITEMS = 17  # All live keys.
    SCAN = 18  # The log's records.


# What means nothing to sessions one after another.
BESIDE: Final = frozenset({Kind.FORK, *(kind for kind in Kind if kind >= Kind.START_READ)})


class Operation(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One step of a program. `session`, `key` and `size` mean nothing for CHECKPOINT and later."""

    kind: int = 0
    session: int = 0
    key: int = 0
    size: int = 0


class Crash(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """The point at which the power goes, and what survives."""

    sync: int = 0
    before: int = 0
    survivors: tuple[int, ...] = ()


class Era(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """The stretch of a tape from one opening of the store to the crash or the close that ends it."""

    program: tuple[Operation, ...] = ()
    crash: Crash | None = None
    switches: tuple[int, ...] = ()  # Preemptions, for the scheduler.
    faults: tuple[int, ...] = ()  # The fault plan.
    damage: tuple[int, ...] = ()  # What the medium comes to, before the store is opened or right after.


class Tape(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A run."""

    eras: tuple[Era, ...] = (Era(),)
    geometry: str = "tiny"
    law: str = "posix"
    bug: str = ""
    subject: str = "store"
    kernels: str = "interpreted"
    format: int = FORMAT


_DECODER = msgspec.json.Decoder(Tape)


def clamp(operation: Operation) -> Operation:
    """The operation with every number in its range."""
    return Operation(
        min(max(operation.kind, 0), max(Kind)),
        min(max(operation.session, 0), SESSIONS_MAX - 1),
        min(max(operation.key, 0), KEYS_MAX - 1),
        min(max(operation.size, 0), SIZES),
    )


def encode_tape(tape: Tape) -> bytes:
    """JSON, one line, fields in a fixed order."""
    return msgspec.json.encode(msgspec.structs.replace(tape, format=FORMAT))


def decode_tape(data: bytes) -> Tape:
    """The tape in `data`. Raises TapeError where it is none, or of another format."""
    try:
        tape = _DECODER.decode(data)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise TapeError(f"not a tape: {error}") from None
    if tape.format != FORMAT:
        raise TapeError(f"a tape of format {tape.format}: this release plays format {FORMAT}")
    eras = tuple(
        msgspec.structs.replace(era, program=tuple(clamp(operation) for operation in era.program))
        for era in tape.eras
    )
    return msgspec.structs.replace(tape, eras=eras or (Era(),))
