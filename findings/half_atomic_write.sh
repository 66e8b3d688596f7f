#!/usr/bin/env bash
# On a full disk an atomic file writer replaces a good file by half of the new one.
#
# Guess:   atomicwriter writes beside the target and renames at the end, so on a full disk the write
#          raises OSError and the target keeps its old content; what is renamed was synced before.
# Seen:    The disk takes 5000 of 10000 bytes: write_bytes() returns None, the block ends without an
#          error, and the target holds the first 5000 bytes of the new content. Only a write of
#          which nothing fits raises. Under strace: one write call, whose short count is dropped,
#          then the rename, then the one fsync.
# Version: atomicwriter 0.3.0, CPython 3.11 and 3.12, Linux
# Source:  README of that release promises an unchanged target when a write fails, the docstring of
#          AtomicWriter.write_bytes an OSError
# Output:
#   | room for     0 of 10000: OSError None; target: o x 300
#   | room for  5000 of 10000: no error, write_bytes() returned None; target: n x 5000
#   | room for 10000 of 10000: no error, write_bytes() returned None; target: n x 10000
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check atomicwriter==0.3.0
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import resource
from pathlib import Path

from atomicwriter import AtomicWriter

# A limit on the size of files stands for a full disk: a write across it is cut short, the next one fails.
FULL = resource.RLIM_INFINITY
target = Path("target")
for room in (0, 5_000, 10_000):
    target.write_bytes(b"old" * 100)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, FULL))
    try:
        with AtomicWriter(target, overwrite=True) as writer:
            returned = writer.write_bytes(b"n" * 10_000)
        outcome = f"no error, write_bytes() returned {returned}"
    except OSError as error:
        outcome = f"OSError {error.errno}"
    resource.setrlimit(resource.RLIMIT_FSIZE, (FULL, FULL))
    content = target.read_bytes()
    print(f"room for {room:5} of 10000: {outcome}; target: {content[:1].decode()} x {len(content)}")
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
