"""Shared set-up of the truncation tests: a store of which every page holds one record, in many segments."""

from collections.abc import Callable, Iterator

import pytest

from powercut.engine import FasterKv, MemoryDevice, Settings
from powercut.verifier.faster.stepped import SteppedRuntime

# One record a page, two pages a segment.
SMALL = Settings(
    page_bytes=512,
    segment_bytes=1024,
    write_unit=512,
    extent_bytes=512,
    ring_pages=2,
    index_buckets=2,
    write_bytes=512,
)


def _open(device: MemoryDevice, settings: Settings = SMALL, **more: object) -> FasterKv:
    return FasterKv.open(device, create=True, settings=settings, runtime=SteppedRuntime(), **more)  # type: ignore[arg-type]


def _fill(store: FasterKv, first: int, last: int) -> None:
    with store.session(f"filler-{first}") as session:
        for number in range(first, last + 1):
            session.upsert(b"key-%02d" % number, b"%02d" % number * 200)


@pytest.fixture
def small() -> Settings:
    return SMALL


@pytest.fixture
def open_store() -> Callable[..., FasterKv]:
    """Opens a device, with these settings if no others are given."""
    return _open


@pytest.fixture
def fill() -> Callable[[FasterKv, int, int], None]:
    """Writes keys `first` to `last`, a page each."""
    return _fill


@pytest.fixture
def segments() -> Callable[[MemoryDevice], list[int]]:
    """The numbers of the segments that a device holds."""
    return lambda device: [int(name[-8:]) for name in device.list() if name.startswith("segment-")]


@pytest.fixture
def long(device: MemoryDevice) -> Iterator[FasterKv]:
    """Twelve pages with a key each, in six segments; two checkpoints."""
    with _open(device) as store:
        for first in (0, 6):
            _fill(store, first, first + 5)
            store.checkpoint()
        yield store
