"""`os` over a FaultDevice beside the real `os` on a folder: contents, answers and errnos are equal."""

import fcntl
import os
import stat
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from powercut.faultfs import (
    FaultDevice,
    filesystem,
)
from powercut.faultfs.disk.tree import Kind

PATHS = (
    "a",
    "b",
    "d",
    "d/a",
    "d/b",
    "d/e",
    "d/e/a",
    "l",
    "a/x",
    "d/../a",
    "./b",
    "d//a",
    "missing/a",
    "",
    "x" * 300,
)
MODES = ("rb", "r+b", "wb", "w+b", "ab", "a+b", "xb")
OPENINGS = (
    os.O_RDONLY,
    os.O_WRONLY,
    os.O_RDWR | os.O_CREAT,
    os.O_RDWR | os.O_CREAT | os.O_EXCL,
    os.O_RDWR | os.O_CREAT | os.O_TRUNC,
    os.O_WRONLY | os.O_APPEND | os.O_CREAT,
    os.O_RDONLY | os.O_DIRECTORY,
    os.O_RDONLY | os.O_NOFOLLOW,
    os.O_RDWR | os.O_DSYNC,
)
UNNAMED = tuple(os.O_TMPFILE | each for each in (os.O_RDWR, os.O_WRONLY | os.O_EXCL, os.O_RDONLY))
START = (("mkdir", "d"), ("open", "d", os.O_RDONLY), ("open", "d", UNNAMED[0]), ("mkdir", "d/e"))
TARGETS = ("a", "d", "missing", "l", "d/e", "e", "./a")  # None leaves the folder.


class Real:
    """The real functions under a folder of their own; no absolute path or `..` leaves it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.fds: list[int] = []

    def call(self, name: str, *arguments: Any) -> Any:
        if name == "open_file":
            return open(*arguments)
        if name == "flock":
            return fcntl.flock(*arguments)
        if name == "listdir":
            return sorted(os.listdir(*arguments))
        return getattr(os, name)(*arguments)


class Fake:
    """The same names over a device."""

    def __init__(self, device: FaultDevice | None = None) -> None:
        self.fs = filesystem(device or FaultDevice())
        self.fds: list[int] = []

    def call(self, name: str, *arguments: Any) -> Any:
        if name == "listdir":
            return sorted(self.fs.listdir(*arguments))
        return getattr(self.fs, name)(*arguments)


def told(answer: Any) -> Any:
    """An answer as far as it is the same on every disk."""
    if isinstance(answer, os.stat_result):
        kind = stat.S_IFMT(answer.st_mode)
        return (kind, 0, 0) if stat.S_ISDIR(kind) else (kind, answer.st_size, answer.st_nlink)
    return answer


def in_folders(side: Real | Fake, name: str, places: tuple[int, ...], *arguments: Any) -> Any:
    """A call with descriptors of folders, which are open or not."""
    if name == "link:open":
        place, path = arguments
        name, arguments = "link", (f"/proc/self/fd/{side.fds[place % len(side.fds)]}", path)
    fds = [side.fds[place % len(side.fds)] if place < 9 else 77 for place in places]
    words = ("dir_fd",) if len(fds) == 1 else ("src_dir_fd", "dst_dir_fd")
    given: dict[str, Any] = dict(zip(words, fds, strict=True))
    if name == "link":
        given["follow_symlinks"] = str(arguments[0]).startswith("/proc")
    function = getattr(os if isinstance(side, Real) else side.fs, name)
    answer = function(*arguments, **given)
    if name == "open":
        side.fds.append(answer)
        return "opened"
    return told(answer)


def attempt(side: Real | Fake, name: str, *arguments: Any) -> Any:
    """The answer, or the errno; descriptors by their place."""
    try:
        if name == "in":
            return in_folders(side, *arguments) if side.fds else "none open"
        if name == "open":
            side.fds.append(side.call("open", *arguments))
            return "opened"
        if name == "file":
            path, mode, data = arguments
            with side.call("open_file", path, mode) as file:
                found = file.read() if "r" in mode or "+" in mode else b""
                if mode != "rb":
                    file.write(data)
                    file.flush()
                return found, file.tell()
        if name.startswith("fd:"):
            place, *rest = arguments
            if not side.fds:
                return "none open"
            fd = side.fds[place % len(side.fds)]
            if name == "fd:lseek" and stat.S_ISDIR(side.call("fstat", fd).st_mode):
                return "the offsets of a folder are what its file system says"
            if name == "fd:close":
                side.fds.remove(fd)
            return told(side.call(name[3:], fd, *rest))
        return told(side.call(name, *arguments))
    except OSError as error:
        return error.errno
    except ValueError as error:
        return type(error).__name__


def drawn(random: Random) -> tuple[Any, ...]:
    """One call."""
    one, other = random.choice((*PATHS, "x" * 300)), random.choice((*PATHS, "x" * 300))
    place, at, data = (
        random.randrange(4),
        random.choice((-1, 0, 0, 1, 5, 600)),
        random.choice((b"", b"x", b"data" * 9)),
    )
    folder, second = random.choice((*[0] * 6, 1, 2, 9)), random.choice((*[0] * 6, 1, 2, 9))
    near = random.choice(("a", "b", "e", "e/a", "b", one))
    return random.choice(
        [
            ("in", "open", (folder,), near, random.choice(OPENINGS)),
            ("in", "open", (folder,), random.choice((".", "e", "a", one)), random.choice(UNNAMED)),
            ("in", random.choice(("mkdir", "rmdir", "unlink", "stat", "lstat", "readlink")), (folder,), near),
            ("in", "symlink", (folder,), random.choice(TARGETS), near),
            ("in", random.choice(("rename", "replace", "link")), (folder, second), near, other),
            ("in", random.choice(("rename", "replace", "link")), (folder, second), other, near),
            ("in", "link:open", (folder, second), place, near),
            ("open", random.choice(("d", "d/e", ".", one)), random.choice((os.O_RDONLY, *UNNAMED))),
            ("open", one, random.choice(OPENINGS)),
            ("open", one, random.choice(OPENINGS)),
            ("file", one, random.choice(MODES), data),
            ("fd:close", place),
            ("fd:read", place, 5),
            ("fd:write", place, data),
            ("fd:write", place, data),
            ("fd:pread", place, 5, at),
            ("fd:pwrite", place, data, at),
            ("fd:lseek", place, at, random.choice((0, 1, 2))),
            ("fd:ftruncate", place, at),
            ("fd:fsync", place),
            ("fd:fdatasync", place),
            ("fd:fstat", place),
            ("fd:flock", place, random.choice((fcntl.LOCK_SH, fcntl.LOCK_EX, fcntl.LOCK_UN)) | fcntl.LOCK_NB),
            ("fd:listdir", place),
            ("rename", one, other),
            ("replace", one, other),
            ("link", one, other),
            ("symlink", random.choice(TARGETS), one),
            ("readlink", one),
            ("unlink", one),
            ("remove", one),
            ("mkdir", one),
            ("mkdir", random.choice(("d", "d/e"))),
            ("makedirs", one),
            ("rmdir", one),
            ("listdir", one),
            ("stat", one),
            ("lstat", one),
            ("truncate", one, at),
        ]
    )


def content(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            path = os.path.join(folder, name)
            key = os.path.relpath(path, root)
            if os.path.islink(path):
                found[key] = os.readlink(path)
            elif os.path.isdir(path):
                found[key] = None
            else:
                found[key] = Path(path).read_bytes()
    return found


def content_of(device: FaultDevice) -> dict[str, Any]:
    paths = device.image().paths().items()
    told: dict[Kind, Callable[[bytes], Any]] = {
        Kind.FOLDER: lambda data: None,
        Kind.FILE: bytes,
        Kind.LINK: bytes.decode,
    }
    return {path: told[item.kind](item.data) for path, item in paths}


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 1 << 32), count=st.integers(5, 60))
def test_answers_errnos_and_contents_are_those_of_the_real_one(
    seed: int, count: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    random, root, before = Random(seed), tmp_path_factory.mktemp("real"), os.getcwd()
    start = START[: random.choice((0, 2, 3, 4))]
    real, fake = Real(root), Fake()
    os.chdir(root)
    try:
        for call in (*start, *(drawn(random) for _ in range(count))):
            assert attempt(fake, *call) == attempt(real, *call), call
        assert content_of(fake.fs.device) == content(root)
    finally:
        for fd in real.fds:
            os.close(fd)
        os.chdir(before)
