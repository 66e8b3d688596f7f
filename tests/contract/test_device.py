"""The contract of a device, run over every device that we have.

Transfers may be short, so a test that needs whole ones goes through `put` and `get`.
"""

import errno
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from random import Random

import numpy as np
import pytest

from powercut.engine.device import Device

PATTERN = bytes(range(256)) * 8


def put(device: Device, name: str, offset: int, data: bytes) -> None:
    """Writes all of the data."""
    at = 0
    while at < len(data):
        count = device.write(name, offset + at, data[at:])
        assert 0 < count <= len(data) - at
        at += count


def get(device: Device, name: str, offset: int = 0, length: int = 1 << 16) -> bytes:
    """Reads up to so many bytes, until the file ends."""
    buffer = bytearray(length)
    at = 0
    while at < length:
        count = device.read_into(name, offset + at, memoryview(buffer)[at:])
        assert 0 <= count <= length - at
        if not count:
            break
        at += count
    return bytes(buffer[:at])


def file(device: Device, data: bytes = b"", name: str = "a") -> str:
    """A file with this content."""
    device.create(name)
    put(device, name, 0, data)
    return name


def test_a_new_device_is_empty(device: Device) -> None:
    assert device.list() == []


def test_a_created_file_is_empty_and_listed(device: Device) -> None:
    device.create("a")
    assert device.list() == ["a"]
    assert device.size("a") == 0
    assert get(device, "a") == b""


def test_names_are_listed_in_order_whatever_the_order_of_creation(device: Device) -> None:
    for name in ("b", "segment-10", "a", "segment-2", "B"):
        device.create(name)
    assert device.list() == ["B", "a", "b", "segment-10", "segment-2"]


def test_creating_a_name_twice_is_refused_and_keeps_the_file(device: Device) -> None:
    file(device, b"kept")
    with pytest.raises(FileExistsError) as caught:
        device.create("a")
    assert caught.value.errno == errno.EEXIST
    assert get(device, "a") == b"kept"


MISSING: dict[str, Callable[[Device], object]] = {
    "remove": lambda device: device.remove("x"),
    "size": lambda device: device.size("x"),
    "read_into": lambda device: device.read_into("x", 0, bytearray(1)),
    "write": lambda device: device.write("x", 0, b"1"),
    "truncate": lambda device: device.truncate("x", 1),
    "sync": lambda device: device.sync("x"),
}


@pytest.mark.parametrize("call", sorted(MISSING))
def test_a_missing_name_is_not_found_and_not_made(device: Device, call: str) -> None:
    file(device, b"other")
    with pytest.raises(FileNotFoundError) as caught:
        MISSING[call](device)
    assert caught.value.errno == errno.ENOENT
    assert device.list() == ["a"]


def test_a_removed_name_is_gone_and_may_be_created_empty_again(device: Device) -> None:
    file(device, b"old")
    device.remove("a")
    assert device.list() == []
    for call in MISSING.values():
        with pytest.raises(FileNotFoundError):
            call(device)
    with pytest.raises(FileNotFoundError):
        device.remove("a")
    device.create("a")
    assert get(device, "a") == b""


def test_what_was_written_is_read_before_any_sync(device: Device) -> None:
    name = file(device, PATTERN)
    assert get(device, name) == PATTERN
    assert device.size(name) == len(PATTERN)


def test_a_read_at_an_offset_gives_the_bytes_there(device: Device) -> None:
    name = file(device, PATTERN)
    assert get(device, name, 300, 100) == PATTERN[300:400]


def test_a_read_stops_at_the_end_and_leaves_the_rest_of_the_buffer(device: Device) -> None:
    name = file(device, b"12345")
    buffer = bytearray(b"........")
    assert device.read_into(name, 2, buffer) == 3
    assert bytes(buffer) == b"345....."


@pytest.mark.parametrize("offset", [5, 6, 1 << 20])
def test_a_read_at_the_end_or_past_it_gives_nothing(device: Device, offset: int) -> None:
    name = file(device, b"12345")
    buffer = bytearray(b"....")
    assert device.read_into(name, offset, buffer) == 0
    assert bytes(buffer) == b"...."


def test_a_read_into_no_room_gives_nothing(device: Device) -> None:
    assert device.read_into(file(device, b"12345"), 0, bytearray()) == 0


def test_a_write_past_the_end_leaves_a_gap_of_zeros(device: Device) -> None:
    name = file(device, b"12345")
    put(device, name, 5000, b"67")
    assert device.size(name) == 5002
    assert get(device, name) == b"12345" + bytes(4995) + b"67"


def test_a_write_within_the_file_changes_those_bytes_only(device: Device) -> None:
    name = file(device, PATTERN)
    put(device, name, 511, b"##")
    assert get(device, name) == PATTERN[:511] + b"##" + PATTERN[513:]


def test_a_write_across_the_end_changes_and_grows(device: Device) -> None:
    name = file(device, b"12345")
    put(device, name, 3, b"abcd")
    assert get(device, name) == b"123abcd"


@pytest.mark.parametrize("offset", [0, 5, 100])
def test_a_write_of_nothing_changes_nothing(device: Device, offset: int) -> None:
    name = file(device, b"12345")
    assert device.write(name, offset, b"") == 0
    assert get(device, name) == b"12345"


def _array(data: bytes) -> memoryview:
    return np.frombuffer(data, dtype=np.uint8).data


def _words(data: bytes) -> memoryview:
    return np.frombuffer(data.ljust(8, b"\0"), dtype="<u8").data.cast("B")[: len(data)]


@pytest.mark.parametrize(
    "make", [bytes, bytearray, memoryview, lambda data: memoryview(bytearray(data)), _array, _words]
)
def test_any_buffer_of_bytes_is_written(device: Device, make: Callable[[bytes], bytes]) -> None:
    name = file(device)
    assert device.write(name, 0, make(b"data")) == 4
    assert get(device, name) == b"data"


@pytest.mark.parametrize(
    "make",
    [
        bytearray,
        lambda count: memoryview(bytearray(count)),
        lambda count: np.zeros(count, dtype=np.uint8).data,
    ],
)
def test_any_writable_buffer_is_read_into(device: Device, make: Callable[[int], bytearray]) -> None:
    name = file(device, b"12345")
    buffer = make(4)
    assert device.read_into(name, 1, buffer) == 4
    assert bytes(buffer) == b"2345"


def test_a_slice_of_a_larger_buffer_is_used_in_place(device: Device) -> None:
    name = file(device)
    buffer = bytearray(b"__data__")
    assert device.write(name, 0, memoryview(buffer)[2:6]) == 4
    assert device.read_into(name, 0, memoryview(buffer)[4:8]) == 4
    assert bytes(buffer) == b"__dadata"


def test_a_buffer_changed_after_the_write_does_not_change_the_file(device: Device) -> None:
    name = file(device)
    buffer = bytearray(b"data")
    assert device.write(name, 0, buffer) == 4
    buffer[:] = b"????"
    assert get(device, name) == b"data"


@pytest.mark.parametrize("size", [0, 1, 512, 2047])
def test_a_file_cut_short_ends_there(device: Device, size: int) -> None:
    name = file(device, PATTERN)
    device.truncate(name, size)
    assert device.size(name) == size
    assert get(device, name) == PATTERN[:size]


def test_a_file_made_longer_ends_in_zeros(device: Device) -> None:
    name = file(device, b"12345")
    device.truncate(name, 5000)
    assert get(device, name) == b"12345" + bytes(4995)


@pytest.mark.parametrize("grow", ["truncate", "write"])
def test_bytes_that_were_cut_never_come_back(device: Device, grow: str) -> None:
    name = file(device, b"#" * 2000)
    device.truncate(name, 700)
    if grow == "truncate":
        device.truncate(name, 2000)
    else:
        put(device, name, 1999, b"\0")
    assert get(device, name) == b"#" * 700 + bytes(1300)


def test_truncating_to_the_same_size_changes_nothing(device: Device) -> None:
    name = file(device, b"12345")
    device.truncate(name, 5)
    assert get(device, name) == b"12345"


def test_files_do_not_touch_each_other(device: Device) -> None:
    file(device, b"1" * 1000, "a")
    file(device, b"2" * 1000, "b")
    put(device, "a", 500, b"x" * 1000)
    device.truncate("b", 10)
    assert get(device, "a") == b"1" * 500 + b"x" * 1000
    assert get(device, "b") == b"2" * 10


def test_syncs_change_nothing_that_is_read(device: Device) -> None:
    name = file(device, PATTERN)
    device.sync(name)
    device.sync_names()
    device.sync(name)
    assert device.list() == [name]
    assert get(device, name) == PATTERN


CALLS: dict[str, Callable[[Device], object]] = {
    "list": lambda device: device.list(),
    "create": lambda device: device.create("new"),
    "remove": lambda device: device.remove("a"),
    "size": lambda device: device.size("a"),
    "read_into": lambda device: device.read_into("a", 0, bytearray(1)),
    "write": lambda device: device.write("a", 0, b"1"),
    "truncate": lambda device: device.truncate("a", 1),
    "sync": lambda device: device.sync("a"),
    "sync_names": lambda device: device.sync_names(),
}


@pytest.mark.parametrize("call", sorted(CALLS))
def test_a_closed_device_answers_every_call_with_a_bad_descriptor(device: Device, call: str) -> None:
    file(device, b"12345")
    device.close()
    with pytest.raises(OSError) as caught:
        CALLS[call](device)
    assert caught.value.errno == errno.EBADF


def test_closing_twice_is_closing_once(device: Device) -> None:
    device.close()
    device.close()
    with pytest.raises(OSError):
        device.list()


@pytest.mark.parametrize("seed", range(8))
def test_a_random_program_reads_what_a_dictionary_would(device: Device, seed: int) -> None:
    generator = Random(seed)
    model: dict[str, bytearray] = {}
    for _ in range(150):
        name = generator.choice("abc")
        offset, length = generator.choice((0, 1, 511, 512, 3000)), generator.choice((0, 1, 512, 5000))
        if name not in model:
            device.create(name)
            model[name] = bytearray()
        elif generator.random() < 0.1:
            device.remove(name)
            del model[name]
        elif generator.random() < 0.3:
            device.truncate(name, length)
            model[name] = bytearray(bytes(model[name][:length]).ljust(length, b"\0"))
        elif length:
            data = generator.randbytes(length)
            put(device, name, offset, data)
            model[name].extend(bytes(max(0, offset - len(model[name]))))
            model[name][offset : offset + length] = data
        assert device.list() == sorted(model)
        assert {name: get(device, name) for name in model} == model
        assert {name: device.size(name) for name in model} == {
            name: len(data) for name, data in model.items()
        }


def test_two_threads_in_two_files_and_in_one_lose_nothing(device: Device) -> None:
    file(device, bytes(2 * 100 * 16), "shared")

    def work(number: int) -> None:
        own = file(device, name=f"own-{number}")
        fill = bytes([number + 1]) * 16
        for turn in range(100):
            put(device, own, turn * 16, fill)
            put(device, "shared", (2 * turn + number) * 16, fill)
            assert get(device, own, turn * 16, 16) == fill
            assert get(device, "shared", (2 * turn + number) * 16, 16) == fill
            device.sync(own)

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(work, range(2))) == [None, None]
    assert get(device, "shared") == (b"\1" * 16 + b"\2" * 16) * 100
    assert [get(device, f"own-{number}") for number in range(2)] == [b"\1" * 1600, b"\2" * 1600]
