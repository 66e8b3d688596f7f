"""Compaction: no key changes by it, whatever comes in between, and what is overwritten stays small."""

from collections.abc import Callable
from functools import partial
from itertools import count
from random import Random
from threading import Event, Thread

import pytest

from powercut.engine import DeviceError, FasterKv, MemoryDevice, OperationError, SessionError, Settings
from powercut.engine.compiler.compilation import available
from powercut.engine.kernels import words as w
from powercut.engine.kernels.atomics import set_turn
from powercut.engine.sessions.session import Session
from powercut.verifier.faster.stepped import SteppedRuntime

MODES = [
    "interpreted",
    pytest.param("compiled", marks=pytest.mark.skipif(not available(), reason="numba is not installed")),
]
PAGES = Settings(
    page_bytes=4096, segment_bytes=1 << 14, write_unit=512, extent_bytes=4096, ring_pages=8, index_buckets=64
)
# A page holds one or two records.
TINY = Settings(
    page_bytes=512, segment_bytes=512, write_unit=512, extent_bytes=512, ring_pages=2, index_buckets=1
)


def size_of(device: MemoryDevice) -> int:
    return sum(device.size(name) for name in device.list())


@pytest.mark.parametrize("kernels", MODES)
@pytest.mark.parametrize("hash_mask", [(1 << 64) - 1, 0xF])
def test_no_key_changes_and_the_device_stays_small(kernels: str, hash_mask: int) -> None:
    random, device, content = Random(1), MemoryDevice(), dict[bytes, bytes]()
    settings = Settings(*PAGES.persisted()[:4], hash_mask, PAGES.ring_pages, PAGES.index_buckets)
    with FasterKv.open(device, create=True, settings=settings, kernels=kernels) as store:
        session = store.session("s")
        for _ in range(12):
            for _ in range(400):
                key = b"%d" % random.randrange(60)
                if random.random() < 0.2:
                    assert session.delete(key) == (content.pop(key, None) is not None)
                else:
                    content[key] = bytes([random.randrange(256)]) * random.choice((0, 8, 100, 300))
                    session.upsert(key, content[key])
            store.checkpoint()
            before = store.stats().begin
            done = store.compact()
            assert done.begin == store.stats().begin == before + done.freed
            assert 0 <= done.moved <= min(done.records, len(content))
            assert dict(store.items()) == {key: session.read(key) for key in content} == content
            store.check()
            store.checkpoint()
            assert size_of(device) < 50_000
    with FasterKv.open(device, settings=settings, kernels=kernels) as store:
        assert dict(store.items()) == content
        store.check()


def test_keys_overwritten_for_ever_stay_within_a_small_disk() -> None:
    """1,000 keys of 310 bytes filled 10 MB, and nothing could be given back any more."""
    keys, device = [b"key-%04d" % number for number in range(1000)], MemoryDevice()
    small = Settings(page_bytes=1 << 15, segment_bytes=1 << 18, ring_pages=16)
    with FasterKv.open(device, create=True, settings=small) as store, store.session("s") as session:
        largest = 0
        for turn in range(40):
            session.upsert_many(keys, [b"%04d" % turn * 77] * len(keys))
            store.checkpoint()
            if turn % 4 == 3:
                store.compact()
                store.checkpoint()
            largest = max(largest, size_of(device))
        written = store.stats().tail
        assert dict(store.items()) == dict.fromkeys(keys, b"%04d" % turn * 77)
    assert written > 12_000_000
    assert largest < 3_000_000


def test_tombstones_go_and_their_slots_come_back() -> None:
    store = FasterKv.open(MemoryDevice(), create=True, settings=TINY, runtime=SteppedRuntime())
    session, words = store.session("s"), store.spaces[1]
    for number in range(20):
        session.upsert(b"%d" % number, bytes(200))
    store.checkpoint()
    for number in range(20):
        assert session.delete(b"%d" % number)
    assert sum(1 for word in words if word) >= 20
    store.checkpoint()
    done = store.compact()
    assert done.moved == 0
    assert done.records >= 20
    store.checkpoint()
    for number in range(20, 300):  # More than the index has slots for, with those of the others.
        session.upsert(b"%d" % number, b"")
        session.delete(b"%d" % number)
    assert dict(store.items()) == {}
    store.check()
    store.close()


def test_compacted_is_what_was_asked_for_by_whole_pages() -> None:
    store = FasterKv.open(MemoryDevice(), create=True, settings=TINY, runtime=SteppedRuntime())
    session = store.session("s")
    assert store.compact() == (64, 0, 0, 0, 0)
    for number in range(8):
        session.upsert(b"%d" % number, bytes(300))
    store.checkpoint()
    assert store.compact(511).freed == 0
    done = store.compact(1200)
    assert done == (1024, 2, 2, 2 * 328, 1024 - 64)
    assert store.compact(600) == (1024, 0, 0, 0, 0)
    for until in (-1, store.stats().tail + 1, "1", 1.0, True):
        with pytest.raises(OperationError, match="until is"):
            store.compact(until)  # type: ignore[arg-type]
    assert len(dict(store.items())) == 8
    store.close()


# -- beside others -----------------------------------------------------------------------------------

CHANGES: dict[str, Callable[[FasterKv, Session], object]] = {
    "upsert": lambda _, other: other.upsert(b"k", b"new" * 9),
    "delete": lambda _, other: other.delete(b"k"),
    "rmw": lambda _, other: other.rmw(b"k", lambda old: (old or b"") + b"+"),
    "delete and insert": lambda _, other: (other.delete(b"k"), other.insert(b"k", b"new")),
}
LEFT = {
    "upsert": b"new" * 9,
    "delete": None,
    "rmw": b"old" * 90 + b"+",
    "delete and insert": b"new",
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_that_comes_in_between_wins(change: str) -> None:
    """At every access to the index, in turn."""
    came = 0
    for turn in count():
        store = FasterKv.open(MemoryDevice(), create=True, settings=PAGES, runtime=SteppedRuntime())
        one, other = store.session("one"), store.session("other")
        one.upsert(b"k", b"old" * 90)
        one.upsert(b"fills the page", bytes(3900))
        store.checkpoint()
        one.upsert(b"begins the next", b"")
        left, done = [turn], list[bool]()

        def come_between(
            left: list[int], done: list[bool], store: FasterKv, other: Session, *access: object
        ) -> None:
            _, index, log, _ = store.spaces
            left[0] -= access[0] is index
            if left[0] != -1:
                return
            links = [log[(entry & w.ADDRESS_MASK) // 8 + w.LINK] for entry in index if entry]
            if not any(link & w.INVALID for link in links):  # Else it would be waited for.
                set_turn(None)
                CHANGES[change](store, other)
                done.append(True)

        set_turn(partial(come_between, left, done, store, other))
        try:
            store.compact()
        finally:
            set_turn(None)
        found = one.read(b"k")
        store.check()
        if done:
            assert found == LEFT[change], turn
        came += bool(done)
        store.close()
        if left[0] >= 0:
            assert found == b"old" * 90
            break
    assert came >= 8


@pytest.mark.parametrize("kernels", MODES)
def test_a_scan_that_was_called_before_a_compaction_lists_what_is_moved(kernels: str) -> None:
    store = FasterKv.open(MemoryDevice(), create=True, settings=PAGES, kernels=kernels)
    session = store.session("s")
    for number in range(300):
        session.upsert(b"%d" % (number % 150), bytes(60))
    store.checkpoint()
    tail, scan = store.stats().tail, store.scan()
    bounded = store.scan(end=tail)
    assert store.compact().moved > 100
    newest = {record.key: record.address for record in scan}
    assert len(newest) == 150
    assert max(newest.values()) >= tail
    assert all(record.address < tail for record in bounded)  # It has the end that it was given.
    store.close()


def test_one_at_a_time_and_none_in_a_store_that_closes() -> None:
    store = FasterKv.open(MemoryDevice(), create=True, settings=TINY, runtime=SteppedRuntime())
    store.session("s").upsert(b"k", bytes(300))
    store.session("t").upsert(b"l", bytes(300))
    store.checkpoint()
    asked, left = list[bool](), [20]

    def ask(*access: object) -> None:
        left[0] -= 1
        if left[0]:
            return
        set_turn(None)
        with pytest.raises(OperationError, match="under way"):
            store.compact()
        with pytest.raises(SessionError, match="compaction is under way"):
            store.close()
        asked.append(True)

    set_turn(ask)
    try:
        done = store.compact()
    finally:
        set_turn(None)
    assert asked
    assert done.moved
    store.close()


def test_an_error_of_the_device_leaves_begin_where_it_was() -> None:
    class Full(MemoryDevice):
        is_full = False

        def write(self, name: str, offset: int, buffer: bytes | bytearray | memoryview) -> int:
            if self.is_full:
                raise OSError(28, "no space left", name)
            return super().write(name, offset, buffer)

    device = Full()
    store = FasterKv.open(device, create=True, settings=TINY, runtime=SteppedRuntime())
    session = store.session("s")
    for number in range(8):
        session.upsert(b"%d" % number, bytes(300))
    store.checkpoint()
    device.is_full = True
    with pytest.raises(DeviceError):
        store.compact()
    assert store.stats().begin == 64
    assert store.stats().live_sessions == 1
    device.is_full = False
    store.check()
    assert store.compact().freed > 0
    assert len(dict(store.items())) == 8
    store.close()


@pytest.mark.parametrize("kernels", MODES)
def test_beside_writers_and_checkpoints_on_threads(kernels: str) -> None:
    """Whoever writes goes on until three compactions have moved something, however they take turns."""
    device, enough = MemoryDevice(), Event()
    keys = [b"%d" % number for number in range(64)]
    still = {b"still %d" % number: b"%d" % number * 9 for number in range(20)}
    errors: list[BaseException] = []

    def write(name: str, mine: list[bytes]) -> None:
        with store.session(name) as session:
            turn = 0
            while not enough.is_set() or turn % 5:  # The last turn deletes all.
                value = None if turn % 5 == 4 else b"%d" % turn * (1 + turn % 40)
                for key in mine:
                    if value is None:
                        assert session.delete(key)
                    else:
                        session.upsert(key, value)
                    assert session.read(key) == value
                turn += 1

    def run(name: str, mine: list[bytes]) -> None:
        try:
            write(name, mine)
        except BaseException as error:  # noqa: BLE001 (told below)
            errors.append(error)

    with FasterKv.open(device, create=True, settings=PAGES, kernels=kernels) as store:
        with store.session("first") as first:
            for key, value in still.items():
                first.upsert(key, value)
        threads = [Thread(target=run, args=(f"w{part}", keys[part::3])) for part in range(3)]
        for thread in threads:
            thread.start()
        moving = 0
        try:
            while moving < 3 and not errors:
                store.checkpoint()
                moving += store.compact().moved > 0
        finally:
            enough.set()
            for thread in threads:
                thread.join()
        assert not errors, errors[0]
        store.check()
        assert dict(store.items()) == still
