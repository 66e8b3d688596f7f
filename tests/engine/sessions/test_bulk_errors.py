"""Many operations at a time that cannot be: arguments that are refused, errors that say what is done."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from powercut.engine import (
    ClosedError,
    CorruptionError,
    DeviceError,
    EngineError,
    FasterKv,
    IndexFullError,
    MemoryDevice,
    OperationError,
    Session,
    Settings,
)

Push = Callable[[FasterKv], None]
Call = Callable[[Session], Any]


def u64(*numbers: int) -> Any:
    return np.array(numbers, np.uint64)


def as_bytes(number: int) -> bytes:
    return number.to_bytes(8, "little")


BAD: list[Callable[[Any], Any]] = [
    lambda s: s.upsert_many([b"a", b"b"], [b"1"]),
    lambda s: s.upsert_many(u64(1, 2), u64(1)),
    lambda s: s.upsert_many(u64(1), [b"1"]),
    lambda s: s.upsert_many([b"1"], u64(1)),
    lambda s: s.upsert_many(b"ab", b"cd"),
    lambda s: s.upsert_many("ab", "cd"),
    lambda s: s.upsert_many(5, 5),
    lambda s: s.upsert_many([b"a", b""], [b"1", b"2"]),
    lambda s: s.upsert_many([b"a", "b"], [b"1", b"2"]),
    lambda s: s.upsert_many([b"a", b"b"], [b"1", bytes(2000)]),
    lambda s: s.upsert_many(np.array([object()]), u64(1)),
    lambda s: s.upsert_many(np.empty(2, "V0"), u64(1, 2)),
    lambda s: s.upsert_many(np.zeros((2, 2, 2), np.uint8), u64(1, 2)),
    lambda s: s.upsert_many(np.zeros((2, 2), np.uint64), u64(1, 2)),
    lambda s: s.upsert_many(np.zeros((2, 1001), np.uint8), u64(1, 2)),
    lambda s: s.upsert_many(np.array(5), np.array(5)),
    lambda s: s.append_many([b"a", b"b"], [b"1"]),
    lambda s: s.append_many(u64(1, 2), u64(1)),
    lambda s: s.append_many(u64(1), [b"1"]),
    lambda s: s.append_many([b"1"], u64(1)),
    lambda s: s.append_many([b"a", b"b"], [b"1", bytes(2000)]),
    lambda s: s.append_many([b"a", b"b"], [b"1", 2]),
    lambda s: s.add_many([b"a", b"b"], [1]),
    lambda s: s.add_many([b"a"], [1.5]),
    lambda s: s.add_many([b"a"], [True]),
    lambda s: s.add_many([b"a"], [1 << 64]),
    lambda s: s.add_many([b"a"], ["1"]),
    lambda s: s.add_many([b"a"], [[1]]),
    lambda s: s.add_many([b"a"], [[1], [2, 3]]),
    lambda s: s.add_many(5, 1),
    lambda s: s.add_many(np.array(5), 1),
    lambda s: s.add_many([b"a", 7], 1),
    lambda s: s.read_many([b"a", b"bc"], "<u8"),
    lambda s: s.read_many([b"a", "b"], "<u8"),
    lambda s: s.read_many([b"", b""], "<u8"),
    lambda s: s.read_many([b"a"], object),
    lambda s: s.read_many([b"a"], "S0"),
    lambda s: s.read_many([b"a"], "no such type"),
    lambda s: s.read_many([b"a"], "(2,)u4"),
    lambda s: s.read_many([b"a", 7]),
    lambda s: s.read_many(5),
    lambda s: s.read_many({b"a"}),
]


@pytest.mark.parametrize("number", range(len(BAD)))
def test_an_argument_that_is_not_valid_takes_no_serial_and_does_nothing(store: FasterKv, number: int) -> None:
    with store.session("s") as s:
        with pytest.raises(OperationError):
            BAD[number](s)
        assert s.serial == 0
        assert dict(store.items()) == {}
        s.upsert_many([b"a"], [b"1"])
        assert s.read_many([b"a"]) == [b"1"]


def test_a_session_that_is_closed_or_in_use_does_nothing_more(either: FasterKv) -> None:
    with either.session("s") as s:
        calls: list[Call] = [
            lambda s: s.upsert_many([b"k"], [b"v"]),
            lambda s: s.append_many([b"k"], [b"v"]),
            lambda s: s.add_many([b"k"], 1),
            lambda s: s.read_many([b"k"]),
        ]
        for call in calls:
            with pytest.raises(EngineError, match="in use") as caught:
                s.rmw(b"k", lambda old, call=call: call(s))  # type: ignore[misc]
            assert caught.value.done == 0
        assert s.serial == 4
    for call in calls:
        with pytest.raises(ClosedError) as closed:
            call(s)
        assert closed.value.done == 0


@pytest.mark.parametrize("is_array", [False, True])
def test_a_device_error_in_the_middle_tells_what_is_done(
    failing: MemoryDevice, tiny: Settings, kernels: str, is_array: bool
) -> None:
    """Serials, effects and `.done` agree; after it the same operations go through."""
    count = 60
    with FasterKv.open(failing, create=True, settings=tiny, kernels=kernels) as store:
        s = store.session("s")
        keys: Any = u64(*range(count)) if is_array else [as_bytes(n) for n in range(count)]
        values: Any = np.zeros((count, 100), np.uint8) if is_array else [bytes(100)] * count
        failing.fails = lambda call, name: call == "write" and name.startswith("segment")  # type: ignore[attr-defined]
        with pytest.raises(DeviceError) as caught:
            s.upsert_many(keys, values)
        failing.fails = lambda call, name: False  # type: ignore[attr-defined]
        done = caught.value.done
        assert done is not None
        assert 0 < done < count
        assert s.serial == done
        assert sorted(dict(store.items())) == sorted(as_bytes(n) for n in range(done))
        assert store.checkpoint().serials == {"s": done}
        s.upsert_many(keys, values)
        assert s.serial == done + count
        assert len(dict(store.items())) == count
        store.check()


@pytest.mark.parametrize("dtype", [None, "<u8"])
def test_a_device_error_of_a_read_tells_what_is_done(
    failing: MemoryDevice, tiny: Settings, kernels: str, push_out: Push, dtype: str | None
) -> None:
    with FasterKv.open(failing, create=True, settings=tiny, kernels=kernels) as store:
        s = store.session("s")
        s.upsert_many(u64(1, 2), u64(1, 2))
        push_out(store)
        s.upsert_many(u64(3), u64(3))
        failing.fails = lambda call, name: call == "read"  # type: ignore[attr-defined]
        with pytest.raises(DeviceError) as caught:
            s.read_many(u64(3, 1, 2), dtype)
        failing.fails = lambda call, name: False  # type: ignore[attr-defined]
        assert caught.value.done is not None
        assert s.serial == 3 + caught.value.done
        assert s.read_many(u64(3, 1, 2)) == [as_bytes(3), as_bytes(1), as_bytes(2)]


def test_damage_below_a_read_tells_what_is_done(
    device: MemoryDevice, tiny: Settings, kernels: str, push_out: Push
) -> None:
    with FasterKv.open(device, create=True, settings=tiny, kernels=kernels) as store:
        s = store.session("s")
        s.upsert_many(u64(1, 2), u64(1, 2))
        push_out(store)
        device.write("segment-00000000", 90, b"rotten")
        for call in (lambda: s.read_many(u64(1, 2)), lambda: s.add_many(u64(7, 1), 1)):
            before = s.serial
            with pytest.raises(CorruptionError) as caught:
                call()
            assert caught.value.done is not None
            assert s.serial == before + caught.value.done


def test_a_full_index_tells_what_is_done(either: FasterKv) -> None:
    with either.session("s") as s:
        with pytest.raises(IndexFullError) as caught:
            s.upsert_many([b"%d" % n for n in range(5_000)], [b"v"] * 5_000)
        assert caught.value.done == s.serial == len(dict(either.items()))
        either.check()
