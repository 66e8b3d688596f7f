"""fdatasync, O_DSYNC, fallocate: the clauses F22 to F25, on the smallest disk that shows each."""

from collections.abc import Callable

import pytest

from powercut.faultfs import FaultDevice, Image, Law, render_trace

Legal = Callable[..., list[dict[str, bytes]]]
Sizes = Callable[[list[dict[str, bytes]], str], set[int]]

OLD, NEW, NIL = b"o" * 512, b"n" * 512, bytes(512)
Contents = list[dict[str, bytes]]


def in_order(contents: object) -> Contents:
    return sorted(contents, key=lambda content: sorted(content.items()))  # type: ignore[call-overload, no-any-return]


def disk(**content: bytes) -> FaultDevice:
    return FaultDevice(Image.of(content))


# fdatasync.


def test_f22_fdatasync_makes_bytes_and_the_size_they_need_durable_and_no_name(legal: Legal) -> None:
    device = disk(b=OLD)
    device.create("a")
    device.write("a", 0, NEW)
    device.write("b", 0, NEW)
    device.datasync("a")
    assert legal(device) == in_order(
        [{"a": NEW, "b": b} for b in (NEW, OLD)] + [{"b": NEW}, {"b": OLD}]
    )  # F22
    assert {"a": b""} in [{"a": content.get("a")} for content in legal(device, index=3)]


def test_f22_fdatasync_leaves_a_size_that_shrank_undurable(legal: Legal, sizes: Sizes) -> None:
    device = disk(a=OLD + OLD)
    device.truncate("a", 100)
    device.datasync("a")
    contents = legal(device)
    assert sizes(contents, "a") == {100, 1024}
    cut = b"o" * 100 + bytes(412)
    assert in_order(contents) == in_order(
        [{"a": b"o" * 100}, *({"a": one + two} for one in (OLD, cut) for two in (OLD, NIL))]
    )
    device.sync("a")
    assert legal(device) == [{"a": b"o" * 100}]


def test_f22_fdatasync_after_shrinking_and_growing_again_leaves_no_shorter_size(legal: Legal) -> None:
    device = disk(a=OLD + OLD)
    device.truncate("a", 100)
    device.write("a", 100, b"n" * 500)
    device.datasync("a")
    assert legal(device) == [{"a": b"o" * 100 + b"n" * 500}]


def test_f22_of_bytes_that_fdatasync_left_out_the_older_versions_stay_legal(legal: Legal) -> None:
    device = disk(a=OLD + OLD)
    device.truncate("a", 512)
    device.datasync("a")
    device.write("a", 0, NEW)
    assert {content["a"] for content in legal(device)} == {
        first + rest for first in (OLD, NEW) for rest in (b"", OLD, NIL)
    }


# O_DSYNC.


def test_f23_a_write_through_is_in_flight_until_it_has_returned(legal: Legal) -> None:
    device = disk(a=OLD + OLD)
    device.write_through("a", 0, NEW + NEW)
    assert len(legal(device, index=1)) == 4  # F23
    assert legal(device) == [{"a": NEW + NEW}]


def test_f23_a_write_through_makes_no_other_bytes_durable(legal: Legal) -> None:
    device = disk(a=OLD + OLD)
    device.write("a", 0, NEW)
    device.write_through("a", 512, NEW)
    assert legal(device) == in_order([{"a": NEW + NEW}, {"a": OLD + NEW}])


def test_f23_a_write_through_makes_the_size_durable_that_its_bytes_need(legal: Legal, sizes: Sizes) -> None:
    device = disk(a=b"")
    device.write("a", 0, b"n" * 8192)
    device.write_through("a", 0, b"y" * 4096)
    assert sizes(legal(device, Law.PREFIX), "a") == {4096, 8192}
    device.write_through("a", 8000, b"y" * 10)
    assert sizes(legal(device, Law.PREFIX), "a") == {8192}


# fallocate.


def test_f24_allocating_grows_the_file_by_zeros_and_changes_no_byte(legal: Legal, sizes: Sizes) -> None:
    device = disk(a=OLD)
    device.allocate("a", 0, 9000)
    grown = {"a": OLD + bytes(9000 - 512)}
    for law in (Law.PREFIX, Law.PAGECACHE, Law.BTRFS):
        assert legal(device, law) == in_order([{"a": OLD}, grown])  # F24
    assert sizes(legal(device), "a") == sizes(legal(device, Law.EXT4), "a") == {512, 4096, 8192, 9000}
    assert sizes(legal(device, Law.XFS), "a") == {512, 4096, 9000}  # That of the page in which it ended: F7.
    device.allocate("a", 100, 50)
    assert device.image().content() == grown
    device.sync("a")
    assert legal(device) == [grown]


def test_f24_allocating_nothing_is_refused() -> None:
    with pytest.raises(OSError, match="Invalid argument"):
        disk(a=b"").allocate("a", 0, 0)


@pytest.mark.parametrize("law", [Law.POSIX, Law.EXT4, Law.XFS])
def test_f25_what_was_written_into_allocated_room_may_read_zeros_again(law: Law, legal: Legal) -> None:
    device = disk(a=b"")
    device.allocate("a", 0, 1024)
    device.sync("a")
    device.write("a", 0, OLD)
    device.write("a", 0, NEW)
    assert legal(device, law) == in_order([{"a": each + NIL} for each in (NIL, OLD, NEW)])  # F25
    device.datasync("a")
    assert legal(device, law) == [{"a": NEW + NIL}]


def test_a_trace_shows_the_syncs_of_parts_as_syncs() -> None:
    device = disk(a=OLD)
    device.write_through("a", 0, NEW)
    device.datasync("a")
    assert device.trace.syncs() == [1, 2]
    assert [line.count("=") > 0 for line in render_trace(device.trace).splitlines()] == [False, True, True]
