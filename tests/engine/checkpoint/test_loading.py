"""Loading: the same store from the same bytes, whatever the pages, the kernels and the threads."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from random import Random

import pytest

from powercut.engine import CorruptionError, FasterKv, IndexFullError, MemoryDevice, Settings, ThreadRuntime
from powercut.engine.checkpoint import loading
from powercut.engine.compiler.compilation import available
from powercut.engine.kernels import words as w
from powercut.engine.kernels.probe import is_void
from powercut.engine.metadata.layout import VoidRange
from powercut.engine.settings import plan_memory
from powercut.engine.shared.modes import Compiled, Stamps
from powercut.engine.shared.spaces import Spaces
from powercut.verifier.faster.stepped import SteppedRuntime

needs_compiled = pytest.mark.skipif(not available(), reason="numba is not installed")

SIZES = {"page_bytes": 1024, "segment_bytes": 4096, "write_unit": 512, "extent_bytes": 512}


def settings(ring_pages: int, page_bytes: int = 1024, index_buckets: int = 16) -> Settings:
    return Settings(
        page_bytes=page_bytes,
        segment_bytes=4 * page_bytes,
        write_unit=512,
        extent_bytes=512,
        ring_pages=ring_pages,
        index_buckets=index_buckets,
    )


def made(given: Settings, seed: int) -> tuple[MemoryDevice, dict[bytes, bytes]]:
    """A device with several lives on it, each of which lost its end, and what the last checkpoint held."""
    device, random = MemoryDevice(), Random(seed)
    held: dict[bytes, bytes] = {}
    for _ in range(3):
        with closing(FasterKv.open(device, create=True, settings=given, kernels="interpreted")) as store:
            session = store.session("s")
            ticket = None
            for number in range(150):
                key, value = b"%d" % random.randrange(60), random.randbytes(random.choice((8, 8, 60)))
                if number == 90:
                    ticket = store.start_checkpoint()
                if ticket is None or not ticket.is_done:
                    held[key] = value
                session.upsert(key, value)
                if number == 100 and ticket is not None:
                    ticket.advance()
                    ticket.advance()
                    held = dict(store.items())
                    ticket.result()
    return device, held


def told(device: MemoryDevice, given: Settings, **how: object) -> tuple[object, ...]:
    """All that can be told of an opening: content, index and log in memory, findings."""
    with FasterKv.open(device, read_only=True, settings=given, **how) as store:  # type: ignore[arg-type]
        store.check()
        _, index, log, _ = store.spaces
        return dict(store.items()), index.tobytes(), log.tobytes(), store.findings


@pytest.mark.parametrize("ring_pages", [2, 4, 16, 64])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("chunk_bytes", [1024, 4096, 1 << 23])
def test_threads_and_chunks_change_nothing(
    monkeypatch: pytest.MonkeyPatch, ring_pages: int, seed: int, chunk_bytes: int
) -> None:
    given = settings(ring_pages)
    device, held = made(given, seed)
    wanted = told(device, given, runtime=SteppedRuntime())
    assert wanted[0] == held
    monkeypatch.setattr(loading, "CHUNK_BYTES", chunk_bytes)
    assert told(device, given, kernels="interpreted") == wanted
    assert told(device, given, runtime=SteppedRuntime()) == wanted


@needs_compiled
@pytest.mark.parametrize("page_bytes", [1024, 1 << 14])
@pytest.mark.parametrize("seed", range(4))
def test_kernels_change_nothing(monkeypatch: pytest.MonkeyPatch, page_bytes: int, seed: int) -> None:
    monkeypatch.setattr("powercut.engine.shared.modes.COMPILED_LEAST", 0)
    given = settings(8, page_bytes)
    device, held = made(given, seed)
    wanted = told(device, given, kernels="interpreted")
    assert told(device, given, kernels="compiled") == wanted
    assert wanted[0] == held


@pytest.mark.parametrize("kernels", ["interpreted", pytest.param("compiled", marks=needs_compiled)])
def test_an_index_that_overflows_is_linked_the_same(monkeypatch: pytest.MonkeyPatch, kernels: str) -> None:
    monkeypatch.setattr("powercut.engine.shared.modes.COMPILED_LEAST", 0)
    given = settings(8, 1 << 12, index_buckets=1)
    device = MemoryDevice()
    keys = [b"%d" % number for number in range(200)]
    with (
        FasterKv.open(device, create=True, settings=given, kernels="interpreted") as store,
        store.session("s") as session,
    ):
        for key in keys:
            session.upsert(key, key)
        store.checkpoint()
    with FasterKv.open(device, settings=given, kernels=kernels) as store:
        store.check()
        assert dict(store.items()) == {key: key for key in keys}


@pytest.mark.parametrize("kernels", ["interpreted", pytest.param("compiled", marks=needs_compiled)])
def test_an_index_without_room_is_refused(monkeypatch: pytest.MonkeyPatch, kernels: str) -> None:
    monkeypatch.setattr("powercut.engine.shared.modes.COMPILED_LEAST", 0)
    monkeypatch.setattr("powercut.engine.settings.OVERFLOW_LEAST", 20)
    given = settings(8, 1 << 12, index_buckets=1)
    device = MemoryDevice()
    with (
        FasterKv.open(device, create=True, settings=given, kernels="interpreted") as store,
        store.session("s") as session,
    ):
        for number in range(160):
            session.upsert(b"%d" % number, b"")
        store.checkpoint()
    monkeypatch.setattr("powercut.engine.settings.OVERFLOW_LEAST", 0)
    with pytest.raises(IndexFullError, match="overflow buckets of 1 main"):
        FasterKv.open(device, settings=given, kernels=kernels)


@needs_compiled
def test_how_long_the_log_is_decides_and_not_its_pages() -> None:
    given = settings(8)
    runtime = ThreadRuntime()
    spaces = Spaces(given, plan_memory(given, 1 << 20), [])
    loaded = []
    for log_bytes in ((1 << 20) - 1, 1 << 20):
        mode = Compiled(runtime)
        mode.relinker(spaces, log_bytes, Stamps(64, 64, 1))
        loaded.append(mode._loaded is not None)
    assert loaded == [False, True]


class Watched(MemoryDevice):
    """Tells which threads read segments, and can damage one."""

    def __init__(self) -> None:
        super().__init__()
        self.readers: list[int] = []

    def read_into(self, name: str, offset: int, buffer: bytearray | memoryview) -> int:
        if name.startswith("segment"):
            self.readers.append(threading.get_ident())
        return super().read_into(name, offset, buffer)


@contextmanager
def at_hand(device: MemoryDevice) -> Iterator[None]:
    """A device that a store has closed can be looked at."""
    owner = object()
    assert device.acquire(owner)
    yield
    device.release(owner)


def copied(device: MemoryDevice) -> Watched:
    watched = Watched()
    with at_hand(device):
        for name in device.list():
            data = bytearray(device.size(name))
            device.read_into(name, 0, data)
            watched.create(name)
            watched.write(name, 0, data)
    return watched


def test_chunks_are_read_beside_the_linking_where_threads_run_at_once() -> None:
    given = settings(4)
    device = copied(made(given, 1)[0])
    told(device, given, kernels="interpreted")
    assert device.readers[0] == threading.get_ident()
    assert set(device.readers[1:]) - {threading.get_ident()}
    device.readers.clear()
    told(device, given, runtime=SteppedRuntime())
    assert set(device.readers) == {threading.get_ident()}


@pytest.mark.parametrize("make", [SteppedRuntime, ThreadRuntime])
def test_the_first_damaged_extent_is_named_and_nothing_after_it_is_judged(make: Callable[[], object]) -> None:
    given = settings(4)
    device = copied(made(given, 2)[0])
    name = sorted(each for each in device.list() if each.startswith("segment"))[1]
    damaged = bytearray(1)
    for offset in (700, 2500):
        device.read_into(name, offset, damaged)
        device.write(name, offset, bytes([damaged[0] ^ 1]))
    with pytest.raises(CorruptionError, match=rf"{name} at byte 512: found CRC-32C") as caught:
        FasterKv.open(device, read_only=True, settings=given, runtime=make())  # type: ignore[arg-type]
    assert (caught.value.file, caught.value.offset) == (name, 512)


@pytest.mark.parametrize(("size", "found"), [(0, "0 bytes"), (100, "100 bytes"), (512 + 3, "3 bytes")])
def test_a_segment_that_ends_too_soon_is_told_with_what_is_there(size: int, found: str) -> None:
    given = settings(4)
    device = copied(made(given, 2)[0])
    name = sorted(each for each in device.list() if each.startswith("segment"))[1]
    device.truncate(name, size)
    with pytest.raises(CorruptionError, match=f"found {found}, expected 512 bytes"):
        FasterKv.open(device, read_only=True, settings=given)
    with at_hand(device):
        device.remove(name)
    with pytest.raises(CorruptionError, match="found no file, expected 512 bytes"):
        FasterKv.open(device, read_only=True, settings=given)


@pytest.mark.parametrize("seed", range(20))
def test_a_void_range_is_found_among_many(seed: int) -> None:
    random = Random(seed)
    edges = sorted(random.sample(range(0, 4_000, 8), 2 * random.randrange(1, 12)))
    voids = [
        VoidRange(random.randrange(64), low, high) for low, high in zip(edges[::2], edges[1::2], strict=True)
    ]
    given = settings(2)
    control = Spaces(given, plan_memory(given, 1 << 20), random.sample(voids, len(voids))).control
    for address in range(0, 4_100, 8):
        for version in range(16):
            wanted = any(v.low <= address < v.high and v.counter % 16 == version for v in voids)
            assert is_void(control, address, version << w.VERSION_SHIFT) == wanted
