"""The state is where the program left it: paths, bytes, links, modes and times, written by differences."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from powercut.faultfs import Event, EventKind
from powercut.verifier.programs.reading import readers
from powercut.verifier.programs.reading.placing import Placed
from powercut.verifier.programs.reading.readers import Command, Reader
from powercut.verifier.programs.reading.scene import Entry, Scene
from powercut.verifier.programs.recording import Inode, Recording, dump

UID, GID = os.getuid(), os.getgid()
TIME = 7_000_000_000


def entry(inode: int, kind: int, bits: int, data: bytes = b"") -> Entry:
    return Entry(inode, kind | bits, UID, GID, TIME + inode, data)


def file(inode: int, data: bytes, bits: int = 0o640) -> Entry:
    return entry(inode, stat.S_IFREG, bits, data)


ROOT = entry(0, stat.S_IFDIR, 0o750)
FOLDER = entry(1, stat.S_IFDIR, 0o700)
SCENES: list[Scene] = [
    {"": ROOT, "a": file(2, b"one"), "sub": FOLDER, "sub/in": file(3, b"two", 0o400)},
    {"": ROOT, "a": file(2, b"one"), "b": file(2, b"one"), "sub": FOLDER},
    {"": ROOT, "b": file(2, b"more", 0o600), "to": entry(4, stat.S_IFLNK, 0o777, b"sub/in"), "sub": FOLDER},
    {"": ROOT, "sub": file(5, b"a file now"), "to": entry(6, stat.S_IFLNK, 0o777, b"b")},
    {"": ROOT},
    {"": ROOT, "a": file(7, b"one"), "b": file(8, b"one"), "sub": FOLDER, "sub/in": file(3, b"", 0o400)},
]


def seen(root: Path) -> dict[str, object]:
    """Everything that a reader can see of a folder."""
    told: dict[str, object] = {}
    inodes: dict[int, list[str]] = {}
    for path in [root, *sorted(root.rglob("*"))]:
        name = "" if path == root else str(path.relative_to(root))
        found = path.lstat()
        data = (
            os.readlink(path).encode() if path.is_symlink() else path.read_bytes() if path.is_file() else b""
        )
        told[name] = (found.st_mode, found.st_mtime_ns, data)
        if path.is_file() and not path.is_symlink():
            inodes.setdefault(found.st_ino, []).append(name)
    told["links"] = sorted(names for names in inodes.values() if len(names) > 1)
    return told


def wanted(scene: Scene) -> dict[str, object]:
    """The same of a scene."""
    told: dict[str, object] = {path: (each.mode, each.modified, each.data) for path, each in scene.items()}
    names: dict[int, list[str]] = {}
    for path, each in sorted(scene.items()):
        if stat.S_ISREG(each.mode):
            names.setdefault(each.inode, []).append(path)
    told["links"] = sorted(group for group in names.values() if len(group) > 1)
    return told


@pytest.mark.parametrize("first", range(len(SCENES)))
def test_any_scene_follows_any_other(tmp_path: Path, first: int) -> None:
    for second in SCENES:
        placed = Placed(str(tmp_path))
        for scene in (SCENES[first], second, SCENES[first]):
            placed.place(scene)
            assert seen(tmp_path) == wanted(scene)
        assert all(os.lstat(placed.real(path)).st_ino == ino for ino, path in placed.inodes.items())


def test_what_a_reader_changed_is_undone(tmp_path: Path) -> None:
    placed = Placed(str(tmp_path))
    placed.place(SCENES[0])
    (tmp_path / "a").write_bytes(b"spoilt")
    (tmp_path / "sub" / "new").write_bytes(b"new")
    placed.soiled(["a", "sub/new"])
    placed.place(SCENES[0])
    assert seen(tmp_path) == wanted(SCENES[0])


def test_a_file_that_is_the_same_is_not_touched(tmp_path: Path) -> None:
    placed = Placed(str(tmp_path))
    placed.place(SCENES[0])
    before = (tmp_path / "a").stat().st_ctime_ns
    placed.place({**SCENES[0], "other": file(9, b"x")})
    assert (tmp_path / "a").stat().st_ctime_ns == before


@pytest.mark.parametrize("is_alone", [True, False])
def test_a_reader_finds_the_state_at_its_own_path_and_leaves_the_real_folder_alone(
    tmp_path: Path, is_alone: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As a copy of this process, and as a new Python.
    monkeypatch.setattr(readers, "is_alone", lambda: is_alone)
    root = tmp_path / "data"
    root.mkdir()
    (root / "f").write_bytes(b"the real one")
    recording = Recording(str(root), {"f": 1}, {1: Inode(0o100604, UID, GID, TIME, b"shown")}, [], [], [], [])
    script = f"cat {root}/f; stat -c %a {root}/f; rm {root}/f; echo > {root}/new"
    reader = Reader(dump(recording), Command(("/bin/sh", "-c", script), "/"))
    try:
        if reader.note:
            pytest.skip(reader.note)
        scene = {"": ROOT, "f": Entry(1, 0o100604, UID, GID, TIME, b"shown")}
        for _ in range(2):
            reader.begin(scene)
            reading = reader.end()
            assert reading.answer == (0, b"shown604\n")
            assert reading.again is not None
            assert reading.again.status == 0
            assert reading.again.output == b""
    finally:
        reader.close()
    assert (root / "f").read_bytes() == b"the real one"
    assert not (root / "new").exists()


READS = {
    "in a folder that is another one in each state": ("sub", ("/bin/sh", "-c", "pwd; cat x")),
    "with a folder open": (".", ("/bin/sh", "-c", "exec 5< sub; cat sub/x; ls /proc/self/fd/5/")),
    "of a script that is read as it runs": ("..", ("/bin/bash", "reads.sh")),
    "through a pipe": (".", ("/bin/sh", "-c", "cat sub/x | tr a-z A-Z")),
}


@pytest.mark.parametrize("name", READS)
def test_a_reader_that_is_copied_answers_as_one_that_is_started(tmp_path: Path, name: str) -> None:
    # The folder is made anew for each state; what copies share, as the place in a script, must not be.
    where, read = READS[name]
    root = tmp_path / "data"
    root.mkdir()
    script = b"read a < data/sub/x\necho $a\n" + b"# More than a buffer.\n" * 2000 + b"echo again $a\n"
    (tmp_path / "reads.sh").write_bytes(script)
    inodes = {1: Inode(0o40755, UID, GID, TIME)}
    events = [Event(EventKind.REMOVE, "1/x", 3), Event(EventKind.RENAME, "sub", 1, target="gone")]
    recording = Recording(str(root), {"sub": 1}, inodes, events, [], [], [])
    told = []
    for is_plain in (False, True):
        reader = Reader(dump(recording), Command(read, str(root / where), is_plain=is_plain))
        try:
            if reader.note:
                pytest.skip(reader.note)
            for number in range(4):
                folder = Entry(10 + number, stat.S_IFDIR | 0o755, UID, GID, TIME, b"")
                inner = {"sub": folder, "sub/x": file(20 + number, b"state %d\n" % number)}
                reader.begin({"": ROOT, **inner})
                told.append(reader.end().answer)
        finally:
            reader.close()
    assert told[:4] == told[4:]
    assert len(set(told)) == 4
