"""The tape: one whole run as a value, made of integers and a few names.

A header says in which geometry, under which law, with which planted bug; then come eras. An era
opens the store, runs its program, and ends in a crash or in a clean close. A recovery is the
opening of the next era, so a crash inside a recovery is the crash of an era with no program.

    operation  [kind, session, key, size]     0 is the dullest choice everywhere
    crash      k-th sync from the end (0: the end itself), events before it, one survivor digit a
               chain in canonical order, counted from the newest version (0: it survived)

Invariants
  1  a number that is out of range is clamped, so every tape of the right shape runs; a kind that is not
     known, numbers that are missing and fields that are not known are refused, for what would be played
     in their place is not what was kept
  2  equal tapes give equal traces, byte for byte, on every interpreter
  3  a smaller number is a duller choice

Source: the choice-sequence idea of Hypothesis, kept in the domain's own terms.
"""

from __future__ import annotations

from typing import Final

import msgspec

from ..errors import TapeError
from .operations import ASKED, BESIDE, KEYED, LOGGED, OPERATIONS, SIZES, Kind

__all__ = [
    "ANSWERS",
    "APPENDERS",
    "ASKED",
    "BESIDE",
    "COMPILED",
    "FAULT_NUMBERS",
    "FORMAT",
    "INTERPRETED",
    "KEYED",
    "KEYS_MAX",
    "LOGGED",
    "LOGS",
    "OPERATION_NUMBERS",
    "SESSIONS",
    "SESSIONS_MAX",
    "SIDE_BY_SIDE",
    "SIZES",
    "STORE",
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
STORE: Final = "store"  # The subject FasterKv,
SESSIONS: Final = "sessions"  # the same with its sessions side by side,
LOGS: Final = "log"  # The subject FasterLog,
APPENDERS: Final = "appenders"  # and with several tasks side by side.
ANSWERS: Final = "answers"  # FasterKv with all that it can be asked, every answer judged.
SIDE_BY_SIDE: Final = frozenset((SESSIONS, APPENDERS))  # These have a scheduler.
INTERPRETED: Final = "interpreted"
COMPILED: Final = "compiled"
OPERATION_NUMBERS: Final = 4
FAULT_NUMBERS: Final = 7  # Of each fault of a plan.
SWITCH_NUMBERS: Final = 2


class Operation(msgspec.Struct, frozen=True, gc=False, array_like=True, forbid_unknown_fields=True):
    """One step of a program. `session`, `key` and `size` mean something to operations on a key."""

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
    subject: str = STORE  # A name in the registry, or `module:factory`.
    kernels: str = INTERPRETED
    format: int = FORMAT


_DECODER = msgspec.json.Decoder(Tape)


class _Shape(msgspec.Struct):
    """An era as it was written: how many numbers its operations have is lost in an Era."""

    program: tuple[tuple[int, ...], ...] = ()


class _Shapes(msgspec.Struct):
    eras: tuple[_Shape, ...] = (_Shape(),)


_SHAPES = msgspec.json.Decoder(_Shapes)


def clamp(operation: Operation) -> Operation:
    """The operation with every number in its range; its kind is one that there is."""
    return Operation(
        operation.kind,
        min(max(operation.session, 0), SESSIONS_MAX - 1),
        min(max(operation.key, 0), KEYS_MAX - 1),
        min(max(operation.size, 0), OPERATIONS[Kind(operation.kind)].size_max),
    )


def encode_tape(tape: Tape) -> bytes:
    """JSON, one line, fields in a fixed order."""
    return msgspec.json.encode(msgspec.structs.replace(tape, format=FORMAT))


def decode_tape(data: bytes) -> Tape:
    """The tape in `data`. Raises TapeError where it is none, of another format, or short of numbers."""
    try:
        tape = _DECODER.decode(data)
        shapes = _SHAPES.decode(data)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise TapeError(f"not a tape: {error}") from None
    if tape.format != FORMAT:
        raise TapeError(f"a tape of format {tape.format}: this release plays format {FORMAT}")
    for number, (era, shape) in enumerate(zip(tape.eras, shapes.eras, strict=True), 1):
        _check_era(number, era, shape)
    eras = tuple(
        msgspec.structs.replace(era, program=tuple(clamp(operation) for operation in era.program))
        for era in tape.eras
    )
    return msgspec.structs.replace(tape, eras=eras or (Era(),))


def _check_era(number: int, era: Era, shape: _Shape) -> None:
    """Check every number of an era (invariant 1). Raises TapeError."""
    for place, (operation, numbers) in enumerate(zip(era.program, shape.program, strict=True), 1):
        where = f"era {number}, operation {place}"
        if len(numbers) != OPERATION_NUMBERS:
            raise TapeError(f"{where}: {len(numbers)} numbers, expected {OPERATION_NUMBERS}")
        if operation.kind not in OPERATIONS:
            raise TapeError(f"{where}: kind {operation.kind} is not known; kinds go up to {max(Kind)}")
    for what, found, size in (
        ("faults", len(era.faults), FAULT_NUMBERS),
        ("switches", len(era.switches), SWITCH_NUMBERS),
    ):
        if found % size:
            raise TapeError(f"era {number}, {what}: {found} numbers, expected {size} each")
