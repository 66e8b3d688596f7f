"""Bad input: one table of misuse for every operation, and every state in which nothing more is taken.

Each refusal is typed, takes no serial, changes nothing, and the session goes on.
"""

from array import array
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from powercut.engine import (
    FasterKv,
    OperationError,
)

Call = Callable[..., Any]
Push = Callable[[FasterKv], None]


def append(old: bytes | None) -> bytes:
    return (old or b"") + b"+"


def u64(*numbers: int) -> Any:
    return np.array(numbers, np.uint64)


# Every operation, of a session, a key and a value.
READS: dict[str, Call] = {
    "read": lambda s, key, value: s.read(key),
    "read_many": lambda s, key, value: s.read_many([key]),
    "read_many of a dtype": lambda s, key, value: s.read_many([key], "<u8"),
    "start_read": lambda s, key, value: s.start_read(key),
}
BLIND: dict[str, Call] = {
    "upsert": lambda s, key, value: s.upsert(key, value),
    "insert": lambda s, key, value: s.insert(key, value),
    "upsert_many": lambda s, key, value: s.upsert_many([key], [value]),
}
WRITES: dict[str, Call] = BLIND | {
    "delete": lambda s, key, value: s.delete(key),
    "rmw": lambda s, key, value: s.rmw(key, append),
    "add_many": lambda s, key, value: s.add_many([key], 1),
    "start_rmw": lambda s, key, value: s.start_rmw(key, append),
}
OPERATIONS = READS | WRITES

NO_KEYS: dict[str, Any] = {
    "empty": b"",
    "too long for the sizes word": bytes(1 << 17),
    "too long for a page": bytes(1000),
    "str": "k",
    "bytearray": bytearray(b"k"),
    "memoryview": memoryview(b"k"),
    "a subclass of bytes": np.bytes_(b"k"),
    "None": None,
    "int": 5,
    "list": [b"k"],
}
NO_VALUES = {name: each for name, each in NO_KEYS.items() if name != "empty"}


def refused(store: FasterKv, error: type[Exception], call: Callable[[Any], object]) -> None:
    """`call` of a session is refused, and the session then does what it is asked to."""
    with store.session("s") as s:
        s.upsert(b"old", b"value")
        with pytest.raises(error):
            call(s)
        assert (s.serial, s.pending) == (1, 0)
        assert dict(store.items()) == {b"old": b"value"}
        s.upsert_many([b"a"], [bytes(8)])
        s.add_many(u64(5), 1)
        assert (s.read(b"a"), s.serial) == (bytes(8), 4)
        store.check()
    assert store.checkpoint().serials == {"s": 4}


@pytest.mark.parametrize("what", list(OPERATIONS))
@pytest.mark.parametrize("key", list(NO_KEYS))
def test_what_is_no_key_is_refused(store: FasterKv, what: str, key: str) -> None:
    refused(store, OperationError, lambda s: OPERATIONS[what](s, NO_KEYS[key], b"v"))


@pytest.mark.parametrize("what", list(BLIND))
@pytest.mark.parametrize("value", list(NO_VALUES))
def test_what_is_no_value_is_refused(store: FasterKv, what: str, value: str) -> None:
    refused(store, OperationError, lambda s: BLIND[what](s, b"k", NO_VALUES[value]))


@pytest.mark.parametrize("value", [name for name in NO_VALUES if name != "None"])
def test_a_function_whose_result_is_no_value_changes_nothing(store: FasterKv, value: str) -> None:
    """Only after the call is it known, so the serial is taken."""
    with store.session("s") as s:
        s.upsert(b"k", b"v")
        with pytest.raises(OperationError):
            s.rmw(b"k", lambda old: NO_VALUES[value])
        ticket = s.start_rmw(b"k", lambda old: NO_VALUES[value])
        with pytest.raises(OperationError):
            ticket.result()
        assert (s.read(b"k"), s.serial) == (b"v", 4)
        assert store.checkpoint().serials == {"s": 4}


TWO = [b"a", b"b"]
OBJECTS = np.array([b"a", b"b"], object)
BAD_MANY: dict[str, Callable[[Any], object]] = {
    "generator of keys": lambda s: s.upsert_many((key for key in TWO), TWO),
    "generator of values": lambda s: s.upsert_many(TWO, (key for key in TWO)),
    "generator to add to": lambda s: s.add_many((key for key in TWO), 1),
    "generator to read": lambda s: s.read_many(key for key in TWO),
    "generator of deltas": lambda s: s.add_many(TWO, (n for n in (1, 2))),
    "set": lambda s: s.read_many(set(TWO)),
    "dict": lambda s: s.upsert_many({b"a": 1}, {b"b": 1}),
    "None": lambda s: s.read_many(None),
    "numbers": lambda s: s.read_many(array("Q", [1, 2])),
    "one bad of many": lambda s: s.upsert_many([*TWO, b""], [b"1"] * 3),
    "object keys": lambda s: s.upsert_many(OBJECTS, OBJECTS),
    "object keys to read": lambda s: s.read_many(OBJECTS, "<u8"),
    "object keys to add to": lambda s: s.add_many(OBJECTS, 1),
    "object values": lambda s: s.upsert_many(u64(1, 2), OBJECTS),
    "object field": lambda s: s.read_many(np.zeros(2, [("a", object)])),
    "no width": lambda s: s.read_many(np.zeros((2, 0), np.uint8)),
    "three dimensions": lambda s: s.read_many(np.zeros((2, 2, 2), np.uint8)),
    "two dimensions of wide items": lambda s: s.read_many(np.zeros((2, 2), ">u4")),
    "no dimension": lambda s: s.read_many(np.uint64(5)),
    "too wide a key": lambda s: s.read_many(np.zeros((1, 1 << 17), np.uint8)),
    "too wide a value": lambda s: s.upsert_many(u64(1), np.zeros((1, 1000), np.uint8)),
    "more keys": lambda s: s.upsert_many(u64(1, 2), u64(1)),
    "more values": lambda s: s.upsert_many(u64(1), u64(1, 2)),
    "no keys, values": lambda s: s.upsert_many([], [b"v"]),
    "values of another kind": lambda s: s.upsert_many(TWO, u64(1, 2)),
    "more deltas": lambda s: s.add_many(u64(1), [1, 2]),
    "fewer deltas": lambda s: s.add_many(u64(1, 2), [1]),
    "no deltas": lambda s: s.add_many(TWO, []),
    "no keys, deltas": lambda s: s.add_many([], [1]),
    "float deltas": lambda s: s.add_many(TWO, [1.0, 2.0]),
    "a float delta": lambda s: s.add_many(TWO, 1.0),
    "empty float array": lambda s: s.add_many([], np.zeros(0)),
    "bool deltas": lambda s: s.add_many(TWO, np.ones(2, bool)),
    "object deltas": lambda s: s.add_many(TWO, np.array([1, 2], object)),
    "text deltas": lambda s: s.add_many(TWO, "12"),
    "no delta": lambda s: s.add_many(TWO, None),
    "a delta past 64 bits": lambda s: s.add_many(TWO, [1, 1 << 64]),
    "deltas of two dimensions": lambda s: s.add_many(TWO, [[1, 2]]),
    "an object dtype": lambda s: s.read_many(TWO, object),
    "a dtype of no width": lambda s: s.read_many(TWO, "V0"),
    "no dtype": lambda s: s.read_many(TWO, 5),
    "no function": lambda s: s.rmw(b"k", None),
    "no function to start": lambda s: s.start_rmw(b"k", b"v"),
}


@pytest.mark.parametrize("what", list(BAD_MANY))
def test_what_is_not_many_keys_values_or_deltas_is_refused(store: FasterKv, what: str) -> None:
    refused(store, OperationError, BAD_MANY[what])


# -- odd, and right --------------------------------------------------------------------------------------

EMPTY: list[Callable[[Any], Any]] = [
    lambda s: s.upsert_many([], []),
    lambda s: s.upsert_many((), ()),
    lambda s: s.upsert_many(u64(), u64()),
    lambda s: s.upsert_many(np.zeros((0, 3), np.uint8), np.zeros((0, 4), np.uint8)),
    lambda s: s.add_many([], []),
    lambda s: s.add_many((), ()),
    lambda s: s.add_many([], 1),
    lambda s: s.add_many(u64(), []),
    lambda s: s.add_many(u64(), np.zeros(0, np.int8)),
]


@pytest.mark.parametrize("number", range(len(EMPTY)))
def test_nothing_to_do_is_done(either: FasterKv, number: int) -> None:
    with either.session("s") as s:
        assert EMPTY[number](s) is None
        assert s.read_many([]) == s.read_many(u64()) == []
        for keys in list[Any]([[], (), u64()]):
            values, found = s.read_many(keys, "<u4")
            assert (values.dtype, values.shape, found.dtype, found.shape) == ("<u4", (0,), bool, (0,))
        assert s.serial == 0
    assert dict(either.items()) == {}


@pytest.mark.parametrize(
    "odd",
    [
        lambda plain: plain.astype(">u8"),
        lambda plain: np.repeat(plain, 3)[::3],
        lambda plain: plain[::-1][::-1],
        lambda plain: np.stack([plain, plain], axis=1)[:, 1],
        lambda plain: np.asfortranarray(plain.view(np.uint8).reshape(-1, 8)),
        lambda plain: plain.view("S8" if plain.min() >> 56 else "V8"),
        lambda plain: np.frombuffer(plain.tobytes(), "<u8"),
        lambda plain: plain.view([("low", "<u4"), ("high", "<u4")]),
        lambda plain: plain.view("<M8[s]"),
    ],
)
def test_arrays_of_any_layout_are_the_numbers_that_they_show(either: FasterKv, odd: Call) -> None:
    """Big-endian, strided, reversed, transposed, read-only, of records: the same as plain ones."""
    keys, values = u64(1, 2, 0x0102030405060708), u64(10, 0x1122334455667788, 30)
    with either.session("s") as s:
        s.upsert_many(odd(keys), odd(values))
        found, is_found = s.read_many(keys, "<u8")
        assert is_found.all()
        assert found.tolist() == values.tolist()
        assert s.read_many(odd(keys)) == [int(value).to_bytes(8, "little") for value in values]
        s.add_many(odd(keys), np.array([-1, 2, -3], ">i4")[::-1][::-1])
        found, _ = s.read_many(odd(keys), ">u8")
        assert found.byteswap().tolist() == [9, 0x112233445566778A, 27]
        s.add_many([b"n"], [-1])
        s.add_many([b"n", b"n"], np.int8(-2))
        assert int.from_bytes(s.read(b"n") or b"", "little", signed=True) == -5
