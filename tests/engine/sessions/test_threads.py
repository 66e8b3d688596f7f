"""Real threads: sessions side by side, checkpoints and readers beside them, in both kernel modes.

Schedules are the operating system's, so a run finds what it finds; what it checks is exact. Bounded by
counts, never by time.
"""

import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from random import Random
from typing import Any

import numpy as np
import pytest

from powercut.engine import CheckpointError, FasterKv, MemoryDevice, SessionError, Settings
from powercut.engine.shared.spaces import SESSIONS_MAX
from powercut.engine.stats import COUNTERS

RING = Settings(
    page_bytes=4096, segment_bytes=1 << 14, write_unit=512, extent_bytes=512, ring_pages=4, index_buckets=16
)
SESSIONS = 10
ROUNDS = {"interpreted": 25, "compiled": 50}  # The stage `stress` has lives of many thousand.
STAMPS = 40  # Of 4 bytes; a key that is full is left for the next.
SHARED = 6


@pytest.fixture(autouse=True)
def _threads_switch_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def run_all(calls: list[Callable[[], object]]) -> None:
    """Each on a thread of its own, at once; what one raises is raised here."""
    errors: list[BaseException] = []
    gate = threading.Barrier(len(calls))

    def run(call: Callable[[], object]) -> None:
        gate.wait()
        try:
            call()
        except BaseException as error:  # noqa: BLE001 (raised below)
            errors.append(error)

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def stamp(session: int, serial: int) -> bytes:
    return bytes([session]) + serial.to_bytes(3, "big")


class Writer:
    """One session's operations, and what each of them leaves, by its serial."""

    def __init__(self, number: int, rounds: int) -> None:
        self.number = number
        self._rounds = rounds
        self._random = Random(number)
        self.stamps: list[tuple[int, bytes]] = []  # (serial, key) of each append.
        self.added: list[tuple[int, int, int]] = []  # (first serial, last serial, delta) of each add_many.
        self.own: list[tuple[int, bytes, bytes | None]] = []  # (serial, key, value) of what only it writes.

    def run(self, store: FasterKv) -> None:
        with store.session(f"s{self.number}") as s:
            for number in range(self._rounds):
                self._append(s, b"shared-%d" % self._random.randrange(SHARED))
                self._write_own(s, b"own-%d-%d" % (self.number, self._random.randrange(5)), number)
                self._add(s)
                self._append(s, b"apart-%d" % self.number)
                # Long enough to turn pages, so that what stands is evicted and asked for again.
                s.upsert(b"filler-%d" % self.number, bytes(300 + 8 * (number % 50)))

    def _append(self, s: Any, name: bytes) -> None:
        for number in range(1_000):
            key = b"%s-%d" % (name, number)
            mine = stamp(self.number, s.serial + 1)

            def function(old: bytes | None, mine: bytes = mine) -> bytes | None:
                return None if old is not None and len(old) >= 4 * STAMPS else (old or b"") + mine

            if s.rmw(key, function) is not None:
                self.stamps.append((s.serial, key))
                return

    def _write_own(self, s: Any, key: bytes, number: int) -> None:
        before = next((value for _, each, value in reversed(self.own) if each == key), None)
        value = b"%d-%d" % (self.number, number) * (1 + number % 9)
        assert s.read(key) == before
        match number % 3:
            case 0:
                s.upsert(key, value)
                self.own.append((s.serial, key, value))
            case 1:
                assert s.delete(key) is (before is not None)
                self.own.append((s.serial, key, None))
            case _:
                assert s.insert(key, value) is (before is None)
                self.own.append((s.serial, key, value if before is None else before))

    def _add(self, s: Any) -> None:
        first, delta = s.serial + 1, self._random.randrange(1, 1 << 40)
        s.add_many(np.arange(20, dtype=np.uint64), delta)
        self.added.append((first, s.serial, delta))


def verify(store: FasterKv, writers: list[Writer], points: dict[str, int]) -> None:
    """The store holds exactly the first `points[s]` operations of each session s."""
    state = dict(store.items())
    stamps: dict[bytes, list[bytes]] = {}
    sums: Counter[int] = Counter()
    for writer in writers:
        limit = points.get(f"s{writer.number}", 0)
        own: dict[bytes, bytes | None] = {}
        for serial, key in writer.stamps:
            if serial <= limit:
                stamps.setdefault(key, []).append(stamp(writer.number, serial))
        for first, last, delta in writer.added:
            for counter in range(max(0, min(last, limit) - first + 1)):
                sums[counter] += delta
        for serial, key, value in writer.own:
            if serial <= limit:
                own[key] = value
        assert {key: state.get(key) for key in own} == own
    for key, expected in stamps.items():
        value = state[key]
        found = [value[at : at + 4] for at in range(0, len(value), 4)]
        assert sorted(found) == sorted(expected), key
        for number in range(SESSIONS):  # Each session's own come in its order.
            mine = [each for each in found if each[0] == number]
            assert mine == sorted(mine), key
    counters = {n: int.from_bytes(state.get(n.to_bytes(8, "little"), b""), "little") for n in range(20)}
    assert counters == {n: sums[n] % (1 << 64) for n in range(20)}
    known = {*stamps, *(key for writer in writers for _, key, _ in writer.own)}
    assert {key for key in state if key.startswith((b"shared", b"apart"))} == stamps.keys()
    assert all(key in known or len(key) == 8 or key.startswith(b"filler") for key in state)


def beside(store: FasterKv, stop: threading.Event, seen: Counter[str]) -> list[Callable[[], object]]:
    """Run beside the writers until they have ended, and once at least."""

    def again(what: str, call: Callable[[], object]) -> Callable[[], object]:
        def run() -> None:
            while True:
                call()
                seen[what] += 1
                if stop.is_set():
                    return

        return run

    def read_items() -> None:
        keys = [key for key, _ in store.items()]
        assert len(keys) == len(set(keys))

    def scan() -> None:
        addresses = [record.address for record in store.scan()]
        assert addresses == sorted(set(addresses))

    before = dict.fromkeys(COUNTERS, 0)

    def take_stats() -> None:
        stats = store.stats()
        words = [stats.begin, stats.head, stats.flushed, stats.safe_read_only, stats.read_only, stats.tail]
        assert words == sorted(words)
        for name in COUNTERS:
            assert getattr(stats, name) >= before[name], name
            before[name] = getattr(stats, name)

    return [
        again("checkpoint", store.checkpoint),
        again("items", read_items),
        again("scan", scan),
        again("stats", take_stats),
    ]


@pytest.mark.parametrize("is_saved", [False, True])
def test_ten_sessions_with_all_that_goes_on_beside_them(kernels: str, is_saved: bool) -> None:
    """Goal: sums exact, every stamp once and in its session's order, and what is recovered is exactly the
    prefix that was reported. Method: ten threads write; checkpoints, readers and statistics run beside."""
    device = MemoryDevice()
    writers = [Writer(number, ROUNDS[kernels]) for number in range(SESSIONS)]
    stop = threading.Event()
    seen: Counter[str] = Counter()
    store = FasterKv.open(device, create=True, settings=RING, kernels=kernels)
    left = [SESSIONS]
    guard = threading.Lock()

    def write(writer: Writer) -> None:
        try:
            writer.run(store)
        finally:
            with guard:
                left[0] -= 1
                if left[0] == 0:
                    stop.set()

    run_all([lambda each=each: write(each) for each in writers] + beside(store, stop, seen))
    assert min(seen[what] for what in ("checkpoint", "items", "scan", "stats")) >= 1
    store.check()
    issued = store.serials()
    verify(store, writers, issued)
    stats = store.stats()
    assert stats.head > RING.page_bytes * 8
    assert min(stats.device_reads, stats.copied, stats.in_place, stats.appended) > 0
    newest = store.newest
    assert newest is not None
    unsaved = store.close(checkpoint=is_saved)
    points = issued if is_saved else newest.serials
    assert unsaved == {
        name: count - points.get(name, 0) for name, count in issued.items() if count > points.get(name, 0)
    }
    with FasterKv.open(device, settings=RING, kernels=kernels) as store:
        assert store.serials() == points
        store.check()
        verify(store, writers, points)


def test_a_checkpoint_in_the_midst_recovers_exactly_what_it_reported(kernels: str) -> None:
    """The last checkpoint is taken while all write, and nothing after it is kept."""
    device = MemoryDevice()
    writers = [Writer(number, ROUNDS[kernels] // 3) for number in range(SESSIONS)]
    store = FasterKv.open(device, create=True, settings=RING, kernels=kernels)
    midst = threading.Barrier(SESSIONS + 1)

    def write(writer: Writer) -> None:
        midst.wait()
        writer.run(store)

    def save() -> None:
        midst.wait()
        while sum(store.serials().values()) < 100:
            pass
        store.checkpoint()

    run_all([lambda each=each: write(each) for each in writers] + [save])
    newest = store.newest
    assert newest is not None
    store.close()
    with FasterKv.open(device, settings=RING, kernels=kernels) as store:
        assert store.serials() == newest.serials
        verify(store, writers, newest.serials)
        store.check()


# -- sessions that come and go ---------------------------------------------------------------------------


def test_sessions_open_and_close_while_checkpoints_run(kernels: str) -> None:
    device = MemoryDevice()
    store = FasterKv.open(device, create=True, settings=RING, kernels=kernels)
    issued: dict[str, int] = {}

    def come_and_go(number: int) -> None:
        for turn in range(25):
            name = f"s{number}-{turn % 3}"
            with store.session(name) as s:
                assert s.serial == issued.get(name, 0)
                assert s.rmw(b"count-%d" % number, lambda old: b"%d" % (int(old or b"0") + 1)) is not None
                issued[name] = s.serial

    def save() -> None:
        for _ in range(15):
            store.checkpoint()

    run_all([lambda n=n: come_and_go(n) for n in range(4)] + [save])
    assert store.serials() == issued
    assert store.stats().live_sessions == 0
    assert [dict(store.items())[b"count-%d" % n] for n in range(4)] == [b"25"] * 4
    assert store.close(checkpoint=True) == {}
    with FasterKv.open(device, settings=RING, kernels=kernels) as store:
        assert store.serials() == issued
        assert [dict(store.items())[b"count-%d" % n] for n in range(4)] == [b"25"] * 4


def test_an_idle_session_is_closed_in_every_phase_of_a_checkpoint(kernels: str) -> None:
    """By another thread than the one that takes the steps; what it did before counts."""
    for steps in range(6):
        with FasterKv.open(MemoryDevice(), create=True, settings=RING, kernels=kernels) as store:
            s = store.session("idle")
            s.upsert(b"k", b"v")
            ticket = store.start_checkpoint()
            for _ in range(steps):
                ticket.advance()
            run_all([s.close])
            assert ticket.result().serials == {"idle": 1}
            assert store.resume_session("idle").serial == 1


def test_two_threads_that_both_ask_for_a_checkpoint_get_one_or_a_refusal(kernels: str) -> None:
    with FasterKv.open(MemoryDevice(), create=True, settings=RING, kernels=kernels) as store:
        told: list[object] = []

        def save() -> None:
            try:
                told.append(store.checkpoint().version.counter)
            except CheckpointError as error:
                told.append(str(error))

        run_all([save] * 4)
        versions = {each for each in told if isinstance(each, int)}  # One of nothing new is the one there is.
        assert len(versions) >= 1
        assert all("take its ticket to the end" in each for each in told if isinstance(each, str))
        assert store.stats().version == 1 + len(versions)


def test_more_sessions_than_rows_are_refused_until_one_is_closed(kernels: str) -> None:
    with FasterKv.open(MemoryDevice(), create=True, settings=RING, kernels=kernels) as store:
        sessions = [store.session(f"s{number}") for number in range(SESSIONS_MAX)]
        with pytest.raises(SessionError, match="256 sessions"):
            store.session("one more")
        assert list(store.items()) == []  # A walk takes no session's row.
        assert "one more" not in store.serials()
        sessions[100].upsert(b"k", b"v")
        assert store.checkpoint().serials["s100"] == 1
        sessions[7].close()
        with store.session("one more") as s:
            assert s.read(b"k") == b"v"
        assert dict(store.items()) == {b"k": b"v"}


def test_additions_to_the_same_counters_are_all_in_the_sums(kernels: str) -> None:
    """Additions in place to two words, and nothing else: all that batches can lose of each other."""
    count = 2_000
    with FasterKv.open(MemoryDevice(), create=True, settings=RING, kernels=kernels) as store:
        keys = np.tile(np.arange(2, dtype=np.uint64), count)

        def add(number: int) -> None:
            with store.session(f"s{number}") as s:
                s.add_many(keys, number + 1)

        run_all([partial(add, number) for number in range(4)])
        with store.session("s") as s:
            assert s.read_many(keys[:2], "<u8")[0].tolist() == [10 * count] * 2
        assert store.serials() == {f"s{n}": 2 * count for n in range(4)} | {"s": 2}
