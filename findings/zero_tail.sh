#!/usr/bin/env bash
# Two stores that recover from a short last record refuse a last record that kept its length and lost its bytes.
#
# Guess:   A log that recovers from a last record that is cut short recovers as well if the file has
#          its full length and the end reads as zeros, or if zeros follow the last record: a file
#          system may leave either after a power cut, and only a commit that was never acknowledged
#          is concerned.
# Seen:    DuckDB no longer opens such a database: a checksum error keeps all earlier commits out of
#          reach until the WAL is cut by hand. ZODB refuses a last transaction that ends in zeros,
#          and takes 4096 zeros behind the last one for one more transaction: it opens, and reading
#          the root object fails.
# Version: duckdb 2.0.1, ZODB 6.4, CPython 3.11 and 3.12, Linux
# Source:  ZODB/FileStorage/FileStorage.py: read_index truncates at a transaction that the file is
#          too short for, and raises if the length behind it differs; DuckDB: the message names the
#          entry and both checksums
# Output:
#   | duckdb_file last record whole              20 of 20
#   | duckdb_file last record short of 100 bytes 19 of 20
#   | duckdb_file last record ends in 100 zeros  Error
#   | duckdb_file last record before 4096 zeros  20 of 20
#   | zodb_file   last record whole              20 of 20
#   | zodb_file   last record short of 100 bytes 19 of 20
#   | zodb_file   last record ends in 100 zeros  CorruptedTransactionError
#   | zodb_file   last record before 4096 zeros  ReadConflictError
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==2.0.1 ZODB==6.4
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import logging
import os
import shutil
from pathlib import Path

import duckdb
import transaction
import ZODB
import ZODB.FileStorage

logging.disable(logging.CRITICAL)
VALUE = "v" * 600


def duckdb_file(numbers):
    connection = duckdb.connect("store/file")
    connection.execute("CREATE TABLE IF NOT EXISTS records (number INTEGER, value VARCHAR)")
    for number in numbers:
        connection.execute("INSERT INTO records VALUES (?, ?)", [number, VALUE])
    yield connection.execute("SELECT count(*) FROM records").fetchone()[0]


def zodb_file(numbers):
    connection = ZODB.DB(ZODB.FileStorage.FileStorage("store/file")).open()
    for number in numbers:
        connection.root()[str(number)] = VALUE
        transaction.commit()
    yield len(connection.root())


def in_child(store, numbers):
    """Commit or count in a process of its own that ends without closing anything, as in a crash."""
    print(end="", flush=True)
    if os.fork() == 0:
        try:
            running = store(numbers)
            count = next(running)
            if not numbers:
                print(count, "of 20")
        except Exception as error:
            print(type(error).__name__)
        print(end="", flush=True)
        os._exit(0)
    os.wait()


DAMAGE = {"whole": (), "short of 100 bytes": (-100,), "ends in 100 zeros": (-100, 0), "before 4096 zeros": (4096,)}
for store, pattern in ((duckdb_file, "file.wal"), (zodb_file, "file")):
    for damage, lengths in DAMAGE.items():
        os.mkdir("store")
        in_child(store, range(20))
        (log,) = Path("store").glob(pattern)
        size = log.stat().st_size
        for change in lengths:
            os.truncate(log, size + change)
        print(f"{store.__name__:11} last record {damage:18}", end=" ")
        in_child(store, ())
        shutil.rmtree("store")
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
