"""Traces: what a digest depends on, which indices there are, which numbers events carry."""

from collections.abc import Callable

import msgspec
import pytest

from powercut.faultfs import CrashIndexError, Event, EventKind, FaultDevice, Image, SectorSizeError, Trace


def run(image: Image, label: str = "", fill: bytes = b"x") -> Trace:
    device = FaultDevice(image)
    device.label = label
    device.create("new")
    device.write("new", 3, fill)
    device.mark("here", b"payload")
    device.sync("new")
    device.sync_names()
    return device.trace


def test_the_same_calls_have_the_same_digest_and_it_never_changes() -> None:
    image = Image.of({"a": b"1"})
    assert run(image).digest() == run(image).digest()
    # Kept runs name traces by their digest: a change here must be a change of format.
    assert run(image).digest() == "262f8b93e9e8088add9c9f4d094d6fc4"


def test_a_digest_does_not_depend_on_inode_numbers() -> None:
    assert run(Image({"a": 1}, {1: b"1"})).digest() == run(Image({"a": 77}, {77: b"1"})).digest()


@pytest.mark.parametrize(
    "other", [run(Image.of({})), run(Image.of({"a": b"1"}), label="x"), run(Image.of({"a": b"1"}), fill=b"y")]
)
def test_a_digest_depends_on_image_labels_and_data(other: Trace) -> None:
    assert other.digest() != run(Image.of({"a": b"1"})).digest()


def test_a_digest_depends_on_the_sector_size() -> None:
    assert Trace(sector_bytes=512).digest() != Trace(sector_bytes=1024).digest()


def test_syncs_are_the_events_that_made_something_durable() -> None:
    assert run(Image.of({})).syncs() == [3, 4]


@pytest.mark.parametrize("sector_bytes", [0, 256, 513, 1536, 8192, -512])
def test_a_sector_that_no_page_is_made_of_is_refused(sector_bytes: int) -> None:
    with pytest.raises(SectorSizeError, match="is no sector"):
        Trace(sector_bytes=sector_bytes)


def test_a_crash_index_lies_between_0_and_the_number_of_events() -> None:
    trace = run(Image.of({}))
    assert [trace.check_index(index) for index in (0, 5)] == [0, 5]
    for index in (-1, 6):
        with pytest.raises(CrashIndexError):
            trace.check_index(index)


def test_the_numbers_of_events_are_those_that_kept_traces_carry() -> None:
    assert {kind.name: kind.value for kind in EventKind} == {
        "CREATE": 1,
        "REMOVE": 2,
        "WRITE": 3,
        "TRUNCATE": 4,
        "SYNC": 5,
        "SYNC_NAMES": 6,
        "READ": 7,
        "SIZE": 8,
        "LIST": 9,
        "LINK": 10,
        "RENAME": 11,
        "MARK": 12,
        "DATASYNC": 13,
        "ALLOCATE": 14,
        "WRITE_THROUGH": 15,
        "SYNC_FAILED": 16,
        "FAULT": 17,
        "ROT": 18,
        "FOLDER": 19,
        "SYMLINK": 20,
        "EXCHANGE": 21,
        "UNNAMED": 22,
        "SYNC_ALL": 23,
        "MODE": 24,
    }


def test_an_event_survives_being_written_as_json_and_read_back(
    random_device: Callable[[int, int], FaultDevice],
) -> None:
    events = random_device(3, 20).trace.events
    assert msgspec.json.decode(msgspec.json.encode(events), type=list[Event]) == events
