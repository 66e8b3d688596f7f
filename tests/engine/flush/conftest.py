"""Stores of 16 small pages over devices that can be held, counted and made to fail."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest

from powercut.engine import FasterKv, FlushSettings, MemoryDevice, Settings

PAGE = 4096
RING = 16
SMALL = Settings(
    page_bytes=PAGE,
    segment_bytes=4 * PAGE,
    write_unit=512,
    extent_bytes=512,
    ring_pages=RING,
    index_buckets=64,
    write_bytes=PAGE,
)
LARGE = bytes(976)  # Four records a page.
# Nothing becomes due by bytes, pages or time.
NEVER = FlushSettings(threshold_bytes=1 << 40, threshold_pages=1 << 20, threshold_seconds=1e6, slow_seconds=0)
SOON = FlushSettings(threshold_pages=1, retry_least=0.001, retry_most=0.002)


class Watched(MemoryDevice):
    """Calls `during` before each write to a segment; counts the writes, and calls after its closing."""

    def __init__(self) -> None:
        super().__init__()
        self.during: Callable[[], None] = lambda: None
        self.writes = 0
        self.writers: set[str] = set()

    def write(self, name: str, offset: int, buffer: bytes | bytearray | memoryview) -> int:
        if name.startswith("segment"):
            self.writes += 1
            self.writers.add(threading.current_thread().name)
            self.during()
        return super().write(name, offset, buffer)


class Gate:
    """Holds whoever comes, until it is opened."""

    def __init__(self) -> None:
        self._entered, self._open = threading.Event(), threading.Event()

    def __call__(self) -> None:
        self._entered.set()
        assert self._open.wait(30)

    def await_somebody(self) -> None:
        assert self._entered.wait(30)

    def open(self) -> None:
        self._open.set()


@pytest.fixture
def device() -> Watched:
    return Watched()


@contextmanager
def opened(
    device: MemoryDevice, flush: FlushSettings | None = SOON, settings: Settings = SMALL
) -> Iterator[FasterKv]:
    store = FasterKv.open(device, create=True, settings=settings, flush=flush, kernels="interpreted")
    with closing(store):  # Without a checkpoint, whatever state a test has left it in.
        yield store


def fill(store: FasterKv, name: str, pages: int) -> None:
    """So many more pages of records, of keys of their own."""
    session = store.session(name)
    try:
        for number in range(4 * pages):
            session.upsert(f"{name} {number}".encode(), LARGE)
    finally:
        session.close()


def wait_for(store: FasterKv, condition: Callable[[], bool]) -> None:
    """Wait until the worker has made it so."""
    runtime = store._parts.disk.runtime
    assert runtime.until("the worker", condition, runtime.now() + 30), store.flusher.metrics()


def threads() -> list[str]:
    return [each.name for each in threading.enumerate() if each.name == "powercut-flush"]
