#!/usr/bin/env bash
# Rows of NaN are returned by x = 1, and nothing is found by isnan(x), in a Parquet file of another writer.
#
# Guess:   Minimum and maximum of a row group only save reading it: a query over the file returns what the
#          same query returns over a table that the file was loaded into.
# Seen:    pyarrow and polars leave NaN out of the minimum and maximum, as the format asks; DuckDB, for
#          which NaN is the largest value, takes them for all there is. Where they prove a condition it is
#          dropped, and where they rule it out the group is skipped: x = 1 and x BETWEEN 0 AND 2 return
#          rows of NaN, isnan(x), x <> 1 and x > 1 do not find them. pyarrow skips as well, in its own
#          files: is_nan() finds nothing. Loaded first, or written by DuckDB, it is as guessed. polars is.
# Version: duckdb 2.0.1, pyarrow 26.0.1, polars 2.1.0, CPython 3.11 to 3.13
# Source:  parquet.thrift, ColumnOrder: NaNs should not be written to min or max, and readers should not
#          assume that there are none; Arrow, Dataset::GetFragments: statistics as a guarantee
# Output:
#   | written by pyarrow, x is 1, NaN, 1
#   |   duckdb   x = 1        file [1.0, nan, 1.0]  table [1.0, 1.0]
#   |   duckdb   x <> 1       file []               table [nan]
#   |   duckdb   isnan(x)     file []               table [nan]
#   |   pyarrow  x == 1       file [1.0, 1.0]       table [1.0, 1.0]
#   |   pyarrow  x != 1       file []               table [nan]
#   |   pyarrow  is_nan(x)    file []               table [nan]
#   | written by polars, x is 1, NaN, 1
#   |   duckdb   x = 1        file [1.0, nan, 1.0]  table [1.0, 1.0]
#   |   duckdb   x <> 1       file []               table [nan]
#   |   duckdb   isnan(x)     file []               table [nan]
#   |   pyarrow  x == 1       file [1.0, 1.0]       table [1.0, 1.0]
#   |   pyarrow  x != 1       file []               table [nan]
#   |   pyarrow  is_nan(x)    file []               table [nan]
#   | written by duckdb, x is 1, NaN, 1
#   |   duckdb   x = 1        file [1.0, 1.0]       table [1.0, 1.0]
#   |   duckdb   x <> 1       file [nan]            table [nan]
#   |   duckdb   isnan(x)     file [nan]            table [nan]
#   |   pyarrow  x == 1       file [1.0, 1.0]       table [1.0, 1.0]
#   |   pyarrow  x != 1       file [nan]            table [nan]
#   |   pyarrow  is_nan(x)    file [nan]            table [nan]
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==2.0.1 pyarrow==26.0.1 polars==2.1.0
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import duckdb
import polars
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet

VALUES = pa.table({"x": [1.0, float("nan"), 1.0]})
X = pyarrow.dataset.field("x")


def by_pyarrow(path):
    pyarrow.parquet.write_table(VALUES, path)


def by_polars(path):
    polars.from_arrow(VALUES).write_parquet(path)


def by_duckdb(path):
    duckdb.from_arrow(VALUES).write_parquet(path)


def show(reader, condition, of_file, of_table):
    print(f"  {reader:8} {condition:12} file {of_file!s:16} table {of_table}")


def selected(source, condition):
    return [x for (x,) in duckdb.sql(f"SELECT x FROM {source} WHERE {condition}").fetchall()]


for write in (by_pyarrow, by_polars, by_duckdb):
    writer = write.__name__.removeprefix("by_")
    path = f"{writer}.parquet"
    write(path)
    print(f"written by {writer}, x is 1, NaN, 1")
    duckdb.sql(f"CREATE TABLE {writer} AS FROM '{path}'")
    for condition in ("x = 1", "x <> 1", "isnan(x)"):
        show("duckdb", condition, selected(f"'{path}'", condition), selected(writer, condition))
    file = pyarrow.dataset.dataset(path)
    for label, condition in (("x == 1", X == 1), ("x != 1", X != 1), ("is_nan(x)", X.is_nan())):
        of_file = file.to_table(filter=condition)["x"].to_pylist()
        show("pyarrow", label, of_file, file.to_table().filter(condition)["x"].to_pylist())
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
