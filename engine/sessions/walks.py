"""Walks over all live keys, or over the log: what a kernel lists, a batch at a time, as bytes or as arrays.

A walk has a row of the epoch table and a space with room for ROWS items. The kernel (`kernels.walks`) fills
it; an entry or a record that it leaves (below head, under a lock, a long chain, too large) is read by the
`SharedReader`, one at a time. Interpreted kernels gain little by long batches: theirs are so short that
whoever watches sees others come in between.

Invariants
  V6  what is listed was so at some moment between the first and the last item that is asked for
  V7  the order is that of the index, or of the log, whoever lists an item
  V8  entries that are taken down together are of one moment between two splits
  V9  of a key that is live all the while a scan without an end lists a record: where begin was raised since
      it was called, by a compaction perhaps, its end is a tail from after that

What a scan lists: the records published below its end, oldest first, the overwritten ones too. It may
pass over a zero sizes word as padding only because every batch that could have allocated below the end
has left before it starts.

What `items` lists: an entry of a live key never loses its tag (H1), and moves only where its bucket is
split; a chain that was named once holds the newest record of each of its keys at that moment. So a key that
is live all the while is listed once, with the value of that record, which was its value then or is so now.
One that is deleted and written anew may have another entry then, in the same main bucket: it is known by its
key, which is kept till the walk has passed that bucket. So no key is listed twice.

With N main buckets when it starts, N a power of two, a walk goes by *cells*: cell c are all main buckets
c + k N that there are. No split takes a key out of its cell. Once there are more buckets than N, or some are
being split off, the kernel leaves a cell whole: its entries are taken down at once, inside the row, which
no split begins beside (V8).

Threads: any, a walk each. numpy is imported with the first call for arrays, not with the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from ..errors import DeviceError, OperationError
from ..kernels import words as w
from ..kernels.atomics import load
from ..log import HybridLog
from ..log.index import HashIndex, Width
from ..runtime import Runtime
from ..shared.epoch import Epochs
from ..shared.modes import Mode
from ..shared.spaces import words_of
from .reader import LogRecord, SharedReader, chain_items
from .registry import SessionRegistry

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Arrays = tuple[NDArray[Any], NDArray[Any]]
else:
    Arrays = Any

__all__ = ["Arrays", "Readers", "Walk", "guarded"]

ROWS: Final = {"compiled": 1024, "interpreted": 3}  # Of a batch.
DATA_WORDS: Final = 1 << 14  # For keys and values of a batch.

Item = TypeVar("Item")
_log_record = partial(tuple.__new__, LogRecord)


class Walk:
    """One walk; the reader is entered already, and waits outside of its row."""

    def __init__(self, reader: SharedReader, index: HashIndex, mode: Mode, runtime: Runtime) -> None:
        self._reader = reader
        self._index = index
        rows = ROWS[mode.name]
        self._data: Final = w.WALK_WORDS + rows * w.R_WORDS
        self._words = words = words_of(self._data + DATA_WORDS)
        words[w.B_ROW] = reader.row
        words[w.W_BEGIN] = max(reader.begin, w.FIRST_ADDRESS)
        words[w.W_ROWS] = rows
        words[w.W_TABLE] = w.WALK_WORDS
        words[w.W_LIMIT] = len(words)
        self._given: set[bytes] = set()  # Keys of the cell that have been listed (V8 of the kernel).
        self._bucket = 0
        self._run = mode.walker(reader.log.spaces, words)
        self._mode = mode
        self._runtime = runtime

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Every live key with its value, as the index tells it."""
        for left in self._entries():
            rows, data = self._rows()
            yield from [
                (data[a:b], data[c:d]) for _, a, b, c, d in zip(rows, rows, rows, rows, rows, strict=True)
            ]
            yield from left

    def arrays(self, key_dtype: np.dtype[Any], dtype: np.dtype[Any]) -> Iterator[Arrays]:
        """`items` as arrays of keys and of values, shape (n,) each, n >= 1."""
        import numpy as np

        for left in self._entries():
            if count := self._words[w.W_COUNT]:
                yield self._columns(count, key_dtype, dtype)
            for key, value in left:
                for what, data, kind in (("key", key, key_dtype), ("value", value, dtype)):
                    if len(data) != kind.itemsize:
                        raise _misfit(what, len(data), kind)
                yield np.frombuffer(key, key_dtype), np.frombuffer(value, dtype)

    def records(self, address: int, end: int) -> Iterator[LogRecord]:
        """The published records of [address, end) that count, oldest first."""
        reader, words = self._reader, self._words
        words[w.W_ADDRESS], words[w.W_END] = address, end
        why = w.ROOM
        while why != w.DONE:
            why = self._step()
            rows, data = self._rows()
            yield from [
                _log_record((at, data[a:b], data[c:d] if d else None))
                for at, a, b, c, d in zip(rows, rows, rows, rows, rows, strict=True)
            ]
            if why != w.DONE and not (why == w.ROOM and words[w.W_COUNT]):
                address = words[w.W_ADDRESS]
                # The one that the kernel left; or all that is below head, which stays there.
                head = load(reader.log.spaces.control, w.HEAD)
                stop = min(end, head) if why == w.ON_DEVICE else address + 1
                for at, record in reader.steps(address, stop):
                    address = at + record.words * w.WORD_BYTES
                    if reader.is_listed(at, record):
                        is_gone = record.link & w.TOMBSTONE
                        yield LogRecord(at, record.key, None if is_gone else record.value)
                words[w.W_ADDRESS] = max(address, stop)

    # -- batches -----------------------------------------------------------------------------------

    def _step(self) -> int:
        """Let the kernel fill the rows anew; why it stopped."""
        words = self._words
        words[w.W_COUNT], words[w.W_DATA], words[w.W_FIRST] = 0, self._data, 0
        words[w.W_GIVEN] = bool(self._given)
        why = self._run()
        assert why != w.TAKEN, "a leased row is nobody else's"
        return why

    def _entries(self) -> Iterator[Iterable[tuple[bytes, bytes]]]:
        """A batch at a time over the index: the items behind its rows that the kernel left."""
        words, width = self._words, self._index.width
        cells = width.buckets if width.is_whole else width.mask // 2 + 1
        words[w.W_BUCKETS] = cells
        why = w.ROOM
        while why != w.DONE:
            why = self._step()
            self._keep()
            if why == w.SHIFT:
                cell = words[w.W_BUCKET]
                yield self._cell_items(cell, cells)
                words[w.W_BUCKET] = words[w.W_PART] = cell + 1
                words[w.W_ENTRY] = words[w.W_TAGS] = 0
                why = w.DONE if cell + 1 == cells else w.SHIFT
                continue
            if why == w.ROOM and not words[w.W_COUNT]:
                words[w.W_ENTRY] += 1  # Larger than all the room there is.
                words[w.W_TAGS] |= 1 << (words[w.W_ADDRESS] >> w.TAG_SHIFT & w.TAGS_MASK)
                why = w.RETRY
            if why in (w.RETRY, w.ON_DEVICE):
                yield self._left(Width(cells, cells - 1), words[w.W_BUCKET], words[w.W_ADDRESS])
            else:
                yield ()

    def _cell_items(self, cell: int, cells: int) -> Iterator[tuple[bytes, bytes]]:
        """The items of a cell, some of whose buckets may be split or are going to be."""
        control = self._reader.log.spaces.control
        width, entries = self._index.width, list[tuple[int, int]]()
        is_taken = False
        while not is_taken:
            with self._reader.entered():
                if not load(control, w.MAIN_SHUT):
                    width, entries = self._index.width, list(self._index.entries(cell, cells))
                    is_taken = True
            if not is_taken:
                self._runtime.turn("buckets that are split")
        for bucket, entry in entries:
            if entry & w.ADDRESS_MASK > w.PENDING_ADDRESS:
                yield from self._left(width, bucket, entry)

    def _keep(self) -> None:
        """Keep the keys of the main bucket within which the rows end."""
        words = self._words
        if words[w.W_BUCKET] != self._bucket:
            self._bucket = words[w.W_BUCKET]
            self._given.clear()
        data = words.cast("B")
        for number in range(words[w.W_FIRST], words[w.W_COUNT]):
            row = self._words[w.W_TABLE] + number * w.R_WORDS
            self._given.add(bytes(data[words[row + w.R_KEY] : words[row + w.R_KEY_END]]))

    def _left(self, width: Width, bucket: int, entry: int) -> Iterator[tuple[bytes, bytes]]:
        """The items of an entry that the kernel left, without those that are listed already."""
        for item in chain_items(self._reader, self._index, width, bucket, entry):
            if item[0] not in self._given:
                self._given.add(item[0])
                yield item

    def _rows(self) -> tuple[Iterator[int], bytes]:
        """The words of the rows, one after the other, and the bytes that they tell of."""
        words = self._words
        table = words[w.WALK_WORDS : w.WALK_WORDS + words[w.W_COUNT] * w.R_WORDS]
        return iter(table.tolist()), bytes(words[: words[w.W_DATA]])

    def _columns(self, count: int, key_dtype: np.dtype[Any], dtype: np.dtype[Any]) -> Arrays:
        """The rows as arrays: keys and values of one width each stand in steps of one length."""
        import numpy as np

        words = np.frombuffer(self._words, np.uint64)
        rows = words[w.WALK_WORDS : w.WALK_WORDS + count * w.R_WORDS].reshape(count, w.R_WORDS)
        for what, start, kind in (("key", w.R_KEY, key_dtype), ("value", w.R_VALUE, dtype)):
            widths = rows[:, start + 1] - rows[:, start]
            if (widths != kind.itemsize).any():
                raise _misfit(what, int(widths[widths != kind.itemsize][0]), kind)
        data = words[self._data : self._words[w.W_DATA]].view(np.uint8).reshape(count, -1)
        at = (key_dtype.itemsize + 7) // w.WORD_BYTES * w.WORD_BYTES
        # Copies: the next batch comes to the same place.
        keys, values = data[:, : key_dtype.itemsize].copy(), data[:, at : at + dtype.itemsize].copy()
        return keys.view(key_dtype).reshape(count), values.view(dtype).reshape(count)


def _misfit(what: str, found: int, kind: np.dtype[Any]) -> OperationError:
    return OperationError(f"a {what} of {found} bytes: expected {kind.itemsize}, as {kind} has")


class Readers:
    """Makes the iterators of one store; each leases its row when it is first asked for something."""

    def __init__(
        self,
        log: HybridLog,
        index: HashIndex,
        registry: SessionRegistry,
        epochs: Epochs,
        mode: Mode,
        runtime: Runtime,
    ) -> None:
        self._log = log
        self._index = index
        self._registry = registry
        self._epochs = epochs
        self._mode = mode
        self._runtime = runtime

    def _reader(self) -> SharedReader:
        return SharedReader(self._log, self._registry, self._mode, self._runtime)

    def items(self) -> Generator[tuple[bytes, bytes], None, None]:
        """Every key that is live all the while, once."""
        with self._reader() as reader:
            yield from Walk(reader, self._index, self._mode, self._runtime).items()

    def arrays(self, key_dtype: np.dtype[Any], dtype: np.dtype[Any]) -> Generator[Arrays, None, None]:
        """`items` as arrays. Raises OperationError for a key or a value of another width."""
        with self._reader() as reader:
            yield from Walk(reader, self._index, self._mode, self._runtime).arrays(key_dtype, dtype)

    def scan(self, begin: int | None, end: int | None) -> Generator[LogRecord, None, None]:
        """The records of [begin, end). Raises OperationError for what are no addresses of the log."""
        control = self._log.spaces.control
        least, tail = load(control, w.BEGIN), load(control, w.TAIL)
        begin = least if begin is None else begin
        is_open, end = end is None, tail if end is None else end
        for name, given, low in (("begin", begin, least), ("end", end, begin)):
            if type(given) is not int or not low <= given <= tail:
                raise OperationError(f"{name} is {given!r}: expected an address from {low} to {tail}")
        # An allocated record whose sizes word is not written yet would pass for padding.
        self._epochs.drain("batches that may still write below the end of a scan")
        with self._reader() as reader:
            if not reader.is_boundary(begin):
                page = self._log.settings.page_bytes
                raise OperationError(
                    f"begin is {begin}, inside a record: expected an address that a scan has given, or the "
                    f"start of a page, such as {max(begin - begin % page, least)}"
                )
        return self._records(begin, end, is_open=is_open)

    def _records(self, begin: int, end: int, *, is_open: bool) -> Generator[LogRecord, None, None]:
        with self._reader() as reader:
            # What was truncated before the first record was asked for is gone. What was compacted meanwhile
            # stands above the tail that there was: the end is that of now (V9).
            if is_open and reader.begin > begin:
                end = load(self._log.spaces.control, w.TAIL)
                self._epochs.drain("batches that may still write below the end of a scan")
            walk = Walk(reader, self._index, self._mode, self._runtime)
            yield from walk.records(max(begin, reader.begin), end)


def guarded(iterator: Generator[Item, None, None], check: Callable[[], None]) -> Generator[Item, None, None]:
    """The items of `iterator`, asking `check` before each; closed with it. Raises DeviceError for OSError."""
    try:
        while True:
            check()
            try:
                item = next(iterator)
            except StopIteration:
                return
            except OSError as error:
                check()  # A store that was closed meanwhile has closed its device too.
                raise DeviceError(error.errno, f"reading the log: {error}") from error
            yield item
    finally:
        iterator.close()
