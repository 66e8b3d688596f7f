#!/usr/bin/env bash
# The sum of a column of small integers is negative, or another number, and nothing says so.
#
# Guess:   A sum over a column of int32 in a Parquet file is an int64 at least, as in SQL, numpy and pandas: three
#          amounts of 2000000000 are 6000000000. Where even 64 bits are too few an engine raises, or takes more.
# Seen:    polars widens 8 and 16 bits, and adds up 32 bits in 32: 6000000000 is 1705032704, by
#          sum, its SQL and its streaming engine; the mean of the same column is right. Across a row it
#          adds in 8 bits: 100 + 100 is -56. Above 64 bits polars, pyarrow, pandas, datafusion, and
#          deltalake's queries wrap around as well: three positive numbers have a negative sum. DuckDB
#          has 128 bits for it, SQLite raises.
# Version: polars 2.1.0, duckdb 2.0.1, pyarrow 26.0.1, pandas 3.1.1, datafusion 55.0.0, deltalake 1.6.6,
#          CPython 3.11 to 3.13
# Source:  docstring of polars.Series.sum: Int8, UInt8, Int16 and UInt16 are cast to Int64 before summing
#          "to prevent overflow issues", and so Int32 is not
# Output:
#   | polars sum         int32: 1705032704, int64: -8446744073709551616
#   | polars SQL         int32: 1705032704, int64: -8446744073709551616
#   | polars streaming   int32: 1705032704, int64: -8446744073709551616
#   | polars mean * 3    int32: 6000000000, int64: 10000000000000000000
#   | pyarrow            int32: 6000000000, int64: -8446744073709551616
#   | pandas             int32: 6000000000, int64: -8446744073709551616
#   | datafusion         int32: 6000000000, int64: -8446744073709551616
#   | deltalake          int32: 6000000000, int64: -8446744073709551616
#   | duckdb             int32: 6000000000, int64: 10000000000000000000
#   | sqlite3            int32: 6000000000, int64: OperationalError
#   | polars sum_horizontal of 100 and 100 as int8: -56
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check polars==2.1.0 duckdb==2.0.1 pyarrow==26.0.1 pandas==3.1.1 datafusion==55.0.0 deltalake==1.6.6
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import sqlite3

import datafusion
import deltalake
import duckdb
import pandas
import polars
import pyarrow
import pyarrow.compute
import pyarrow.parquet

AMOUNTS = {"int32": [2 * 10**9] * 3, "int64": [4 * 10**18, 3 * 10**18, 3 * 10**18]}
for kind, amounts in AMOUNTS.items():
    table = pyarrow.table({"x": pyarrow.array(amounts, kind)})
    pyarrow.parquet.write_table(table, f"{kind}.parquet")
    deltalake.write_deltalake(f"{kind}.delta", table)


def by_datafusion(kind):
    context = datafusion.SessionContext()
    context.register_parquet("t", f"{kind}.parquet")
    return context.sql("SELECT sum(x) AS s FROM t").to_pylist()[0]["s"]


def by_deltalake(kind):
    query = deltalake.QueryBuilder().register("t", deltalake.DeltaTable(f"{kind}.delta"))
    return pyarrow.table(query.execute("SELECT sum(x) AS s FROM t").read_all())["s"][0]


def by_sqlite(kind):
    rows = sqlite3.connect(":memory:")
    rows.execute("CREATE TABLE t (x INTEGER)")
    rows.executemany("INSERT INTO t VALUES (?)", [(amount,) for amount in AMOUNTS[kind]])
    return rows.execute("SELECT sum(x) FROM t").fetchone()[0]


WAYS = {
    "polars sum": lambda kind: polars.read_parquet(f"{kind}.parquet")["x"].sum(),
    "polars SQL": lambda kind: polars.sql(f"SELECT sum(x) FROM read_parquet('{kind}.parquet')").collect().item(),
    "polars streaming": lambda kind: polars.scan_parquet(f"{kind}.parquet").sum().collect(engine="streaming").item(),
    "polars mean * 3": lambda kind: round(polars.read_parquet(f"{kind}.parquet")["x"].mean() * 3),
    "pyarrow": lambda kind: pyarrow.compute.sum(pyarrow.parquet.read_table(f"{kind}.parquet")["x"]),
    "pandas": lambda kind: pandas.read_parquet(f"{kind}.parquet")["x"].sum(),
    "datafusion": by_datafusion,
    "deltalake": by_deltalake,
    "duckdb": lambda kind: duckdb.sql(f"SELECT sum(x) FROM '{kind}.parquet'").fetchall()[0][0],
    "sqlite3": by_sqlite,
}
for what, act in WAYS.items():
    told = []
    for kind in AMOUNTS:
        try:
            told.append(f"{kind}: {act(kind)}")
        except Exception as error:
            told.append(f"{kind}: {type(error).__name__}")
    print(f"{what:18}", ", ".join(told))
row = polars.DataFrame({"a": [100], "b": [100]}, schema={"a": polars.Int8, "b": polars.Int8})
print("polars sum_horizontal of 100 and 100 as int8:", row.select(polars.sum_horizontal("a", "b")).item())
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
