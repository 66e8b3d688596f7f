"""Many operations at a time: from arrays or sequences of bytes, a thousand to a kernel call.

Arrays are copied into the stage as they are, a key or value padded to a whole word; sequences of bytes get
a table row each. Reads below head are left by the kernel and answered together, each extent read once.

Invariants
  1  operations are done in order, and take a serial when issued: an error at operation k of n leaves k taken
  2  values found by one `read` are each as of some moment during the call

Threads: the session's own. numpy is imported with the first call, not with the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from ..errors import DeviceError, EngineError, OperationError
from ..kernels import words as w
from ..shared.modes import Mode
from .arrays import dtype_of, made_by, rows_of, same_width, sequence_of
from .driver import Driver
from .single import check_sizes, too_long
from .staging import COUNTERS, Rooms, Stage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[Any]
    Keys = Array | Sequence[bytes]
    Values = Array | Sequence[bytes]
else:
    Keys = Values = Any

__all__ = ["Bulk", "Keys", "Values"]

_STAGE_WORDS: Final = 1 << 14  # For the keys and values of a batch of sequences, unless one needs more.
_EXPECTED_WORDS: Final = 128  # At least, for a value below head that is appended to.


class Bulk:
    """The batches of one session."""

    def __init__(self, driver: Driver, mode: Mode) -> None:
        self._driver = driver
        self._pins = driver.log.pins
        self._mode = mode
        self._stage: Stage | None = None
        self._expected_words = 0  # None before there is an append that needs them.

    def counters(self) -> list[int]:
        """N_IN_PLACE to N_MISSED, over all stages."""
        stage = self._stage
        return stage.counters() if stage is not None else [0] * len(COUNTERS)

    # -- public ------------------------------------------------------------------------------------

    def write(self, kind: int, keys: Keys, values: Values) -> None:
        """Run UPSERT or APPEND on many keys."""
        import numpy as np

        is_array = isinstance(keys, np.ndarray)
        taken: Callable[[Any, str], Any] = rows_of if is_array else sequence_of
        all_keys, all_values = taken(keys, "keys"), taken(values, "values")
        if len(all_keys) != len(all_values):
            raise _unequal(len(all_keys), len(all_values))
        run = self._run_arrays if is_array else self._run_sequences
        run(kind, all_keys, all_values)

    def add(self, keys: Keys, deltas: Any) -> None:
        import numpy as np

        counts = made_by(np.asarray, deltas, "deltas")
        if not counts.size and not isinstance(deltas, np.ndarray):
            counts = counts.astype(np.int64)  # An empty list says nothing of its numbers.
        if counts.dtype.kind not in "iu" or counts.ndim > 1:
            raise OperationError(f"deltas are {counts.dtype} of shape {counts.shape}: expected integers")
        is_array = isinstance(keys, np.ndarray)
        given: Any = rows_of(keys, "keys") if is_array else sequence_of(keys, "keys")
        count = len(given)
        if counts.ndim == 1 and len(counts) != count:
            raise _unequal(count, len(counts))
        values = np.broadcast_to(counts, (count,)).astype("<i8" if counts.dtype.kind == "i" else "<u8")
        rows = rows_of(values, "deltas")
        if is_array:
            self._run_arrays(w.ADD, given, rows)
        else:
            self._run_sequences(w.ADD, given, [row.tobytes() for row in rows])

    def read(self, keys: Keys, dtype: Any) -> Any:
        import numpy as np

        if dtype is None:
            if isinstance(keys, np.ndarray):
                keys = [row.tobytes() for row in rows_of(keys, "keys")]
            with self._pins.hold() as begin:
                return self._read_sequences(sequence_of(keys, "keys"), begin)
        kind = dtype_of(dtype, self._driver.log.record_bytes_max)
        rows = (
            rows_of(keys, "keys") if isinstance(keys, np.ndarray) else same_width(sequence_of(keys, "keys"))
        )
        # Before the chains are read: no truncation comes between them and the device.
        with self._pins.hold() as begin:
            return self._read_arrays(rows, kind, begin)

    # -- arrays ------------------------------------------------------------------------------------

    def _run_arrays(self, kind: int, keys: Array, values: Array) -> None:
        """Run the operations on rows of bytes, shape (n, width) each."""
        key_bytes, value_bytes = keys.shape[1], values.shape[1]
        check_sizes(self._driver, key_bytes, value_bytes)
        start = 0
        while start < len(keys):
            stage = self._arrange(key_bytes, value_bytes)
            to_keys, to_values = _into(stage, stage.keys, key_bytes), _into(stage, stage.values, value_bytes)
            batch = stage.batch
            batch[w.B_KIND], batch[w.B_TABLE] = kind, 0
            batch[w.B_KEY_BYTES], batch[w.B_VALUE_BYTES] = key_bytes, value_bytes
            has_room = True
            while has_room and start < len(keys):
                count = min(w.BATCH_MAX, len(keys) - start)
                to_keys[:count] = keys[start : start + count]
                to_values[:count] = values[start : start + count]
                done = self._run(stage, count, start)
                has_room = done == count
                start += done

    def _read_arrays(self, keys: Array, kind: np.dtype[Any], begin: int) -> tuple[Array, Array]:
        import numpy as np

        key_bytes, width = keys.shape[1], kind.itemsize
        check_sizes(self._driver, key_bytes, 0)
        stage = self._arrange(key_bytes, width)
        to_keys, from_values = _into(stage, stage.keys, key_bytes), _into(stage, stage.values, width)
        told = np.frombuffer(stage.batch, np.uint64)[stage.results : stage.results + w.BATCH_MAX]
        values = np.zeros((len(keys), width), np.uint8)
        found = np.zeros(len(keys), np.bool_)
        wanted = w.FOUND | width << w.RESULT_BITS
        batch = stage.batch
        batch[w.B_KIND], batch[w.B_TABLE], batch[w.B_KEY_BYTES] = w.READ, 0, key_bytes
        for start in range(0, len(keys), w.BATCH_MAX):
            count = min(w.BATCH_MAX, len(keys) - start)
            to_keys[:count] = keys[start : start + count]
            batch[w.B_LEAVE] = 1
            try:
                self._run(stage, count, start, width)
            finally:
                batch[w.B_LEAVE] = 0
            here = told[:count]
            is_here = here == wanted
            found[start : start + count] = is_here
            if is_here.all():
                values[start : start + count] = from_values[:count]
                continue
            values[start : start + count][is_here] = from_values[:count][is_here]
            kinds = here & np.uint64(w.RESULT_MASK)
            done = start + count
            for other in here[(kinds == w.FOUND) & ~is_here]:
                raise _misfit(int(other) >> w.RESULT_BITS, width, done)
            left = np.flatnonzero(kinds == w.LEFT)
            asked = [(int(here[n]) >> w.RESULT_BITS, keys[start + n].tobytes()) for n in left]
            for number, value in zip(left, self._ask(asked, begin, done), strict=True):
                if value is not None:
                    if len(value) != width:
                        raise _misfit(len(value), width, done)
                    values[start + number] = np.frombuffer(value, np.uint8)
                    found[start + number] = True
        return values.view(kind).reshape(len(keys)), found

    # -- sequences of bytes ------------------------------------------------------------------------

    def _run_sequences(self, kind: int, keys: Sequence[bytes], values: Sequence[bytes]) -> None:
        for key, value in zip(keys, values, strict=True):
            check_sizes(self._driver, len(key), len(value))
        start = 0
        while start < len(keys):
            stage, count = self._lay_table(keys, values, start)
            stage.batch[w.B_KIND] = kind
            start += self._run(stage, count, start)

    def _lay_table(
        self, keys: Sequence[bytes], values: Sequence[bytes], start: int, room: int = 0
    ) -> tuple[Stage, int]:
        """Stage as many from `start` on as fit, one at least; how many."""
        stop = min(len(keys), start + w.BATCH_MAX)
        most = max(_words(keys[n]) + _words(values[n] if values else b"") for n in range(start, stop))
        needed = max(room + most, _STAGE_WORDS)
        stage = self._arrange(w.WORD_BYTES, (needed // w.BATCH_MAX + 1) * w.WORD_BYTES)
        batch, data = stage.batch, stage.bytes
        at, limit = stage.keys, stage.expected
        for number in range(start, stop):
            key, value = keys[number], values[number] if values else b""
            if at + _words(key) + _words(value) > limit - room:
                stop = number
                break
            row = stage.table + (number - start) * w.T_WORDS
            batch[row + w.T_KEY], batch[row + w.T_KEY_BYTES] = at, len(key)
            at = _put(batch, data, at, key)
            batch[row + w.T_VALUE], batch[row + w.T_VALUE_BYTES] = at, len(value)
            at = _put(batch, data, at, value)
        batch[w.B_TABLE] = stage.table
        batch[w.B_CURSOR], batch[w.B_LIMIT] = at, limit
        return stage, stop - start

    def _read_sequences(self, keys: Sequence[bytes], begin: int) -> list[bytes | None]:
        for key in keys:
            check_sizes(self._driver, len(key), 0)
        values: list[bytes | None] = []
        room = _STAGE_WORDS // 2
        while len(values) < len(keys):
            stage, count = self._lay_table(keys, (), len(values), room)
            batch = stage.batch
            batch[w.B_KIND], batch[w.B_LEAVE] = w.READ, 1
            try:
                done = self._run(stage, count, len(values))
            finally:
                batch[w.B_LEAVE] = 0
            if done < count:
                room = max(room, (batch[w.OP_VALUE_BYTES] + 7) >> 3)
            values += self._found(stage, done, begin, len(values))
        return values

    def _found(self, stage: Stage, count: int, begin: int, before: int) -> list[bytes | None]:
        """The values of the first `count` reads of a table."""
        batch, data = stage.batch, stage.bytes
        values: list[bytes | None] = []
        left: list[tuple[int, bytes]] = []
        places: list[int] = []
        for number in range(count):
            told = batch[stage.results + number]
            row = stage.table + number * w.T_WORDS
            value = None
            if told & w.RESULT_MASK == w.FOUND:
                start = batch[row + w.T_VALUE] * w.WORD_BYTES
                value = bytes(data[start : start + (told >> w.RESULT_BITS)])
            elif told & w.RESULT_MASK == w.LEFT:
                start = batch[row + w.T_KEY] * w.WORD_BYTES
                places.append(number)
                left.append((told >> w.RESULT_BITS, bytes(data[start : start + batch[row + w.T_KEY_BYTES]])))
            values.append(value)
        for number, value in zip(places, self._ask(left, begin, before + count), strict=True):
            values[number] = value
        return values

    # -- both --------------------------------------------------------------------------------------

    def _arrange(self, key_bytes: int, value_bytes: int) -> Stage:
        """A stage with at least so much room for each of BATCH_MAX operations."""
        key_words, value_words = (key_bytes + 7) >> 3, max(1, (value_bytes + 7) >> 3)
        old = self._stage
        shape = key_words, value_words, self._expected_words
        if old is not None and (old.key_words, old.value_words, old.expected_words) == shape:
            return old
        log = self._driver.log
        stage = Stage(log.spaces, self._mode, self._driver.state.row, Rooms(w.BATCH_MAX, *shape))
        stage.batch[w.B_RECORD_WORDS] = log.record_bytes_max // w.WORD_BYTES
        if old is not None:
            stage.keep(old, COUNTERS)
        self._stage = stage
        return stage

    def _run(self, stage: Stage, count: int, before: int, width: int = 0) -> int:
        """Run the `count` operations staged; how many are done: fewer where a value has no room.

        Those that are not done were not issued. For an append, the next stage has that room.
        """
        batch = stage.batch
        batch[w.B_START], batch[w.B_COUNT], batch[w.B_ISSUE] = 0, count, 1
        try:
            why = self._driver.finish(stage, stage.kernels.run())
            if why == w.MISFIT:
                raise OperationError(f"the value of key {stage.key()!r} is no counter: expected 8 bytes")
            if why == w.TOO_LONG:
                raise too_long(self._driver, batch[w.OP_KEY_BYTES], batch[w.OP_VALUE_BYTES])
            if why == w.ROOM and width:
                found = batch[w.OP_VALUE_BYTES]
                raise OperationError(f"the value of key {stage.key()!r} is {found} bytes: expected {width}")
        except BaseException as error:
            # Interrupted or refused: what was not begun takes its serials back.
            done = batch[w.B_START]
            if not batch[w.B_ISSUE]:
                self._driver.take_back(count - done)
            if isinstance(error, EngineError):
                raise _with_done(error, before + done) from error.__cause__
            raise
        done = batch[w.B_START]
        if done < count:
            self._driver.take_back(count - done)
            if batch[w.B_KIND] == w.APPEND:
                needed = (batch[w.B_EXPECTED_BYTES] + 7) >> 3
                self._expected_words = 1 << max(needed, _EXPECTED_WORDS).bit_length()
        return done

    def _ask(self, asked: list[tuple[int, bytes]], begin: int, done: int) -> list[bytes | None]:
        """The values of keys whose chains go on below head at these addresses; in address order, at once.

        The log is pinned from `begin` up. `done` reads have ended, these among them, whatever is said.
        """
        order = sorted(range(len(asked)), key=lambda number: asked[number][0])
        answers: list[bytes | None] = [None] * len(asked)
        try:
            for number in order:
                record = self._driver.log.cold.follow(*asked[number], begin)
                if record is not None and not record.link & w.TOMBSTONE:
                    answers[number] = record.value
        except OSError as error:
            raise _with_done(DeviceError(error.errno, f"reading a record: {error}"), done) from error
        except EngineError as error:
            raise _with_done(error, done) from error.__cause__
        self._driver.device_reads += len(order)
        return answers


def _words(data: bytes) -> int:
    return (len(data) + 7) >> 3


def _put(batch: memoryview, data: memoryview, at: int, given: bytes) -> int:
    words = (len(given) + 7) >> 3
    if words:
        batch[at + words - 1] = 0
        data[at * w.WORD_BYTES : at * w.WORD_BYTES + len(given)] = given
    return at + words


def _into(stage: Stage, word: int, width: int) -> Array:
    """The staged keys or values, shape (BATCH_MAX, width), uint8, in place; their padding stays zero."""
    import numpy as np

    words = (width + 7) >> 3
    area = np.frombuffer(stage.bytes, np.uint8)[word * 8 : (word + stage.count * words) * 8]
    area[:] = 0
    return area.reshape(stage.count, words * 8)[:, :width]


def _misfit(found: int, width: int, done: int) -> EngineError:
    return _with_done(OperationError(f"a value of {found} bytes: expected {width}"), done)


def _unequal(keys: int, values: int) -> OperationError:
    return OperationError(f"{keys} keys and {values} values: expected as many of both")


def _with_done(error: EngineError, done: int) -> EngineError:
    error.done = done
    return error
