"""Recordings that end with an error: calls that no event says, and a disk that is not as recorded."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from powercut.faultfs import Event, EventKind
from powercut.verifier.programs.agreement import check
from powercut.verifier.programs.recording import Inode, Recording
from powercut.verifier.programs.tree import NotRecordedError

Record = Callable[..., Recording]

FILE = "fd = os.open('a', os.O_CREAT | os.O_RDWR, 0o644); os.write(fd, b'x' * 9000)\n"
LIBC = "libc = ctypes.CDLL(None, use_errno=True)\nlong = ctypes.c_long\n"

ENDS = {
    "rename: the root": "os.rename('../root', '../other')",
    "fsetxattr: ": FILE + "os.setxattr(fd, 'user.x', b'y')",
    "setxattr: ": FILE + "os.setxattr('a', 'user.x', b'y')",
    "fallocate: FALLOC_FL_COLLAPSE_RANGE": (
        LIBC + FILE + "assert libc.fallocate(fd, 8, long(0), long(4096)) == 0"
    ),
    "fallocate: FALLOC_FL_INSERT_RANGE": (
        LIBC + FILE + "assert libc.fallocate(fd, 32, long(0), long(4096)) == 0"
    ),
    "ioctl: request 0x40086602": (
        FILE + "fcntl.ioctl(fd, 0x40086602, struct.pack('i', 0x40))  # FS_IOC_SETFLAGS: FS_NODUMP_FL"
    ),
    "io_submit: ": (
        LIBC + FILE + "ring = ctypes.c_ulong(); assert libc.syscall(206, 1, ctypes.byref(ring)) == 0\n"
        "data = ctypes.create_string_buffer(b'z')\n"
        "block = struct.pack('QIIHhIQQq', 0, 0, 0, 1, 0, fd, ctypes.addressof(data), 1, 0) + bytes(24)\n"
        "asked = ctypes.create_string_buffer(block); list_ = (ctypes.c_void_p * 1)(ctypes.addressof(asked))\n"
        "libc.syscall(209, ring, long(1), list_)"
    ),
    "makes calls of another kind than x86-64": (
        "page = mmap.mmap(-1, 4096, prot=7); page.write(bytes.fromhex('b814000000cd80c3'))  # getpid\n"
        "at = ctypes.addressof(ctypes.c_char.from_buffer(page)); ctypes.CFUNCTYPE(ctypes.c_int)(at)()"
    ),
    "a name that is not UTF-8": "open(b'\\xff', 'w').close()",
}


@pytest.mark.parametrize("named", ENDS)
def test_what_no_event_says_ends_the_recording_by_its_name(named: str, recorded: Record) -> None:
    with pytest.raises(NotRecordedError) as caught:
        recorded(ENDS[named])
    assert named in str(caught.value)


def test_io_uring_is_refused_as_by_a_kernel_without_it(recorded: Record) -> None:
    recorded(
        LIBC + "given = ctypes.create_string_buffer(120)\n"
        "assert libc.syscall(425, 8, given) == -1 and ctypes.get_errno() == 38"
    )


def test_calls_outside_of_the_folder_end_nothing(recorded: Record) -> None:
    recorded(
        LIBC + "fd = os.open('../b', os.O_CREAT | os.O_RDWR); os.write(fd, b'x' * 9000); "
        "os.setxattr(fd, 'user.x', b'y')\nassert libc.fallocate(fd, 8, long(0), long(4096)) == 0"
    )


# -- The self-check says no --------------------------------------------------------------------------


@pytest.fixture
def made(tmp_path: Path) -> Recording:
    """A folder as its recording says."""
    root = tmp_path / "root"
    (root / "d").mkdir(parents=True)
    (root / "d" / "a").write_bytes(b"bytes")
    (root / "l").symlink_to("d")
    os.chmod(root / "d" / "a", 0o644)
    os.chmod(root / "d", 0o755)
    os.link(root / "d" / "a", root / "b")
    return Recording(
        root=str(root),
        names={"d": 1},
        inodes={1: Inode(0o40755, 0, 0, 0)},
        events=[
            Event(EventKind.CREATE, "1/a", 2),
            Event(EventKind.WRITE, "1/a", 2, 0, b"bytes", 5),
            Event(EventKind.LINK, "1/a", 2, target="b"),
            Event(EventKind.SYMLINK, "l", 3, data=b"d"),
        ],
        calls=[],
        processes=[],
        steps=[],
    )


def test_a_disk_that_is_as_recorded_agrees(made: Recording) -> None:
    check(made)


def _copy(root: Path) -> None:
    os.unlink(root / "b")
    (root / "b").write_bytes(b"bytes")


def _other_target(root: Path) -> None:
    os.unlink(root / "l")
    (root / "l").symlink_to("e")


def _folder(root: Path) -> None:
    os.unlink(root / "l")
    (root / "l").mkdir()


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("b has other bytes than recorded, from byte 2", lambda root: (root / "b").write_bytes(b"byTes")),
        ("has 6 bytes, recorded are 5", lambda root: (root / "b").write_bytes(b"bytes!")),
        ("c is there, and no recorded call made it", lambda root: (root / "c").touch()),
        ("1/a was recorded, and is not there", lambda root: (root / "d" / "a").unlink()),
        ("d has mode 700", lambda root: (root / "d").chmod(0o700)),
        ("is another file than recorded", _copy),
        ("l has other bytes than recorded", _other_target),
        ("l is a folder, and another kind was recorded", _folder),
    ],
)
def test_a_disk_that_is_not_as_recorded_is_named(
    what: str, change: Callable[[Path], object], made: Recording
) -> None:
    change(Path(made.root))
    with pytest.raises(NotRecordedError, match="self-check") as caught:
        check(made)
    assert what in str(caught.value)


def test_a_change_by_a_program_that_is_not_recorded_is_found(recorded: Record, tmp_path: Path) -> None:
    path = tmp_path / "root" / "go"

    def other() -> None:
        while not path.exists():
            pass
        (tmp_path / "root" / "other").touch()

    beside = threading.Thread(target=other)
    beside.start()
    with pytest.raises(NotRecordedError, match="other is there, and no recorded call made it"):
        recorded("open('go', 'w').close()\nwhile not os.path.exists('other'): time.sleep(.01)")
    beside.join()
