#!/usr/bin/env bash
# Two processes hold one lock file at once, each by another lock library.
#
# Guess:   On Linux a lock file that one library holds exclusively is refused to the others: they use
#          the same kernel.
# Seen:    They fall into two parties. filelock, portalocker, zc.lockfile and locket take flock locks,
#          fasteners and oslo.concurrency record locks, and neither party sees the other: both hold
#          the file. Moreover, whoever reads the file in the process that holds a record lock has
#          given the lock up by closing it, and its object still says that it is held.
# Version: filelock 4.3.1, portalocker 4.4.2, zc.lockfile 4.0, locket 1.0.0, fasteners 0.20,
#          oslo.concurrency 7.6.1, CPython 3.11 to 3.13, Linux, local file system
# Source:  flock(2): no interaction with fcntl(2) locks; fcntl(2), "Record locking": closing any
#          descriptor of the file releases them; fasteners/process_mechanism.py: fcntl.lockf
# Output:
#   | holds it    filelock    portalocker zc.lockfile locket      fasteners   oslo        itself, once read
#   | filelock    -           -           -           -           held too    held too    -
#   | portalocker -           -           -           -           held too    held too    -
#   | zc.lockfile -           -           -           -           held too    held too    -
#   | locket      -           -           -           -           held too    held too    -
#   | fasteners   held too    held too    held too    held too    -           -           held too
#   | oslo        held too    held too    held too    held too    -           -           held too
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check filelock==4.3.1 portalocker==4.4.2 zc.lockfile==4.0 locket==1.0.0 fasteners==0.20 oslo.concurrency==7.6.1
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import logging
import os
from pathlib import Path

import fasteners
import filelock
import locket
import portalocker
import zc.lockfile
from oslo_concurrency.lockutils import InterProcessLock

logging.disable(logging.CRITICAL)


def acquired(lock):
    """The lock, held; these two say by their result that it is not to be had."""
    if not lock.acquire(blocking=False):
        raise TimeoutError
    return lock


def timed(lock):
    lock.acquire()
    return lock


TAKE = {
    "filelock": lambda path: timed(filelock.FileLock(path, timeout=0)),
    "portalocker": lambda path: timed(portalocker.Lock(path, "a", timeout=0, fail_when_locked=True)),
    "zc.lockfile": zc.lockfile.LockFile,
    "locket": lambda path: timed(locket.lock_file(path, timeout=0)),
    "fasteners": lambda path: acquired(fasteners.InterProcessLock(path)),
    "oslo": lambda path: acquired(InterProcessLock(path)),
}


def in_other_process(name, path):
    """Try to take the lock of a path in a child."""
    if (child := os.fork()) == 0:
        try:
            held = TAKE[name](path)
        except Exception:
            os._exit(1)
        os._exit(0 if held else 1)
    return "-" if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) else "held too"


print(f"{'holds it':11}", *(f"{name:11}" for name in TAKE), "itself, once read")
for name, take in TAKE.items():
    path = f"{name}.lock"
    lock = take(path)
    others = [in_other_process(other, path) for other in TAKE]
    Path(path).read_bytes()
    print(f"{name:11}", *(f"{other:11}" for other in others), in_other_process(name, path))
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
