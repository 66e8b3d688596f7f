"""Statistics: every number moves when it should, by how much it should, and when nothing else does."""

from collections.abc import Callable, Iterator
from dataclasses import asdict
from itertools import pairwise
from random import Random
from typing import Any

import numpy as np
import pytest

from powercut.engine import FasterKv, MemoryDevice, Settings, ThreadRuntime
from powercut.engine.compiler.compilation import available
from powercut.engine.kernels import words as w
from powercut.engine.kernels.atomics import Space, set_turn
from powercut.engine.shared.spaces import address_of
from powercut.engine.stats import COUNTERS

Push = Callable[[FasterKv], None]


def moved(store: FasterKv, call: Callable[[], object]) -> dict[str, int]:
    """The counters that `call` changes, each with the amount; those that stay are left out."""
    before = asdict(store.stats())
    call()
    after = asdict(store.stats())
    changes = {name: after[name] - before[name] for name in ("operations", *COUNTERS)}
    return {name: change for name, change in changes.items() if change}


def set_bits(store: FasterKv, key: bytes, bits: int) -> Callable[[], None]:
    """Set bits in the link of the key's newest record, as another session would; what clears them."""
    address = max(record.address for record in store.scan() if record.key == key)
    log, control = store.spaces[2], store.spaces[0]
    at = ((address >> 3) & control[w.RING_MASK]) + w.LINK
    log[at] |= bits

    def clear() -> None:
        log[at] &= ~bits & w.MASK64

    return clear


# -- counters ------------------------------------------------------------------------------------------

# On a key that is absent, mutable, frozen, cold: what each operation adds to `operations` and the rest.
ABSENT, MUTABLE, FROZEN = {"absent": 1}, {"hits_mutable": 1}, {"hits_frozen": 1}
ASKED = {"hits_cold": 1, "device_reads": 1, "left": 1}
TWICE = {"mutable": {"hits_mutable": 2}, "frozen": {"hits_frozen": 2}, "cold": {**ASKED, "hits_cold": 2}}
COPIED, IN_PLACE, APPENDED = {"copied": 1}, {"in_place": 1}, {"appended": 1}

EXPECTED: dict[str, dict[str, dict[str, int]]] = {
    "read": {"absent": ABSENT, "mutable": MUTABLE, "frozen": FROZEN, "cold": ASKED},
    "start_read": {
        "absent": ABSENT,
        "mutable": MUTABLE,
        "frozen": FROZEN,
        "cold": {"hits_cold": 1, "device_reads": 1},
    },
    "read_many": {
        "absent": ABSENT,
        "mutable": MUTABLE,
        "frozen": FROZEN,
        "cold": {"hits_cold": 1, "device_reads": 1},
    },
    "insert": {"absent": ABSENT | APPENDED, "mutable": MUTABLE, "frozen": FROZEN, "cold": ASKED},
    "upsert": {
        "absent": ABSENT | APPENDED,
        "mutable": MUTABLE | IN_PLACE,
        "frozen": {"hits_cold": 1} | COPIED,
        "cold": {"hits_cold": 1} | COPIED,
    },
    "upsert_many": {
        "absent": ABSENT | APPENDED,
        "mutable": MUTABLE | IN_PLACE,
        "frozen": {"hits_cold": 1} | COPIED,
        "cold": {"hits_cold": 1} | COPIED,
    },
    "longer": {
        "absent": ABSENT | APPENDED,
        "mutable": MUTABLE | COPIED,
        "frozen": {"hits_cold": 1} | COPIED,
        "cold": {"hits_cold": 1} | COPIED,
    },
    "delete": {
        "absent": ABSENT,
        "mutable": MUTABLE | IN_PLACE,
        "frozen": FROZEN | COPIED,
        "cold": ASKED | COPIED,
    },
    "add_many": {
        "absent": ABSENT | APPENDED,
        "mutable": MUTABLE | IN_PLACE,
        "frozen": FROZEN | COPIED,
        "cold": ASKED | COPIED,
    },
    "rmw": {
        "absent": {"absent": 2} | APPENDED,
        "mutable": TWICE["mutable"] | IN_PLACE,
        "frozen": TWICE["frozen"] | COPIED,
        "cold": TWICE["cold"] | COPIED,
    },
    "start_rmw": {
        "absent": {"absent": 2} | APPENDED,
        "mutable": TWICE["mutable"] | IN_PLACE,
        "frozen": TWICE["frozen"] | COPIED,
        "cold": TWICE["cold"] | COPIED,
    },
    "rmw that leaves": {"absent": ABSENT, "mutable": MUTABLE, "frozen": FROZEN, "cold": ASKED},
}


def completed(session: Any, ticket: Any) -> None:
    session.complete_pending()
    ticket.result()


CALLS: dict[str, Callable[[Any, bytes], object]] = {
    "read": lambda s, key: s.read(key),
    "start_read": lambda s, key: completed(s, s.start_read(key)),
    "read_many": lambda s, key: s.read_many([key]),
    "insert": lambda s, key: s.insert(key, b"inserted"),
    "upsert": lambda s, key: s.upsert(key, b"upserted"),
    "upsert_many": lambda s, key: s.upsert_many([key], [b"upserted"]),
    "longer": lambda s, key: s.upsert(key, b"longer than before"),
    "delete": lambda s, key: s.delete(key),
    "add_many": lambda s, key: s.add_many([key], 1),
    "rmw": lambda s, key: s.rmw(key, lambda old: b"modified"),
    "start_rmw": lambda s, key: completed(s, s.start_rmw(key, lambda old: b"modified")),
    "rmw that leaves": lambda s, key: s.rmw(key, lambda old: None),
}


@pytest.mark.parametrize("place", ["absent", "mutable", "frozen", "cold"])
@pytest.mark.parametrize("what", list(CALLS))
def test_each_operation_counts_what_it_did_and_where_its_key_was(
    either: FasterKv, push_out: Push, what: str, place: str
) -> None:
    with either.session("s") as s:
        # The last operation before must leave nothing behind that the next one counts by.
        if place != "absent":
            s.upsert(b"key", b"original")
        if place == "frozen":
            either.checkpoint()
        elif place == "cold":
            push_out(either)
        s.read(b"nobody")
        if place == "absent":
            s.upsert(b"other", b"original")
            s.read(b"other")
        assert moved(either, lambda: CALLS[what](s, b"key")) == {"operations": 1} | EXPECTED[what][place]


def test_the_table_names_every_counter_that_an_operation_alone_can_move() -> None:
    named = {name for places in EXPECTED.values() for counters in places.values() for name in counters}
    assert named == set(COUNTERS) - {"retries", "cache_hits", "cache_misses"}  # Of a store without a cache.
    assert CALLS.keys() == EXPECTED.keys()


def test_a_full_page_is_left_for_once(either: FasterKv) -> None:
    with either.session("s") as s:
        s.upsert(b"a", bytes(600))
        expected = {"operations": 1, "left": 1} | ABSENT | APPENDED
        assert moved(either, lambda: s.upsert(b"b", bytes(600))) == expected


def test_many_count_each(either: FasterKv) -> None:
    keys = np.arange(40, dtype=np.uint64)
    with either.session("s") as s:
        counted = moved(either, lambda: s.upsert_many(keys[:20], keys[:20]))
        assert counted.pop("left", 0) <= 4  # Pages and buckets.
        assert counted == {"operations": 20, "appended": 20, "absent": 20}
        assert moved(either, lambda: s.read_many(keys[10:30], "<u8"))["absent"] == 10
        # A stage for other widths takes the place of this one, and counts on.
        wider = [b"%d" % n * 50 for n in range(7)]
        assert moved(either, lambda: s.read_many(wider)) == {"operations": 7, "absent": 7}


class Lock(ThreadRuntime):
    """A record is held until whoever waits for it has given others so many turns.

    The third copy of the root may be written meanwhile, by a thread of the pool, which takes turns as well.
    """

    def __init__(self) -> None:
        super().__init__()
        self.hold(-1, lambda: None)

    def hold(self, turns: int, clear: Callable[[], None]) -> None:
        self._turns, self._clear = turns, clear

    def turn(self, what: str) -> None:
        if what == "another session to let go of a record":
            self._turns -= 1
            if self._turns == 0:
                self._clear()


@pytest.mark.parametrize("bit", [w.LOCK, w.SEALED])
@pytest.mark.parametrize("turns", [1, 3])
@pytest.mark.parametrize("what", ["read", "upsert", "delete", "rmw", "add_many", "read_many"])
def test_a_record_that_another_session_has_is_retried_and_counted(
    tiny: Settings, kernels: str, what: str, turns: int, bit: int
) -> None:
    runtime = Lock()
    with FasterKv.open(MemoryDevice(), create=True, settings=tiny, kernels=kernels, runtime=runtime) as store:
        s = store.session("s")
        s.upsert(b"key", b"original")
        plain = EXPECTED[what]["mutable"]
        clear = set_bits(store, b"key", bit)
        runtime.hold(turns, clear)
        counted = moved(store, lambda: CALLS[what](s, b"key"))
        if bit == w.SEALED and what.startswith("read"):
            clear()  # Who reads does not mind a seal.
            assert counted == {"operations": 1} | plain
        else:
            assert counted == {"operations": 1, "left": turns, "retries": turns} | plain
        store.check()


# -- over handles and modes ------------------------------------------------------------------------------


def test_counters_outlive_handles_names_and_stages(either: FasterKv) -> None:
    """Goal: a counter never goes back. Method: each way to put a session or its stage away."""
    before = dict.fromkeys(COUNTERS, 0)

    def grew(call: Callable[[], object]) -> None:
        call()
        now = asdict(either.stats())
        assert {name: now[name] for name in COUNTERS if now[name] < before[name]} == {}
        before.update({name: now[name] for name in COUNTERS})

    for _ in range(3):
        s = either.session("s")
        grew(lambda s=s: s.upsert_many([b"a", b"b"], [b"1", b"2"]))  # type: ignore[misc]
        grew(lambda s=s: s.upsert(b"long" * 40, bytes(500)))  # type: ignore[misc]
        grew(lambda s=s: s.read_many([b"x" * 200] * 3))  # type: ignore[misc]
        grew(lambda s=s: s.add_many(np.arange(3, dtype=np.uint64), 1))  # type: ignore[misc]
        grew(s.close)
        grew(lambda: either.session("other").close())
    s = either.resume_session("s")
    grew(lambda: s.read(b"a"))
    s.close()
    grew(lambda: either.forget_session("s"))
    grew(lambda: either.session("s").close())
    assert before["absent"] >= 9
    total = sum(before[name] for name in ("hits_mutable", "hits_frozen", "hits_cold", "absent"))
    assert total == 3 * 9 + 1  # What the forgotten name issued,
    assert either.stats().operations == 0  # which are nobody's now.


def test_a_closed_handle_is_not_kept_for_its_counters(either: FasterKv) -> None:
    """A session for many operations has a stage of a quarter of a megabyte."""
    for number in range(20):
        with either.session(f"s{number}") as s:
            s.upsert_many([b"k"], [b"v"])
    assert len(either._handles.live()) <= 1
    assert either.stats().operations == 20
    assert either.stats().appended + either.stats().in_place + either.stats().copied == 20


def run(settings: Settings, kernels: str, seed: int) -> dict[str, Any]:
    """A random program of everything; the numbers at its end."""
    random = Random(seed)
    opened: dict[str, Any] = {"settings": settings, "kernels": kernels, "read_cache": 1024}
    with FasterKv.open(MemoryDevice(), create=True, **opened) as store:
        sessions = [store.session(name) for name in ("a", "b")]
        for _ in range(250):
            s = random.choice(sessions)
            key = b"key-%d" % random.randrange(30)
            if random.random() < 0.05:
                store.checkpoint()
            elif random.random() < 0.3:
                s.upsert(key, bytes(8) * random.choice((1, 1, 2, 20)))
            else:
                what = random.choice([name for name in CALLS if name != "add_many"])
                CALLS[what](s, key)
        numbers = asdict(store.stats())
        assert numbers.pop("kernels") == kernels
        return numbers


@pytest.mark.skipif(not available(), reason="numba is not installed")
@pytest.mark.parametrize("seed", range(3))
def test_both_modes_count_the_same(geometry: Settings, seed: int) -> None:
    interpreted = run(geometry, "interpreted", seed)
    assert run(geometry, "compiled", seed) == interpreted
    assert min(interpreted[name] for name in COUNTERS if name not in ("retries", "cache_hits")) > 0


# -- what counting costs -----------------------------------------------------------------------------------


@pytest.fixture
def announced() -> Iterator[list[tuple[Space, int, bool]]]:
    """Every access that kernels announce: those to words that another session may touch."""
    accesses: list[tuple[Space, int, bool]] = []
    set_turn(lambda space, word, is_write: accesses.append((space, word, is_write)))
    yield accesses
    set_turn(None)


def test_counters_are_plain_words_of_the_sessions_own_batch_space(
    stepped: FasterKv, announced: list[tuple[Space, int, bool]]
) -> None:
    """No counter is an atomic, and none is in a line that another session writes."""
    s, t = stepped.session("s"), stepped.session("t")
    for session in (s, t):
        session.upsert(b"k", b"v")
        session.upsert_many([b"k"], [b"w"])
    assert len(announced) > 20
    stages = [each for one in (s, t) if one._bulk for each in (one._one.stage, one._bulk._stage) if each]
    assert len(stages) == 4
    shared = {id(space) for space in stepped.spaces}
    for space, word, _ in announced:
        is_counter = id(space) not in shared and w.N_IN_PLACE <= word <= w.N_MISSED
        assert not is_counter
    spans = sorted((address_of(stage.batch), stage.batch.nbytes) for stage in stages)
    for (start, size), (after, _) in pairwise(spans):
        assert start + size <= after
    stages[0].batch[w.N_COPIED] += 1_000
    assert stepped.stats().copied == 1_000


def test_taking_them_enters_no_batch_and_issues_nothing(
    stepped: FasterKv, announced: list[tuple[Space, int, bool]]
) -> None:
    with stepped.session("s") as s:
        s.upsert(b"k", b"v")
        announced.clear()
        epochs = bytes(stepped.spaces[3])
        stats = [stepped.stats() for _ in range(3)]
        assert stats[0] == stats[1] == stats[2]
        assert bytes(stepped.spaces[3]) == epochs
        assert [access for access in announced if access[2]] == []


def test_counters_are_those_of_the_statistics(either: FasterKv) -> None:
    with either.session("a") as session:
        for number in range(40):
            session.upsert(b"key-%d" % (number % 7), b"value" * (number % 9))
            session.read(b"key-%d" % number)
        either.checkpoint()
        counters = either.counters()
        assert counters.items() <= asdict(either.stats()).items()
        assert counters.keys() == {*COUNTERS, "drains"}
        assert min(counters["in_place"], counters["appended"], counters["drains"]) > 0
    assert either.counters() == counters
