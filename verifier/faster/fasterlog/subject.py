"""FasterLog as a subject, and its spec.

An entry is the value that its operation writes; the dict that the model keeps has it under its stamp, so it
stands there once, and `read_all` refuses a log in which entries are out of order or twice. The cookie of a
commit is the serial up to which it goes, so a recovered log says which operations it holds.

Threads: none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

import numpy as np

from powercut.engine import (
    ClosedError,
    CorruptionError,
    EngineError,
    Entry,
    FasterLog,
    InvariantError,
    LogIterator,
    LogSettings,
    OperationError,
    PoisonedError,
    Runtime,
)
from powercut.faultfs import FaultDevice

from ...reach.collector import anew
from ...spec.model import ITERATORS, TRUNCATIONS, Issued, Result
from ...spec.spec import Errors, Spec
from ...spec.subject import Truncation
from ...tapes.operations import batch_of
from ...tapes.tape import LOGGED, Kind, Operation
from .foresight import foresee_log

__all__ = ["LOG_SPEC", "LogSubject"]

_MEMORY_PAGES: Final = 4  # The fewest, so that pages are written before their commit,
_MEMORY_LEAST: Final = 4096  # and room for a batch.
_NAMES: Final = ("mailer", "printer")
_LEAVES: Final = 2  # The size with which an iterator ends, and has not said what it took.
_NUMBERED: Final = re.compile(rb"\d+[.a-zA-Z'](\d+);\.*(?:\d+[.a-zA-Z']\d+;)?(\d*)")


def _file_of(error: Exception) -> str:
    return error.file if isinstance(error, CorruptionError) else ""


LOG_SPEC: Final = Spec(
    is_dropped=True,
    errors=Errors(
        refusals=(EngineError,),
        poisoned=(PoisonedError,),
        corruption=(CorruptionError,),
        invariants=(InvariantError,),
        robbed=(EngineError,),
        file_of=_file_of,
    ),
    kinds=LOGGED | {Kind.CHECKPOINT, Kind.REOPEN, Kind.TRUNCATE_AT},
    copies=("root-",),
    confirms_late=True,
    foresee=foresee_log,
)


class LogSubject:
    """FasterLog on the bench."""

    spec = LOG_SPEC

    def __init__(self, device: FaultDevice, settings: LogSettings, runtime: Runtime) -> None:
        anew(f"log {settings.page_bytes}")
        memory = max(_MEMORY_LEAST, _MEMORY_PAGES * settings.page_bytes)
        self.log = FasterLog.open(device, create=True, settings=settings, memory=memory, runtime=runtime)
        device.label = "LOG"
        self._taken = self._durable = int(self.log.committed.cookie or b"0")
        self._waiting: list[tuple[int, int, list[bytes]]] = []  # Address, serial, entries: not committed.
        self._kept = self.log.progress  # By the last commit.
        self._iterators: dict[str, LogIterator] = {}
        self._at_opening = self._bound(self._durable, self._kept)

    def apply(self, issued: Issued) -> Result:
        if issued.kind is Kind.ENQUEUE:
            entries = [issued.value]
            address = self.log.enqueue(issued.value)
        else:
            assert issued.kind is Kind.ENQUEUE_MANY, f"{issued.kind.name} is not carried out here"
            entries = batch_of(issued.value)
            address = int(self.log.enqueue_many(entries)[0])
        if self._waiting and address <= self._waiting[-1][0]:
            raise InvariantError("log 1", f"address {address} after {self._waiting[-1][0]}")
        self._taken = issued.serial
        self._waiting.append((address, issued.serial, entries))
        return None

    def checkpoint(self) -> Mapping[int, int]:
        """A commit, with the serial as its cookie where something is new, an entry or progress."""
        before = self.log.committed.number
        is_new = bool(self._waiting) or self.log.progress != self._kept
        commit = self.log.commit(b"%d" % self._taken if is_new else None)
        if commit != self.log.committed or commit.number < before + is_new:
            raise InvariantError("log 2", f"{commit} after {before}, and {self.log.committed} is the last")
        self._durable, self._waiting, self._kept = self._taken, [], self.log.progress
        return self._bound(self._durable, self._kept)

    def recovered(self) -> Mapping[int, int]:
        """The serial that the last commit holds, and the begin."""
        return self._at_opening

    def serials(self) -> Mapping[int, int]:
        """The serial of the last operation that was taken."""
        return {0: self._taken}

    def roll_back(self, operation: Operation) -> Mapping[int, int]:
        """Drop all that is not committed, the last operation of it, or the second half."""
        count = len(self._waiting)
        kept = (0, max(0, count - 1), count // 2, count)[operation.size]
        address = self._waiting[kept][0] if kept < count else self.log.tail
        self.log.rollback(address)
        del self._waiting[kept:]
        self._taken = self._waiting[-1][1] if self._waiting else self._durable
        return self._bound(self._taken, self.log.progress)

    def iterate(self, operation: Operation) -> tuple[int, int]:
        """Let one take an entry or all that are there, say so or not, and end or go on with the next call."""
        name, log = _NAMES[operation.key % len(_NAMES)], self.log
        iterator = self._iterators.setdefault(name, log.follow(name))
        done = log.progress[name]
        before, skipped, begin = iterator.position, iterator.skipped, log.begin
        ahead = [entry for entry in log.scan() if entry.address >= before]
        expected = ahead if operation.size == 1 else ahead[:1]
        found = [iterator.take(timeout=0) for _ in expected]
        if found != expected or (len(found) == len(ahead) and iterator.take(timeout=0) is not None):
            raise InvariantError("log 11", f"{name} at {before} has taken {found}, expected {expected}")
        if iterator.skipped - skipped != max(0, begin - before):
            raise InvariantError(
                "log 12", f"{name} at {before} went on at {begin}: {iterator.skipped} skipped"
            )
        if operation.size < _LEAVES:
            iterator.complete()
        elif operation.size == _LEAVES:
            self._iterators.pop(name).close()
        if log.progress[name] != (done if operation.size >= _LEAVES else max(done, iterator.position)):
            raise InvariantError("log 13", f"{name} at {iterator.position} is done to {log.progress[name]}")
        return ITERATORS[_NAMES.index(name)], log.progress[name]

    def plan_truncation(self, operation: Operation) -> Truncation:
        """At the last commit, at the middle entry, the newest, or the start of the middle one's page."""
        entries, log = list(self.log.scan()), self.log
        end = log.committed.address
        addresses = [entry.address for entry in entries] or [end]
        middle, last = addresses[len(addresses) // 2], addresses[-1]
        page = middle - middle % log.settings.page_bytes
        expected = max(log.begin, (end, middle, last, page)[operation.size])
        gone = frozenset(_key(entry.data) for entry in entries if entry.address < expected)
        return Truncation(log.begin, log.begin, expected, gone)

    def truncate_at_once(self, operation: Operation) -> tuple[int, Mapping[int, int]]:
        """Truncate so; beside it, what is no begin is refused."""
        planned, log = self.plan_truncation(operation), self.log
        self._check_refusal(log.committed.address + 8)
        for entry in list(log.scan())[:1]:
            self._check_refusal(entry.address + 1)
        return log.truncate_before(planned.expected), self._bound(self._durable, self._kept)

    def _check_refusal(self, address: int) -> None:
        """No begin may be an address inside an entry, or one that no commit holds."""
        try:
            self.log.truncate_before(address)
        except OperationError:
            return
        raise InvariantError("log 3", f"truncated at {address}, where no entry begins")

    def read_all(self) -> dict[bytes, bytes]:
        """Every entry, the uncommitted ones too. Raises InvariantError if one is out of order."""
        found = [entry.data for entry in self.log.scan(uncommitted=True)]
        if found != sorted(found, key=_number) or len(set(found)) < len(found):
            raise InvariantError("log 4", f"the entries are {found}")
        return {_key(entry): entry for entry in found}

    def check(self) -> None:
        """Hold every way of reading against each other."""
        entries = list(self.log.scan())
        for address, data in entries:
            if self.log.read(address) != data:
                raise InvariantError("log 5", f"a read of address {address} is not what a scan has there")
        arrays = [
            Entry(int(address), part.data[low:high].tobytes())
            for part in self.log.scan_arrays()
            for address, low, high in zip(part.addresses, part.offsets, part.offsets[1:], strict=False)
        ]
        if arrays != entries or np.any(np.diff([entry.address for entry in entries]) <= 0):
            raise InvariantError("log 6", "a scan as arrays is not what a scan is")
        if not self.log.begin <= self.log.committed.address <= self.log.tail:
            raise InvariantError(
                "log 7", f"begin {self.log.begin}, {self.log.committed}, tail {self.log.tail}"
            )

        if self.log.wait(self.log.tail, timeout=0) or not all(
            self.log.wait(entry.address) for entry in entries
        ):
            raise InvariantError("log 8", "what is durable is waited for, or what is not is not")
        self._check_refusals()

    def _check_refusals(self) -> None:
        """Hold that calls which no log takes are refused, and leave it as it is."""
        log, page = self.log, self.log.settings.page_bytes
        end = log.committed.address
        calls: tuple[Callable[[], object], ...] = (
            lambda: log.enqueue(bytes(page)),
            lambda: log.enqueue_many([bytes(page), b""]),
            lambda: log.enqueue_many([bytes(page // 4)] * 99),
            lambda: log.commit(bytes(page)),
            lambda: log.read(end),
            lambda: log.rollback(end - 1 if end else log.tail + 1),
            lambda: log.rollback(log.tail - 1),
            lambda: log.scan(0, end + 1),
        )
        before = log.tail, log.committed, log.begin
        for number, call in enumerate(calls):
            with suppress(OperationError):
                call()
                raise InvariantError("log 9", f"call {number} was not refused")
        if before != (log.tail, log.committed, log.begin) or len(log.enqueue_many([])):
            raise InvariantError("log 9", "a refused call has done something")

    def close(self) -> None:
        self.log.close()
        self.log.close()
        with suppress(ClosedError):
            self.log.enqueue(b"")
            raise InvariantError("log 10", "a closed log takes an entry")

    def _bound(self, serial: int, progress: Mapping[str, int]) -> Mapping[int, int]:
        bound = {0: serial} if serial else {}
        bound |= {ITERATORS[_NAMES.index(name)]: address for name, address in progress.items() if address}
        if self.log.begin:
            bound[TRUNCATIONS] = self.log.begin
        return bound


def _key(entry: bytes) -> bytes:
    return entry.rstrip(b".")


def _number(entry: bytes) -> tuple[int, int]:
    """The place of an entry in the order of the operations."""
    numbered = _NUMBERED.fullmatch(entry)
    if numbered is None:
        raise InvariantError("log 4", f"an entry {entry!r} that nobody enqueued")
    return int(numbered[1]), int(numbered[2] or b"0")
