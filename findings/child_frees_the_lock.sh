#!/usr/bin/env bash
# A forked child that leaves the `with` block frees the lock that its parent goes on to rely on.
#
# Guess:   A lock belongs to the process that took it: what a child does with its copy of the object
#          changes nothing for the parent, as filelock and fasteners have it.
# Seen:    portalocker and zc.lockfile unlock in the child, and the lock of the parent is
#          gone: a third process gets it, while the parent is still inside its block, and nothing
#          tells it so. A child that ends without leaving the block does no harm.
# Version: portalocker 4.4.2, zc.lockfile 4.0, filelock 4.3.1, fasteners 0.20, CPython
#          3.11 to 3.13, Linux
# Source:  flock(2): a lock belongs to the open file description, which a forked child shares, and an
#          explicit unlock through any of its descriptors releases it
# Output:
#   | portalocker: another is refused; after a child is refused; after one that left gets it
#   | zc.lockfile: another is refused; after a child is refused; after one that left gets it
#   | filelock   : another is refused; after a child is refused; after one that left is refused
#   | fasteners  : another is refused; after a child is refused; after one that left is refused
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check portalocker==4.4.2 zc.lockfile==4.0 filelock==4.3.1 fasteners==0.20
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import contextlib
import logging
import os

import fasteners
import filelock
import portalocker
import zc.lockfile

logging.disable(logging.CRITICAL)


@contextlib.contextmanager
def fasteners_lock(path):
    lock = fasteners.InterProcessLock(path)
    if not lock.acquire(blocking=False):
        raise TimeoutError
    yield
    lock.release()


LOCKS = {
    "portalocker": lambda path: portalocker.Lock(path, "a", timeout=0, fail_when_locked=True),
    "zc.lockfile": lambda path: contextlib.closing(zc.lockfile.LockFile(path)),
    "filelock": lambda path: filelock.FileLock(path, timeout=0),
    "fasteners": fasteners_lock,
}


def in_child(work):
    """Whether the work was done in a forked child without an exception."""
    if (child := os.fork()) == 0:
        try:
            work()
        except Exception:
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def taken_elsewhere(make, path):
    def work():
        with make(path):
            pass

    return "gets it" if in_child(work) else "is refused"


for name, make in LOCKS.items():
    with contextlib.ExitStack() as block:
        block.enter_context(make(name))
        before = taken_elsewhere(make, name)
        in_child(lambda: None)
        ended = taken_elsewhere(make, name)
        in_child(block.close)
        left = taken_elsewhere(make, name)
        print(f"{name:11}: another {before}; after a child {ended}; after one that left {left}")
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
