"""The cost of what looks after a store to those who write: python bench/upkeep.py [FOLDER].

    compaction     updates a second while the log is compacted again and again, and without that, in turns
    growth         the index goes from 2**20 main buckets to twice as many under updates: the worst 100 ms
                   of it, and the longest call of 1,000
    amplification  bytes written to the files for each byte of a record asked for, on a disk of which 80 %
                   is live

Times are of the clock and of the updater's processor; nothing is asserted.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from time import perf_counter, thread_time

import numpy as np
from numpy.typing import NDArray

from bench.tables import machine
from powercut.engine import DiskFullError, FasterKv, MemoryDevice, Settings
from powercut.engine.sessions.driver import record_bytes

BATCH, KEYS, ROUNDS = 1000, 1 << 20, 3
SECONDS = 0.5
BUCKETS = 1 << 20
WINDOW = 0.1
DISK, VALUE, LIVE, WRITES, EXPONENT = 8 << 20, 1000, 0.8, 3, 0.99
BOUNDED = Settings(page_bytes=1 << 14, segment_bytes=1 << 17, index_buckets=1 << 12, ring_pages=32)

Words = NDArray[np.uint64]


class Updater:
    """A thread that updates keys at random, 1,000 a call; when each call ended, by two clocks."""

    def __init__(self, store: FasterKv, keys: int) -> None:
        self.ended: list[tuple[float, float]] = []
        self._store, self._keys, self._over = store, keys, Event()
        self._thread = Thread(target=self._run)

    def _run(self) -> None:
        random = np.random.default_rng(1)
        with self._store.session() as session:
            while not self._over.is_set():
                keys = random.integers(0, self._keys, BATCH, dtype=np.uint64)
                session.upsert_many(keys, keys)
                self.ended.append((perf_counter(), thread_time()))

    @contextmanager
    def running(self) -> Iterator[None]:
        self._thread.start()
        try:
            yield
        finally:
            self._over.set()
            self._thread.join()

    def rates(self, start: float, stop: float) -> tuple[float, float]:
        """Updates a second between two times, of the clock and of its processor."""
        inside = [each for each in list(self.ended) if start <= each[0] <= stop]
        (began, first), (ended, last) = inside[0], inside[-1]
        count = BATCH * (len(inside) - 1)
        return count / (ended - began), count / max(last - first, 1e-9)

    def windows(self, start: float, stop: float) -> list[float]:
        """Updates a second in each whole WINDOW between two times."""
        times = np.array([each for each, _ in self.ended if start <= each <= stop])
        counts, _ = np.histogram(times, np.arange(start, stop, WINDOW))
        return [float(count) * BATCH / WINDOW for count in counts]

    def longest(self, start: float, stop: float) -> float:
        """The longest time between the ends of two calls, in seconds."""
        times = [each for each, _ in self.ended if start <= each <= stop]
        return max(np.diff(times), default=0.0)


def filled(folder: Path, buckets: int, ring_pages: int) -> FasterKv:
    settings = Settings(index_buckets=buckets, ring_pages=ring_pages, segment_bytes=1 << 24)
    store = FasterKv.open(folder, create=True, settings=settings)
    with store.session() as session:
        for start in range(0, KEYS, 1 << 16):
            keys = np.arange(start, start + (1 << 16), dtype=np.uint64)
            session.upsert_many(keys, keys)
    store.checkpoint()
    return store


def compaction(folder: Path) -> None:
    """Updates alone and beside compactions, by turns."""
    alone, beside = list[tuple[float, float]](), list[tuple[float, float]]()
    moved = 0
    with filled(folder, BUCKETS >> 2, 64) as store:
        updater = Updater(store, KEYS)
        with updater.running():
            pause(SECONDS)
            for _ in range(ROUNDS):
                start = perf_counter()
                pause(SECONDS)
                alone.append(updater.rates(start, perf_counter()))
                store.checkpoint()
                start = perf_counter()
                while perf_counter() < start + SECONDS:
                    moved += store.compact().moved
                beside.append(updater.rates(start, perf_counter()))
                store.checkpoint()
    for place, clock in enumerate(("the clock", "the updater's processor")):
        before, while_ = (np.median([each[place] for each in rates]) for rates in (alone, beside))
        shares = [100 * one[place] / other[place] for one, other in zip(beside, alone, strict=True)]
        print(
            f"compaction, millions a second of {clock}: {before / 1e6:.2f} alone, {while_ / 1e6:.2f} beside, "
            f"{np.median(shares):.0f} % [{min(shares):.0f} .. {max(shares):.0f}]; {moved:,} records moved"
        )


def growth(folder: Path) -> None:
    """The worst window, and the longest call, while the index doubles under updates."""
    with filled(folder, BUCKETS, 128) as store:
        updater = Updater(store, KEYS)
        with updater.running():
            pause(SECONDS)
            start = perf_counter()
            pause(2 * SECONDS)
            began = perf_counter()
            buckets = store.grow_index()
            ended = perf_counter()
            pause(SECONDS)
        before, during = updater.windows(start, began), updater.windows(began, max(ended, began + 2 * WINDOW))
        usual = float(np.median(before))
        print(f"growth to {buckets:,} buckets in {ended - began:.2f} s")
        print(
            f"growth, updates in 100 ms, % of the median before: {100 * min(during) / usual:.0f} at least, "
            f"{100 * min(before) / usual:.0f} before"
        )
        own = [updater.rates(*each)[1] / 1e6 for each in ((start, began), (began, ended))]
        print(
            f"growth, millions a second of the updater's processor: {own[1]:.2f} in it, {own[0]:.2f} before"
        )
        longest = [1e3 * updater.longest(*each) for each in ((start, began), (began, ended))]
        print(f"growth, longest call of 1,000: {longest[1]:.1f} ms in it, {longest[0]:.1f} before")


class CountingDevice(MemoryDevice):
    """A device that counts the bytes written."""

    written = 0

    def write(self, name: str, offset: int, buffer: bytes | bytearray | memoryview) -> int:
        self.written += memoryview(buffer).nbytes
        return super().write(name, offset, buffer)


def amplification(named: str, draw: Callable[[np.random.Generator, int], Words]) -> None:
    """Bytes written for a byte asked, once as much has been written as the disk has."""
    device, each = CountingDevice(), record_bytes(8, VALUE)
    count, random = int(LIVE * DISK / each), np.random.default_rng(2)
    values = np.zeros((BATCH, VALUE), dtype=np.uint8)
    with (
        FasterKv.open(device, create=True, settings=BOUNDED, disk=DISK) as store,
        store.session() as session,
    ):
        asked = first = 0
        try:
            for start in range(0, count, BATCH):
                keys = np.arange(start, min(start + BATCH, count), dtype=np.uint64)
                session.upsert_many(keys, values[: len(keys)])
            warm = device.written
            while asked < WRITES * DISK:
                if asked < DISK:
                    warm, first = device.written, asked
                session.upsert_many(draw(random, count), values)
                asked += BATCH * each
        except DiskFullError as error:
            print(f"amplification, {named}: refused after {asked >> 20} MiB: {error}")
            return
        live = 100 * count * each / DISK
        print(
            f"amplification, {named}, {live:.0f} % of the disk live: "
            f"{(device.written - warm) / (asked - first):.2f} over {(asked - first) >> 20} MiB asked"
        )


def uniform(random: np.random.Generator, count: int) -> Words:
    return random.integers(0, count, BATCH, dtype=np.uint64)


def zipfian(random: np.random.Generator, count: int) -> Words:
    """Ranks by Zipf's law, the keys of ranks in any order."""
    weights = _cumulated(count)
    ranks = np.searchsorted(weights, random.random(BATCH) * weights[-1]).astype(np.uint64)
    keys: Words = (ranks * np.uint64(0x9E3779B1)) % np.uint64(count)
    return keys


_weights: dict[int, NDArray[np.float64]] = {}


def _cumulated(count: int) -> NDArray[np.float64]:
    if count not in _weights:
        _weights[count] = np.cumsum(np.arange(1, count + 1, dtype=np.float64) ** -EXPONENT)
    return _weights[count]


def pause(seconds: float) -> None:
    Event().wait(seconds)


def main() -> None:
    print(machine())
    with TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as folder:
        compaction(Path(folder) / "compaction")
        growth(Path(folder) / "growth")
    amplification("uniform", uniform)
    amplification("zipfian", zipfian)


if __name__ == "__main__":
    main()
