#!/usr/bin/env bash
# A file that was written anew is judged by the footer of the old one: an answer that neither version held.
#
# Guess:   A cache of footers that checks whether a file has changed gives the rows of the new file,
#          or at worst those of the old one; and a filter finds the row that a plain read shows.
# Seen:    DuckDB with `parquet_metadata_cache` keeps the old footer where name, size and time of
#          modification are the same (`shutil.copy2` of builds with one fixed time, `rsync --inplace
#          --times`). It reads the new rows and plans by the old smallest and largest value: `select
#          distinct x` answers 3420, which is in neither file, and `where x = 4444` finds none of the
#          ten rows, without an error. Put in place by a rename, the new file is read as it is. The
#          setting is off by default. polars is right both times.
# Version: duckdb 2.0.1, pyarrow 26.0.1, polars 2.1.0, CPython 3.11 to 3.13
# Source:  DuckDB documentation, configuration: parquet_metadata_cache ("Cache Parquet metadata");
#          Parquet format: the smallest and largest value of a column chunk stand in the footer
# Output:
#   | ten rows of 3333, then a file of ten rows of 4444, same size and time
#   | copied over it
#   |   duckdb reads [4444], distinct [3420], finds 0 of 10
#   |   polars reads [4444]
#   | renamed over it
#   |   duckdb reads [4444], distinct [4444], finds 10 of 10
#   |   polars reads [4444]
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==2.0.1 pyarrow==26.0.1 polars==2.1.0
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import os
import shutil

import duckdb
import polars
import pyarrow
import pyarrow.parquet


def written(name, value):
    pyarrow.parquet.write_table(pyarrow.table({"x": [value] * 10}), name)
    os.utime(name, (1_000_000_000, 1_000_000_000))
    return os.stat(name).st_size


def values(connection, name, what="x"):
    return sorted({row[0] for row in connection.sql(f"select {what} from '{name}'").fetchall()})


print("ten rows of 3333, then a file of ten rows of 4444, same size and time")
for label, put, name in (
    ("copied over it", shutil.copy2, "copied.parquet"),
    ("renamed over it", os.replace, "renamed.parquet"),
):
    size = written(name, 3333)
    connection = duckdb.connect()
    connection.execute("set parquet_metadata_cache = true")
    lazy = polars.scan_parquet(name)
    assert values(connection, name) == lazy.collect()["x"].unique().to_list() == [3333]
    assert written("new.parquet", 4444) == size
    put("new.parquet", name)
    read, distinct = values(connection, name), values(connection, name, "distinct x")
    ((found,),) = connection.sql(f"select count(*) from '{name}' where x = 4444").fetchall()
    print(label)
    print(f"  duckdb reads {read}, distinct {distinct}, finds {found} of 10")
    print(f"  polars reads {lazy.collect()['x'].unique().to_list()}")
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
