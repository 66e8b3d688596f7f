"""A budget of disk: the files stay below it whatever is written, and what cannot be written says why."""

import errno
from collections.abc import Callable
from random import Random
from time import sleep

import pytest

from powercut.engine import (
    DiskFullError,
    FasterKv,
    MemoryDevice,
    PoisonedError,
    Session,
    Settings,
    SettingsError,
    Version,
)
from powercut.engine.runtime import ThreadRuntime
from powercut.verifier.faster.stepped import SteppedRuntime

SMALL = Settings(512, 512, 512, 512, ring_pages=4, index_buckets=64)
DISK = 64 * 512


class FullDevice(MemoryDevice):
    """A device with so many bytes and no more; `most` is what its files had at most."""

    def __init__(self, capacity: int) -> None:
        super().__init__()
        self.capacity = capacity
        self.most = 0

    def write(self, name: str, offset: int, buffer: bytes | bytearray | memoryview) -> int:
        grown = max(0, offset + memoryview(buffer).nbytes - self.size(name))
        total = sum(map(self.size, self.list())) + grown
        if total > self.capacity:
            raise OSError(errno.ENOSPC, "no space", name)
        self.most = max(self.most, total)
        return super().write(name, offset, buffer)


def small(device: MemoryDevice, disk: int | None = DISK) -> FasterKv:
    return FasterKv.open(device, create=True, settings=SMALL, disk=disk, runtime=SteppedRuntime())


def test_keys_that_are_overwritten_for_ever_fit_a_small_disk() -> None:
    """1,000 keys of 310 bytes, 200,000 updates, a disk of 10 MB; a checkpoint after every 4,000."""
    device = FullDevice(10_000_000)
    keys = [b"%08d" % number for number in range(1000)]
    store = FasterKv.open(device, create=True, memory=4 << 20, disk=device.capacity)
    session = store.session("s")
    for turn in range(200):
        session.upsert_many(keys, [b"%08d" % turn + bytes(294)] * len(keys))
        if turn % 4 == 0:
            store.checkpoint()
    store.close(checkpoint=False)
    with FasterKv.open(device, disk=device.capacity) as store:
        assert len(dict(store.items())) == 1000
        store.check()


def changed(session: Session, content: dict[bytes, bytes], random: Random, keys: int) -> None:
    key = b"%d" % random.randrange(keys)
    if random.random() < 0.2:
        assert session.delete(key) == (content.pop(key, None) is not None)
    else:
        content[key] = random.randbytes(random.choice((8, 60, 200)))
        session.upsert(key, content[key])


@pytest.mark.parametrize("keys", [5, 60])
def test_the_writer_makes_room_where_no_thread_does(keys: int) -> None:
    device, random, content = FullDevice(DISK), Random(keys), dict[bytes, bytes]()
    for _ in range(3):  # It is lost, and goes on from its newest checkpoint.
        store = small(device)
        session = store.session("s")
        content = dict(store.items())
        for number in range(1500):
            changed(session, content, random, keys)
            if number % 400 == 399:
                store.checkpoint()
        assert dict(store.items()) == content
        store.check()
        assert store.stats().begin > 0
        store.close(checkpoint=True)
    assert device.most > DISK // 2


def test_a_disk_full_of_live_keys_says_so_and_goes_on_once_some_are_deleted() -> None:
    store = small(FullDevice(DISK))
    session, written = store.session("s"), 0

    def fill() -> None:
        nonlocal written
        while True:
            session.upsert(b"%d" % written, bytes(200))
            written += 1

    with pytest.raises(DiskFullError, match=r"of 32768 bytes on the disk are in use: .* `disk`"):
        fill()
    assert 60 < written < DISK // 220
    assert session.read(b"%d" % written) is None
    with pytest.raises(DiskFullError):
        session.upsert(b"more", bytes(400))
    assert sorted(dict(store.items())) == sorted(b"%d" % number for number in range(written))
    for number in range(0, written, 2):
        assert session.delete(b"%d" % number)
    for number in range(0, written, 4):
        session.upsert(b"%d" % number, bytes(200))
    store.check()
    store.close(checkpoint=True)


def test_who_waits_for_room_is_refused_only_by_one_that_began_since_and_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    until = ThreadRuntime.until

    def early(
        own: ThreadRuntime, what: str, holds: Callable[[], bool], deadline: float | None = None
    ) -> bool:
        """Return at once, as where what holds for a step of a pass has ended with it."""
        if what != "room on the disk":
            return until(own, what, holds, deadline)
        sleep(0.001)
        return holds()

    def fill(session: Session) -> None:
        for number in range(DISK):
            session.upsert(b"%d" % number, bytes(200))

    monkeypatch.setattr(ThreadRuntime, "until", early)
    with FasterKv.open(MemoryDevice(), create=True, settings=SMALL, disk=DISK) as store:
        session = store.session("s")
        with pytest.raises(DiskFullError, match="larger `disk`"):
            fill(session)
        assert session.serial > 60


def test_what_is_truncated_already_is_given_up_without_a_compaction() -> None:
    store = small(FullDevice(DISK))
    session = store.session("s")
    for number in range(80):
        session.upsert(b"%d" % number, bytes(200))
    session.upsert(b"last", b"")
    store.truncate_before(store.stats().tail)
    begin, moved = store.stats().begin, 0
    for number in range(30):
        session.upsert(b"%d" % number, bytes(200))
        moved += store.stats().begin != begin
    assert not moved
    store.check()
    assert store.stats().log_bytes < DISK
    store.close(checkpoint=True)


def hold_by_iterator(store: FasterKv) -> Callable[[], object]:
    walk = store.scan()
    next(walk)
    return walk.close


def hold_by_pin(store: FasterKv) -> Callable[[], object]:
    store.pin("kept")
    return lambda: store.drop("kept")


def hold_by_pending(store: FasterKv) -> Callable[[], object]:
    session = store.session("other")
    session.start_rmw(b"cold", lambda old: (old or b"") + b"+")
    return lambda: session.complete_pending(wait=True)


@pytest.mark.parametrize(
    ("hold", "why"),
    [
        (hold_by_iterator, "held, by an iterator"),
        (hold_by_pin, "pinned checkpoint"),
        (hold_by_pending, "pending operations: other"),
    ],
)
def test_what_holds_the_oldest_files_is_told_and_let_go_there_is_room(
    hold: Callable[[FasterKv], Callable[[], object]], why: str
) -> None:
    store = small(FullDevice(DISK))
    session = store.session("s")
    session.upsert(b"cold", b"")
    for number in range(20):
        session.upsert(b"%d" % number, bytes(200))
    store.checkpoint()
    let_go = hold(store)

    def overwrite() -> None:
        for number in range(1000):
            session.upsert(b"%d" % (number % 20), bytes(200))

    with pytest.raises(DiskFullError, match=why):
        overwrite()
    let_go()
    overwrite()
    store.check()
    store.close(checkpoint=True)


class FailingDevice(FullDevice):
    """A device of which a kind of call fails, while `failing` names it."""

    failing = ""

    def remove(self, name: str) -> None:
        if self.failing == "remove":
            raise OSError(errno.EIO, "it stays", name)
        super().remove(name)

    def sync(self, name: str) -> None:
        if self.failing == "sync" and name.startswith("root"):
            raise OSError(errno.EIO, "no sync", name)
        super().sync(name)


def test_files_that_the_device_does_not_remove_are_counted() -> None:
    device = FailingDevice(DISK)
    store = small(device)
    session = store.session("s")

    def overwrite() -> None:
        for number in range(600):
            session.upsert(b"%d" % (number % 20), bytes(200))

    device.failing = "remove"
    with pytest.raises(DiskFullError, match="the device does not remove them"):
        overwrite()
    device.failing = ""
    overwrite()
    store.check()
    store.close()


class HalfRemovingDevice(FullDevice):
    """A device that removes a file and says that it has not, so many times."""

    left = 1

    def remove(self, name: str) -> None:
        super().remove(name)
        if name.startswith("segment") and self.left:
            self.left -= 1
            raise OSError(errno.EIO, "it is gone, or not", name)


def test_a_file_that_is_gone_though_its_removal_failed_holds_nothing_back() -> None:
    device = HalfRemovingDevice(DISK)
    store = small(device)
    session = store.session("s")
    for number in range(2000):
        session.upsert(b"%d" % (number % 20), bytes(200))
    assert device.left == 0
    assert store.stats().begin > DISK
    store.check()
    store.close(checkpoint=True)


def test_a_store_that_can_free_nothing_refuses_writes_and_takes_no_further_byte() -> None:
    device = FailingDevice(DISK)
    store = small(device)
    session = store.session("s")
    device.failing = "remove"
    sizes = list[int]()
    for number in range(200):
        try:
            session.upsert(b"%d" % (number % 20), bytes(200))
        except DiskFullError:
            sizes.append(sum(map(device.size, device.list())))
    assert (len(sizes) > 20, len({*sizes[5:]})) == (True, 1)
    assert all(session.delete(b"%d" % number) for number in range(20))
    assert device.most <= DISK
    device.failing = ""
    for number in range(200):
        session.upsert(b"%d" % (number % 20), bytes(200))
    store.check()
    store.close()


def test_a_store_that_is_poisoned_while_room_is_made_says_so_at_once() -> None:
    device = FailingDevice(DISK)
    store = small(device)
    session, written = store.session("s"), 0
    device.failing = "sync"

    def overwrite() -> None:
        nonlocal written
        while True:
            session.upsert(b"%d" % (written % 20), bytes(200))
            written += 1
            store.stats()  # Not this says that it is poisoned, but the write that made it so.

    with pytest.raises(PoisonedError, match="writing root"):
        overwrite()
    assert session.serial == written + 1
    device.failing = ""
    store.close()


def test_a_budget_that_its_segments_do_not_fit_is_refused_and_nothing_is_changed() -> None:
    device = MemoryDevice()
    few: tuple[object, ...] = (DISK // 2 - 1, 0, 1.5, True)
    for disk in few:
        with pytest.raises(SettingsError, match=r"disk is .*: expected at least 16384 bytes"):
            small(device, disk)  # type: ignore[arg-type]
    assert device.list() == []
    fewer: tuple[object, ...] = (1 << 17, "10 MB")
    for disk in fewer:
        with pytest.raises(SettingsError, match=r"disk is .*: expected at least 262144 bytes"):
            FasterKv.open(device, create=True, disk=disk)  # type: ignore[arg-type]
    assert device.list() == []
    with FasterKv.open(device, create=True, disk=10_000_000) as store:
        assert store.settings.segment_bytes == store.settings.page_bytes == 1 << 17
    with pytest.raises(SettingsError, match="disk is 4000000"):
        FasterKv.open(device, disk=4_000_000)
    with FasterKv.open(device) as store:
        assert store.newest is None or store.newest.version >= Version(0, 0)


@pytest.mark.parametrize("buckets", [32, 64, 512])
def test_an_image_of_the_index_is_left_out_where_the_disk_has_no_room_for_it(buckets: int) -> None:
    """It would stand there while checkpoints name it, and nothing could be written or deleted."""
    device, taken = MemoryDevice(), set[bool]()
    settings = Settings(512, 512, 512, 512, ring_pages=4, index_buckets=buckets)
    with (
        FasterKv.open(device, create=True, settings=settings, disk=DISK, runtime=SteppedRuntime()) as store,
        store.session("s") as session,
    ):
        for turn in range(400):
            session.upsert(b"%d" % (turn % 40), bytes(100))
            if turn % 5 == 0:
                taken.add(store.checkpoint(index=True).index is not None)
                assert sum(map(device.size, device.list())) <= DISK
        assert all(session.delete(b"%d" % number) for number in range(40))
    assert (True in taken) is (buckets == 32)
