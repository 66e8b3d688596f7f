"""Appended values: in place and by copies, from every region, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import pytest

from powercut.engine import DeviceError, FasterKv, MemoryDevice, OperationError, Session, Settings
from powercut.engine.kernels import words as w

Push = Callable[[FasterKv], None]

LONG = bytes(range(1, 201))
RECORD_BYTES_MAX = 1024 - w.FIRST_ADDRESS  # Of the tiny geometry.
VALUE_BYTES_MAX = RECORD_BYTES_MAX - 16 - 8  # Under a key of up to 8 bytes.


def freeze(store: FasterKv) -> None:
    """Freeze everything that is in the log now."""
    log = store._parts.log
    log.ring.shift_read_only(log.spaces.control[w.TAIL])
    assert log.spaces.control[w.SAFE_READ_ONLY] == log.spaces.control[w.TAIL]


# -- the same as one at a time -----------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_appends_are_those_of_a_dict(geometry: Settings, kernels: str, seed: int) -> None:
    """Goal: every value at every moment, and after each opening, is the concatenation. Method: appends of
    many lengths among writes that shrink and delete, over many pages."""
    random = Random(seed)
    model: dict[bytes, bytes] = {}
    device = MemoryDevice()
    for _ in range(3):
        with FasterKv.open(device, create=True, settings=geometry, kernels=kernels) as store:
            s = store.session("s")
            for _ in range(60):
                keys = [b"key-%d" % random.randrange(9) for _ in range(random.randrange(1, 12))]
                values = [LONG[: random.choice((0, 1, 3, 7, 8, 8, 9, 16, 33))] for _ in keys]
                match random.randrange(6):
                    case 0:
                        s.upsert(keys[0], values[0])
                        model[keys[0]] = values[0]
                    case 1:
                        assert s.delete(keys[0]) == (model.pop(keys[0], None) is not None)
                    case 2 if random.random() < 0.3:
                        store.checkpoint()
                    case 3:
                        width = random.randrange(1, 20)
                        rows = np.frombuffer(LONG[:width] * len(keys), np.uint8).reshape(len(keys), width)
                        s.append_many(np.array(keys), rows)
                        for key in keys:
                            model[key] = model.get(key, b"") + LONG[:width]
                    case _:
                        s.append_many(keys, values)
                        for key, value in zip(keys, values, strict=True):
                            model[key] = model.get(key, b"") + value
                for key in [key for key, value in model.items() if len(value) > 600]:
                    s.upsert(key, model[key][:5])  # Shorter, and with room for what is appended next.
                    model[key] = model[key][:5]
                assert s.read_many(sorted(model)) == [model[key] for key in sorted(model)]
            assert dict(store.items()) == model
            store.check()
            store.checkpoint()


def test_appends_of_one_call_are_done_in_order_and_take_a_serial_each(either: FasterKv) -> None:
    with either.session("s") as s:
        s.append_many([], [])
        assert s.serial == 0
        s.append_many([b"k", b"n", b"k"], [b"one ", b"", b"two"])
        assert s.serial == 3
        assert s.read_many([b"k", b"n"]) == [b"one two", b""]
        s.append_many(np.array([7, 7], np.uint64), np.array([1, 2], np.uint16))
        assert s.read((7).to_bytes(8, "little")) == b"\1\0\2\0"


def test_more_than_one_kernel_call_holds(kernels: str) -> None:
    size = 2_500
    with FasterKv.open(MemoryDevice(), create=True, memory=8 << 20, kernels=kernels) as store:
        s = store.session("s")
        numbers = np.arange(size, dtype=np.uint64)
        for _ in range(2):
            s.append_many(numbers, numbers)
        values, found = s.read_many(numbers, "<u8,<u8")
        assert found.all()
        assert (values["f0"] == numbers).all()
        assert (values["f1"] == numbers).all()


# -- places ------------------------------------------------------------------------------------------

# Which counter says what the append did, and what was done to the key before: values, or one of these.
DELETED, FROZEN = b"deleted", b"frozen"
PLACES: dict[str, tuple[str, tuple[bytes, ...]]] = {
    "with room": ("in_place", (bytes(64), b"before")),
    "without room": ("copied", (b"sixteen bytes...",)),
    "frozen": ("copied", (b"before", FROZEN)),
    "absent": ("appended", ()),
    "deleted": ("appended", (LONG, DELETED)),
    "deleted, and older ones hidden": ("copied", (LONG, FROZEN, LONG * 2, DELETED)),
    "frozen deleted": ("copied", (LONG, FROZEN, DELETED, FROZEN)),
}


@pytest.mark.parametrize("place", PLACES)
def test_value_is_appended_in_memory(either: FasterKv, place: str) -> None:
    counter, steps = PLACES[place]
    with either.session("s") as s:
        for step in steps:
            if step == DELETED:
                assert s.delete(b"key")
            elif step == FROZEN:
                freeze(either)
            else:
                s.upsert(b"key", step)
        before = s.read(b"key")
        was = either.stats()
        s.append_many([b"key"], [b"-after-that"])
        now = either.stats()
        assert s.read(b"key") == (before or b"") + b"-after-that"
        rises = {name: getattr(now, name) - getattr(was, name) for name in ("in_place", "copied", "appended")}
        assert rises == {"in_place": 0, "copied": 0, "appended": 0, counter: 1}
        assert dict(either.items()) == {b"key": s.read(b"key")}
        either.check()


@pytest.mark.parametrize("size", [0, 5, 64, 700])
def test_value_on_the_device_is_appended_to(either: FasterKv, push_out: Push, size: int) -> None:
    value = (LONG * 4)[:size]
    with either.session("s") as s:
        s.upsert_many([b"cold", b"gone"], [value, b"x"])
        s.delete(b"gone")
        push_out(either)
        reads = either.stats().device_reads
        s.append_many([b"cold", b"gone", b"cold"], [b"1", b"22", b"333"])
        assert either.stats().device_reads > reads
        assert s.read_many([b"cold", b"gone"]) == [value + b"1333", b"22"]
        assert s.serial == 8
        push_out(either)
        s.append_many(np.array([b"cold", b"gone"]), np.array([b"4", b"4"]))
        assert s.read_many([b"cold", b"gone"]) == [value + b"13334", b"224"]
        either.check()


def test_long_values_on_the_device_are_appended_to_in_one_call(either: FasterKv, push_out: Push) -> None:
    """Each is longer than the last, so that the room for them has to grow in the middle of the call."""
    keys = [b"key-%d" % n for n in range(6)]
    values = [LONG[:2] * (n * 40) for n in range(6)]
    with either.session("s") as s:
        s.upsert_many(keys, values)
        push_out(either)
        s.append_many(keys * 2, [b"a", b"b", b"c", b"d", b"e", b"f"] + [b"!"] * 6)
        assert s.read_many(keys) == [v + b"abcdef"[n : n + 1] + b"!" for n, v in enumerate(values)]
        push_out(either)
        rows = np.array(keys)
        s.append_many(rows, np.full(6, b"?"))
        assert s.read_many(keys) == [v + b"abcdef"[n : n + 1] + b"!?" for n, v in enumerate(values)]
        assert s.serial == 6 + 12 + 6 + 6 + 6
        assert either.checkpoint().serials["s"] == s.serial


@pytest.mark.parametrize("place", ["with room", "without room", "frozen", "cold"])
def test_every_length_behind_every_length(kernels: str, place: str) -> None:
    lengths = range(18)
    roomy = Settings(
        page_bytes=8192, segment_bytes=16384, write_unit=512, extent_bytes=512, ring_pages=2, index_buckets=64
    )
    with FasterKv.open(MemoryDevice(), create=True, settings=roomy, kernels=kernels) as store:
        s = store.session("s")
        for before in lengths:
            keys = [b"%d" % n for n in lengths]
            if place == "with room":
                s.upsert_many(keys, [b"\xff" * 48 for _ in keys])
            s.upsert_many(keys, [LONG[:before] for _ in keys])
            if place == "frozen":
                freeze(store)
            elif place == "cold":
                s.upsert_many([b"filler-%d" % n for n in range(6)], [bytes(4000 + before)] * 6)
            was = store.stats()
            s.append_many(keys, [LONG[20 : 20 + n] for n in lengths])
            now = store.stats()
            assert s.read_many(keys) == [LONG[:before] + LONG[20 : 20 + n] for n in lengths]
            if place == "with room":
                assert now.in_place - was.in_place == len(keys)
            elif place != "without room":
                assert now.copied - was.copied == len(keys)
            assert (now.device_reads > was.device_reads) == (place == "cold")
            assert {k: v for k, v in store.items() if k in keys} == dict(
                zip(keys, s.read_many(keys), strict=True)
            )
        store.check()


def test_lengths_that_change_in_place_mislead_no_scan(kernels: str) -> None:
    """Goal: what stands behind a shrunk value is never taken for a record. Method: the old bytes look like
    one, the value shrinks and grows over them, then everything that scans looks."""
    device = MemoryDevice()
    fake = (4 | 8 << w.KEY_SHIFT | 8 << w.VALUE_SHIFT).to_bytes(8, "little") + bytes(8) + b"fake-key" * 2
    settings = Settings(page_bytes=1024, segment_bytes=2048, write_unit=512, extent_bytes=512, ring_pages=4)
    settings = replace(settings, index_buckets=64)
    with FasterKv.open(device, create=True, settings=settings, kernels=kernels) as store:
        s = store.session("s")
        keys = [b"k%d" % n for n in range(5)]
        s.upsert_many(keys, [fake * 3] * 5)
        s.upsert_many(keys, [b"", b"1", b"12345678", fake, fake[:9]])
        s.append_many(keys, [b"abc", b"", fake, b"", fake[:9]])
        expected = dict(zip(keys, [b"abc", b"1", b"12345678" + fake, fake, fake[:9] + fake[:9]], strict=True))
        assert store.stats().in_place == 10
        assert dict(store.items()) == expected
        store.check()
        store.checkpoint()
    with FasterKv.open(device, settings=settings, kernels=kernels) as store:
        assert dict(store.items()) == expected
        assert store.session("s").read_many(keys) == list(expected.values())
        store.check()


# -- checkpoints -------------------------------------------------------------------------------------


def test_recovered_values_hold_the_appends_up_to_the_checkpoint(
    device: MemoryDevice, tiny: Settings, kernels: str
) -> None:
    store = FasterKv.open(device, create=True, settings=tiny, kernels=kernels)
    s = store.session("s")
    s.upsert(b"k", bytes(100))
    s.upsert(b"k", b"")
    s.append_many([b"k"] * 3, [b"1", b"2", b"3"])
    assert store.checkpoint().serials == {"s": 5}
    s.append_many([b"k", b"n"] * 3, [b"4", b"x"] * 3)
    assert s.read(b"k") == b"123444"
    store.close()
    with FasterKv.open(device, settings=tiny, kernels=kernels) as again:
        s = again.resume_session("s")
        assert s.serial == 5
        s.append_many([b"k", b"n"], [b"5", b"y"])
        assert dict(again.items()) == {b"k": b"1235", b"n": b"y"}
        again.check()


# -- refused -----------------------------------------------------------------------------------------

TOO_LONG: dict[str, Callable[[FasterKv, Session, Push], object]] = {
    "mutable": lambda store, s, push: None,
    "frozen": lambda store, s, push: freeze(store),
    "cold": lambda store, s, push: push(store),
}


@pytest.mark.parametrize("is_array", [False, True])
@pytest.mark.parametrize("place", TOO_LONG)
def test_value_that_would_be_too_long_tells_what_is_done(
    either: FasterKv, push_out: Push, place: str, is_array: bool
) -> None:
    """One byte more than fits; what fits is still appended, and the key goes on."""
    full = bytes(VALUE_BYTES_MAX - 9)
    with either.session("s") as s:
        s.upsert(b"full", full)
        TOO_LONG[place](either, s, push_out)
        keys: Any = [b"full", b"more", b"full", b"late"]
        values: Any = [b"a" * 9, b"b" * 9, b"c" * 9, b"d" * 9]
        if is_array:
            keys, values = np.array(keys), np.array(values)
        with pytest.raises(OperationError, match=f"expected at most {RECORD_BYTES_MAX}") as caught:
            s.append_many(keys, values)
        assert (caught.value.done, s.serial) == (2, 3)
        assert s.read_many([b"full", b"more", b"late"]) == [full + b"a" * 9, b"b" * 9, None]
        push_out(either)  # From the device it is too long all the same.
        with pytest.raises(OperationError) as caught:
            s.append_many([b"more", b"full", b"late"], [b"", b"c", b""])
        assert (caught.value.done, s.serial) == (1, 7)
        s.append_many([b"full", b"late"], [b"", b"fine"])
        assert s.read_many([b"full", b"late"]) == [full + b"a" * 9, b"fine"]
        s.upsert(b"full", b"short")
        s.append_many([b"full"], [b" again"])
        assert s.read(b"full") == b"short again"
        assert either.checkpoint().serials["s"] == s.serial
        either.check()


def test_answer_of_the_device_for_a_refused_append_is_none_for_the_next(
    geometry: Settings, kernels: str, push_out: Push
) -> None:
    """The device, where hashes collide, is asked for both at one address, and has only one of them."""
    with FasterKv.open(MemoryDevice(), create=True, settings=geometry, kernels=kernels) as store:
        s = store.session("s")
        s.upsert(b"full", bytes(VALUE_BYTES_MAX))
        push_out(store)
        for value in (b"a", b"b"):
            with pytest.raises(OperationError):
                s.append_many([b"full"], [b"+"])
            s.append_many([b"new"], [value])
        assert s.read(b"new") == b"ab"


@pytest.mark.parametrize("is_array", [False, True])
def test_device_error_in_the_middle_tells_what_is_done(
    failing: MemoryDevice, tiny: Settings, kernels: str, push_out: Push, is_array: bool
) -> None:
    with FasterKv.open(failing, create=True, settings=tiny, kernels=kernels) as store:
        s = store.session("s")
        s.upsert(b"cold", b"value")
        push_out(store)
        keys: Any = [b"warm", b"cold", b"late"]
        values: Any = [b"1", b"2", b"3"]
        if is_array:
            keys, values = np.array(keys), np.array(values)
        failing.fails = lambda call, name: call == "read"  # type: ignore[attr-defined]
        with pytest.raises(DeviceError) as caught:
            s.append_many(keys, values)
        failing.fails = lambda call, name: False  # type: ignore[attr-defined]
        assert (caught.value.done, s.serial) == (1, 2)
        assert s.read_many([b"warm", b"cold", b"late"]) == [b"1", b"value", None]
        s.append_many(keys, values)
        assert s.read_many([b"warm", b"cold", b"late"]) == [b"11", b"value2", b"3"]
