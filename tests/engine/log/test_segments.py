"""Segments beside running sessions: nothing that is made or written during a sync is taken for durable."""

import threading
from collections.abc import Callable

import pytest

from powercut.engine import FasterKv, MemoryDevice, PoisonedError, Settings
from powercut.engine.device import Buffer

CALLS = ("create", "remove", "read_into", "write", "sync", "sync_names")


class Watched(MemoryDevice):
    """Calls `during` in the middle of every call, with its name and the file's."""

    def __init__(self) -> None:
        super().__init__()
        self.during: Callable[[str, str], None] = lambda call, name: None

    def create(self, name: str) -> None:
        super().create(name)
        self.during("create", name)

    def remove(self, name: str) -> None:
        super().remove(name)
        self.during("remove", name)

    def read_into(self, name: str, offset: int, buffer: bytearray | memoryview) -> int:
        count = super().read_into(name, offset, buffer)
        self.during("read_into", name)
        return count

    def write(self, name: str, offset: int, buffer: Buffer) -> int:
        count = super().write(name, offset, buffer)
        self.during("write", name)
        return count

    def sync(self, name: str) -> None:
        super().sync(name)
        self.during("sync", name)

    def sync_names(self) -> None:
        super().sync_names()
        self.during("sync_names", "")


@pytest.fixture
def watched(tiny: Settings) -> FasterKv:
    return FasterKv.open(Watched(), create=True, settings=tiny)


def device_of(store: FasterKv) -> Watched:
    device = store._lease.device
    assert isinstance(device, Watched)
    return device


def once(device: Watched, wanted: str, beginning: str, do: Callable[[], None]) -> None:
    """`do` in the middle of the first such call."""

    def during(call: str, name: str) -> None:
        if call == wanted and name.startswith(beginning):
            device.during = lambda call, name: None
            do()

    device.during = during


def test_a_segment_made_while_the_names_are_synced_has_a_new_name_still(watched: FasterKv) -> None:
    """The next checkpoint would otherwise name extents in a file that a power cut takes away."""
    segments = watched._parts.log.segments
    once(device_of(watched), "sync_names", "", lambda: segments.create(7))
    segments.sync_names()
    assert segments.has_new_names
    segments.sync_names()
    assert not segments.has_new_names


def test_a_segment_written_while_it_is_synced_is_dirty_still(watched: FasterKv) -> None:
    segments = watched._parts.log.segments
    segments.write(0, memoryview(bytes(512)))
    once(device_of(watched), "sync", "segment", lambda: segments.write(512, memoryview(bytes(512))))
    segments.sync()
    assert segments.unsynced == {"segment-00000000": 512}
    segments.sync()
    assert not segments.unsynced


def test_what_was_not_synced_is_dirty_still_in_its_order(watched: FasterKv) -> None:
    segments = watched._parts.log.segments
    for start in (0, 2048, 4096):
        segments.write(start, memoryview(bytes(512)))
    names = list(segments.unsynced)
    assert names == ["segment-00000000", "segment-00000001", "segment-00000002"]

    def interrupt() -> None:
        raise KeyboardInterrupt

    once(device_of(watched), "sync", names[1], interrupt)
    with pytest.raises(KeyboardInterrupt):
        segments.sync()
    assert list(segments.unsynced) == names[1:]

    def fail() -> None:
        raise OSError(5, "no")

    once(device_of(watched), "sync_names", "", fail)
    with pytest.raises(PoisonedError):
        segments.sync_names()
    assert segments.has_new_names


@pytest.mark.parametrize("wanted", CALLS)
def test_no_boundary_waits_for_the_device(watched: FasterKv, wanted: str) -> None:
    """Goal: whoever has to move a boundary, or reads below head, goes on while another waits for the device.
    Method: in the middle of every such call, another thread takes the ring's lock and moves a boundary.
    """
    store, device = watched, device_of(watched)
    ring = store._parts.log.ring
    seen = 0

    def during(call: str, name: str) -> None:
        nonlocal seen
        if call != wanted:
            return
        seen += 1
        free: list[bool] = []

        def take() -> None:
            free.append(ring._lock.acquire(blocking=False))  # type: ignore[attr-defined]
            if free[0]:
                ring._lock.release()  # type: ignore[attr-defined]

        thread = threading.Thread(target=take)
        thread.start()
        thread.join()
        assert free == [True], (call, name)

    device.during = during
    with store.session("s") as s:
        for number in range(40):
            s.upsert(b"%d" % number, bytes(100))
        assert s.read(b"0") == bytes(100)
        store.truncate_before(store.stats().head)
        store.checkpoint()
        s.upsert(b"last", bytes(100))
        store.checkpoint()
    store.check()
    assert seen
