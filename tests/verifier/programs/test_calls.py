"""Each call, alone: the events that it makes. Every recording has passed its self-check."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from powercut.faultfs import Event
from powercut.verifier.programs.recording import Recording

Record = Callable[..., Recording]


def told(event: Event) -> str:
    """An event in a word or a few."""
    parts = [event.kind.name, event.name, event.target, str(event.inode)]
    if event.size or event.offset:
        parts.append(f"{event.offset}+{event.size}")
    if event.data:
        parts.append(event.data[:12].decode())
    return " ".join(part for part in parts if part)


def events(recording: Recording) -> list[str]:
    """The events but for steps, in words."""
    return [told(event) for event in recording.events if event.label not in ("step", "done")]


OPEN = "fd = os.open('a', os.O_CREAT | os.O_RDWR{}, 0o644)\n"
MADE = "CREATE a 1"
FILE = OPEN.format("") + "os.write(fd, b'0123456789')\n"
WRITTEN = [MADE, "WRITE a 1 0+10 0123456789"]
LIBC = "libc = ctypes.CDLL(None, use_errno=True)\n"

CASES = {
    "write goes on where it was": (
        FILE + "os.write(fd, b'x'); os.lseek(fd, 3, 0); os.write(fd, b'y')",
        [*WRITTEN, "WRITE a 1 10+1 x", "WRITE a 1 3+1 y"],
    ),
    "pwrite leaves the place": (
        FILE + "os.pwrite(fd, b'x', 700); os.write(fd, b'y')",
        [*WRITTEN, "WRITE a 1 700+1 x", "WRITE a 1 10+1 y"],
    ),
    "O_APPEND writes at the end": (
        FILE + "g = os.open('a', os.O_WRONLY | os.O_APPEND); os.write(g, b'x'); os.pwrite(g, b'y', 0)",
        [*WRITTEN, "WRITE a 1 10+1 x", "WRITE a 1 11+1 y"],
    ),
    "O_APPEND of two descriptors": (
        FILE
        + "g = os.open('a', os.O_WRONLY | os.O_APPEND); h = os.dup(g); os.write(g, b'x'); os.write(h, b'y')",
        [*WRITTEN, "WRITE a 1 10+1 x", "WRITE a 1 11+1 y"],
    ),
    "O_DSYNC writes through": (
        OPEN.format(" | os.O_DSYNC") + "os.write(fd, b'xy')",
        [MADE, "WRITE a 1 0+2 xy", "WRITE_THROUGH a 1 0+2"],
    ),
    "O_SYNC writes through": (
        OPEN.format(" | os.O_SYNC") + "os.pwrite(fd, b'xy', 5)",
        [MADE, "WRITE a 1 5+2 xy", "WRITE_THROUGH a 1 5+2"],
    ),
    "O_SYNC set later does nothing": (
        FILE + "fcntl.fcntl(fd, fcntl.F_SETFL, os.O_SYNC); os.write(fd, b'x')",
        [*WRITTEN, "WRITE a 1 10+1 x"],
    ),
    "writev and pwritev": (
        OPEN.format("") + "os.writev(fd, [b'ab', b'', b'c']); os.pwritev(fd, [b'x', b'yz'], 1)",
        [MADE, "WRITE a 1 0+3 abc", "WRITE a 1 1+3 xyz"],
    ),
    "pwritev2 with RWF_DSYNC": (
        OPEN.format("") + "os.pwritev(fd, [b'x', b'yz'], 1, os.RWF_DSYNC)",
        [MADE, "WRITE a 1 1+3 xyz", "WRITE_THROUGH a 1 1+3"],
    ),
    "pwritev2 with RWF_SYNC": (
        OPEN.format("") + "os.pwritev(fd, [b'x'], 0, os.RWF_SYNC)",
        [MADE, "WRITE a 1 0+1 x", "WRITE_THROUGH a 1 0+1"],
    ),
    "pwritev2 with RWF_APPEND": (
        FILE + "os.pwritev(fd, [b'x'], 0, os.RWF_APPEND)",
        [*WRITTEN, "WRITE a 1 10+1 x"],
    ),
    "sendfile": (
        FILE
        + "g = os.open('b', os.O_CREAT | os.O_RDWR, 0o644); os.write(g, b'__'); os.sendfile(g, fd, 4, 5)",
        [*WRITTEN, "CREATE b 2", "WRITE b 2 0+2 __", "WRITE b 2 2+5 45678"],
    ),
    "copy_file_range": (
        FILE + "g = os.open('b', os.O_CREAT | os.O_WRONLY, 0o644); os.copy_file_range(fd, g, 3, 2, 7)",
        [*WRITTEN, "CREATE b 2", "WRITE b 2 7+3 234"],
    ),
    "splice from a pipe": (
        FILE + "r, w = os.pipe(); os.write(w, b'abc'); os.splice(r, fd, 3, offset_dst=2); "
        "os.write(w, b'de'); os.splice(r, fd, 2)",
        [*WRITTEN, "WRITE a 1 2+3 abc", "WRITE a 1 10+2 de"],
    ),
    "ftruncate and truncate": (
        FILE + "os.ftruncate(fd, 3); os.truncate('a', 99)",
        [*WRITTEN, "TRUNCATE a 1 0+3", "TRUNCATE a 1 0+99"],
    ),
    "O_TRUNC of a file that is there": (
        FILE + "open('a', 'w').close(); os.close(os.open('b', os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600))",
        [*WRITTEN, "TRUNCATE a 1", "CREATE b 2", "MODE b 2 0+384"],
    ),
    "fallocate": (
        FILE + "os.posix_fallocate(fd, 5, 20)",
        [*WRITTEN, "ALLOCATE a 1 5+20"],
    ),
    "the syncs of a file": (
        FILE + "os.fsync(fd); os.fdatasync(fd)",
        [*WRITTEN, "SYNC a 1", "DATASYNC a 1"],
    ),
    "sync_file_range makes nothing durable": (
        LIBC + FILE + "assert libc.sync_file_range(fd, ctypes.c_long(0), ctypes.c_long(0), 7) == 0",
        WRITTEN,
    ),
    "sync and syncfs": (
        LIBC + FILE + "os.sync(); assert libc.syncfs(fd) == 0; assert libc.syncfs(99) == -1",
        [*WRITTEN, "SYNC_ALL 0", "SYNC_ALL 0"],
    ),
    "the sync of a folder": (
        (
            "os.mkdir('d', 0o755); fd = os.open('d', os.O_RDONLY); os.fsync(fd); "
            "os.fdatasync(os.open('.', os.O_RDONLY))"
        ),
        ["FOLDER d 1", "SYNC_NAMES 1", "SYNC_NAMES 0"],
    ),
    "rename, and to a name that is taken": (
        FILE + "os.rename('a', 'b'); open('c', 'w').close(); os.replace('c', 'b')",
        [*WRITTEN, "RENAME a b 1", "CREATE c 2", "RENAME c b 2"],
    ),
    "rename of one name to another of the same file": (
        FILE + "os.link('a', 'b'); os.rename('a', 'b'); os.unlink('a'); os.unlink('b')",
        [*WRITTEN, "LINK a b 1", "REMOVE a 1", "REMOVE b 1"],
    ),
    "rename across folders": (
        FILE + "os.mkdir('d'); os.rename('a', 'd/x'); os.rename('d', 'e'); os.write(fd, b'z'); "
        "os.rename('e/x', 'y')",
        [*WRITTEN, "FOLDER d 2", "RENAME a 2/x 1", "RENAME d e 2", "WRITE 2/x 1 10+1 z", "RENAME 2/x y 1"],
    ),
    "renameat2 that exchanges": (
        LIBC + FILE + "os.mkdir('d'); assert libc.renameat2(-100, b'a', -100, b'd', 2) == 0; os.rmdir('a')",
        [*WRITTEN, "FOLDER d 2", "EXCHANGE a d 1", "REMOVE a 2"],
    ),
    "renameat2 that replaces nothing": (
        LIBC + FILE + "os.mkdir('d'); assert libc.renameat2(-100, b'a', -100, b'd', 1) == -1; "
        "assert libc.renameat2(-100, b'a', -100, b'e', 1) == 0",
        [*WRITTEN, "FOLDER d 2", "RENAME a e 1"],
    ),
    "calls that take a folder": (
        (
            "d = os.open('.', os.O_RDONLY); os.mkdir('e', 0o755, dir_fd=d); f = os.open('e', os.O_RDONLY)\n"
            "g = os.open('a', os.O_CREAT | os.O_WRONLY, 0o644, dir_fd=f); os.rename('a', 'b', src_dir_fd=f, "
            "dst_dir_fd=d)\nos.link('b', 'c', src_dir_fd=d, dst_dir_fd=f); os.symlink('to', 's', dir_fd=f)\n"
            "os.unlink('c', dir_fd=f); os.chmod('b', 0o600, dir_fd=d); os.unlink('s', dir_fd=f); "
            "os.rmdir('e', dir_fd=d)"
        ),
        [
            *("FOLDER e 1", "CREATE 1/a 2", "RENAME 1/a b 2", "LINK b 1/c 2", "SYMLINK 1/s 3 to"),
            *("REMOVE 1/c 2", "MODE b 2 0+384", "REMOVE 1/s 3", "REMOVE e 1"),
        ],
    ),
    "O_TMPFILE that gets a name": (
        LIBC + "fd = os.open('.', os.O_TMPFILE | os.O_RDWR, 0o644); os.write(fd, b'x'); os.fsync(fd)\n"
        "path = f'/proc/self/fd/{fd}'.encode(); assert libc.linkat(-100, path, -100, b'a', 0x400) == 0\n"
        "os.write(fd, b'y')",
        ["UNNAMED 1", "WRITE 1 0+1 x", "SYNC 1", "LINK a 1", "WRITE a 1 1+1 y"],
    ),
    "O_TMPFILE that gets a name by AT_EMPTY_PATH": (
        LIBC + "fd = os.open('.', os.O_TMPFILE | os.O_RDWR, 0o644)\n"
        "assert libc.linkat(fd, b'', -100, b'a', 0x1000) == 0",
        ["UNNAMED 1", "LINK a 1"],
    ),
    "a removed file is written on": (
        FILE + "os.unlink('a'); os.write(fd, b'x'); os.close(fd); open('b', 'w').close()",
        [*WRITTEN, "REMOVE a 1", "WRITE a 1 10+1 x", "CREATE b 2"],
    ),
    "openat2": (
        "how = struct.pack('QQQ', os.O_CREAT | os.O_WRONLY, 0o644, 0)\n"
        + LIBC
        + "fd = libc.syscall(437, -100, b'a', how, 24); os.write(fd, b'x')",
        [MADE, "WRITE a 1 0+1 x"],
    ),
    "chmod": (
        FILE + "os.chmod('a', 0o640); os.fchmod(fd, 0o600)",
        [*WRITTEN, "MODE a 1 0+416", "MODE a 1 0+384"],
    ),
    "mknod of a file": ("os.mknod('a', 0o100644)", [MADE]),
    "sockets and named pipes are left out": (
        "os.mkfifo('p'); s = socket.socket(socket.AF_UNIX); s.bind('s'); os.rename('p', 'q'); os.unlink('q')",
        [],
    ),
    "calls that fail make nothing": (
        FILE + "import contextlib\nfor call, *given in [(os.mkdir, 'a'), (os.rmdir, 'a'), (os.unlink, 'b'), "
        "(os.rename, 'b', 'c'), (os.link, 'b', 'c'), (os.fsync, 99), (os.write, 99, b'x'), "
        "(os.open, 'a', os.O_CREAT | os.O_EXCL), (os.truncate, 'b', 1), (os.pwrite, fd, b'x', -1)]:\n"
        "  with contextlib.suppress(OSError):\n    call(*given)\n    os._exit(1)",
        WRITTEN,
    ),
    "paths by symbolic links": (
        (
            "os.mkdir('d'); os.symlink('d', 'l'); open('l/a', 'w').close(); os.symlink('d/b', 'm'); "
            "open('m', 'w').close(); os.rename('l/a', 'c')"
        ),
        ["FOLDER d 1", "SYMLINK l 2 d", "CREATE 1/a 3", "SYMLINK m 4 d/b", "CREATE 1/b 5", "RENAME 1/a c 3"],
    ),
    "an absolute path, and one with dots": (
        "open(os.getcwd() + '/a', 'w').close(); os.mkdir('d'); os.chdir('d'); open('.././/b', 'w').close()",
        [MADE, "FOLDER d 2", "CREATE b 3"],
    ),
    "a file that comes in is made without a name, and takes the place of another": (
        FILE + "open('../b', 'w').write('new'); os.chmod('../b', 0o600); os.rename('../b', 'a')\n"
        "g = os.open('a', os.O_WRONLY); os.write(g, b'y'); os.write(fd, b'z'); os.close(fd)",
        [
            *WRITTEN,
            *("UNNAMED 2", "MODE 2 0+384", "WRITE 2 0+3 new", "LINK a 2"),
            *("WRITE a 2 0+1 y", "WRITE a 1 10+1 z"),
        ],
    ),
    "a folder that comes in is walked, and goes out name by name": (
        (
            "os.umask(0o022); os.makedirs('../d/e'); open('../d/f', 'w').write('x')\n"
            "os.link('../d/f', '../d/g'); os.symlink('to', '../d/e/l'); os.rename('../d', 'd')\n"
            "open('d/f', 'a').write('y')\n"
            "os.rename('d/e', '../e'); os.rename('d', '../d'); open('../d/f', 'a').write('z'); os.mkdir('d')"
        ),
        [
            *("FOLDER d 1", "FOLDER 1/e 2", "SYMLINK 2/l 3 to", "UNNAMED 4", "WRITE 4 0+1 x", "LINK 1/f 4"),
            *("LINK 1/f 1/g 4", "WRITE 1/f 4 1+1 y", "REMOVE 2/l 3", "REMOVE 1/e 2"),
            *("REMOVE 1/f 4", "REMOVE 1/g 4", "REMOVE d 1", "FOLDER d 5"),
        ],
    ),
    "a rename that exchanges across the edge": (
        LIBC + FILE + "open('../b', 'w').write('x'); os.chmod('../b', 0o644)\n"
        "for a, b in (b'a', b'../b'), (b'../b', b'a'): assert libc.renameat2(-100, a, -100, b, 2) == 0",
        [
            *(*WRITTEN, "REMOVE a 1", "UNNAMED 2", "WRITE 2 0+1 x", "LINK a 2"),
            *("UNNAMED 3", "WRITE 3 0+10 0123456789", "LINK a 3"),
        ],
    ),
    "a hard link to a file outside": (
        (
            "open('../b', 'w').write('x'); os.chmod('../b', 0o644); os.link('../b', 'a')\n"
            "open('../b', 'a').write('y'); os.unlink('../b'); open('a', 'a').write('z')"
        ),
        ["UNNAMED 1", "WRITE 1 0+1 x", "LINK a 1", "WRITE a 1 1+1 y", "WRITE a 1 2+1 z"],
    ),
    "files that were synced outside, and one that was written since": (
        (
            "os.umask(0o022)\nfor name in 'abc':\n"
            "  fd = os.open('../' + name, os.O_CREAT | os.O_RDWR, 0o644); os.write(fd, b'x')\n"
            "  if name != 'c': os.fdatasync(fd)\n  if name == 'b': os.pwrite(fd, b'y', 0)\n"
            "  os.rename('../' + name, name)"
        ),
        [
            *("UNNAMED 1", "WRITE 1 0+1 x", "SYNC 1", "LINK a 1"),
            *("UNNAMED 2", "WRITE 2 0+1 y", "LINK b 2", "UNNAMED 3", "WRITE 3 0+1 x", "LINK c 3"),
        ],
    ),
    "a socket that takes the place of a file": (
        FILE + "s = socket.socket(socket.AF_UNIX); s.bind('../s'); os.rename('../s', 'a'); os.unlink('a')",
        [*WRITTEN, "REMOVE a 1"],
    ),
    "what is outside is left out": (
        "open('../b', 'w').write('x'); os.rename('../b', '../c'); os.mkdir('../d'); os.unlink('../c')",
        [],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_call_makes_its_events(name: str, recorded: Record) -> None:
    script, expected = CASES[name]
    assert events(recorded("os.umask(0o022)\n" + script)) == expected
