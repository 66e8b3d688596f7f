#!/usr/bin/env bash
# After one write that failed, LevelDB forgets every write that it acknowledges later.
#
# Guess:   A put() that raises because the disk is full is lost; once there is room again,
#          put(sync=True) that returns is durable, or it goes on raising.
# Seen:    The failed put leaves a torn record at the end of the log, later records are appended
#          behind it, and each put(sync=True) returns. Reading sees them until the database is
#          opened again: the log is read up to the torn record, and the twenty acknowledged and
#          synced writes behind it are gone, without an error.
# Version: plyvel 1.5.1 with the LevelDB that its wheel bundles, CPython 3.11 and 3.12, Linux
# Source:  LevelDB, db/log_writer.cc: EmitPhysicalRecord moves its place in the block forward
#          whether or not the append succeeded; db/db_impl.cc: DBImpl::Write keeps a background
#          error for a failed sync only. plyvel, user guide, "synchronous writes"
# Output:
#   | put on a full disk: IOError
#   | 20 more puts, synced: no error; readable now: 20
#   | opened again: before 20, behind 0
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check plyvel==1.5.1
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import resource
from pathlib import Path

import plyvel

VALUE = b"v" * 600
store = plyvel.DB("store", create_if_missing=True)
for number in range(20):
    store.put(b"before %02d" % number, VALUE, sync=True)
(log,) = Path("store").glob("*.log")
# A limit on the size of files stands for a full disk: the next record is cut short in its middle.
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (log.stat().st_size + 250, hard))
try:
    store.put(b"refused", VALUE, sync=True)
    print("put on a full disk: no error")
except plyvel.IOError:
    print("put on a full disk: IOError")
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
for number in range(20):
    store.put(b"behind %02d" % number, VALUE, sync=True)
print("20 more puts, synced: no error; readable now:", sum(1 for _ in store.iterator(prefix=b"behind")))
store.close()
with plyvel.DB("store") as store:
    print("opened again: before", sum(1 for _ in store.iterator(prefix=b"before")), end=", ")
    print("behind", sum(1 for _ in store.iterator(prefix=b"behind")))
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
