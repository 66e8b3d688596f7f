"""Many operations at a time: like as many single ones; widths, places, serials; both kernel modes."""

from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np
import pytest

from powercut.engine import FasterKv, MemoryDevice, OperationError, Settings

Push = Callable[[FasterKv], None]
MODULUS = 1 << 64


def u64(*numbers: int) -> Any:
    return np.array(numbers, np.uint64)


def as_bytes(number: int) -> bytes:
    return number.to_bytes(8, "little")


# -- the same as one at a time -----------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_batches_do_what_as_many_single_operations_do(geometry: Settings, kernels: str, seed: int) -> None:
    """Goal: results and contents are those of a dict. Method: random batches over few keys, arrays and
    sequences, many pages and one checkpoint a round; reads cold and warm."""
    random = Random(seed)
    model: dict[bytes, bytes] = {}
    serial = 0
    with FasterKv.open(MemoryDevice(), create=True, settings=geometry, kernels=kernels) as store:
        s = store.session("s")
        for _ in range(12):
            numbers = [random.randrange(40) for _ in range(random.randrange(60))]
            keys = [as_bytes(number) for number in numbers]
            given: Any = u64(*numbers) if random.random() < 0.5 else keys
            deltas = [random.choice((1, -1, MODULUS // 2, random.randrange(1 << 40))) for _ in numbers]
            match random.randrange(3):
                case 0:
                    values: Any = [as_bytes(delta % MODULUS) for delta in deltas]
                    for key, value in zip(keys, values, strict=True):
                        model[key] = value
                    if given is not keys:
                        values = u64(*(delta % MODULUS for delta in deltas))
                    s.upsert_many(given, values)
                case 1:
                    for key, delta in zip(keys, deltas, strict=True):
                        old = int.from_bytes(model.get(key, b""), "little")
                        model[key] = as_bytes((old + delta) % MODULUS)
                    s.add_many(given, u64(*(delta % MODULUS for delta in deltas)))
                case 2:
                    store.checkpoint()
                    numbers = []
            serial += len(numbers)
            asked = [as_bytes(random.randrange(50)) for _ in range(30)]
            expected = [model.get(key) for key in asked]
            assert s.read_many(asked) == expected
            found, is_there = s.read_many(np.frombuffer(b"".join(asked), np.uint64), "<u8")
            assert [
                as_bytes(int(n)) if there else None for n, there in zip(found, is_there, strict=True)
            ] == expected
            assert not found[~is_there].any()
            serial += 60
            assert s.serial == serial
        assert dict(store.items()) == model
        store.check()


def test_more_than_one_kernel_call_holds(kernels: str) -> None:
    count = 2_500
    with FasterKv.open(MemoryDevice(), create=True, memory=8 << 20, kernels=kernels) as store:
        s = store.session("s")
        numbers = np.arange(count, dtype=np.uint64)
        s.upsert_many(numbers, numbers * np.uint64(3))
        s.add_many(numbers, 1)
        values, found = s.read_many(numbers, np.uint64)
        assert found.all()
        assert (values == numbers * np.uint64(3) + np.uint64(1)).all()
        assert s.read_many(numbers) == [as_bytes(3 * n + 1) for n in range(count)]
        assert s.serial == 4 * count


def test_nothing_at_all_takes_no_serial(either: FasterKv) -> None:
    with either.session("s") as s:
        s.upsert_many([], [])
        s.upsert_many(u64(), u64())
        s.add_many([], 1)
        assert s.read_many([]) == []
        values, found = s.read_many(u64(), "<u8")
        assert (values.shape, found.shape, s.serial) == ((0,), (0,), 0)


# -- keys and values of every kind -------------------------------------------------------------------


def test_arrays_of_any_fixed_width_are_their_little_endian_bytes(either: FasterKv) -> None:
    with either.session("s") as s:
        keys = np.array([b"a", b"bc", b"def"], "S5").view("V5")
        values = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]], np.uint8)
        s.upsert_many(keys, values)
        assert s.read(b"bc\0\0\0") == b"\4\5\6"
        s.upsert_many(np.array([1, 2], ">u4"), np.array([1.5, -2.5], ">f8"))
        assert s.read(b"\2\0\0\0") == np.array(-2.5, "<f8").tobytes()
        values, found = s.read_many(np.array([2, 3, 1], np.uint32), "<f8")
        assert (list(values), list(found)) == ([-2.5, 0.0, 1.5], [True, False, True])
        every_second = np.arange(10, dtype=np.uint64)[::2]
        s.upsert_many(every_second, every_second)
        assert s.read_many([as_bytes(n) for n in range(4)]) == [as_bytes(0), None, as_bytes(2), None]
        values, found = s.read_many(keys, "u1,<u2")
        assert tuple(values[2]) == (7, 9 << 8 | 8)


def test_sequences_may_have_every_length(either: FasterKv) -> None:
    with either.session("s") as s:
        keys = [b"k" * (n + 1) for n in range(20)]
        values = [b"v" * (n * 45) for n in range(20)]
        s.upsert_many(keys, values)
        assert s.read_many([*keys, b"nobody"]) == [*values, None]
        assert s.read_many(keys[3:4], "S135")[0][0] == values[3]
        assert s.serial == 42


@pytest.mark.parametrize("size", [1 << 17, 3 << 17])
def test_keys_and_values_longer_than_a_stage_are_read(kernels: str, size: int) -> None:
    settings = Settings(page_bytes=1 << 20, index_buckets=2, ring_pages=2)
    with FasterKv.open(MemoryDevice(), create=True, settings=settings, kernels=kernels) as store:
        s = store.session("s")
        keys = [b"a" * 131_071, b"b" * 50_000, b"c", b"d" * 131_071]
        values = [b"1" * size, b"2", b"3" * (size + 5), b""]
        s.upsert_many(keys, values)
        assert s.read_many(keys) == values
        assert s.read_many([b"x" * 131_071, *keys[:2]]) == [None, *values[:2]]
        assert s.serial == 11


# -- adding ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["mutable", "frozen", "cold"])
def test_adding_wraps_and_takes_an_absent_value_for_0(either: FasterKv, push_out: Push, place: str) -> None:
    with either.session("s") as s:
        s.upsert_many([b"top", b"gone"], [as_bytes(MODULUS - 1), as_bytes(5)])
        s.delete(b"gone")
        if place == "frozen":
            either.checkpoint()
        elif place == "cold":
            push_out(either)
        s.add_many([b"top", b"gone", b"new", b"new"], [2, 7, -1, 3])
        assert s.read_many([b"top", b"gone", b"new"]) == [as_bytes(1), as_bytes(7), as_bytes(2)]
        s.add_many(u64(1, 2, 1), np.array([-1, -2, -3], np.int8))
        values, _ = s.read_many(u64(1, 2), "<i8")
        assert list(values) == [-4, -2]
    either.check()


@pytest.mark.parametrize("place", ["mutable", "frozen", "cold"])
def test_a_value_that_is_no_counter_stops_the_batch_there(
    either: FasterKv, push_out: Push, place: str
) -> None:
    with either.session("s") as s:
        s.upsert(b"text", b"seven b")
        if place == "frozen":
            either.checkpoint()
        elif place == "cold":
            push_out(either)
        with pytest.raises(OperationError, match="text") as caught:
            s.add_many([b"a", b"b", b"text", b"c"], 1)
        assert caught.value.done == 2
        assert s.serial == 3
        assert s.read_many([b"a", b"b", b"text", b"c"]) == [as_bytes(1), as_bytes(1), b"seven b", None]


# -- reading -----------------------------------------------------------------------------------------


def test_cold_and_warm_values_come_in_the_order_asked_for(either: FasterKv, push_out: Push) -> None:
    with either.session("s") as s:
        s.upsert_many(u64(1, 2, 3, 4), u64(10, 20, 30, 40))
        s.delete(as_bytes(3))
        push_out(either)
        s.upsert_many(u64(2, 5), u64(21, 50))
        s.delete(as_bytes(4))
        asked = [1, 9, 2, 3, 5, 4, 1]
        expected = [10, None, 21, None, 50, None, 10]
        before = either.stats().device_reads
        values, found = s.read_many(u64(*asked), "<u8")
        assert [int(v) if there else None for v, there in zip(values, found, strict=True)] == expected
        assert either.stats().device_reads > before
        keys = [as_bytes(n) for n in asked]
        assert s.read_many(keys) == [None if n is None else as_bytes(n) for n in expected]
        assert s.read_many(u64(*asked)) == s.read_many(keys)


@pytest.mark.parametrize("is_cold", [False, True])
@pytest.mark.parametrize("value", [b"short", b"longer than eight", b""])
def test_a_value_of_another_width_is_refused_and_serials_are_what_is_done(
    either: FasterKv, push_out: Push, is_cold: bool, value: bytes
) -> None:
    with either.session("s") as s:
        s.upsert_many(u64(1, 3), u64(1, 3))
        s.upsert(as_bytes(2), value)
        if is_cold:
            push_out(either)
        with pytest.raises(OperationError, match=f"{len(value)} bytes") as caught:
            s.read_many(u64(1, 2, 3), "<u8")
        assert caught.value.done is not None
        assert s.serial == 3 + caught.value.done
        assert s.read_many(u64(1, 2, 3)) == [as_bytes(1), value, as_bytes(3)]
