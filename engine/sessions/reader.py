"""The reader: single records by address, chains, the log in order, every live key; a record at a time.

`Reader` is for a store at rest. `SharedReader` does the same beside running sessions: it has a row of
the epoch table, and enters it for as long as it looks at a frame of the ring; where one task runs at a
time and nobody watches its accesses, no session is beside it while it reads a record.

Invariants
  V1  a frame is looked at only inside the row, and only for an address that was at or above head since
      it was entered (A5 then keeps the frame); what is below head is read from the device
  V2  a record that is not frozen is taken as found only where its link is the same before and after, and
      not locked; a value of one word is read as one word (P7). So no torn value is told
  V3  no segment that holds a byte of [begin at the reader's start, tail) goes before the reader ends
  V4  who waits for a record waits outside the row

Threads: any, a reader each; `Reader` none beside it.
Source: scans of FASTER (Chandramouli et al., SIGMOD 2018, section 5), there over frozen records only.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Final, NamedTuple, Self

from ..errors import InvariantError
from ..kernels import words as w
from ..kernels.atomics import copy, is_watched, load, store
from ..kernels.probe import is_void
from ..log import HybridLog
from ..log.cold import PADDING, ColdRecord
from ..log.index import HashIndex, Width
from ..runtime import Runtime
from ..shared.modes import Mode
from ..shared.spaces import words_of
from .registry import SessionRegistry

__all__ = ["LogRecord", "Reader", "SharedReader", "chain_items"]


class LogRecord(NamedTuple):
    """A record of the log; `value` None: a tombstone."""

    address: int
    key: bytes
    value: bytes | None


class Reader:
    """Reads a log that nobody changes meanwhile."""

    def __init__(self, log: HybridLog) -> None:
        self.log: Final = log
        self.begin = load(log.spaces.control, w.BEGIN)  # The log's, when the reader started (V3).

    def record(self, address: int) -> ColdRecord:
        """The record at `address`; PADDING where no record begins."""
        spaces = self.log.spaces
        control, log, log_bytes = spaces.control, spaces.log, spaces.log_bytes
        if address < control[w.HEAD]:
            return self.log.cold.load_record(address)
        at = (address >> 3) & control[w.RING_MASK]
        if not (sizes := log[at + w.SIZES]):
            return PADDING
        link = log[at + w.LINK]
        key_bytes = (sizes >> w.KEY_SHIFT) & w.KEY_MASK
        key = (at + w.RECORD_HEADER_WORDS) * w.WORD_BYTES
        value = key + (key_bytes + 7) // 8 * 8
        return ColdRecord(
            link & w.ADDRESS_MASK,
            link,
            bytes(log_bytes[key : key + key_bytes]),
            bytes(log_bytes[value : value + (sizes >> w.VALUE_SHIFT)]),
            sizes & w.ALLOCATED_MASK,
        )

    def linked(self, address: int) -> ColdRecord:
        """The record at an address that a chain names."""
        return self.record(address)

    def chain(self, address: int) -> Iterator[tuple[int, ColdRecord]]:
        """The live records of a chain, newest first; void ones are stepped through. Audits H3."""
        control = self.log.spaces.control
        void_top = control[w.VOID_TOP]
        # A begin that was raised since the entry was read may have been raised over a record written anew.
        while address >= max(self.begin, w.FIRST_ADDRESS):
            record = self.linked(address)
            if address >= void_top or not is_void(control, address, record.link):
                yield address, record
            if record.previous >= address:
                raise InvariantError("H3", f"record {address} is followed by {record.previous}")
            address = record.previous

    def records(self, address: int, end: int) -> Iterator[tuple[int, ColdRecord]]:
        """Every published, non-void record from `address` up to `end`, oldest first."""
        for at, record in self.steps(address, end):
            if self.is_listed(at, record):
                yield at, record

    def is_listed(self, address: int, record: ColdRecord) -> bool:
        """True if the record was published, and in a version that counts."""
        control = self.log.spaces.control
        if record.link & w.INVALID:
            return False
        return address >= control[w.VOID_TOP] or not is_void(control, address, record.link)

    def steps(self, address: int, end: int) -> Iterator[tuple[int, ColdRecord]]:
        """Everything allocated from `address` up to `end`, published or not."""
        unit = self.log.settings.write_unit
        while address < end:
            record = self.record(address)
            if record.words:
                yield address, record
                address += record.words * w.WORD_BYTES
            else:
                address = (address // unit + 1) * unit

    def is_boundary(self, address: int) -> bool:
        """True if a record begins at `address`, or could: stepping from its page's start reaches it."""
        page = self.log.settings.page_bytes
        at = max(address - address % page, w.FIRST_ADDRESS)
        for found, record in self.steps(at, address):
            at = found + record.words * w.WORD_BYTES
        unit = self.log.settings.write_unit
        return at == address or (at < address and address % unit == 0)


class SharedReader(Reader):
    """Reads a log beside those who change it; used in a `with` statement."""

    def __init__(self, log: HybridLog, registry: SessionRegistry, mode: Mode, runtime: Runtime) -> None:
        super().__init__(log)
        self._registry = registry
        self._mode = mode
        self._runtime = runtime
        self._pin = log.pins.hold()
        self.row = 0

    def __enter__(self) -> Self:
        self.row = self._registry.lease()
        try:
            self.begin = self._pin.__enter__()
        except BaseException:
            self._registry.release(self.row)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._pin.__exit__(kind, error, trace)
        finally:
            self._registry.release(self.row)

    def frozen(self, address: int, stop: int) -> bytes:
        """The frozen log from `address` up to `stop`, within a page; up to head where that is in between."""
        control, length = self.log.spaces.control, stop - address
        if address >= load(control, w.HEAD):
            with self.entered():
                # Still: no frame from there up goes before the row is left.
                if load(control, w.HEAD) <= address:
                    at = address & (self.log.spaces.ring_bytes - 1)
                    return bytes(self.log.spaces.log_bytes[at : at + length])
        return self.log.cold.load(address, min(length, load(control, w.HEAD) - address))

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Enter the epoch until the block ends: what is in memory stays there."""
        epochs, state = self.log.spaces.epochs, self.row + w.ROW_STATE
        try:  # From the entry on: a row that Ctrl-C left entered would hold back the epoch for ever.
            is_entered = self._mode.cas(epochs, state, w.IDLE, load(self.log.spaces.control, w.EPOCH))
            assert is_entered, "a leased row is nobody else's"
            yield
        finally:
            store(epochs, state, w.IDLE)

    def record(self, address: int) -> ColdRecord:
        return self._once_fit(address, w.LOCK, "another session to let go of a record")

    def linked(self, address: int) -> ColdRecord:
        # Named and invalid: whoever appended it is between its two last steps.
        return self._once_fit(address, w.LOCK | w.INVALID, "another session to publish a record")

    def _once_fit(self, address: int, unfit: int, what: str) -> ColdRecord:
        """The record, once its link has no bit of `unfit`; `what` is waited for till then."""
        # Where nobody can come in between two accesses, there is nothing to enter.
        if not (self._runtime.is_parallel or is_watched()):
            found = super().record(address)
            if not found.link & unfit:
                return found
        while (tried := self._try(address, unfit)) is None:
            self._runtime.turn(what)
        return tried

    def _try(self, address: int, unfit: int) -> ColdRecord | None:
        """The record; None where it changed meanwhile, or its link has a bit of `unfit`."""
        control = self.log.spaces.control
        with self.entered():
            if address >= load(control, w.HEAD):
                # Before it is read: what freezes meanwhile may have been written meanwhile.
                is_frozen = address < load(control, w.SAFE_READ_ONLY)
                record, is_still = self._in_ring(address)
                return record if is_frozen or (is_still and not record.link & unfit) else None
        return self.log.cold.load_record(address)

    def _in_ring(self, address: int) -> tuple[ColdRecord, bool]:
        """The record in the ring, and whether it stood still while it was read."""
        spaces = self.log.spaces
        log = spaces.log
        at = (address >> 3) & spaces.control[w.RING_MASK]
        if load(log, at + w.SIZES) == 0:
            return PADDING, True
        link = load(log, at + w.LINK)
        sizes = load(log, at + w.SIZES)
        key_bytes = (sizes >> w.KEY_SHIFT) & w.KEY_MASK
        key = at + w.RECORD_HEADER_WORDS
        record = ColdRecord(
            link & w.ADDRESS_MASK,
            link,
            bytes(spaces.log_bytes[key * w.WORD_BYTES : key * w.WORD_BYTES + key_bytes]),
            self._value(key + (key_bytes + 7) // 8, sizes >> w.VALUE_SHIFT),
            sizes & w.ALLOCATED_MASK,
        )
        return record, link & w.LOCK == 0 and load(log, at + w.LINK) == link

    def _value(self, word: int, value_bytes: int) -> bytes:
        log = self.log.spaces.log
        if value_bytes <= w.WORD_BYTES:
            # One word changes under an unchanged link, and copying bytes need not copy it as a whole.
            return load(log, word).to_bytes(w.WORD_BYTES, "little")[:value_bytes] if value_bytes else b""
        words = (value_bytes + 7) // 8
        copied = words_of(words)
        copy(log, word, copied, 0, words)
        return bytes(copied.cast("B")[:value_bytes])


def chain_items(
    reader: Reader, index: HashIndex, width: Width, bucket: int, entry: int
) -> Iterator[tuple[bytes, bytes]]:
    """Every live key that this entry of this main bucket, of so many, names, with its value."""
    seen: set[bytes] = set()
    for _, record in reader.chain(entry & w.ADDRESS_MASK):
        if record.key not in seen:
            seen.add(record.key)
            if index.is_home(width, bucket, entry, record.key) and not record.link & w.TOMBSTONE:
                yield record.key, record.value
