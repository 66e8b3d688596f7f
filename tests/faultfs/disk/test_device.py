"""FaultDevice beyond the contract of all devices: it records, and it is a small file system."""

import errno
from pathlib import Path
from threading import Thread

import pytest

from powercut.faultfs import EventKind, FaultDevice, Image, RunawayError

CONTENT = {"a": b"one", "b": b"two"}


def kinds(device: FaultDevice) -> list[EventKind]:
    return [event.kind for event in device.trace.events]


def test_every_call_is_an_event_with_what_it_did() -> None:
    device = FaultDevice(Image.of(CONTENT))
    device.label = "why"
    device.create("c")
    device.write("c", 4, b"data")
    device.truncate("c", 6)
    device.sync("c")
    device.sync_names()
    device.read_into("c", 5, bytearray(9))
    device.size("c")
    device.list()
    device.link("c", "d")
    device.rename("d", "e")
    device.remove("a")
    device.mark("here", b"payload")
    rows = [(e.kind.name, e.name, e.inode, e.offset, e.data, e.size, e.target) for e in device.trace.events]
    assert rows == [
        ("CREATE", "c", 3, 0, b"", 0, ""),
        ("WRITE", "c", 3, 4, b"data", 4, ""),
        ("TRUNCATE", "c", 3, 0, b"", 6, ""),
        ("SYNC", "c", 3, 0, b"", 0, ""),
        ("SYNC_NAMES", "", 0, 0, b"", 0, ""),
        ("READ", "c", 3, 5, b"", 1, ""),
        ("SIZE", "c", 3, 0, b"", 6, ""),
        ("LIST", "", 0, 0, b"", 0, ""),
        ("LINK", "c", 3, 0, b"", 0, "d"),
        ("RENAME", "d", 3, 0, b"", 0, "e"),
        ("REMOVE", "a", 1, 0, b"", 0, ""),
        ("MARK", "", 0, 0, b"payload", 0, ""),
    ]
    assert [event.label for event in device.trace.events] == ["why"] * 11 + ["here"]


def test_a_label_may_be_asked_for_at_each_call() -> None:
    device = FaultDevice()
    steps = iter(("first", "second"))
    device.label = lambda: next(steps)
    device.create("a")
    device.sync("a")
    assert [event.label for event in device.trace.events] == ["first", "second"]


def test_calls_that_fail_leave_no_event_but_asking_for_an_absent_name_does() -> None:
    device = FaultDevice(Image.of(CONTENT))
    for call in (
        lambda: device.create("a"),
        lambda: device.remove("x"),
        lambda: device.write("x", 0, b""),
        lambda: device.write("a", -1, b"z"),
        lambda: device.truncate("a", -1),
        lambda: device.sync("x"),
        lambda: device.rename("x", "a"),
        lambda: device.link("a", "b"),
    ):
        with pytest.raises(OSError):
            call()
    assert device.trace.events == []
    with pytest.raises(FileNotFoundError):
        device.size("x")
    with pytest.raises(FileNotFoundError):
        device.read_into("x", 0, bytearray(1))
    assert [(event.kind.name, event.name, event.inode) for event in device.trace.events] == [
        ("SIZE", "x", 0),
        ("READ", "x", 0),
    ]
    assert device.image().content() == CONTENT


def test_reads_need_not_be_recorded() -> None:
    device = FaultDevice(Image.of(CONTENT), record_reads=False)
    device.list()
    device.size("a")
    device.read_into("a", 0, bytearray(2))
    with pytest.raises(FileNotFoundError):
        device.size("x")
    device.sync("a")
    assert kinds(device) == [EventKind.SYNC]


@pytest.mark.parametrize("offset", [-1, -4096])
def test_a_negative_offset_is_an_invalid_argument(offset: int) -> None:
    device = FaultDevice(Image.of(CONTENT))
    for call in (
        lambda: device.write("a", offset, b"z"),
        lambda: device.read_into("a", offset, bytearray(1)),
        lambda: device.truncate("a", offset),
    ):
        with pytest.raises(OSError) as caught:
            call()
        assert caught.value.errno == errno.EINVAL
    assert device.image().content() == CONTENT


def test_writing_to_a_device_does_not_change_the_image_it_began_with() -> None:
    image = Image.of(CONTENT)
    device = FaultDevice(image)
    device.write("a", 0, b"ONE")
    device.truncate("b", 1)
    device.remove("b")
    device.create("c")
    assert image.content() == CONTENT
    assert device.trace.initial is image


def test_an_image_taken_does_not_change_afterwards() -> None:
    device = FaultDevice(Image.of(CONTENT))
    device.write("a", 0, b"ONE")
    image = device.image()
    device.write("a", 0, b"two")
    assert image.content()["a"] == b"ONE"


def test_data_is_recorded_as_it_was_at_the_call() -> None:
    device = FaultDevice(Image.of(CONTENT))
    buffer = bytearray(b"ONE")
    device.write("a", 0, memoryview(buffer))
    buffer[:] = b"???"
    assert device.trace.events[0].data == b"ONE"
    assert device.image().content()["a"] == b"ONE"


def test_rename_replaces_the_file_that_bore_the_name() -> None:
    device = FaultDevice(Image.of(CONTENT))
    device.rename("a", "b")
    assert device.image().content() == {"b": b"one"}


def test_rename_of_a_missing_name_and_link_onto_a_taken_one_are_refused() -> None:
    device = FaultDevice(Image.of(CONTENT))
    with pytest.raises(FileNotFoundError):
        device.rename("x", "a")
    with pytest.raises(FileExistsError):
        device.link("a", "b")


def test_linked_names_show_one_file_until_one_is_removed() -> None:
    device = FaultDevice(Image.of(CONTENT))
    device.link("a", "c")
    device.write("c", 0, b"ONE")
    assert device.image().content()["a"] == b"ONE"
    device.remove("a")
    assert device.image().content() == {"b": b"two", "c": b"ONE"}


def test_a_number_is_no_buffer() -> None:
    device = FaultDevice(Image.of(CONTENT))
    with pytest.raises(OSError, match="Invalid argument"):
        device.write("a", 0, 5)  # type: ignore[arg-type]
    assert device.trace.events == []


def test_a_read_fills_a_buffer_of_words_by_bytes() -> None:
    device = FaultDevice(Image.of({"a": bytes(range(16))}))
    words = memoryview(bytearray(16)).cast("Q")
    assert device.read_into("a", 0, words) == 16
    assert words.tobytes() == bytes(range(16))


def test_one_owner_at_a_time() -> None:
    device = FaultDevice()
    first, second = object(), object()
    assert device.acquire(first)
    assert not device.acquire(second)
    assert not device.acquire(first)
    device.release(second)
    assert device.lock_owner is first
    device.release(first)
    assert device.acquire(second)


def test_a_new_owner_opens_a_closed_device_and_what_was_unsynced_still_is() -> None:
    device = FaultDevice(Image.of(CONTENT))
    device.write("a", 0, b"ONE")
    device.close()
    with pytest.raises(OSError) as caught:
        device.list()
    assert caught.value.errno == errno.EBADF
    assert device.acquire(object())
    assert device.list() == ["a", "b"]
    assert device.trace.initial.content() == CONTENT


def test_a_content_becomes_a_real_folder_with_links(tmp_path: Path) -> None:
    device = FaultDevice(Image.of(CONTENT))
    device.link("b", "c")
    device.write("c", 3, b"!")
    device.materialise(tmp_path / "disk")
    found = {path.name: path.read_bytes() for path in (tmp_path / "disk").iterdir()}
    assert found == {"a": b"one", "b": b"two!", "c": b"two!"}
    assert (tmp_path / "disk" / "b").samefile(tmp_path / "disk" / "c")
    assert not (tmp_path / "disk" / "a").samefile(tmp_path / "disk" / "b")


def test_events_of_two_threads_replay_to_the_live_content() -> None:
    device = FaultDevice(Image.of({"a": b""}))

    def work(first: int) -> None:
        for number in range(200):
            device.write("a", (number % 50) * 8, bytes([first + number % 100]) * 12)

    threads = [Thread(target=work, args=(first,)) for first in (0, 100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    again = FaultDevice(Image.of({"a": b""}))
    for event in device.trace.events:
        again.write(event.name, event.offset, event.data)
    assert len(device.trace) == 400
    assert again.image() == device.image()


def test_device_whose_power_is_gone_answers_nobody_and_has_no_next_owner() -> None:
    device = FaultDevice()
    device.create("a")
    device.die()
    for call in (device.list, device.sync_names, lambda: device.read("a"), lambda: device.acquire(device)):
        with pytest.raises(OSError) as raised:
            call()
        assert raised.value.errno == errno.EBADF
    assert len(device.trace) == 1


def test_more_calls_than_the_bound_are_no_exception_that_a_store_could_take() -> None:
    device = FaultDevice()
    device.create("a")
    device.calls_max = 3
    device.sync("a")
    device.read_into("a", 0, bytearray(1))
    with pytest.raises(RunawayError, match="3 calls on the device"):
        device.sync("a")
    assert not issubclass(RunawayError, Exception)
    assert len(device.trace) == 3
