#!/usr/bin/env bash
# What only a later row has is dropped, and a later fraction is cut to an integer.
#
# Guess:   A table that is made of records has every field that one of them has, and each number as it was, as
#          in pandas; or the record that does not fit those before it is refused.
# Seen:    pyarrow's from_pylist takes the fields of the first record, polars those of the first hundred, and a
#          field that comes later is dropped. Where those hundred have integers polars cuts 2.5 to 2,
#          and its read_json makes a null of 2**63. DuckDB looks at the first 20480 lines of a JSON file and
#          reads a 2.5 behind them as 2, so that a sum is wrong. No error and no warning: what was
#          changed late in a file, by a new release of what wrote it, is gone. A text there is refused by all three.
# Version: pyarrow 26.0.1, polars 2.1.0, duckdb 2.0.1, pandas 3.1.1, sqlite-utils 4.2.1, CPython 3.11 to 3.13
# Source:  docstring of polars.from_dicts: infer_schema_length, how many rows to scan; DuckDB documentation,
#          read_json: sample_size, of which types are guessed
# Output:
#   | after 30000 times x = 1        {"x": 2.5}             {"x": 2, "new": 3}     {"x": 2**63}
#   | pyarrow from_pylist            2.5                    new is gone            OverflowError
#   | pyarrow read_json              2.5                    as it was              9.223372036854776e+18
#   | polars from_dicts              2                      new is gone            ComputeError
#   | polars DataFrame               2                      new is gone            ComputeError
#   | polars read_json               2                      ComputeError           None
#   | polars read_ndjson             ComputeError           new is gone            ComputeError
#   | duckdb read_json               2                      InvalidInputException  InvalidInputException
#   | pandas DataFrame               2.5                    as it was              9223372036854775808
#   | sqlite-utils insert_all        2.5                    OperationalError       OverflowError
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pyarrow==26.0.1 polars==2.1.0 duckdb==2.0.1 pandas==3.1.1 sqlite-utils==4.2.1
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import json
import pathlib

import duckdb
import pandas
import polars
import pyarrow.json
import sqlite_utils

LAST = {'{"x": 2.5}': {"x": 2.5}, '{"x": 2, "new": 3}': {"x": 2, "new": 3}, '{"x": 2**63}': {"x": 2**63}}


def lines(records):
    pathlib.Path("records.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    return "records.jsonl"


def whole(records):
    pathlib.Path("records.json").write_text(json.dumps(records))
    return "records.json"


def by_duckdb(records):
    found = duckdb.sql(f"FROM '{lines(records)}'")
    return dict(zip(found.columns, found.fetchall()[-1]))


def by_sqlite_utils(records):
    return list(sqlite_utils.Database(memory=True)["t"].insert_all(records).rows)[-1]


WAYS = {
    "pyarrow from_pylist": lambda records: pyarrow.Table.from_pylist(records).to_pylist()[-1],
    "pyarrow read_json": lambda records: pyarrow.json.read_json(lines(records)).to_pylist()[-1],
    "polars from_dicts": lambda records: polars.from_dicts(records).row(-1, named=True),
    "polars DataFrame": lambda records: polars.DataFrame(records).row(-1, named=True),
    "polars read_json": lambda records: polars.read_json(whole(records)).row(-1, named=True),
    "polars read_ndjson": lambda records: polars.read_ndjson(lines(records)).row(-1, named=True),
    "duckdb read_json": by_duckdb,
    "pandas DataFrame": lambda records: pandas.DataFrame(records).to_dict("records")[-1],
    "sqlite-utils insert_all": by_sqlite_utils,
}
print(f"{'after 30000 times x = 1':30}", *(f"{what:22}" for what in LAST))
for what, act in WAYS.items():
    told = []
    for last in LAST.values():
        try:
            found = act([{"x": 1}] * 30000 + [last])
            told.append(found["x"] if "new" not in last else "as it was" if found.get("new") else "new is gone")
        except Exception as error:
            told.append(type(error).__name__)
    print(f"{what:30}", *(f"{told_of!s:22}" for told_of in told))
PROGRAM
sed -i 's/ *$//' seen.txt
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
