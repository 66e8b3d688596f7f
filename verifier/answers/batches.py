"""Batches: many operations in one call, as arrays and one by one, held against as many single ones.

Invariants
  1  a batch has the effects, the results and the figures of its operations one by one, in order
  2  where one cannot be taken the whole is refused, with 0 done and no serial taken; where it does not go
     with the value there is, those before it are done, and no more serials are taken than that

Threads: none. numpy comes with the first batch that is an array.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ..faster.seams import OperationError
from ..tapes.tape import Operation
from .asking import Answers, Asker, Raised, told_by
from .edges import Batch, batch_of, filled
from .hybrid import MisfitError

__all__ = ["add_many", "append_many", "get_many", "put_many"]

BATCH_MAX: Final = 1024  # Operations of one kernel call.
WORD: Final = 8
ODD_BYTES: Final = 3


def _refused(done: int) -> Raised:
    return Raised(OperationError.__name__, done)


def _taken(asker: Asker, operation: Operation, *, width: int) -> tuple[Any, Batch, list[bytes]]:
    """The session, the batch, and the values to write: of `width` bytes in an array, else of many lengths."""
    session = asker.session(operation)
    batch = batch_of(operation.key, operation.size, asker.reference.log)
    serial = asker.reference.issued[operation.session]
    values = []
    for place in range(len(batch.keys)):
        stamp = b"%d.%d;" % (operation.session, serial + place + 1)
        length = width if batch.is_array else place * 5 % 23
        most = asker.reference.log.value_max(batch.keys[place])
        values.append(filled(stamp, most if batch.is_long else length))
    return session, batch, values


def _given(items: list[bytes], batch: Batch, width: int) -> Any:
    if batch.form == "views":
        return [memoryview(item) if number % 2 else bytearray(item) for number, item in enumerate(items)]
    if not batch.is_array:
        return items
    import numpy as np

    if not items:
        return np.zeros(0, "S1")
    plain = np.frombuffer(b"".join(items), f"S{width}").copy()
    if batch.form == "rows":
        return plain.view(np.uint8).reshape(len(items), width)
    if batch.form == "big" and width == WORD:
        return plain.view("<u8").astype(">u8")
    if batch.form == "padded":
        return plain.astype(f"S{width + 1}")  # Each with a NUL behind it, which may be padding or its own.
    is_void = batch.form == "void" or any(item.endswith(b"\0") for item in items)  # Not taken for padding.
    return plain.view(f"V{width}") if is_void else plain


def _rows_of_keys(batch: Batch) -> Any:
    return _given(batch.keys, batch, len(batch.keys[0]) if batch.keys else 1)


def _spoil(items: list[bytes], bad: bytes) -> list[bytes]:
    """The items with one in the middle that cannot be taken."""
    middle = len(items) // 2
    return [*items[:middle], bad, *items[middle + 1 :]]


def put_many(asker: Asker, operation: Operation) -> Answers:
    """An `upsert_many`; where it is bad, with a value that is too long."""
    session, batch, values = _taken(asker, operation, width=WORD)
    log, number = asker.reference.log, operation.session
    if batch.form == "padded" and values:
        rows = _rows_of_keys(batch)
        return Answers(_refused(0), told_by(lambda: session.upsert_many(rows, rows)))
    if batch.is_bad and values:
        values = _spoil(values, bytes(log.page))
        return Answers(_refused(0), told_by(lambda: session.upsert_many(batch.keys, values)))
    for key, value in zip(batch.keys, values, strict=True):
        log.upsert(key, value)
        asker.reference.wrote(number, asker.reference.issue(number), key, value)
    keys, rows = (
        _given(batch.keys, batch, len(batch.keys[0]) if batch.keys else 1),
        _given(values, batch, WORD),
    )
    return Answers(None, told_by(lambda: session.upsert_many(keys, rows)))


def _one_by_one(
    asker: Asker, operation: Operation, keys: list[bytes], make: Callable[[int, bytes | None], bytes]
) -> Raised | None:
    """Changes in order, up to the first that does not go with the value there is."""
    log, number = asker.reference.log, operation.session
    for place, key in enumerate(keys):
        new = b""

        def made(old: bytes | None, place: int = place) -> bytes:
            nonlocal new
            new = make(place, old)
            return new

        try:
            log.change(key, made)
        except MisfitError:
            return _refused(place)
        asker.reference.wrote(number, asker.reference.issue(number), key, new)
    return None


def append_many(asker: Asker, operation: Operation) -> Answers:
    """An `append_many` of odd lengths; where it is bad, of so much that values grow too long."""
    session, batch, values = _taken(asker, operation, width=ODD_BYTES)
    log = asker.reference.log
    if batch.form == "padded" and values:
        given = _rows_of_keys(batch)
        return Answers(_refused(0), told_by(lambda: session.append_many(given, given)))
    if batch.is_bad:
        values = [value + bytes(log.record_max // 3) for value in values]

    def longer(place: int, old: bytes | None) -> bytes:
        if log.locate(batch.keys[place])[0][0] == "cold":
            log.reads_more += 1  # There may have been no room for what it goes on from.
        new = (old or b"") + values[place]
        if len(new) > log.value_max(batch.keys[place]):
            raise MisfitError
        return new

    expected = _one_by_one(asker, operation, batch.keys, longer)
    keys = _rows_of_keys(batch)
    rows = _given(values, batch, ODD_BYTES)
    return Answers(expected, told_by(lambda: session.append_many(keys, rows)))


def add_many(asker: Asker, operation: Operation) -> Answers:
    """An `add_many`, over values that need not be counters; where it is bad, with a key that is none."""
    session, batch, _ = _taken(asker, operation, width=WORD)
    if batch.is_bad and batch.keys:
        bad = _rows_of_keys(batch) if batch.form else _spoil(batch.keys, b"")
        return Answers(_refused(0), told_by(lambda: session.add_many(bad, 1)))
    deltas, given = _deltas(batch)

    def more(place: int, old: bytes | None) -> bytes:
        if old is not None and len(old) != WORD:
            raise MisfitError
        total = int.from_bytes(old or b"", "little") + deltas[place]
        return (total % (1 << 64)).to_bytes(WORD, "little")

    expected = _one_by_one(asker, operation, batch.keys, more)
    keys = _rows_of_keys(batch)
    return Answers(expected, told_by(lambda: session.add_many(keys, given)))


def _deltas(batch: Batch) -> tuple[list[int], Any]:
    """The numbers to add, and the form in which they come: one number for all, a list, or an array."""
    count = len(batch.keys)
    if batch.form == "views":
        deltas = [3 * place - 4 for place in range(count)]
        return deltas, deltas
    if not batch.is_array or batch.form == "void":
        return [7] * count, 7
    import numpy as np

    if batch.form == "rows":
        deltas = [-1 - place for place in range(count)]
        return deltas, np.array(deltas, np.int64)
    deltas = [(1 << 63) + 2 * place + 1 for place in range(count)]
    return deltas, np.array(deltas, ">u8" if batch.form == "big" else np.uint64)


def get_many(asker: Asker, operation: Operation) -> Answers:
    """A `read_many`: of counters into an array, or of whatever there is; where it is bad, with no key."""
    session, batch, _ = _taken(asker, operation, width=WORD)
    log, reference = asker.reference.log, asker.reference
    if batch.is_bad and batch.keys:
        bad = _rows_of_keys(batch) if batch.form else _spoil(batch.keys, b"")
        return Answers(_refused(0), told_by(lambda: session.read_many(bad)))
    keys: Any = batch.keys if batch.form == "big" else _rows_of_keys(batch)
    if not batch.is_array or batch.form == "rows":
        reference.issue(operation.session, len(batch.keys))
        values = [log.read(key)[1] for key in batch.keys]
        return Answers(values, told_by(lambda: session.read_many(keys)))
    done, is_misfit = _counters_read(asker, batch.keys)
    reference.issue(operation.session, done)

    def read() -> object:
        values, found = session.read_many(keys, "<u8")
        pairs = zip(values.tolist(), found.tolist(), strict=True)
        return [value.to_bytes(WORD, "little") if is_found else None for value, is_found in pairs]

    if is_misfit:
        return Answers(_refused(done), told_by(read))
    return Answers([reference.content.get(key) for key in batch.keys], told_by(read))


def _counters_read(asker: Asker, keys: list[bytes]) -> tuple[int, bool]:
    """The number of reads into an array that end, and whether one is of no counter; they are counted.

    A longer value in memory stops the call at it; what else is no counter is seen once all of it have ended.
    """
    log = asker.reference.log
    for start in range(0, len(keys), BATCH_MAX):
        part = keys[start : start + BATCH_MAX]
        is_misfit, is_warm_misfit, asked = False, False, 0
        for place, key in enumerate(part):
            (where, _), record = log.locate(key)
            value = None if record is None else record.value
            if where == "warm" and value is not None and len(value) > WORD:
                log.counters["device_reads"] -= asked
                return start + place, True
            is_none = value is not None and len(value) != WORD
            is_misfit, is_warm_misfit = is_misfit or is_none, is_warm_misfit or (is_none and where == "warm")
            log.read(key)
            asked += where == "cold"
        if is_misfit:
            # One in memory is seen before the device is asked.
            log.counters["device_reads"] -= asked if is_warm_misfit else 0
            return start + len(part), True
    return len(keys), False
