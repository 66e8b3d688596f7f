"""`os` over a FaultDevice: what it makes of the trace, of open files and of what is planned."""

import errno
import os
from collections.abc import Callable
from typing import Any

import pytest

from powercut.faultfs import (
    Effect,
    EventKind,
    Fault,
    FaultDevice,
    Image,
    Law,
    Plan,
    PlannedDevice,
    crash_states,
    filesystem,
)
from powercut.faultfs.os import FileSystem
from powercut.faultfs.states.readset import Ask, WatchedDevice


@pytest.fixture
def fake() -> FileSystem:
    """An empty disk with the functions of `os`."""
    return filesystem(FaultDevice())


def kinds(fake: FileSystem) -> list[str]:
    return [event.kind.name for event in fake.device.trace.events if event.kind is not EventKind.SIZE]


def test_every_call_is_one_on_the_device_and_a_folder_is_synced_by_its_descriptor(fake: FileSystem) -> None:
    fake.mkdir("log")
    fd = fake.open("log/1", fake.O_CREAT | fake.O_RDWR)
    fake.write(fd, b"data")
    fake.fdatasync(fd)
    fake.fsync(fd)
    folder = fake.open("log", fake.O_RDONLY | fake.O_DIRECTORY)
    fake.fsync(folder)
    fake.replace("log/1", "log/2")
    fake.sync()
    assert kinds(fake) == [
        "FOLDER",
        "CREATE",
        "WRITE",
        "DATASYNC",
        "SYNC",
        "SYNC_NAMES",
        "RENAME",
        "SYNC_ALL",
    ]
    assert fake.device.trace.events[5].inode == fake.stat("log").st_ino
    states = crash_states(fake.device.trace, Law.STRICT)
    assert [list(state.image.paths()) for state in states] == [[], ["log", "log/2"]]


def test_a_file_without_a_name_keeps_its_bytes_while_it_is_open(fake: FileSystem) -> None:
    fd = fake.open("a", fake.O_CREAT | fake.O_RDWR)
    fake.unlink("a")
    fake.write(fd, b"data")
    fake.fsync(fd)
    assert fake.pread(fd, 9, 0) == b"data"
    assert fake.fstat(fd).st_nlink == 0
    assert fake.device.image().content() == {}
    assert all(
        state.image.content() in ({}, {"a": b""}) for state in crash_states(fake.device.trace, Law.STRICT)
    )
    fake.close(fd)
    with pytest.raises(OSError) as caught:
        fake.read(fd, 1)
    assert caught.value.errno == errno.EBADF


def test_a_file_made_without_a_name_is_given_one_when_it_is_whole(fake: FileSystem) -> None:
    fake.mkdir("d")
    folder = fake.open("d", fake.O_RDONLY | fake.O_DIRECTORY)
    fd = fake.open(".", fake.O_TMPFILE | fake.O_RDWR, dir_fd=folder)
    fake.write(fd, b"data")
    fake.fsync(fd)
    assert fake.fstat(fd).st_nlink == 0
    fake.link(f"/proc/self/fd/{fd}", "whole", src_dir_fd=folder, dst_dir_fd=folder)
    fake.fsync(folder)
    assert kinds(fake) == ["FOLDER", "UNNAMED", "WRITE", "SYNC", "LINK", "SYNC_NAMES"]
    assert fake.fstat(fd).st_nlink == 1
    assert fake.unlink in fake.supports_dir_fd
    fake.device.sync_names()
    contents = [state.image.paths() for state in crash_states(fake.device.trace, Law.POSIX)]
    assert {item.data for paths in contents for path, item in paths.items() if path == "d/whole"} == {b"data"}
    fake.unlink("d/whole")
    with pytest.raises(FileNotFoundError):
        fake.link(f"/proc/self/fd/{fd}", "d/again", src_dir_fd=folder)  # It has had its name.


def test_a_file_that_was_renamed_while_it_was_open_is_written_under_its_new_name(fake: FileSystem) -> None:
    fd = fake.open("a", fake.O_CREAT | fake.O_RDWR)
    fake.mkdir("d")
    fake.rename("a", "d/b")
    fake.open("a", fake.O_CREAT | fake.O_RDWR)
    fake.write(fd, b"data")
    assert fake.device.image().content() == {"a": b"", "d/b": b"data"}


def test_a_descriptor_for_synchronous_writes_writes_through(fake: FileSystem) -> None:
    fd = fake.open("a", fake.O_CREAT | fake.O_WRONLY | fake.O_DSYNC)
    fake.write(fd, b"data")
    assert kinds(fake) == ["CREATE", "WRITE", "WRITE_THROUGH"]


def test_file_objects_buffer_and_tell_text_as_the_built_in_ones(fake: FileSystem) -> None:
    with fake.open_file("a", "w", encoding="utf-8", newline="\n") as file:
        file.write("one\ntwö\n")
        assert kinds(fake) == ["CREATE"]
        file.flush()
        fake.fsync(file.fileno())
    assert kinds(fake) == ["CREATE", "WRITE", "SYNC"]
    with fake.open_file("a", encoding="utf-8") as file:
        assert list(file) == ["one\n", "twö\n"]
    with fake.open_file("a", "rb", buffering=0) as raw:
        assert raw.read(3) == b"one"
        with pytest.raises(OSError, match="not open for writing"):
            raw.write(b"x")
    for mode in ("", "rw", "rr", "rbt", "q"):
        with pytest.raises(ValueError, match="mode"):
            fake.open_file("a", mode)
    with pytest.raises(ValueError, match="closed"):
        raw.read(1)


def test_planned_faults_strike_through_it() -> None:
    plan = Plan(Fault(Effect.KEPT, EventKind.SYNC))
    fake = filesystem(PlannedDevice(plan=plan))
    fake.mkdir("d")
    fd = fake.open("d/a", fake.O_CREAT | fake.O_RDWR)
    fake.write(fd, b"data")
    with pytest.raises(OSError) as caught:
        fake.fsync(fd)
    assert caught.value.errno == errno.EIO
    assert EventKind.SYNC_FAILED in {event.kind for event in fake.device.trace.events}


def test_a_lock_is_of_the_open_file_and_a_wait_that_nobody_ends_is_an_error(fake: FileSystem) -> None:
    one, other = (fake.open("a", fake.O_CREAT | fake.O_RDWR) for _ in range(2))
    fake.flock(one, fake.LOCK_EX)
    for operation, code in ((fake.LOCK_SH | fake.LOCK_NB, errno.EWOULDBLOCK), (fake.LOCK_EX, errno.EDEADLK)):
        with pytest.raises(OSError) as caught:
            fake.flock(other, operation)
        assert caught.value.errno == code
    fake.close(one)
    fake.flock(other, fake.LOCK_EX)


def test_what_is_not_there_is_an_error_and_goes_to_no_real_disk(fake: FileSystem) -> None:
    with pytest.raises(AttributeError):
        fake.sendfile  # type: ignore[attr-defined]  # noqa: B018
    with pytest.raises(NotImplementedError):
        fake.open("a", fake.O_CREAT | os.O_NONBLOCK)
    assert fake.device.image().paths() == {}


def test_paths_are_asked_as_of_os_path(fake: FileSystem) -> None:
    fake.makedirs("d/e", exist_ok=True)
    fake.makedirs("d/e", exist_ok=True)
    fake.symlink("e", "d/l")
    fake.symlink("missing", "d/m")
    path = fake.path
    assert (path.isdir("d/l"), path.islink("d/l"), path.exists("d/m"), path.lexists("d/m")) == (
        True,
        True,
        False,
        True,
    )
    assert (path.isfile("d"), path.exists("/d/../d/e/."), path.join("a", "b")) == (False, True, "a/b")
    with pytest.raises(FileExistsError):
        fake.makedirs("d/e")


def test_after_a_power_cut_every_call_is_a_bad_descriptor(fake: FileSystem) -> None:
    fd = fake.open("a", fake.O_CREAT | fake.O_RDWR)
    fake.device.die()
    calls: list[Callable[[], Any]] = [
        lambda: fake.write(fd, b"x"),
        lambda: fake.fsync(fd),
        lambda: fake.mkdir("d"),
        lambda: fake.listdir(),
        lambda: fake.rename("a", "b"),
    ]
    for call in calls:
        with pytest.raises(OSError) as caught:
            call()
        assert caught.value.errno == errno.EBADF


def test_what_a_recovery_asks_by_a_path_is_asked_of_the_content() -> None:
    device = WatchedDevice(Image.of({"a": b"data"}))
    fake = filesystem(device)
    assert not fake.path.exists("b")
    assert (Ask.NAME, "b", 0, 0) in device.asked
    fake.path.exists("a")
    assert {what for what, *_ in device.asked} == {Ask.NAME}
    fake.stat("a")
    assert (Ask.ALL, "", 0, 0) in device.asked
