#!/usr/bin/env bash
# Of files whose headers name the same columns in another order, some ways of reading swap the columns.
#
# Guess:   Where a file has a header, or a table has names, columns are matched by name; if not, it is an
#          error. What SQL does with a list of files, the function of Python does with the list, too.
# Seen:    DuckDB: "FROM read_csv([a, b])" matches by name, duckdb.read_csv([a, b]) by place: in the second
#          file what was received is what was sent. With types for the columns, it is by place in SQL as
#          well, and COPY into a table is by place from CSV and Parquet, by name from JSON; append() of a
#          frame is by place. datafusion: a folder is read by place from CSV, by name from Parquet and
#          JSON, and INSERT of a query is by place. pyarrow matches by name, polars refuses.
# Version: duckdb 2.0.1, datafusion 55.0.0, polars 1.44.2, pyarrow 26.0.1, pandas 3.0.6, CPython 3.11 to 3.13
# Source:  DuckDB, "Combining Schemas": CSV files are read by position unless union_by_name is set
# Output:
#   | DuckDB FROM list of CSV          [('ann', 'bob'), ('ann', 'bob')]
#   | DuckDB read_csv(list)            [('ann', 'bob'), ('bob', 'ann')]
#   | DuckDB FROM list, with types     [('ann', 'bob'), ('bob', 'ann')]
#   | DuckDB COPY from CSV             [('ann', 'bob'), ('bob', 'ann')]
#   | DuckDB COPY from Parquet         [('ann', 'bob'), ('bob', 'ann')]
#   | DuckDB COPY from JSON            [('ann', 'bob'), ('ann', 'bob')]
#   | DuckDB append() of frames        [('ann', 'bob'), ('bob', 'ann')]
#   | datafusion folder of CSV         [('ann', 'bob'), ('bob', 'ann')]
#   | datafusion folder of Parquet     [('ann', 'bob'), ('ann', 'bob')]
#   | datafusion folder of JSON        [('ann', 'bob'), ('ann', 'bob')]
#   | pyarrow folder of CSV            [('ann', 'bob'), ('ann', 'bob')]
#   | polars folder of CSV             ComputeError
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==2.0.1 datafusion==55.0.0 polars==1.44.2 pyarrow==26.0.1 pandas==3.0.6
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import os

import datafusion
import duckdb
import polars
import pyarrow as pa
import pyarrow.dataset

FRAMES = [pa.table({"sender": ["ann"], "receiver": ["bob"]}), pa.table({"receiver": ["bob"], "sender": ["ann"]})]
for kind, write in (("csv", "write_csv"), ("parquet", "write_parquet"), ("json", "write_ndjson")):
    os.mkdir(kind)
    for number, frame in enumerate(FRAMES):
        getattr(polars.from_arrow(frame), write)(f"{kind}/{number}.{kind}")
FILES = ["csv/0.csv", "csv/1.csv"]


def show(label, act):
    try:
        rows = [tuple(row.values()) if isinstance(row, dict) else row for row in act()]
    except polars.exceptions.ComputeError as error:
        print(f"{label:32} {type(error).__name__}")
    else:
        print(f"{label:32} {sorted(rows)}")


def table(fill):
    database = duckdb.connect()
    database.execute("CREATE TABLE t (sender VARCHAR, receiver VARCHAR)")
    fill(database)
    return database.execute("FROM t").fetchall()


def copied(kind):
    return table(lambda database: [database.execute(f"COPY t FROM '{kind}/{number}.{kind}'") for number in (0, 1)])


def folder(kind):
    context = datafusion.SessionContext()
    getattr(context, f"register_{kind}")("t", kind, file_extension=f".{kind}")
    return context.sql("SELECT sender, receiver FROM t").to_pylist()


TYPES = "columns = {'sender': 'VARCHAR', 'receiver': 'VARCHAR'}"
show("DuckDB FROM list of CSV", duckdb.sql(f"FROM read_csv({FILES})").fetchall)
show("DuckDB read_csv(list)", duckdb.read_csv(FILES).fetchall)
show("DuckDB FROM list, with types", duckdb.sql(f"FROM read_csv({FILES}, header = true, {TYPES})").fetchall)
show("DuckDB COPY from CSV", lambda: copied("csv"))
show("DuckDB COPY from Parquet", lambda: copied("parquet"))
show("DuckDB COPY from JSON", lambda: copied("json"))
show("DuckDB append() of frames", lambda: table(lambda database: [database.append("t", frame.to_pandas()) for frame in FRAMES]))
for kind, label in (("csv", "CSV"), ("parquet", "Parquet"), ("json", "JSON")):
    show(f"datafusion folder of {label}", lambda: folder(kind))
show("pyarrow folder of CSV", pyarrow.dataset.dataset("csv", format="csv").to_table().to_pylist)
show("polars folder of CSV", lambda: polars.read_csv("csv/*.csv").rows())
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
