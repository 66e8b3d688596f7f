"""Passes: the tapes that are one step smaller than a tape.

    weight   operations, eras, crashes, sessions, keys, the operations' numbers, survivors lost,
             how far from the end the power goes; compared in this order

Each pass yields candidates, and knows nothing of what they show when they are played.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from msgspec.structs import replace

from ..tapes.operations import OPERATIONS
from ..tapes.tape import KEYED, Crash, Era, Kind, Operation, Tape

__all__ = [
    "count_operations",
    "milder_crashes",
    "milder_damages",
    "open_ended",
    "simpler_operations",
    "weigh",
    "whole_checkpoints",
    "without",
    "without_eras",
    "without_names",
]


def count_operations(tape: Tape) -> int:
    """Operations in all eras."""
    return sum(len(era.program) for era in tape.eras)


def weigh(tape: Tape) -> tuple[int, ...]:
    """The weight by which `smaller` compares."""
    operations = [operation for era in tape.eras for operation in era.program]
    crashes = [era.crash for era in tape.eras if era.crash is not None]
    digits = [digit for crash in crashes for digit in crash.survivors]
    keyed = [operation for operation in operations if operation.kind in KEYED]
    return (
        len(operations),
        len(tape.eras),
        len(crashes),
        len({operation.session for operation in keyed}),
        len({operation.key for operation in keyed}),
        sum(o.kind + o.session + o.key + o.size for o in operations),
        sum(len(era.switches) + len(era.faults) + len(era.damage) for era in tape.eras),
        sum(sum(era.damage) for era in tape.eras),
        sum(digit != 0 for digit in digits),
        sum(digits),
        sum(crash.sync for crash in crashes),
        sum(crash.before for crash in crashes),
        len(digits),
    )


def open_ended(tape: Tape) -> Tape:
    """The tape up to its last program, whose crash is forgotten."""
    eras = list(tape.eras)
    while len(eras) > 1 and not (eras[-1].program or eras[-1].damage):
        eras.pop()
    eras[-1] = replace(eras[-1], crash=None)
    return replace(tape, eras=tuple(eras))


def _with_era(tape: Tape, number: int, *eras: Era) -> Tape:
    return replace(tape, eras=(*tape.eras[:number], *eras, *tape.eras[number + 1 :]))


def without(tape: Tape, start: int, stop: int) -> Tape:
    """The tape without operations start to stop, counted over all eras."""
    eras = []
    at = 0
    for era in tape.eras:
        kept = [
            op
            for place, op in enumerate(era.program, at)
            # What runs before the others goes on doing so.
            if not start <= place < stop or (op.kind == Kind.FORK and place > at)
        ]
        if kept and kept[0].kind == Kind.FORK:
            del kept[0]
        eras.append(replace(era, program=tuple(kept)))
        at += len(era.program)
    return replace(tape, eras=tuple(eras))


def without_eras(tape: Tape) -> Iterator[Tape]:
    """The tapes with fewer eras: one goes, or ends without its crash, or runs on into the next."""
    eras = tape.eras
    for number in range(len(eras) - 1, -1, -1):
        era = eras[number]
        if len(eras) > 1:
            yield _with_era(tape, number)
        if number + 1 < len(eras):
            after = eras[number + 1]
            joined = replace(after, program=(*era.program, *after.program))
            yield replace(tape, eras=(*eras[:number], joined, *eras[number + 2 :]))
            # The crash stays with the longer program: what came after it may not have mattered.
            yield replace(tape, eras=(*eras[:number], replace(joined, crash=era.crash), *eras[number + 2 :]))
        if era.crash is not None:
            yield _with_era(tape, number, replace(era, crash=None))
        if era.switches or era.faults or era.damage:
            yield _with_era(tape, number, replace(era, switches=(), faults=(), damage=()))


def without_names(tape: Tape) -> Iterator[Tape]:
    """The tapes with fewer sessions and keys: the operations of one go, or become another's."""
    for field in ("session", "key"):
        used = sorted({getattr(op, field) for era in tape.eras for op in era.program if op.kind in KEYED})
        for name in reversed(used):
            yield _renamed(tape, field, name, None)
            for other in range(name):
                yield _renamed(tape, field, name, other)


def _renamed(tape: Tape, field: str, name: int, other: int | None) -> Tape:
    """The operations of `name` become another's, or go."""

    def change(operation: Operation) -> Operation | None:
        if not _has(operation, field, name):
            return operation
        return None if other is None else replace(operation, **{field: other})

    return _map(tape, change)


def _has(operation: Operation, field: str, name: int) -> bool:
    return operation.kind in KEYED and getattr(operation, field) == name


def _map(tape: Tape, change: Callable[[Operation], Operation | None]) -> Tape:
    eras = tuple(
        replace(era, program=tuple(new for op in era.program if (new := change(op)) is not None))
        for era in tape.eras
    )
    return replace(tape, eras=eras)


def whole_checkpoints(tape: Tape) -> Iterator[Tape]:
    """A checkpoint in one step in the place of one that was started and stepped."""
    for number, era in enumerate(tape.eras):
        for place, operation in enumerate(era.program):
            if operation.kind != Kind.START:
                continue
            tail = era.program[place + 1 :]
            ends = [at for at, later in enumerate(tail) if later.kind == Kind.START]
            own, others = tail[: ends[0]] if ends else tail, tail[ends[0] :] if ends else ()
            last = max((at for at, later in enumerate(own) if later.kind == Kind.STEP), default=-1)
            for at in dict.fromkeys((-1, last)):  # Where it began, or where it ended.
                rest = [
                    Operation(Kind.CHECKPOINT) if here == at else later
                    for here, later in enumerate(own)
                    if here == at or later.kind != Kind.STEP
                ]
                first = (Operation(Kind.CHECKPOINT),) if at < 0 else ()
                program = (*era.program[:place], *first, *rest, *others)
                yield _with_era(tape, number, replace(era, program=program))


def simpler_operations(tape: Tape) -> Iterator[Tape]:
    """The tapes in which one number of one operation is lower."""
    for number, era in enumerate(tape.eras):
        for place, operation in enumerate(era.program):
            for simpler in _simpler(operation):
                program = (*era.program[:place], simpler, *era.program[place + 1 :])
                yield _with_era(tape, number, replace(era, program=program))


def _simpler(operation: Operation) -> Iterator[Operation]:
    for field in ("size", "key", "session", "kind"):
        value = getattr(operation, field)
        for lower in range(value):
            if field != "kind" or lower in OPERATIONS:
                yield replace(operation, **{field: lower})
    if operation.kind not in KEYED and (operation.session or operation.key or operation.size):
        yield Operation(operation.kind)


def milder_crashes(tape: Tape) -> Iterator[Tape]:
    """The tapes in which more survives, or the power goes later."""
    for number, era in enumerate(tape.eras):
        if era.crash is None:
            continue
        for milder in _milder(era.crash):
            yield _with_era(tape, number, replace(era, crash=milder))


def milder_damages(tape: Tape) -> Iterator[Tape]:
    """Another site of the same kind of damage: one of its later numbers is lowered."""
    for number, era in enumerate(tape.eras):
        for place, value in list(enumerate(era.damage))[2:]:
            for lower in dict.fromkeys((0, value // 2, value - 1)):
                if 0 <= lower < value:
                    damage = (*era.damage[:place], lower, *era.damage[place + 1 :])
                    yield _with_era(tape, number, replace(era, damage=_trimmed(damage)))


def _milder(crash: Crash) -> Iterator[Crash]:
    digits = crash.survivors
    size = len(digits)
    while size:
        for start in range(0, len(digits), size):
            if any(digits[start : start + size]):
                kept = (*digits[:start], *[0] * len(digits[start : start + size]), *digits[start + size :])
                yield replace(crash, survivors=_trimmed(kept))
        size //= 2
    for place, digit in enumerate(digits):
        for lower in dict.fromkeys((1, digit // 2, digit - 1)):
            if 0 < lower < digit:
                yield replace(crash, survivors=(*digits[:place], lower, *digits[place + 1 :]))
    if _trimmed(digits) != digits:
        yield replace(crash, survivors=_trimmed(digits))
    for field in ("sync", "before"):
        value = getattr(crash, field)
        for lower in dict.fromkeys((0, value // 2, value - 1)):
            if 0 <= lower < value:
                yield replace(crash, **{field: lower})


def _trimmed(digits: tuple[int, ...]) -> tuple[int, ...]:
    end = len(digits)
    while end and digits[end - 1] == 0:
        end -= 1
    return digits[:end]
