"""Drawn programs: threads and processes that do anything to a few names at once; the self-check judges."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from powercut.verifier.programs.recording import Recording

Record = Callable[..., Recording]

# Every call may fail, as the names are few; descriptors stay open across renames and removals.
PROGRAM = """
import contextlib, random
LIBC, LONG = ctypes.CDLL(None), ctypes.c_long
NAMES = ["a", "b", "d", "d/a", "d/b", "e", "e/a", "l"]

def work(seed):
    draw = random.Random(seed)
    files, maps = [], []
    def name(): return draw.choice(NAMES)
    def opened():
        flags = draw.choice([0, os.O_TRUNC, os.O_APPEND, os.O_DSYNC, os.O_EXCL]) | os.O_CREAT
        flags |= draw.choice([os.O_RDWR, os.O_WRONLY])
        files.append(os.open(name(), flags, draw.choice([0o600, 0o644])))
        if len(files) > 6: os.close(files.pop(draw.randrange(5)))
    def unnamed():
        fd = os.open(draw.choice([".", "d"]), os.O_TMPFILE | os.O_RDWR)
        os.write(fd, b"t" * 700)
        LIBC.linkat(-100, b"/proc/self/fd/%d" % fd, -100, name().encode(), 0x400)
        files.append(fd)
    def mapped():
        fd = draw.choice(files)
        if os.fstat(fd).st_size: maps.append(mmap.mmap(fd, 0))
    def stored():
        m = draw.choice(maps)
        at = draw.randrange(len(m))
        if at < m.size(): m[at] = draw.randrange(256)
    def copied():
        os.copy_file_range(draw.choice(files), draw.choice(files), draw.randrange(2000), draw.randrange(2000))
    calls = [
        opened, opened, unnamed, copied,
        lambda: os.write(draw.choice(files), bytes([draw.randrange(256)]) * draw.randrange(3000)),
        lambda: os.pwrite(draw.choice(files), bytes([draw.randrange(256)]) * 999, draw.randrange(9000)),
        lambda: os.ftruncate(draw.choice(files), draw.randrange(6000)) if not MAPS else None,
        lambda: os.posix_fallocate(draw.choice(files), draw.randrange(3000), 1 + draw.randrange(3000)),
        lambda: LIBC.fallocate(draw.choice(files), 3, LONG(draw.randrange(3000)), LONG(999)),
        lambda: os.rename(name(), name()), lambda: os.rename(name(), name()),
        lambda: LIBC.renameat2(-100, name().encode(), -100, name().encode(), 2),
        lambda: os.link(name(), name()), lambda: os.symlink("d", name()),
        lambda: os.unlink(name()), lambda: os.mkdir(name()), lambda: os.rmdir(name()),
        lambda: os.chmod(name(), draw.choice([0o600, 0o755])), lambda: os.fsync(draw.choice(files)),
        lambda: os.lseek(draw.choice(files), draw.randrange(4000), 0),
    ] + [mapped, stored, stored] * MAPS
    for _ in range(150):
        with contextlib.suppress(OSError, IndexError, ValueError):
            draw.choice(calls)()

def both(seed):
    beside = threading.Thread(target=work, args=(seed,))
    beside.start(); work(seed + 1); beside.join()

child = os.fork()
both(SEED * 4 + 2 * bool(child))
if not child: os._exit(0)
os.wait()
"""


def _drawn(recorded: Record, seed: int, *, has_maps: bool) -> Recording:
    text = PROGRAM.replace("SEED", str(seed))
    return recorded("os.umask(0o022)\n" + text.replace("MAPS", str(int(has_maps))))


@pytest.mark.parametrize("seed", range(5))
def test_whatever_threads_and_processes_do_agrees_with_the_disk(seed: int, recorded: Record) -> None:
    recording = _drawn(recorded, seed, has_maps=False)
    assert len(recording.calls) > 100
    assert len(recording.processes) == 2


@pytest.mark.parametrize("seed", range(5))
def test_so_does_what_they_store_into_mappings(seed: int, recorded: Record) -> None:
    assert len(_drawn(recorded, seed, has_maps=True).calls) > 100
