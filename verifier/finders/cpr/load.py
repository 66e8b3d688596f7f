"""A real load: writers and readers on threads of their own, checkpoints of every kind one after the other.

Writers append stamps of their own to keys that they share, many in a kernel call and now and then one by one;
nothing of it is idempotent. Keys move on, so that older ones leave memory: pages turn, and the flush worker
is at work. Readers read the same keys. What reached the disk is a trace, so afterwards its power can be cut
at any call (`cutting`).

    stamp   session 32 | serial 32, little-endian; a value is the stamps that were appended, oldest first

Invariants
  1  a run ends with its work: so many operations of each writer, so many checkpoints; and a writer waits for
     checkpoints so that each of them has a part of the operations beside it
  2  what is noted with a length of the trace had been told before the trace was so long

Threads: `run_load` makes them all and ends them all, unless one hangs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from powercut.engine import CheckpointKind, CheckpointPoint, FasterKv, Session, Settings
from powercut.engine.flush import FlushSettings
from powercut.faultfs import FaultDevice

__all__ = [
    "BATCH",
    "FLUSH",
    "KINDS",
    "SECTOR_BYTES",
    "SETTINGS",
    "SINGLE",
    "STRIDE",
    "TICK_SECONDS",
    "WINDOW",
    "WRITERS",
    "Acked",
    "Load",
    "Loaded",
    "Read",
    "Words",
    "appending",
    "run_load",
    "stamps_of",
]

Words = NDArray[np.uint64]

WRITERS: Final = 12
READERS: Final = 2
BATCH: Final = 32
WINDOW: Final = 48  # Keys that are written at a time;
STRIDE: Final = 4  # each by so many operations of a writer, on average: fewer than fill a record.
SINGLE: Final = 16  # One batch in so many is written operation by operation.
TICK_SECONDS: Final = 0.001
SECTOR_BYTES: Final = 4_096
SETTINGS: Final = Settings(
    page_bytes=1 << 14,
    segment_bytes=1 << 18,
    write_unit=SECTOR_BYTES,
    extent_bytes=1 << 13,
    ring_pages=16,
    index_buckets=128,
)
KINDS: Final = [(kind, index) for index in (False, True) for kind in CheckpointKind]
FLUSH: Final = FlushSettings(threshold_pages=1, threshold_bytes=1 << 14, interval=0.005)


@dataclass(frozen=True, slots=True)
class Load:
    """The amount of work: operations of each writer, and checkpoints."""

    seed: str
    operations: int
    checkpoints: int
    deadline: float
    kernels: str = "compiled"
    hang_seconds: float = 300.0


@dataclass(frozen=True, slots=True)
class Acked:
    """A checkpoint, as it was told when the trace was `at` long; `least` of each session had ended before."""

    at: int
    point: CheckpointPoint
    least: dict[str, int]
    issued: dict[str, int]


@dataclass(frozen=True, slots=True)
class Read:
    """Values that a reader got, with consecutive serials from `first` on."""

    reader: str
    first: int
    values: list[bytes | None]


@dataclass(slots=True)
class Loaded:
    """The trace, and all that was told meanwhile.

    keys     of each writer's operations, in their order
    waits    (length of the trace, session, serial): it was said to be durable by then
    content  at the end, by key
    """

    device: FaultDevice
    keys: list[Words] = field(default_factory=list)
    acks: list[Acked] = field(default_factory=list)
    reads: list[Read] = field(default_factory=list)
    waits: list[tuple[int, str, int]] = field(default_factory=list)
    content: list[bytes | None] = field(default_factory=list)
    flushed: int = 0
    errors: list[BaseException] = field(default_factory=list)
    unknown: str = ""


def stamps_of(session: int, first: int, count: int) -> Words:
    """The stamps of so many operations."""
    return np.arange(first, first + count, dtype=np.uint64) | np.uint64(session << 32)


def appending(stamp: bytes) -> Callable[[bytes | None], bytes]:
    """The change that appends it."""
    return lambda found: (found or b"") + stamp


class _Crew:
    """The state that the threads share."""

    def __init__(self, load: Load, store: FasterKv, loaded: Loaded) -> None:
        self.load, self.store, self.loaded = load, store, loaded
        self.ended = [0] * WRITERS
        self.issued = [0] * WRITERS
        self.done = 0  # Checkpoints.
        self.stop = threading.Event()
        self._never = threading.Event()

    def may_go_on(self, number: int) -> bool:
        """Wait until enough checkpoints were taken; False where all is over."""
        each = self.load.operations / self.load.checkpoints
        while not self.stop.is_set():
            if self.ended[number] < (self.done + 1) * each or self.done >= self.load.checkpoints:
                return True
            self._never.wait(TICK_SECONDS)
        return False

    @property
    def front(self) -> int:
        """The first key of those that are written now."""
        return sum(self.ended) // (WRITERS * STRIDE)

    def write(self, number: int) -> None:
        session = self.store.session(f"s{number}")
        generator = np.random.default_rng([number, *self.load.seed.encode()])
        taken: list[Words] = []
        batches = 0
        while (serial := self.ended[number]) < self.load.operations and self.may_go_on(number):
            count = min(BATCH, self.load.operations - serial)
            keys = generator.integers(0, WINDOW, count, np.uint64) + np.uint64(self.front)
            taken.append(keys)
            self.issued[number] = serial + count
            stamps = stamps_of(number, serial + 1, count)
            if batches % SINGLE == number % SINGLE:
                for key, stamp in zip(keys, stamps, strict=True):
                    session.rmw(key.tobytes(), appending(stamp.tobytes()))
            else:
                session.append_many(keys, stamps)
            self.ended[number] = serial + count
            batches += 1
            for each in (serial, serial + count):
                self._ask(session, each)
        self.loaded.keys[number] = np.concatenate(taken) if taken else np.empty(0, np.uint64)
        session.close()

    def _ask(self, session: Session, serial: int) -> None:
        """Ask whether an operation is durable by now."""
        if serial and session.wait_durable(serial, timeout=0):
            self.loaded.waits.append((len(self.loaded.device.trace), session.name, serial))

    def read(self, number: int) -> None:
        name = f"r{number}"
        session = self.store.session(name)
        generator = np.random.default_rng([WRITERS + number, *self.load.seed.encode()])
        first = 1
        while not self.stop.is_set():
            back = generator.integers(0, 2 * WINDOW, BATCH, np.uint64)
            keys = np.uint64(self.front + WINDOW) - np.minimum(back, np.uint64(self.front + WINDOW))
            self.loaded.reads.append(Read(name, first, session.read_many(keys)))
            first += BATCH
            self._never.wait(TICK_SECONDS)
        session.close()

    def checkpoint(self) -> None:
        for number in range(self.load.checkpoints):
            if self.stop.is_set():
                return
            while min(self.ended) < number * self.load.operations // self.load.checkpoints // 2:
                if self.stop.wait(TICK_SECONDS):
                    return
            least = {f"s{each}": count for each, count in enumerate(self.ended)}
            kind, is_indexed = KINDS[number % len(KINDS)]
            point = self.store.checkpoint(kind, index=is_indexed, timeout=None)
            issued = {f"s{each}": count for each, count in enumerate(self.issued)}
            self.loaded.acks.append(Acked(len(self.loaded.device.trace), point, least, issued))
            self.done += 1


def run_load(load: Load) -> Loaded:
    """Run the load to its end. What a thread raised is in `errors`; `unknown` says why it was not ended."""
    device = FaultDevice(record_reads=False, sector_bytes=SECTOR_BYTES)
    store = FasterKv.open(device, create=True, settings=SETTINGS, kernels=load.kernels, flush=FLUSH, keep=4)
    loaded = Loaded(device, keys=[np.empty(0, np.uint64)] * WRITERS)
    crew = _Crew(load, store, loaded)
    readers = [_started(crew, f"r{number}", partial(crew.read, number)) for number in range(READERS)]
    others = [_started(crew, f"s{number}", partial(crew.write, number)) for number in range(WRITERS)]
    others.append(_started(crew, "checkpoints", crew.checkpoint))
    _wait(crew, others)
    crew.stop.set()
    for thread in (*others, *readers):
        thread.join(load.hang_seconds)
        if thread.is_alive():
            loaded.unknown = loaded.unknown or f"{thread.name} does not end"
    if loaded.unknown or loaded.errors:
        return loaded
    with store.session("judge") as session:
        count = 1 + int(max(int(keys.max(initial=0)) for keys in loaded.keys))
        loaded.content = session.read_many(np.arange(count, dtype=np.uint64))
    loaded.flushed = store.flusher.metrics().flushes
    events = len(device.trace)
    store.close(checkpoint=False)
    del device.trace.events[events:]  # The run ends before it is closed.
    return loaded


def _started(crew: _Crew, name: str, work: Callable[[], Any]) -> threading.Thread:
    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 (told by whoever made the thread)
            crew.loaded.errors.append(error)
            crew.stop.set()

    thread = threading.Thread(target=run, name=name, daemon=True)  # One that hangs must not keep the process.
    thread.start()
    return thread


def _wait(crew: _Crew, threads: list[threading.Thread]) -> None:
    """Until all have ended, one has failed, nobody gets on, or the time is over."""
    past, since = -1, monotonic()
    while any(thread.is_alive() for thread in threads) and not crew.stop.wait(TICK_SECONDS * 10):
        now, done = monotonic(), sum(crew.ended) + crew.done
        if done != past:
            past, since = done, now
        if now - since > crew.load.hang_seconds:
            crew.loaded.unknown = "nobody gets on"
            return
        if now > crew.load.deadline:
            crew.loaded.unknown = f"the time was over with {sum(crew.ended):,} operations"
            return
