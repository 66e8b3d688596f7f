#!/usr/bin/env bash
# DELETE WHERE x = 1 deletes the rows of NaN too, or a delete leaves a row that its condition selects.
#
# Guess:   A delete on a table of Parquet files removes the rows that a query with its condition returns,
#          and no others; minimum and maximum of a file only save reading it.
# Seen:    deltalake: of 1, NaN, 1 the log says that minimum and maximum are 1, and all three are read as
#          1: a query shows 1 in place of NaN, x = 1 deletes three rows. x <> 1 finds none; isnan(x), or
#          where the two bounds differ, it is as guessed. pyiceberg: "x is nan" shows nothing and deletes
#          the row; of 1, NaN, 2 x != 1 shows NaN and leaves it, not in ('a', 'q') shows a null and
#          leaves it; x = 1 leaves no row of 1, NaN, 1. lance is as guessed.
# Version: deltalake 1.6.6, pyiceberg 0.12.0, pylance 14.0.2, pyarrow 26.0.1, CPython 3.11 and 3.12
# Source:  Delta protocol, "Per-file Statistics"; parquet.thrift, ColumnOrder: NaNs are left out of min and
#          max; pyiceberg/table/__init__.py, Transaction.delete: files are rewritten by the complement
# Output:
#   | deltalake [1.0, nan, 1.0]  x = 1               selects [1.0, 1.0, 1.0] leaves []
#   | deltalake [1.0, nan, 1.0]  x <> 1              selects []              leaves [1.0, nan, 1.0]
#   | deltalake [1.0, nan, 1.0]  isnan(x)            selects [nan]           leaves [1.0, 1.0]
#   | deltalake [1.0, nan, 2.0]  x <= 2              selects [1.0, 2.0]      leaves [nan]
#   | pyiceberg [1.0, nan, 1.0]  x = 1               selects [1.0, 1.0]      leaves []
#   | pyiceberg [1.0, nan, 1.0]  x != 1              selects []              leaves [1.0, nan, 1.0]
#   | pyiceberg [1.0, nan, 1.0]  x is nan            selects []              leaves [1.0, 1.0]
#   | pyiceberg [1.0, nan, 2.0]  x != 1              selects [nan, 2.0]      leaves [1.0, nan]
#   | pyiceberg ['a', None, 'b'] x not in ('a', 'q') selects [None, 'b']     leaves ['a', None]
#   | lance     [1.0, nan, 1.0]  x = 1               selects [1.0, 1.0]      leaves [nan]
#   | lance     [1.0, nan, 1.0]  x <> 1              selects [nan]           leaves [1.0, 1.0]
#   | lance     [1.0, nan, 1.0]  isnan(x)            selects [nan]           leaves [1.0, 1.0]
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check deltalake==1.6.6 pyiceberg==0.12.0 sqlalchemy==2.1.9 pylance==14.0.2 pyarrow==26.0.1
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import os
import tempfile
import warnings

import deltalake as delta
import lance as lance_package
import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog

warnings.simplefilter("ignore")
NAN = float("nan")


def deltalake(path, rows):
    delta.write_deltalake(path, rows)
    table = delta.DeltaTable(path)

    def select(condition):
        query = delta.QueryBuilder().register("t", table).execute(f"SELECT x FROM t WHERE {condition}")
        return pa.table(query.read_all())

    return select, table.delete, lambda: delta.DeltaTable(path).to_pyarrow_table()


def pyiceberg(path, rows):
    os.mkdir(path)
    catalog = SqlCatalog("c", uri=f"sqlite:///{path}/catalog", warehouse=f"file://{os.path.abspath(path)}")
    catalog.create_namespace("n")
    table = catalog.create_table("n.t", schema=rows.schema)
    table.append(rows)
    return lambda condition: table.scan(condition).to_arrow(), table.delete, lambda: table.scan().to_arrow()


def lance(path, rows):
    table = lance_package.write_dataset(rows, path)
    return lambda condition: table.to_table(filter=condition), table.delete, table.to_table


def run(make, values, condition):
    select, delete, everything = make(tempfile.mkdtemp(dir=".") + "/table", pa.table({"x": values}))
    selected = select(condition)["x"].to_pylist()
    delete(condition)
    left = everything()["x"].to_pylist()
    print(f"{make.__name__:9} {values!s:16} {condition:19} selects {selected!s:15} leaves {left}")


ONES = [1.0, NAN, 1.0]
for condition in ("x = 1", "x <> 1", "isnan(x)"):
    run(deltalake, ONES, condition)
run(deltalake, [1.0, NAN, 2.0], "x <= 2")
for condition in ("x = 1", "x != 1", "x is nan"):
    run(pyiceberg, ONES, condition)
run(pyiceberg, [1.0, NAN, 2.0], "x != 1")
run(pyiceberg, ["a", None, "b"], "x not in ('a', 'q')")
for condition in ("x = 1", "x <> 1", "isnan(x)"):
    run(lance, ONES, condition)
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
