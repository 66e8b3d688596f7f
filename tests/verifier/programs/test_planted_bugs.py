"""Planted bugs of the recorder: each is found by the self-check, or by the events that a test expects.

A bug is a statement that runs in the process that records, before it begins.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from powercut.verifier.programs import record as recorder
from powercut.verifier.programs.recording import Recording
from powercut.verifier.programs.table import HANDLERS
from powercut.verifier.programs.tree import NotRecordedError

Record = Callable[..., Recording]
Plant = Callable[[str], None]

FILE = "fd = os.open('a', os.O_CREAT | os.O_RDWR); os.write(fd, b'0123456789')\n"
LIBC = "libc = ctypes.CDLL(None, use_errno=True); at = -100\n"
THREE = "libc.syscall({}, at, b'a', at, b'b'{}) == 0"

# A program for each call that changes the folder: the call is the only one of its kind.
CHANGES = {
    "write": FILE,
    "pwrite64": FILE + "os.pwrite(fd, b'x', 0)",
    "writev": FILE + "os.writev(fd, [b'x'])",
    "pwritev": LIBC + FILE + "v = (ctypes.c_void_p * 2)(id(fd), 8)\n"
    "assert libc.pwritev(fd, v, 1, ctypes.c_long(0)) == 8",
    "pwritev2": FILE + "os.pwritev(fd, [b'x'], 0, os.RWF_DSYNC)",
    "truncate": FILE + "os.truncate('a', 1)",
    "ftruncate": FILE + "os.ftruncate(fd, 1)",
    "fallocate": FILE + "os.posix_fallocate(fd, 0, 20)",
    "sendfile": FILE + "os.lseek(fd, 10, 0); os.sendfile(fd, os.open('a', os.O_RDONLY), 0, 5)",
    "splice": FILE + "r, w = os.pipe(); os.write(w, b'abc'); os.splice(r, fd, 3)",
    "copy_file_range": FILE + "os.copy_file_range(os.open('a', os.O_RDONLY), fd, 3, 0, 10)",
    "creat": LIBC + "assert libc.syscall(85, b'a', 0o644) >= 0",
    "openat2": LIBC + "how = struct.pack('QQQ', os.O_CREAT, 0o644, 0)\nlibc.syscall(437, at, b'a', how, 24)",
    "rename": FILE + "os.rename('a', 'b')",
    "renameat": LIBC + FILE + "assert " + THREE.format(264, ""),
    "renameat2": LIBC + FILE + "assert " + THREE.format(316, ", 1"),
    "link": FILE + "os.link('a', 'b')",
    "linkat": LIBC + FILE + "assert " + THREE.format(265, ", 0"),
    "symlink": "os.symlink('a', 'b')",
    "symlinkat": "os.symlink('a', 'b', dir_fd=os.open('.', os.O_RDONLY))",
    "unlink": FILE + "os.unlink('a')",
    "unlinkat": FILE + "os.unlink('a', dir_fd=os.open('.', os.O_RDONLY))",
    "mkdir": "os.mkdir('d')",
    "mkdirat": "os.mkdir('d', dir_fd=os.open('.', os.O_RDONLY))",
    "rmdir": "os.mkdir('d'); os.rmdir('d')",
    "mknod": LIBC + "assert libc.syscall(133, b'a', 0o100644, 0) == 0",
    "mknodat": "os.mknod('a', 0o100644)",
    "chmod": FILE + "os.chmod('a', 0o600)",
    "fchmod": FILE + "os.fchmod(fd, 0o600)",
    "fchmodat": FILE + "os.chmod('a', 0o600, dir_fd=os.open('.', os.O_RDONLY))",
    "fchmodat2": LIBC + FILE + "assert libc.syscall(452, at, b'a', 0o600, 0) == 0",
    "open": LIBC + "assert libc.syscall(2, b'a', os.O_CREAT, 0o644) >= 0",
    "openat": "os.open('a', os.O_CREAT)",
    "mmap": FILE + "m = mmap.mmap(fd, 0); m[0] = 1",
    "mprotect": (
        LIBC + FILE + "libc.mmap.restype = ctypes.c_void_p; long = ctypes.c_size_t\n"
        "m = ctypes.c_void_p(libc.mmap(None, long(4096), 1, 1, fd, long(0)))\n"
        "assert libc.mprotect(m, long(4096), 3) == 0; ctypes.memset(m, 7, 5)"
    ),
}
# What changes nothing that the disk shows at the end: syncs, what is told, and what ends a recording.
UNSEEN = {
    *("fsync", "fdatasync", "sync", "syncfs", "sync_file_range", "msync", "sendto", "sendmsg", "sendmmsg"),
    *("setxattr", "lsetxattr", "fsetxattr", "removexattr", "lremovexattr", "fremovexattr", "setxattrat"),
    *("removexattrat", "io_submit", "mount", "umount2", "move_mount", "pivot_root", "chroot", "ioctl"),
}


@pytest.fixture
def plant(monkeypatch: pytest.MonkeyPatch) -> Plant:
    def planted(bug: str) -> None:
        path, import_line, start = recorder._WORKER.partition("from powercut")
        monkeypatch.setattr(recorder, "is_alone", lambda: False)
        monkeypatch.setattr(recorder, "_WORKER", f"{path}{bug}\n{import_line}{start}")

    return planted


def test_every_call_is_either_seen_on_the_disk_or_named_here() -> None:
    assert {name for name, _ in HANDLERS.values()} == CHANGES.keys() | UNSEEN


@pytest.mark.parametrize("name", CHANGES)
def test_a_call_that_is_ignored_is_found(name: str, plant: Plant, recorded: Record) -> None:
    recorded("os.umask(0o022)\n" + CHANGES[name], "subprocess.run('rm -rf a b d', shell=True)")
    plant(
        "from powercut.verifier.programs.table import HANDLERS\n"
        "for number, (name, handler) in list(HANDLERS.items()):\n"
        f"    if name == {name!r}: HANDLERS[number] = name, lambda stop: iter(())"
    )
    with pytest.raises(NotRecordedError, match="self-check"):
        recorded("os.umask(0o022)\n" + CHANGES[name])


APPENDS = "fd = os.open('a', os.O_CREAT | os.O_WRONLY); os.write(fd, b'xy')\n"
BUGS = {
    "a mapping is never looked at": (
        "from powercut.verifier.programs.mappings import Mappings\nMappings.look = lambda *_: None",
        CHANGES["mmap"],
    ),
    "a mapping is looked at where a call begins only": (
        (
            "from powercut.verifier.programs import tracer\n"
            "tracer.Tracer._ended.__code__ = tracer.Tracer._ended.__code__.replace(co_names=tuple(\n"
            "    'close' if name == '_look' else name for name in tracer.Tracer._ended.__code__.co_names))\n"
            "tracer.Tracer.close = lambda *_: None"
        ),
        CHANGES["mmap"],
    ),
    "a call on the place of a descriptor that appends": (
        "from powercut.verifier.programs import frequent\nfrequent.files._APPEND = frequent._APPEND = 0",
        APPENDS + "os.write(os.open('a', os.O_WRONLY | os.O_APPEND), b'z')",
    ),
    "the bytes of a file that comes in are not read": (
        (
            "from powercut.verifier.programs.calls import edge, names\n"
            "names.came = lambda *of: (event for event in edge.came(*of) if event.kind != 3)"
        ),
        "open('../x', 'w').write('x'); os.rename('../x', 'a')",
    ),
    "a new process is not followed": (
        "from powercut.verifier.programs import tracer\ntracer._OPTIONS &= ~0x2 & ~0x4 & ~0x8",
        (
            "pid = os.fork()\nif not pid:\n  try: open('a', 'w').close()\n  finally: os._exit(0)\n"
            "os.wait(); assert os.path.exists('a')"
        ),
    ),
}


@pytest.mark.parametrize("name", BUGS)
def test_a_planted_bug_is_found(name: str, plant: Plant, recorded: Record) -> None:
    bug, script = BUGS[name]
    plant(bug)
    with pytest.raises((NotRecordedError, AssertionError)):
        recorded(script)


TELLS = (
    "r = os.fork()\nif not r:\n  with open('../p', 'rb', 0) as p: p.read(1); os.mkdir('d'); p.readall()\n"
    "  os._exit(0)\nwith open('../p', 'wb', 0) as p: p.write(bytes(1 << 17))\nos.wait()"
)
LATE = (
    "from powercut.verifier.programs import entries\n"
    "told = entries.Entries.told\n"
    "def late(self):\n"
    "    self._rows.sort(key=lambda row: row.text.startswith('write(sent'))\n"
    "    return told(self)\n"
    "entries.Entries.told = late"
)


def _told(recorded: Record) -> list[str]:
    return [call.name for call in recorded("os.mkfifo('../p')\n" + TELLS).calls]


def test_an_acknowledgement_stands_where_its_call_began(recorded: Record) -> None:
    # The reader has its first byte and acts, while the writer still waits in its call.
    assert _told(recorded) == ["write", "mkdir"]


def test_an_acknowledgement_too_late_is_found(plant: Plant, recorded: Record) -> None:
    plant(LATE)
    assert _told(recorded) == ["mkdir", "write"]
