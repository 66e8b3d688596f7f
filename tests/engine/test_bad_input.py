"""Bad input: one table of misuse for every operation, and every state in which nothing more is taken.

Each refusal is typed, takes no serial, changes nothing, and the session goes on.
"""

from array import array
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from powercut.engine import (
    EngineError,
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

RELEASED = memoryview(b"k")
RELEASED.release()

NO_KEYS: dict[str, Any] = {
    "empty": b"",
    "too long for the sizes word": bytes(1 << 17),
    "too long for a page": bytes(1000),
    "str": "k",
    "an empty bytearray": bytearray(),
    "a bytearray too long for a page": bytearray(1000),
    "a memoryview that was released": RELEASED,
    "numpy text": np.str_("k"),
    "None": None,
    "int": 5,
    "list": [b"k"],
}
NO_VALUES = {name: each for name, each in NO_KEYS.items() if name not in ("empty", "an empty bytearray")}


def refused(store: FasterKv, error: type[EngineError], call: Callable[[Any], object]) -> EngineError:
    """`call` of a session is refused, and the session then does what it is asked to."""
    with store.session("s") as s:
        s.upsert(b"old", b"value")
        with pytest.raises(error) as caught:
            call(s)
        assert (s.serial, s.pending) == (1, 0)
        assert dict(store.items()) == {b"old": b"value"}
        s.upsert_many([b"a"], [bytes(8)])
        s.add_many(u64(5), 1)
        assert (s.read(b"a"), s.serial) == (bytes(8), 4)
        store.check()
    assert store.checkpoint().serials == {"s": 4}
    return caught.value


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
PADDED = np.array([b"a", b"bc"])
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
    "bytes for many": lambda s: s.read_many(b"ab"),
    "a bytearray for many": lambda s: s.read_many(bytearray(b"ab")),
    "a memoryview for many": lambda s: s.upsert_many(memoryview(b"ab"), TWO),
    "text keys": lambda s: s.read_many(np.array(["a", "b"])),
    "text values": lambda s: s.upsert_many(u64(1, 2), np.array(["a", "b"])),
    "padded keys": lambda s: s.upsert_many(PADDED, u64(1, 2)),
    "padded keys to append to": lambda s: s.append_many(PADDED, u64(1, 2)),
    "padded keys to add to": lambda s: s.add_many(PADDED, 1),
    "padded keys to read": lambda s: s.read_many(PADDED),
    "padded keys to read into an array": lambda s: s.read_many(PADDED, "<u8"),
    "padded values": lambda s: s.upsert_many(u64(1, 2), PADDED),
    "a NUL of its own at the end": lambda s: s.read_many(np.array([b"a\0", b"bc"], "S2")),
    "an empty item": lambda s: s.read_many(np.array([b"", b"a"])),
    "padded keys, every second one": lambda s: s.read_many(np.array([b"ab", b"a", b"cd", b"b"])[1::2]),
    "padded bytes in rows": lambda s: s.read_many(np.array([[b"a", b""]], "S1")),
}


@pytest.mark.parametrize("what", list(BAD_MANY))
def test_what_is_not_many_keys_values_or_deltas_is_refused(store: FasterKv, what: str) -> None:
    assert refused(store, OperationError, BAD_MANY[what]).done == 0


@pytest.mark.parametrize("call", [lambda s: s.rmw(b"k", None), lambda s: s.start_rmw(b"k", b"v")])
def test_what_is_no_function_is_refused(store: FasterKv, call: Callable[[Any], object]) -> None:
    refused(store, OperationError, call)


def test_a_padded_key_is_refused_in_words_that_say_what_to_do(store: FasterKv) -> None:
    error = refused(store, OperationError, BAD_MANY["padded keys"])
    assert "item 0 ends in a NUL" in str(error)
    assert 'view("V2")' in str(error)


# -- as good as bytes ------------------------------------------------------------------------------------

BYTES: dict[str, Callable[[bytes], Any]] = {
    "bytearray": bytearray,
    "memoryview": memoryview,
    "memoryview of a part": lambda data: memoryview(b"[" + data + b"]")[1:-1],
    "memoryview backwards": lambda data: memoryview(data[::-1])[::-1],
    "memoryview of words": lambda data: (
        memoryview(data).cast("H") if len(data) % 2 == 0 else memoryview(data)
    ),
    "numpy": np.bytes_,
    "a subclass": type("Odd", (bytes,), {"__bytes__": lambda self: b"?", "__len__": lambda self: 7}),
}


@pytest.mark.parametrize("make", list(BYTES))
def test_what_is_as_good_as_bytes_is_these_bytes(either: FasterKv, make: str) -> None:
    of = BYTES[make]
    long, value = b"k\0" * 100, b"v\0" * 150  # Longer than a stage is at first.
    with either.session("s") as s:
        s.upsert(of(b"k\0"), of(b"v"))
        assert s.insert(of(long), of(value)) is True
        assert (s.read(of(b"k\0")), s.read(b"k\0"), s.read(of(long))) == (b"v", b"v", value)
        assert s.rmw(of(b"k\0"), lambda old: of((old or b"") + b"+")) == b"v+"
        assert s.rmw(b"n", lambda old: of(b"new")) == b"new"
        assert type(s.read(b"n")) is bytes
        assert s.start_read(of(b"k\0")).result() == b"v+"
        assert s.start_rmw(of(b"n"), lambda old: of(b"newer")).result() == b"newer"
        s.upsert_many([of(b"a"), b"b"], [b"1", of(b"22")])
        s.append_many([of(b"a")], [of(b"!")])
        s.add_many([of(b"c")], 5)
        assert s.read_many([of(b"a"), of(b"b"), b"c"]) == [b"1!", b"22", (5).to_bytes(8, "little")]
        assert s.read_many([of(b"b"), b"a"], "S2")[0].tolist() == [b"22", b"1!"]
        assert s.delete(of(long)) is True
        assert s.read(long) is None
        either.check()
        assert either.checkpoint().serials == {"s": s.serial}


def test_a_key_that_changes_after_the_call_is_the_key_it_was(either: FasterKv, push_out: Push) -> None:
    key, value = bytearray(b"cold"), bytearray(b"v")
    with either.session("s") as s:
        s.upsert(key, value)
        value[:] = b"?"
        push_out(either)
        tickets = s.start_read(key), s.start_rmw(key, append)
        key[:] = b"????"
        s.complete_pending()
        assert [ticket.result() for ticket in tickets] == [b"v", b"v+"]


def test_items_of_an_array_of_bytes_that_fill_their_width_are_these_bytes(either: FasterKv) -> None:
    full = np.array([b"a\0b", b"cde"])
    with either.session("s") as s:
        s.upsert_many(full, full)
        assert s.read_many([b"a\0b", b"cde"]) == [b"a\0b", b"cde"]
        assert s.read_many(np.array([], "S3")) == []
        s.upsert_many(PADDED.view("V2"), PADDED.view("V2"))  # Said to be meant.
        assert s.read(b"a\0") == b"a\0"
        assert s.read(b"a") is None


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
