"""Walks: kernels list what a reader finds record by record, as bytes and as arrays."""

from collections.abc import Iterator
from random import Random
from threading import Thread

import numpy as np
import pytest

from powercut.engine import ClosedError, FasterKv, MemoryDevice, OperationError, Settings
from powercut.engine.compiler.compilation import available
from powercut.engine.kernels import words as w
from powercut.engine.sessions import walks
from powercut.engine.sessions.reader import LogRecord, Reader, chain_items

MODES = [
    "interpreted",
    pytest.param("compiled", marks=pytest.mark.skipif(not available(), reason="numba is not installed")),
]
WARM = Settings(page_bytes=1 << 16, segment_bytes=1 << 16, write_unit=512, ring_pages=4, index_buckets=4)
COLD = Settings(
    page_bytes=2048, segment_bytes=4096, write_unit=512, extent_bytes=512, ring_pages=2, index_buckets=4
)
# Two bits of the hash are kept: every chain has many keys.
COLLIDING = Settings(page_bytes=1 << 16, segment_bytes=1 << 16, index_buckets=4, ring_pages=4, hash_mask=3)
NARROW = Settings(
    page_bytes=1024, segment_bytes=4096, write_unit=512, extent_bytes=512, ring_pages=32, index_buckets=1
)


@pytest.fixture(autouse=True)
def compiled_wherever_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("powercut.engine.shared.modes.COMPILED_LEAST", 0)


def lived(settings: Settings, kernels: str, seed: int, keys: int) -> FasterKv:
    """An open store that was lost once, with void, frozen, sealed and deleted records."""
    random, device = Random(seed), MemoryDevice()
    lives: list[FasterKv] = []
    for life in range(2):
        store = FasterKv.open(device, create=True, settings=settings, kernels=kernels)
        lives.append(store)
        session = store.session("s")
        for number in range(300):
            key = b"%0*d" % (random.choice((1, 9)), random.randrange(keys))
            if random.random() < 0.2:
                session.delete(key)
            else:
                session.upsert(key, random.randbytes(random.choice((0, 3, 8, 8, 24, 90))))
            if number in (100, 200):
                ticket = store.start_checkpoint()
                ticket.advance()
                session.upsert(b"beside", b"%d" % number)
                ticket.result()
        if life == 0:
            session.close()
            store.close()
    return lives[-1]


def found_by_hand(store: FasterKv) -> tuple[list[tuple[bytes, bytes]], list[LogRecord]]:
    """Items and records as the reader finds them, one at a time."""
    log = store._parts.log
    reader = Reader(log)
    start = max(reader.begin, w.FIRST_ADDRESS)
    records = [
        LogRecord(at, each.key, None if each.link & w.TOMBSTONE else each.value)
        for at, each in reader.records(start, store.stats().tail)
    ]
    index = store._parts.index
    items = [item for entry in index.entries() for item in chain_items(reader, index, index.width, *entry)]
    return items, records


@pytest.mark.parametrize("kernels", MODES)
@pytest.mark.parametrize(
    "settings", [WARM, COLD, COLLIDING, NARROW], ids=["warm", "cold", "colliding", "narrow"]
)
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("keys", [4, 60])
def test_a_walk_lists_what_the_reader_finds(kernels: str, settings: Settings, seed: int, keys: int) -> None:
    with lived(settings, kernels, seed, keys) as store:
        items, records = found_by_hand(store)
        assert list(store.items()) == items
        assert list(store.scan()) == records
        addresses = [record.address for record in records]
        for start, stop in ((0, 5), (len(records) // 2, len(records) - 1), (7, 7)):
            between = list(store.scan(addresses[start], addresses[stop]))
            assert between == records[start:stop]


@pytest.mark.parametrize("kernels", MODES)
@pytest.mark.parametrize("rows", [1, 2, 7])
def test_a_batch_may_be_of_any_length(monkeypatch: pytest.MonkeyPatch, kernels: str, rows: int) -> None:
    monkeypatch.setattr(walks, "ROWS", {"compiled": rows, "interpreted": rows})
    monkeypatch.setattr(walks, "DATA_WORDS", 20)  # Too little for the longest.
    for settings in (WARM, COLLIDING):
        with lived(settings, kernels, rows, 20) as store:
            items, records = found_by_hand(store)
            assert list(store.items()) == items
            assert list(store.scan()) == records


@pytest.mark.parametrize("kernels", MODES)
def test_a_record_longer_than_the_room_is_listed_too(kernels: str) -> None:
    large = Settings(page_bytes=1 << 20, ring_pages=2, index_buckets=4)
    with FasterKv.open(MemoryDevice(), create=True, settings=large, kernels=kernels) as store:
        session = store.session("s")
        session.upsert(b"before", b"1")
        session.upsert(b"large", b"x" * (walks.DATA_WORDS * 8 + 1))
        session.upsert(b"after", b"2")
        assert [record.key for record in store.scan()] == [b"before", b"large", b"after"]
        assert {key: len(value) for key, value in store.items()} == {
            b"before": 1,
            b"large": walks.DATA_WORDS * 8 + 1,
            b"after": 1,
        }


@pytest.mark.parametrize("kernels", MODES)
@pytest.mark.parametrize("bits", [w.LOCK, w.LOCK | w.INVALID])
def test_a_walk_waits_for_a_record_that_somebody_changes(kernels: str, bits: int) -> None:
    with FasterKv.open(MemoryDevice(), create=True, settings=WARM, kernels=kernels) as store:
        session = store.session("s")
        for number in range(20):
            session.upsert(b"%d" % number, b"old")
        record = next(record for record in store.scan() if record.key == b"7")
        control, _, log, epochs = store.spaces
        at = ((record.address >> 3) & control[w.RING_MASK]) + w.LINK
        log[at] |= bits
        found: list[dict[bytes, bytes]] = []
        walker = Thread(target=lambda: found.append(dict(store.items())))
        walker.start()
        walker.join(0.05)
        assert not found  # It waits; and then outside of its row, or no epoch would drain.
        log[at] &= ~bits & w.MASK64
        walker.join()
        assert found == [{b"%d" % number: b"old" for number in range(20)}]
        assert all(epochs[row + w.ROW_STATE] == w.IDLE for row in range(0, len(epochs), w.ROW_WORDS))


@pytest.mark.parametrize("kernels", MODES)
def test_a_walk_ends_where_its_store_is_closed(kernels: str) -> None:
    store = lived(WARM, kernels, 1, 60)
    items, pairs = store.items(), store.scan()
    next(items)
    next(pairs)
    store.close()
    for walk in (items, pairs):
        with pytest.raises(ClosedError):
            next(walk)


# -- keys that get another entry ---------------------------------------------------------------------

ONE_BUCKET = Settings(page_bytes=1 << 16, segment_bytes=1 << 16, ring_pages=4, index_buckets=1)
NAMES = [letter * 8 for letter in (b"a", b"b", b"c", b"d")]


@pytest.mark.parametrize("kernels", MODES)
@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize(("is_array", "long"), [(False, None), (False, 0), (False, 2), (True, None)])
def test_a_key_whose_entry_moves_behind_the_walk_is_listed_once(
    monkeypatch: pytest.MonkeyPatch, kernels: str, rows: int, is_array: bool, long: int | None
) -> None:
    """Every key in turn, between two batches; the reader lists that of the long value, not the kernel."""
    monkeypatch.setattr(walks, "ROWS", {"compiled": rows, "interpreted": rows})
    monkeypatch.setattr(walks, "DATA_WORDS", 20)
    for mover in range(len(NAMES)):
        with FasterKv.open(MemoryDevice(), create=True, settings=ONE_BUCKET, kernels=kernels) as store:
            session = store.session("s")
            for number, key in enumerate(NAMES):
                session.upsert(key, bytes(400 if number == long else 8))
            found: list[bytes] = []
            batches = ((keys.tolist(), 0) for keys, _ in store.items_many("S8", "u8"))
            for each, _ in batches if is_array else store.items():
                found.extend(each if isinstance(each, list) else [each])
                if found[-1] == NAMES[mover]:  # Another key gets its slot, and it a later one.
                    session.delete(NAMES[mover])
                    session.upsert(b"another", bytes(8))
                    session.upsert(NAMES[mover], bytes(8))
            assert sorted(key for key in found if key != b"another") == NAMES


# -- arrays ------------------------------------------------------------------------------------------


@pytest.fixture(params=MODES)
def numbers(request: pytest.FixtureRequest) -> Iterator[FasterKv]:
    with FasterKv.open(MemoryDevice(), create=True, settings=WARM, kernels=request.param) as store:
        keys = np.arange(500, dtype="<u8")
        with store.session("s") as session:
            session.upsert_many(keys, keys * 3)
            session.delete((499).to_bytes(8, "little"))
        yield store


def test_items_come_as_arrays(numbers: FasterKv) -> None:
    batches = list(numbers.items_many())
    keys, values = (np.concatenate(column) for column in zip(*batches, strict=True))
    assert keys.dtype == values.dtype == np.dtype("<u8")
    assert all(len(keys) == len(values) >= 1 for keys, values in batches)
    assert [(k.tobytes(), v.tobytes()) for k, v in zip(keys, values, strict=True)] == list(numbers.items())
    assert sorted(keys.tolist()) == list(range(499))


def test_arrays_are_the_callers_own(numbers: FasterKv) -> None:
    walk = numbers.items_many()
    keys, values = next(walk)
    before = keys.copy(), values.copy()
    list(walk)
    assert (keys == before[0]).all()
    assert (values == before[1]).all()
    keys[:] = 0  # They can be written to.


@pytest.mark.parametrize(
    ("key_dtype", "dtype"), [("<u8", "<f8"), ("V8", "<u8"), ("S8", "<i8"), ("2u4", "u8")]
)
def test_arrays_have_the_types_that_were_asked_for(numbers: FasterKv, key_dtype: str, dtype: str) -> None:
    if key_dtype == "2u4":
        with pytest.raises(OperationError, match="fixed width"):
            numbers.items_many(key_dtype, dtype)
        return
    keys, values = next(numbers.items_many(key_dtype, dtype))
    assert (keys.dtype, values.dtype) == (np.dtype(key_dtype), np.dtype(dtype))
    assert keys.ndim == values.ndim == 1


@pytest.mark.parametrize(
    ("key_dtype", "dtype", "told"), [("<u4", "<u8", "key of 8 bytes"), ("<u8", "<u2", "value of 8 bytes")]
)
def test_another_width_is_refused(numbers: FasterKv, key_dtype: str, dtype: str, told: str) -> None:
    with pytest.raises(OperationError, match=told):
        next(numbers.items_many(key_dtype, dtype))


@pytest.mark.parametrize("kernels", MODES)
@pytest.mark.parametrize("name", ["key", "value"])
def test_another_width_below_head_is_refused_too(kernels: str, name: str) -> None:
    with FasterKv.open(MemoryDevice(), create=True, settings=COLD, kernels=kernels) as store:
        session = store.session("s")
        odd = (b"odd", bytes(8)) if name == "key" else (bytes(8), b"odd")
        session.upsert(*odd)
        for number in range(1, 200):
            session.upsert(number.to_bytes(8, "little"), bytes(8))
        with pytest.raises(OperationError, match=f"a {name} of 3 bytes: expected 8"):
            list(store.items_many())
