#!/usr/bin/env bash
# A folder of Parquet files that is rewritten into itself is emptied first, and read afterwards.
#
# Guess:   Who rewrites a folder of small files into the same folder (a compaction), and asks for
#          what was there to be overwritten, has either the old rows or the new ones: the old files
#          go when the new ones are complete, as DuckDB does for one file, or the query is refused,
#          as polars does where it reads the file that it writes.
# Seen:    The old files are removed before most of them are opened. Of 40 files none is left, and
#          the call raises, for a file that it has itself removed. With pyarrow three files go well:
#          as many are read ahead. DuckDB loses three as well, now and then.
# Version: duckdb 2.0.1, pyarrow 25.0.1, CPython 3.11, Linux
# Source:  DuckDB's documentation, "Partitioned Writes" and COPY (OVERWRITE, USE_TMP_FILE); the
#          docstring of pyarrow.dataset.write_dataset, existing_data_behavior: with delete_matching
#          a partition's folder is deleted when it is first met. Neither says when a source that
#          lies in that folder is read.
# Output:
#   | duckdb, 40 files: IOException; of 200 rows none is left, of the old files 0
#   | pyarrow, 40 files: FileNotFoundError; of 200 rows some are lost, of the old files 0 left
#   | pyarrow, 3 files: done; of 15 rows all are there
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==2.0.1 pyarrow==25.0.1
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
from pathlib import Path
from shutil import rmtree

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

ROWS = 5
OPTIONS = "FORMAT parquet, PARTITION_BY (part), OVERWRITE true"


def make(files):
    rmtree("data", ignore_errors=True)
    Path("data").mkdir()
    for number in range(files):
        table = pa.table({"part": [0] * ROWS, "row": [number * ROWS + row for row in range(ROWS)]})
        pq.write_table(table, f"data/old-{number:03}.parquet")


def rows():
    return sum(pq.ParquetFile(path).metadata.num_rows for path in Path("data").rglob("*.parquet"))


def old():
    return len(list(Path("data").glob("old-*")))


def attempt(rewrite):
    try:
        rewrite()
    except Exception as error:
        return type(error).__name__
    return "done"


def by_duckdb():
    duckdb.connect().execute(f"COPY (FROM 'data/*.parquet') TO 'data' ({OPTIONS})")


def by_pyarrow():
    source = ds.dataset("data", format="parquet")
    ds.write_dataset(source, "data", format="parquet", existing_data_behavior="delete_matching")


make(40)
ended = attempt(by_duckdb)
print(f"duckdb, 40 files: {ended}; of 200 rows", "some are" if rows() else "none is", end=" left, ")
print(f"of the old files {old()}")
make(40)
ended = attempt(by_pyarrow)
print(f"pyarrow, 40 files: {ended}; of 200 rows", "some are lost" if rows() < 200 else "none is lost", end=", ")
print(f"of the old files {old()} left")
make(3)
ended = attempt(by_pyarrow)
print(f"pyarrow, 3 files: {ended}; of 15 rows", "all are there" if rows() == 15 else "some are lost")
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
