"""Slots of deleted keys come back: churn for ever in an index of bounded size, whatever moves beside it."""

from collections.abc import Callable
from functools import partial
from itertools import count

import pytest

from powercut.engine import FasterKv, IndexFullError, InvariantError, MemoryDevice, Settings
from powercut.engine.checkpoint.kinds import index as image_of_index
from powercut.engine.checkpoint.parts import Parts
from powercut.engine.checkpoint.running import Imaging
from powercut.engine.compiler.compilation import available
from powercut.engine.inspection import inspect_store
from powercut.engine.kernels import words as w
from powercut.engine.kernels.atomics import set_turn
from powercut.engine.sessions import walks
from powercut.engine.sessions.session import Session
from powercut.verifier.faster.stepped import SteppedRuntime

MODES = [
    "interpreted",
    pytest.param("compiled", marks=pytest.mark.skipif(not available(), reason="numba is not installed")),
]
# 64 buckets and 260 behind them: some 2,200 slots.
SMALL = Settings(page_bytes=1 << 15, segment_bytes=1 << 16, ring_pages=4, index_buckets=64)
# One chain of buckets, so that it is known which are full.
ONE = Settings(
    page_bytes=1024, segment_bytes=2048, write_unit=512, extent_bytes=512, ring_pages=2, index_buckets=1
)
TAKEN = -1000
SLOTS = (1 + 4 + 64) * w.BUCKET_ENTRIES


class CountingDevice(MemoryDevice):
    """Counts how often it is read."""

    reads = 0

    def read_into(self, name: str, offset: int, buffer: bytearray | memoryview) -> int:
        self.reads += 1
        return super().read_into(name, offset, buffer)


def key(number: int) -> bytes:
    return b"%d" % number


def churn(
    session: Session, numbers: range, alive: int, each: Callable[[int], None] = lambda number: None
) -> None:
    """Write these keys one after another, and delete each as so many newer ones are there."""
    for number in numbers:
        session.upsert(key(number), bytes(8))
        if number >= alive:
            assert session.delete(key(number - alive))
        each(number)


@pytest.mark.parametrize("kernels", MODES)
@pytest.mark.parametrize("alive", [0, 1000])
def test_keys_come_and_go_for_ever(kernels: str, alive: int) -> None:
    many = 100_000 if kernels == "compiled" else 9_000
    device = MemoryDevice()
    with FasterKv.open(device, create=True, settings=SMALL, kernels=kernels) as store:
        with store.session("s") as session:
            churn(session, range(many), alive)
        store.check()
        assert dict(store.items()) == {key(number): bytes(8) for number in range(many - alive, many)}
    # What was deleted takes no slot at the next opening either.
    with FasterKv.open(device, kernels=kernels) as store:
        store.check()
        assert len(dict(store.items())) == alive


@pytest.mark.parametrize("kernels", MODES)
def test_keys_that_are_on_the_device_as_they_go_come_back_by_truncations(kernels: str) -> None:
    """A tombstone that hides a record keeps its slot until a begin above both is durable."""
    alive, many = 500, 20_000 if kernels == "compiled" else 5_000
    places: list[int] = []
    store = FasterKv.open(MemoryDevice(), create=True, settings=SMALL, kernels=kernels)
    session = store.session("s")

    def truncate(number: int) -> None:
        places.append(store.stats().tail)
        if number % 300 == 0 and number >= alive:
            store.truncate_before(places[number - alive])
            store.checkpoint()

    # Long values, so that a key is far below what is in memory when it is deleted.
    for number in range(many):
        session.upsert(key(number), bytes(250))
        if number >= alive:
            session.delete(key(number - alive))
        truncate(number)
    assert store.stats().hits_cold > many // 2
    store.check()
    assert dict(store.items()).keys() == {key(number) for number in range(many - alive, many)}
    store.close()


def full(session: Session, prefix: bytes) -> int:
    """Write keys until none has a slot; how many there are."""
    for number in range(10_000):
        try:
            session.upsert(prefix + key(number), b"")
        except IndexFullError:
            return number
    raise AssertionError("the index is never full")


def test_a_tombstone_alone_on_the_device_gives_its_slot_back() -> None:
    device = CountingDevice()
    store = FasterKv.open(device, create=True, settings=ONE, runtime=SteppedRuntime())
    session, control = store.session("s"), store.spaces[0]
    session.upsert(b"stays", bytes(400))
    control[w.IMAGING] = w.COPIED
    room = SLOTS - 1
    for number in range(room):
        session.upsert(b"a%d" % number, b"")
        session.delete(b"a%d" % number)
    session.upsert(b"stays", bytes(500))
    session.upsert(b"stays", bytes(600))
    session.upsert(b"stays", bytes(700))
    control[w.IMAGING] = w.NOT_COPIED
    head = store.stats().head
    cold = sum(1 for record in store.scan() if record.value is None and record.address < head)
    assert cold > room - 60
    reads = device.reads
    assert full(session, b"b") >= room
    assert device.reads > reads
    store.check()
    with pytest.raises(IndexFullError, match=r"compact\(\) and take a checkpoint"):
        session.upsert_many([b"more %d" % number for number in range(9)], [b""] * 9)  # Some may share tags.
    store.close()


# -- images of the index -----------------------------------------------------------------------------


def test_no_slot_comes_back_while_an_image_is_copied() -> None:
    device = MemoryDevice()
    store = FasterKv.open(device, create=True, settings=ONE, runtime=SteppedRuntime())
    session, (control, words, _, _) = store.session("s"), store.spaces
    session.upsert(b"a", b"")
    control[w.IMAGING] = w.COPIED
    before = bytes(words)
    session.delete(b"a")
    assert bytes(words) == before
    control[w.IMAGING] = w.SPOILED
    session.upsert(b"a", b"")
    session.delete(b"a")
    assert not any(words)
    store.close()


@pytest.mark.parametrize("is_short", [False, True])
def test_a_store_that_needs_a_slot_gives_the_image_up_and_takes_the_next_one(
    is_short: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = MemoryDevice()
    store = FasterKv.open(device, create=True, settings=ONE, runtime=SteppedRuntime())
    session, control = store.session("s"), store.spaces[0]
    session.upsert(b"stays", b"value")
    begin = image_of_index._begin

    def begin_and_churn(parts: Parts, name: str) -> Imaging:
        imaging = begin(parts, name)
        churn(session, range(SLOTS // 2 if is_short else 2 * SLOTS), 0)
        assert control[w.IMAGING] == (w.COPIED if is_short else w.SPOILED)
        return imaging

    monkeypatch.setattr(image_of_index, "_begin", begin_and_churn)
    point = store.checkpoint(index=True)
    monkeypatch.undo()
    assert (point.index is not None) == is_short
    assert control[w.IMAGING] == w.NOT_COPIED
    assert any(name.startswith("index-") for name in device.list()) == is_short
    session.upsert(b"more", b"value")
    assert store.checkpoint(index=True).index is not None
    store.close()
    assert inspect_store(device).is_sound
    with FasterKv.open(device, runtime=SteppedRuntime()) as store:
        store.check()
        assert dict(store.items()) == {b"stays": b"value", b"more": b"value"}


def test_an_image_full_of_keys_that_are_gone_is_left_alone() -> None:
    """Their slots went to other keys since, which the log behind the image names."""
    device = MemoryDevice()
    store = FasterKv.open(device, create=True, settings=ONE, runtime=SteppedRuntime())
    with store.session("s") as session:
        assert full(session, b"a") >= SLOTS
        assert store.checkpoint(index=True).index is not None
        for size in (600, 700, 800):  # Pages turn.
            session.upsert(b"a0", bytes(size))
        store.truncate_before(store.stats().tail)
        store.checkpoint()
        for number in range(SLOTS - 60):
            session.upsert(b"b%d" % number, b"")
        content = dict(store.items())
        assert store.checkpoint().index is not None
    store.close()
    with FasterKv.open(device, settings=ONE, runtime=SteppedRuntime()) as store:
        assert any("index" in found.file for found in store.findings), store.findings
        store.check()
        assert dict(store.items()) == content


# -- begin -------------------------------------------------------------------------------------------


def test_a_slot_waits_for_the_begin_that_is_durable() -> None:
    """A key that a truncation took away is there again after a power cut, and must be found (G2)."""
    two = Settings(512, 512, 512, 512, hash_mask=1, ring_pages=2, index_buckets=2)
    device = MemoryDevice()
    store = FasterKv.open(device, create=True, settings=two, runtime=SteppedRuntime())
    session, index = store.session("s"), store._parts.index
    keys = [key(number) for number in range(20)]
    some, others = ([each for each in keys if index.hash_key(each) == chain] for chain in (0, 1))
    for each in (some[0], *others[:3]):
        session.upsert(each, bytes(300))
    store.checkpoint()
    session.upsert(others[3], bytes(300))
    ticket = store.start_checkpoint()  # It has the begin that there is now.
    store.truncate_before(store.stats().tail)
    assert session.read(some[0]) is None
    session.upsert(some[1], b"")
    session.delete(some[1])
    session.upsert(some[2], b"")
    ticket.result()
    store.close()
    with FasterKv.open(device, settings=two, runtime=SteppedRuntime()) as store:
        store.check()
        assert dict(store.items()).keys() == {some[0], *others[:4], some[2]}


# -- races, by hand ----------------------------------------------------------------------------------


OPERATIONS: dict[str, Callable[[Session], object]] = {
    "read": lambda one: one.read(b"k"),
    "upsert": lambda one: one.upsert(b"k", b"new"),
    "insert": lambda one: one.insert(b"k", b"new"),
    "delete": lambda one: one.delete(b"k"),
    "rmw": lambda one: one.rmw(b"k", lambda old: (old or b"") + b"+"),
}
# What each is told, and what is there afterwards, as the other's delete comes behind it or before.
ALLOWED: dict[str, set[tuple[object, bytes | None]]] = {
    "read": {(b"old", None), (None, None)},
    "upsert": {(None, b"new"), (None, None)},
    "insert": {(True, b"new"), (False, None)},
    "delete": {(True, None), (False, None)},
    "rmw": {(b"+", b"+"), (b"old+", None)},
}


def take_the_slot(left: list[int], store: FasterKv, other: Session, *access: object) -> None:
    """At the access whose turn it is: delete the key, and give the slot to another; not under a lock."""
    left[0] -= 1
    at = (store.spaces[1][0] & w.ADDRESS_MASK) >> 3
    if left[0] == -1 and not store.spaces[2][at + w.LINK] & (w.LOCK | w.SEALED | w.INVALID):
        set_turn(None)
        other.delete(b"k")
        other.upsert(b"taker", b"of the slot")
        left[0] = TAKEN


@pytest.mark.parametrize("kind", OPERATIONS)
def test_a_slot_that_comes_back_and_goes_to_another_key_under_an_operation(kind: str) -> None:
    """Before every access to a shared word of the operation, in turn."""
    seen = set()
    for turn in count():
        store = FasterKv.open(MemoryDevice(), create=True, settings=ONE, runtime=SteppedRuntime())
        one, other = store.session("one"), store.session("other")
        one.upsert(b"k", b"old")
        left = [turn]
        set_turn(partial(take_the_slot, left, store, other))
        try:
            told = OPERATIONS[kind](one)
        finally:
            set_turn(None)
        store.check()
        if left[0] <= TAKEN:
            outcome = told, one.read(b"k")
            assert outcome in ALLOWED[kind], turn
            seen.add(outcome)
            assert one.read(b"taker") == b"of the slot"
        store.close()
        if left[0] >= 0:
            break
    assert seen == ALLOWED[kind]


@pytest.mark.parametrize("rows", [1, 8])
def test_a_key_that_moves_to_another_slot_under_a_walk_is_listed_once(
    rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before every access to a shared word of the walk, in turn."""
    monkeypatch.setattr(walks, "ROWS", {"interpreted": rows})

    def move(left: list[int], other: Session, *access: object) -> None:
        left[0] -= 1
        if left[0] == -1:
            set_turn(None)
            other.delete(b"k")
            other.upsert(b"taker", b"of the slot")
            other.upsert(b"k", b"new")

    seen = set()
    for turn in count():
        store = FasterKv.open(MemoryDevice(), create=True, settings=ONE, runtime=SteppedRuntime())
        other = store.session("other")
        for each in (b"k", b"l"):
            other.upsert(each, b"old")
        left = [turn]
        set_turn(partial(move, left, other))
        try:
            told = list(store.items())
        finally:
            set_turn(None)
        seen.add(dict(told).get(b"k"))
        assert len(dict(told)) == len(told), (turn, told)
        assert dict(told)[b"l"] == b"old"
        store.close()
        if left[0] >= 0:
            break
    assert seen == {b"old", b"new"}


# -- the audit ---------------------------------------------------------------------------------------


def test_the_audit_sees_a_tombstone_without_a_slot_whose_older_record_is_found() -> None:
    store = FasterKv.open(MemoryDevice(), create=True, settings=ONE, runtime=SteppedRuntime())
    session, words = store.session("s"), store.spaces[1]
    session.upsert(b"k", b"")
    (entry,) = filter(None, words[:7])
    for size in (600, 700, 800):  # It is frozen.
        session.upsert(b"more", bytes(size))
    session.delete(b"k")
    store.check()
    words[0] = 0
    store.check()  # The key is absent, and so it should be.
    words[0] = entry
    with pytest.raises(InvariantError, match=r"R4.*b'k'"):
        store.check()
