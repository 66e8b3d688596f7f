#!/usr/bin/env bash
# Methods that promise the disk ask nothing of it, or do not tell that it failed.
#
# Guess:   flush(), sync() and commit() of libraries that keep files for good end in fsync, fdatasync
#          or msync, and raise if that fails.
# Seen:    Six never call any of them: a power cut may take all that they acknowledged, and leave
#          what they wrote in any order. unqlite calls fdatasync, and commit() returns whatever it
#          says. lmdb and semidbm do as guessed.
# Version: h5py 3.16.0, netCDF4 1.7.5.1.post1, sqlitedict 2.1.0, booklet 0.12.10, icechunk 1.1.21
#          (2.3.0 likewise), deltalake 1.6.6, unqlite 1.2.0, lmdb 3.0.0, semidbm 0.5.1, CPython 3.11 to
#          3.13, Linux on x86-64 (a seccomp filter stands for the disk; arm64 was not tried)
# Source:  docstrings: SqliteDict.commit "Persist all data to disk" (sqlitedict.py sets PRAGMA
#          synchronous=OFF), Booklet.sync "ensuring all changes are persisted", Dataset.sync "to the
#          disk file"; icechunk and Delta Lake promise ACID transactions
# Output:
#   | h5py flush        asks nothing of the disk
#   | netCDF4 sync      asks nothing of the disk
#   | sqlitedict commit asks nothing of the disk
#   | booklet sync      asks nothing of the disk
#   | icechunk commit   asks nothing of the disk
#   | deltalake write   asks nothing of the disk
#   | unqlite commit    asks the disk, and returns if that fails
#   | lmdb commit       asks the disk, and raises if that fails
#   | semidbm sync      asks the disk, and raises if that fails
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check h5py==3.16.0 netCDF4==1.7.5.1.post1 sqlitedict==2.1.0 booklet==0.12.10 icechunk==1.1.21 deltalake==1.6.6 pyarrow==26.0.1 unqlite==1.2.0 lmdb==3.0.0 semidbm==0.5.1
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import ctypes
import errno
import logging
import os
import platform
import struct

logging.disable(logging.CRITICAL)
os.environ["ICECHUNK_LOG"] = "error"
# seccomp(2), then fsync, fdatasync, msync, sync_file_range, syncfs, sync.
NUMBERS = {"x86_64": (317, 74, 75, 26, 277, 306, 162), "aarch64": (277, 82, 83, 227, 84, 267, 81)}
KILL, FAIL = 0x80000000, 0x00050000 | errno.EIO


def answer_syncs(action):
    """From now on each call that asks for durability ends in `action`."""
    seccomp, *syncs = NUMBERS[platform.machine()]
    jumps = [(0x15, len(syncs) - place, 0, number) for place, number in enumerate(syncs)]
    program = [(0x20, 0, 0, 0), *jumps, (0x06, 0, 0, 0x7FFF0000), (0x06, 0, 0, action)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in program))
    header = struct.pack("HxxxxxxP", len(program), ctypes.addressof(code))
    libc = ctypes.CDLL(None)
    assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.syscall(seccomp, 1, 1, header) == 0


# Made in a process of its own, which imports what it needs: how, and by which call it is saved.
CALLS = {
    "h5py flush": ("import h5py; s = h5py.File('x', 'w'); s['a'] = [1]", "s.flush()"),
    "netCDF4 sync": ("import netCDF4; s = netCDF4.Dataset('x', 'w')", "s.sync()"),
    "sqlitedict commit": ("import sqlitedict; s = sqlitedict.SqliteDict('x'); s['a'] = 1", "s.commit()"),
    "booklet sync": ("import booklet; s = booklet.open('x', 'n', 'str', 'bytes'); s['a'] = b'1'", "s.sync()"),
    "icechunk commit": (
        "import icechunk, zarr; files = icechunk.local_filesystem_storage('x');"
        "s = icechunk.Repository.create(files).writable_session('main'); zarr.group(s.store)",
        "s.commit('one')",
    ),
    "deltalake write": (
        "import deltalake, pyarrow; s = pyarrow.table({'a': [1]})",
        "deltalake.write_deltalake('x', s)",
    ),
    "unqlite commit": ("import unqlite; s = unqlite.UnQLite('x'); s['a'] = '1'", "s.commit()"),
    "lmdb commit": ("import lmdb; s = lmdb.open('x').begin(write=True); s.put(b'a', b'1')", "s.commit()"),
    "semidbm sync": ("import semidbm; s = semidbm.open('x', 'n'); s['a'] = '1'", "s.sync()"),
}
for number, (name, (make, save)) in enumerate(CALLS.items()):
    seen = []
    for action in (KILL, FAIL):
        if (child := os.fork()) == 0:
            os.mkdir(f"{number}-{action}")
            os.chdir(f"{number}-{action}")
            exec(make)
            answer_syncs(action)
            try:
                exec(save)
            except Exception:
                os._exit(1)
            os._exit(0)
        seen.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    outcome = f"asks the disk, and {['returns', 'raises'][seen[1]]} if that fails"
    print(f"{name:17}", outcome if seen[0] < 0 else "asks nothing of the disk")
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
