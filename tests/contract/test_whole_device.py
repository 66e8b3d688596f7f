"""The contract of FileDevice and FaultDevice: what a store of one's own may ask of a disk beyond the seam.

One suite over a real folder, the recording device and the one whose faults are planned, which has none here.
A store that was searched on one of them finds the same answers and the same refusals on the others.
"""

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from powercut.engine.device import FileDevice
from powercut.faultfs import EventKind, FaultDevice, PlannedDevice

Disk = FileDevice | FaultDevice

MAKERS: dict[str, Callable[[Path], Disk]] = {
    "file": lambda folder: FileDevice(folder / "disk", create=True),
    "fault": lambda folder: FaultDevice(),
    "planned": lambda folder: PlannedDevice(),
}
CALLS: dict[str, dict[str, Any]] = {
    "create": {"name": "new"},
    "remove": {"name": "a"},
    "size": {"name": "a"},
    "read": {"name": "a"},
    "read_into": {"name": "a", "offset": 0, "buffer": bytearray(2)},
    "write": {"name": "a", "offset": 0, "buffer": b"12"},
    "write_through": {"name": "a", "offset": 0, "buffer": b"12"},
    "truncate": {"name": "a", "size": 1},
    "allocate": {"name": "a", "offset": 0, "size": 10},
    "punch": {"name": "a", "offset": 0, "size": 1},
    "sync": {"name": "a"},
    "datasync": {"name": "a"},
    "rename": {"old": "a", "new": "c"},
    "link": {"old": "a", "new": "c"},
    "sync_names": {},
    "list": {},
}
NAMES: tuple[Any, ...] = (
    "",
    "a/",
    "/a",
    "b//c",
    "./a",
    "../a",
    "/",
    "..",
    ".",
    "a\0b",
    None,
    5,
    b"a",
    [],
    "x" * 256,
    "é" * 128,
)
OFFSETS: tuple[Any, ...] = ("x", None, 1.5, -1, 1 << 70, [])
BAD: dict[str, tuple[Any, ...]] = {
    "name": NAMES,
    "old": NAMES,
    "new": NAMES,
    "offset": OFFSETS,
    "size": OFFSETS,
    "buffer": ("text", None, 5, [1]),
}
REFUSALS = [
    (call, name, bad)
    for call, given in CALLS.items()
    for name in given
    for bad in (*BAD[name], *((0,) if call in ("allocate", "punch") and name == "size" else ()))
]


@pytest.fixture(params=sorted(MAKERS))
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    """A device with a file a of five bytes and an empty one, b."""
    made = MAKERS[request.param](tmp_path)
    for name in "ab":
        made.create(name)
    made.write("a", 0, b"12345")
    yield made
    made.close()


def content(disk: Disk) -> dict[str, bytes]:
    """All that a reader sees."""
    found = {}
    for name in disk.list():
        data = bytearray(disk.size(name))
        assert disk.read_into(name, 0, data) == len(data)
        found[name] = bytes(data)
    return found


@pytest.mark.parametrize(("call", "name", "bad"), REFUSALS, ids=lambda each: ascii(each)[:20])
def test_an_argument_that_one_refuses_all_refuse_and_nothing_happens(
    disk: Disk, call: str, name: str, bad: Any
) -> None:
    with pytest.raises(OSError) as caught:
        getattr(disk, call)(**CALLS[call] | {name: bad})
    is_long = isinstance(bad, str) and len(bad) > 100
    assert caught.value.errno == (errno.ENAMETOOLONG if is_long else errno.EINVAL)
    if isinstance(disk, PlannedDevice) and call != "punch":
        # Nor is it counted: a plan strikes what a good disk would do. (A hole is a write there.)
        assert disk.plan.reached == {"create": 2, "write": 1}
    assert content(disk) == {"a": b"12345", "b": b""}


@pytest.mark.parametrize("call", sorted(call for call, given in CALLS.items() if given))
def test_a_name_in_a_file_is_no_name(disk: Disk, call: str) -> None:
    first = next(iter(CALLS[call]))
    with pytest.raises(OSError) as caught:
        getattr(disk, call)(**CALLS[call] | {first: "a/b"})
    # A folder of files is flat; the recording devices have folders, and a is none.
    assert caught.value.errno == (errno.EINVAL if isinstance(disk, FileDevice) else errno.ENOTDIR)
    assert content(disk) == {"a": b"12345", "b": b""}


def test_a_read_into_a_buffer_that_cannot_be_written_is_refused(disk: Disk) -> None:
    with pytest.raises(OSError) as caught:
        disk.read_into("a", 0, b"read-only")  # type: ignore[arg-type]
    assert caught.value.errno == errno.EINVAL


@pytest.mark.parametrize("call", sorted(set(CALLS) - {"create", "sync_names", "list"}))
def test_a_missing_file_is_not_found_and_not_made(disk: Disk, call: str) -> None:
    given = CALLS[call]
    first = "old" if "old" in given else "name"
    with pytest.raises(FileNotFoundError):
        getattr(disk, call)(**given | {first: "missing"})
    assert disk.list() == ["a", "b"]


@pytest.mark.parametrize("call", sorted(CALLS))
def test_a_closed_disk_answers_with_a_bad_descriptor(disk: Disk, call: str) -> None:
    disk.close()
    with pytest.raises(OSError) as caught:
        getattr(disk, call)(**CALLS[call])
    assert caught.value.errno == errno.EBADF


def test_the_longest_names_are_taken(disk: Disk) -> None:
    for name in ("x" * 255, "é" * 127):
        disk.create(name)
        disk.remove(name)


def test_rename_moves_the_file_and_what_is_open_of_it(disk: Disk) -> None:
    disk.rename("a", "c")
    assert disk.write("c", 5, b"6") == 1
    assert content(disk) == {"b": b"", "c": b"123456"}
    disk.create("a")
    assert content(disk) == {"a": b"", "b": b"", "c": b"123456"}


def test_rename_takes_a_name_that_another_file_had(disk: Disk) -> None:
    disk.write("b", 0, b"other")
    disk.rename("a", "b")
    assert disk.write("b", 0, b"#") == 1
    assert content(disk) == {"b": b"#2345"}


def test_rename_of_a_file_to_its_own_names_changes_nothing(disk: Disk) -> None:
    disk.link("a", "c")
    disk.rename("a", "a")
    disk.rename("a", "c")
    disk.write("a", 0, b"#")
    assert content(disk) == {"a": b"#2345", "b": b"", "c": b"#2345"}


def test_a_link_is_the_same_file_and_outlives_the_first_name(disk: Disk) -> None:
    disk.link("a", "c")
    disk.write("c", 0, b"#")
    disk.remove("a")
    disk.write("c", 1, b"#")
    assert content(disk) == {"b": b"", "c": b"##345"}
    with pytest.raises(FileExistsError):
        disk.link("c", "b")


def test_allocate_grows_with_zeros_and_keeps_what_is_there(disk: Disk) -> None:
    disk.allocate("a", 2, 6)
    disk.allocate("a", 0, 3)
    assert content(disk)["a"] == b"12345\0\0\0"


def test_punch_leaves_zeros_and_the_length(disk: Disk) -> None:
    try:
        disk.punch("a", 1, 100)
    except OSError as error:
        pytest.skip(f"the file system of the test's folder punches no holes: {error}")
    assert content(disk)["a"] == b"1\0\0\0\0"


def test_write_through_is_a_write(disk: Disk) -> None:
    assert disk.write_through("a", 4, b"xyz") == 3
    assert disk.write_through("a", 0, memoryview(b"_12_")[1:3]) == 2
    assert content(disk)["a"] == b"1234xyz"


def test_read_gives_the_whole_file(disk: Disk) -> None:
    assert (disk.read("a"), disk.read("b")) == (b"12345", b"")


def test_syncs_change_nothing_that_is_read(disk: Disk) -> None:
    disk.sync("a")
    disk.datasync("a")
    disk.sync_names()
    assert content(disk) == {"a": b"12345", "b": b""}


# The call of the system that must be made where the recording device notes this event.
SYNCS = {"sync": ("fsync", EventKind.SYNC), "datasync": ("fdatasync", EventKind.DATASYNC)}


def noting(asked: list[str], name: str, genuine: Callable[[int], None]) -> Callable[[int], None]:
    """A call of the system that takes down its name."""

    def call(number: int) -> None:
        asked.append(name)
        genuine(number)

    return call


@pytest.mark.parametrize("call", sorted(SYNCS))
def test_each_sync_is_what_the_law_takes_it_for(
    call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    for name in ("fsync", "fdatasync"):
        monkeypatch.setattr(os, name, noting(asked, name, getattr(os, name)))
    real, recorded = FileDevice(tmp_path / "disk", create=True), FaultDevice()
    for each in (real, recorded):
        each.create("a")
    asked.clear()
    for each in (real, recorded):
        getattr(each, call)("a")
    real.close()
    assert (asked, recorded.trace.events[-1].kind) == ([SYNCS[call][0]], SYNCS[call][1])


def test_write_through_asks_for_a_durable_write_of_its_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[int, int]] = []
    genuine = os.pwritev

    def pwritev(number: int, buffers: list[bytes], offset: int, flags: int) -> int:
        asked.append((offset, flags))
        return genuine(number, buffers, offset, flags)

    monkeypatch.setattr(os, "pwritev", pwritev)
    disk = FileDevice(tmp_path / "disk", create=True)
    disk.create("a")
    assert disk.write_through("a", 2, b"1") == 1
    disk.close()
    assert asked == [(2, os.RWF_DSYNC)]
