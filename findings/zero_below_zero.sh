#!/usr/bin/env bash
# A query of a Vortex file through polars, DuckDB or pyarrow finds that -0.0 is less than 0.
#
# Guess:   A condition that a query engine passes down into a file only saves reading: it selects the rows
#          that the engine would select itself from the same values, which the format keeps exactly.
# Seen:    Vortex orders floats by their bits: -0.0 is less than 0 and not equal to it, so x = 0 lacks a row
#          and x < 0 has one. The lazy frame of polars, and the dataset that DuckDB and pyarrow read, pass
#          conditions down and return what Vortex selects. Read first and filtered after, the same frame of
#          polars has other rows for five of seven conditions; DuckDB, which passes some down and not
#          others, says that a row is less than 0 and also that it is not unequal to it.
# Version: vortex-data 0.93.0, polars 1.44.2, duckdb 2.0.1, pyarrow 26.0.1, CPython 3.11 to 3.13
# Source:  Vortex, NativePType: is_eq and total_compare of floats go by total order (IEEE 754, totalOrder)
# Output:
#   | same values: True
#   | polars   x = 0        of the file: [2]          in memory: [1, 2]        other rows
#   | polars   x <> 0       of the file: [1, 3, 4]    in memory: [3, 4]        other rows
#   | polars   x < 0        of the file: [1]          in memory: []            other rows
#   | polars   x <= 0       of the file: [1, 2]       in memory: [1, 2]
#   | polars   x >= 0       of the file: [2, 3, 4]    in memory: [1, 2, 3, 4]  other rows
#   | polars   x > 0        of the file: [3, 4]       in memory: [3, 4]
#   | polars   x in (0, 2)  of the file: [2, 3]       in memory: [1, 2, 3]     other rows
#   | DuckDB   x = 0        of the file: [2]          in memory: [1, 2]        other rows
#   | DuckDB   x <> 0       of the file: [3, 4]       in memory: [3, 4]
#   | DuckDB   x < 0        of the file: [1]          in memory: []            other rows
#   | DuckDB   x <= 0       of the file: [1, 2]       in memory: [1, 2]
#   | DuckDB   x >= 0       of the file: [1, 2, 3, 4] in memory: [1, 2, 3, 4]
#   | DuckDB   x > 0        of the file: [3, 4]       in memory: [3, 4]
#   | pyarrow  x = 0        of the file: [2]          in memory: [1, 2]        other rows
#   | pyarrow  x <> 0       of the file: [1, 3, 4]    in memory: [3, 4]        other rows
#   | pyarrow  x < 0        of the file: [1]          in memory: []            other rows
#   | pyarrow  x <= 0       of the file: [1, 2]       in memory: [1, 2]
#   | pyarrow  x >= 0       of the file: [2, 3, 4]    in memory: [1, 2, 3]     other rows
#   | pyarrow  x > 0        of the file: [3, 4]       in memory: [3]           other rows
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check vortex-data==0.93.0 polars==1.44.2 duckdb==2.0.1 pyarrow==26.0.1
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import operator

import duckdb
import polars
import pyarrow as pa
import pyarrow.compute
import pyarrow.dataset
import vortex

NAN = float("nan")
rows = pa.table({"row": [1, 2, 3, 4], "x": [-0.0, 0.0, 2.0, NAN]})
vortex.io.write(vortex.array(rows), "rows.vortex")
file = vortex.open("rows.vortex")
stored, memory = file.to_dataset(), pyarrow.dataset.dataset(rows)
print("same values:", repr(file.to_arrow().read_all()["x"].to_pylist()) == repr(rows["x"].to_pylist()))

SIGNS = {"=": operator.eq, "<>": operator.ne, "<": operator.lt, "<=": operator.le, ">=": operator.ge, ">": operator.gt}


def show(engine, condition, of_file, of_memory):
    mark = "" if of_file == of_memory else "  other rows"
    print(f"{engine:8} x {condition:10} of the file: {of_file!s:12} in memory: {of_memory!s:12}{mark}".rstrip())


for sign, compare in SIGNS.items():
    condition = compare(polars.col("x"), 0)
    lazy = file.to_polars()
    of_file, of_memory = lazy.filter(condition).collect(), lazy.collect().filter(condition)
    show("polars", f"{sign} 0", of_file["row"].to_list(), of_memory["row"].to_list())
condition = polars.col("x").is_in([0.0, 2.0])
show("polars", "in (0, 2)", *(frame["row"].to_list() for frame in (lazy.filter(condition).collect(), lazy.collect().filter(condition))))
for sign in SIGNS:
    query = f"SELECT row FROM {{}} WHERE x {sign} 0 ORDER BY row"
    show("DuckDB", f"{sign} 0", *([row for (row,) in duckdb.sql(query.format(name)).fetchall()] for name in ("stored", "memory")))
for sign, compare in SIGNS.items():
    condition = compare(pyarrow.compute.field("x"), 0.0)
    show("pyarrow", f"{sign} 0", *(source.to_table(filter=condition)["row"].to_pylist() for source in (stored, memory)))
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
