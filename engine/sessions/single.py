"""One operation at a time: staging it, and taking it to its end.

Invariants
  1  between two operations the stage's B_APPLY is 1, B_LEAVE and B_PEND are 0
  2  a swap writes only over the very value that was read; else everything is done again

Threads: the session's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from ..arguments import bytes_of
from ..errors import OperationError, SessionError
from ..kernels import words as w
from ..shared.modes import Mode
from ..shared.spaces import put_bytes
from .driver import Driver, record_bytes
from .staging import COUNTERS, Rooms, Stage

__all__ = ["Change", "Single", "check_function", "check_sizes", "taken", "too_long"]

Change = Callable[[bytes | None], bytes | None]

_KEY_WORDS: Final = 16
_VALUE_WORDS: Final = 128


class Single:
    """The stage of one session for one operation, as roomy as its largest so far."""

    def __init__(self, driver: Driver, mode: Mode) -> None:
        self.driver = driver
        self._mode = mode
        self._lay_out(_KEY_WORDS, _VALUE_WORDS, None)

    def _lay_out(self, key_words: int, value_words: int, old: Stage | None) -> None:
        log = self.driver.log
        stage = Stage(log.spaces, self._mode, self.driver.state.row, Rooms(1, key_words, value_words))
        if old is not None:
            stage.keep(old, _KEPT)
            stage.batch[stage.keys : stage.values][: old.key_words] = old.batch[old.keys : old.values]
            stage.batch[stage.expected :][: old.value_words] = old.batch[old.expected :]
        kernels = stage.kernels
        # What is no longer than these needs no further question.
        key_bytes = min(key_words * w.WORD_BYTES, log.record_bytes_max // 4)
        value_bytes = min(value_words * w.WORD_BYTES, log.record_bytes_max // 2)
        # Not before it counts what the old one did: another thread may be adding up.
        # And in one go: machine code knows the memory of its stage by address.
        run_key, read_key, run_pair = kernels.run_key, kernels.read_key, kernels.run_pair
        self.stage, self.run_key, self.read_key, self.run_pair = stage, run_key, read_key, run_pair
        self.key_bytes, self.value_bytes = key_bytes, value_bytes

    def make_room(self, key_bytes: int, value_bytes: int) -> None:
        """Make a key and a value of these sizes fit; what is staged is kept."""
        old = self.stage
        key_words, value_words = (key_bytes + 7) >> 3, (value_bytes + 7) >> 3
        if key_words <= old.key_words and value_words <= old.value_words:
            return
        self._lay_out(max(key_words, old.key_words), max(value_words, old.value_words), old)

    @contextmanager
    def leaving(self) -> Iterator[None]:
        """Leave what the device must answer: a read in here does not ask it, a peek may stay pending."""
        self.stage.batch[w.B_LEAVE] = self.stage.batch[w.B_PEND] = 1
        try:
            yield
        finally:
            self.stage.batch[w.B_LEAVE] = self.stage.batch[w.B_PEND] = 0

    # -- to the end --------------------------------------------------------------------------------

    def finish(self, why: int) -> int:
        """Take what is staged to its end; the result. Whatever is raised, the operation has ended."""
        try:
            while why != w.DONE:
                if why == w.ROOM:
                    self.make_room(0, self.stage.batch[w.OP_VALUE_BYTES])
                    why = self.stage.kernels.run()
                elif why == w.PENDING:
                    return w.PENDING << w.RESULT_BITS
                else:
                    why = self.driver.finish(self.stage, why)
        except SessionError:
            raise  # A batch of another thread has the row, and what is issued may be its own.
        except BaseException:
            self.driver.settle()
            raise
        return self.stage.batch[self.stage.results]

    def value(self, told: int) -> bytes | None:
        """The value that a finished read has found, by its result."""
        if told & w.RESULT_MASK != w.FOUND:
            return None
        if self.stage.batch[w.OP_PLACE] == w.COLD:
            assert self.driver.cold is not None
            return self.driver.cold.value
        return self.stage.value(0, told)

    def unread(self, told: bytes | int) -> bytes | None:
        """The value of a read that did not find it at once, by what `read_key` returned."""
        assert isinstance(told, int)
        return None if told == w.ABSENT else self.value(self.finish(told >> w.RESULT_BITS))

    def unpeeked(self, told: bytes | int) -> bytes | None:
        """The value of a peek that did not find it at once, by what `peek_key` returned."""
        assert isinstance(told, int)
        if told == w.ABSENT:
            return None
        self.finish(told >> w.RESULT_BITS)
        return self.found()

    def found(self) -> bytes | None:
        """The value that a finished peek has found."""
        stage = self.stage
        size = stage.batch[w.B_EXPECTED_BYTES]
        if size == w.EXPECT_ABSENT:
            return None
        if stage.batch[w.OP_PLACE] == w.COLD:
            assert self.driver.cold is not None
            return self.driver.cold.value
        start = stage.expected * w.WORD_BYTES
        return bytes(stage.bytes[start : start + size])

    def swap(
        self, key: bytes, function: Change, found: bytes | None, *, is_cold: bool = False
    ) -> bytes | None:
        """Replace the value that a peek has just found by what `function` makes of it (invariant 2).

        is_cold   whether it was found on the device
        """
        return self.put(key, function, found, function(found), is_cold=is_cold)

    def put(
        self, key: bytes, function: Change, found: bytes | None, value: bytes | None, *, is_cold: bool = False
    ) -> bytes | None:
        """`swap`, whose function has given `value`."""
        while value is not None:
            # What a value may be depends on its key: only with a short one is the room of the stage enough.
            if type(value) is not bytes or len(value) > self.value_bytes or len(key) > self.key_bytes:
                _, value = taken(self.driver, key, value)
                self.make_room(len(key), len(value))
            if is_cold:
                self._tell_again(found)
            why = self.run_pair(w.SWAP, key, value)
            if why == w.DONE or self.driver.finish(self.stage, why, found) == w.DONE:
                return value
            found = self.peek_again(key)
            is_cold = self.is_cold
            value = function(found)
        self.driver.settle()
        return None

    @property
    def is_cold(self) -> bool:
        """True if the last peek found its key on the device."""
        return bool(self.stage.batch[w.OP_PLACE] == w.COLD)

    def _tell_again(self, found: bytes | None) -> None:
        """Give the swap what the peek read from the device; it holds while the chain is the same."""
        self.make_room(0, len(found or b""))
        stage, batch = self.stage, self.stage.batch
        stage.expect(found)
        batch[w.B_KIND] = w.SWAP
        driver = self.driver
        driver.tell(stage, batch[w.OP_ADDRESS], driver.cold_begin, driver.cold, found)

    def peek_again(self, key: bytes) -> bytes | None:
        """Peek once more at the key, for an operation whose serial is taken."""
        stage, batch = self.stage, self.stage.batch
        batch[w.B_KIND], batch[w.B_START], batch[w.B_COUNT], batch[w.B_ISSUE] = w.PEEK, 0, 1, 0
        batch[w.B_KEY_BYTES] = len(key)
        put_bytes(stage.bytes, stage.keys, key)
        self.finish(stage.kernels.run())
        return self.found()


# What goes from one stage to a roomier one: the header but for places and rooms, and the counters.
_KEPT: Final = (
    *(w.B_KIND, w.B_START, w.B_COUNT, w.B_ISSUE, w.B_APPLY, w.B_LEAVE, w.B_PEND, w.B_FIRST, w.B_KEY_BYTES),
    *(w.B_EXPECTED_BYTES, w.OP_PLACE, w.OP_ADDRESS, w.OP_RESULT),
    *COUNTERS,
)


def check_function(function: object) -> None:
    """Raises OperationError where it cannot be called."""
    if not callable(function):
        raise OperationError(f"expected a function, found {type(function).__name__}")


def taken(driver: Driver, key: object, value: object) -> tuple[bytes, bytes]:
    """The key and the value as bytes. Raises OperationError where these are none of this store."""
    pair = bytes_of(key), bytes_of(value)
    check_sizes(driver, len(pair[0]), len(pair[1]))
    return pair


def check_sizes(driver: Driver, key_bytes: int, value_bytes: int) -> None:
    """Raises OperationError where no key and value of this store have these sizes."""
    if not 1 <= key_bytes <= w.KEY_MASK:
        raise OperationError(f"a key of {key_bytes} bytes: expected 1 to {w.KEY_MASK}")
    if record_bytes(key_bytes, value_bytes) > driver.log.record_bytes_max:
        raise too_long(driver, key_bytes, value_bytes)


def too_long(driver: Driver, key_bytes: int, value_bytes: int) -> OperationError:
    """The complaint about a key and a value of these sizes."""
    needed = record_bytes(key_bytes, value_bytes)
    return OperationError(
        f"key of {key_bytes} and value of {value_bytes} bytes need {needed}: "
        f"expected at most {driver.log.record_bytes_max}"
    )
