"""A session: one thread's handle for operations on the store.

Each operation takes the next serial, stages itself as a batch, and lets the kernels run it; what
they cannot do (`why`) is done here in ordinary Python, and the batch goes on.

Invariants
  1  a serial is taken if and only if the arguments were valid
  2  a session shifts version only between batches, never inside one
  3  `rmw` calls its function with no latch held; a lost race calls it again; if it raises, the
     store is as before

Threads: one over all sessions of a store; a second operation in one session at once, from inside the
function of an `rmw`, is a SessionError.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from . import words as w
from .errors import ClosedError, DeviceError, OperationError, ReadOnlyError, SessionError
from .hybridlog import ColdRecord, HybridLog
from .index import HashIndex
from .kernels import run_batch
from .phases import SHIFTED, System
from .poison import Poison
from .probe import hash_words
from .sessions import SessionState
from .spaces import words_of

__all__ = ["Session"]

_DATA: Final = w.OP_WORDS  # Key and values of the one staged operation follow it.
_ROOM_WORDS: Final = 64


class Session:
    """Operations under one name; made by `FasterKv.session` and `resume_session`.

    Keys are 1 to 131,071 bytes, key plus value at most a page less 80 bytes. Every method raises
    OperationError (bad argument: no serial taken), SessionError, ClosedError, PoisonedError,
    DeviceError (the device failed; the operation may or may not have happened), CorruptionError
    (a cold record is damaged) and IndexFullError (nothing happened). Each is O(1) expected, plus
    one device read for every record of its chain below head.
    """

    def __init__(
        self,
        state: SessionState,
        log: HybridLog,
        index: HashIndex,
        system: System,
        poison: Poison,
        is_read_only: bool,
    ) -> None:
        self._state = state
        self._log = log
        self._index = index
        self._system = system
        self._poison = poison
        self._is_read_only = is_read_only
        self._is_closed = False
        self._is_busy = False
        self._batch = words_of(_DATA + _ROOM_WORDS)
        self._cold: ColdRecord | None = None

    # -- public ----------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        return self._state.name

    @property
    def serial(self) -> int:
        """Operations this session has issued, over all its lives."""
        return self._state.serial

    def read(self, key: bytes) -> bytes | None:
        """The key's value, None if it has none."""
        self._begin(key, b"", is_read=True)
        try:
            return self._read(key)
        finally:
            self._end()

    def upsert(self, key: bytes, value: bytes) -> None:
        """Set the key's value, whatever it was."""
        self._begin(key, value)
        try:
            self._run(w.UPSERT, key, value)
        finally:
            self._end()

    def insert(self, key: bytes, value: bytes) -> bool:
        """Set the key's value if it has none; whether it had none."""
        self._begin(key, value)
        try:
            return self._run(w.INSERT, key, value) == w.ABSENT
        finally:
            self._end()

    def delete(self, key: bytes) -> bool:
        """Take the key's value away; whether it had one."""
        self._begin(key, b"")
        try:
            return self._run(w.DELETE, key) == w.FOUND
        finally:
            self._end()

    def rmw(self, key: bytes, function: Callable[[bytes | None], bytes | None]) -> bytes | None:
        """Replace the value by `function(value or None)`; None leaves it. Returns what it returned.

        `function` is called with nothing held, again if another session changed the key in
        between; if it raises, nothing changed and the exception goes on. The serial is taken, also
        where what it returned is no value (OperationError).
        """
        if not callable(function):
            raise OperationError(f"expected a function, found {type(function).__name__}")
        self._begin(key, b"")
        try:
            while True:
                found = self._read(key)
                value = function(found)
                if value is None:
                    return None
                self._check_sizes(key, value)
                if self._run(w.SWAP, key, value, found, is_swap=True) != w.CHANGED:
                    return value
        finally:
            self._end()

    def close(self) -> None:
        """Give the handle up; the session can be resumed. Idempotent."""
        if not self._is_closed:
            self._is_closed = True
            self._state.is_live = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- one operation -----------------------------------------------------------------------------

    def _begin(self, key: bytes, value: bytes, *, is_read: bool = False) -> None:
        """Validate, take a serial, enter."""
        if self._is_closed:
            raise ClosedError(f"session {self.name!r} is closed; resume it with resume_session")
        self._poison.check()
        if self._is_read_only and not is_read:
            raise ReadOnlyError("the store was opened read-only")
        self._check_sizes(key, value)
        if self._is_busy:
            raise SessionError(f"session {self.name!r} is in use: one thread, one operation at a time")
        self._is_busy = True
        self._refresh()
        self._state.serial += 1

    def _end(self) -> None:
        self._state.applied = self._state.serial
        self._is_busy = False

    def _check_sizes(self, key: bytes, value: bytes) -> None:
        for given in (key, value):
            if type(given) is not bytes:
                raise OperationError(f"expected bytes for key and value, found {type(given).__name__}")
        if not 1 <= len(key) <= w.KEY_MASK:
            raise OperationError(f"a key of {len(key)} bytes: expected 1 to {w.KEY_MASK}")
        needed = record_bytes(len(key), len(value))
        if needed > self._log.record_bytes_max:
            room = self._log.record_bytes_max
            raise OperationError(
                f"key of {len(key)} and value of {len(value)} bytes need {needed}: expected at most {room}"
            )

    def _refresh(self) -> None:
        """Between batches: follow the system over a version's edge (invariant 2)."""
        self._state.shift(self._system)

    def _read(self, key: bytes) -> bytes | None:
        if self._run(w.READ, key) != w.FOUND:
            return None
        if self._cold is not None:
            return self._cold.value
        batch = self._batch
        start = batch[w.OP_VALUE] * w.WORD_BYTES
        return bytes(batch.cast("B")[start : start + batch[w.OP_VALUE_BYTES]])

    def _run(
        self,
        kind: int,
        key: bytes,
        value: bytes = b"",
        expected: bytes | None = None,
        *,
        is_swap: bool = False,
    ) -> int:
        """Stage one operation and run it to its end; FOUND, ABSENT or CHANGED."""
        self._cold = None
        hashed = self._stage(kind, key, value, expected, is_swap)
        spaces, batch = self._log.spaces, self._batch
        while True:
            version = self._state.version
            fuzzy = self._system.fuzzy_start
            cut = fuzzy if version == self._system.version and self._system.phase in SHIFTED else 0
            _, why = run_batch(spaces.control, spaces.index, spaces.log, batch, 0, 1, version, fuzzy, cut)
            if why == w.DONE:
                # A cold answer counts only if it is the one the kernel used in the end.
                if batch[w.OP_ADDRESS] >= spaces.control[w.HEAD] or batch[w.OP_RESULT] == w.ABSENT:
                    self._cold = None
                return batch[w.OP_RESULT]
            try:
                self._do_slowly(why, hashed, key, len(value), expected)
            except OSError as error:
                raise DeviceError(error.errno, f"{w.WHY_NAMES[why]}: {error}") from error
            batch = self._batch

    def _do_slowly(self, why: int, hashed: int, key: bytes, value_bytes: int, expected: bytes | None) -> None:
        if why == w.PAGE_FULL:
            self._log.open_page(record_bytes(len(key), value_bytes))
        elif why == w.ON_DEVICE:
            self._ask_device(key, expected)
        elif why == w.OVERFLOW:
            self._index.extend(hashed)
        elif why == w.ROOM:
            self._make_room(self._batch[w.OP_VALUE_BYTES])
        else:
            assert why in (w.RETRY, w.SHIFT)
            self._refresh()

    def _ask_device(self, key: bytes, expected: bytes | None) -> None:
        """Answer for the chain below head, so that the kernel can go on from there."""
        # Version bits of what was evicted are not consulted: where a checkpoint's cut has passed, it may be
        # a record of the next version, so the session follows before it looks.
        self._refresh()
        batch = self._batch
        address = batch[w.OP_ADDRESS]
        record = self._log.find_cold(address, key)
        if record is None or record.link & w.TOMBSTONE:
            self._cold = None
            state = w.COLD_ABSENT
        else:
            self._cold = record
            state = w.COLD_PRESENT if record.value == expected else w.COLD_OTHER
        batch[w.OP_COLD_ADDRESS] = address
        batch[w.OP_COLD_STATE] = state

    # -- staging -----------------------------------------------------------------------------------

    def _stage(self, kind: int, key: bytes, value: bytes, expected: bytes | None, is_swap: bool) -> int:
        """Write the operation into the batch; its hash."""
        key_words = (len(key) + 7) >> 3
        value_words = (len(value) + 7) >> 3
        expected_words = (len(expected or b"") + 7) >> 3
        needed = _DATA + key_words + value_words + expected_words
        if needed > len(self._batch):
            self._batch = words_of(needed * 2)
        batch = self._batch
        at = _put(batch, _DATA, key)
        batch[w.OP_KIND] = kind
        batch[w.OP_KEY] = _DATA
        batch[w.OP_KEY_BYTES] = len(key)
        batch[w.OP_VALUE] = at
        batch[w.OP_VALUE_BYTES] = (len(batch) - at) * w.WORD_BYTES if kind == w.READ else len(value)
        at = _put(batch, at, value)
        batch[w.OP_EXPECTED] = at
        batch[w.OP_EXPECTED_BYTES] = w.EXPECT_ABSENT if is_swap and expected is None else len(expected or b"")
        _put(batch, at, expected or b"")
        batch[w.OP_ADDRESS] = 0
        batch[w.OP_COLD_ADDRESS] = 0
        batch[w.OP_COLD_STATE] = w.COLD_UNKNOWN
        hashed = hash_words(batch, _DATA, len(key), self._log.spaces.control[w.HASH_MASK])
        batch[w.OP_HASH] = hashed
        return hashed

    def _make_room(self, value_bytes: int) -> None:
        """Grow the batch so that a read of `value_bytes` fits."""
        start = self._batch[w.OP_VALUE]
        grown = words_of(start + ((value_bytes + 7) >> 3))
        grown[:start] = self._batch[:start]
        grown[w.OP_VALUE_BYTES] = (len(grown) - start) * w.WORD_BYTES
        self._batch = grown


def record_bytes(key_bytes: int, value_bytes: int) -> int:
    """What a record of these sizes takes in the log."""
    return (w.RECORD_HEADER_WORDS + ((key_bytes + 7) >> 3) + ((value_bytes + 7) >> 3)) * w.WORD_BYTES


def _put(batch: memoryview, at: int, data: bytes) -> int:
    """Write `data`, zero padded, from word `at`; the word after it."""
    words = (len(data) + 7) >> 3
    if words:
        batch[at + words - 1] = 0
        batch.cast("B")[at * w.WORD_BYTES : at * w.WORD_BYTES + len(data)] = data
    return at + words
