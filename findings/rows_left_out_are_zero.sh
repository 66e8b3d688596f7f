#!/usr/bin/env bash
# What a row was never given is read as 0, and is not found as 0.
#
# Guess:   Where rows are appended without a column, that column is missing in them: NaN, None, or a type
#          that has nulls. And a filter selects the rows that it would select of what is read.
# Seen:    ArcticDB with a dynamic schema keeps a column of integers or booleans as that, and reads 0 and
#          False where nothing was given: a mean over it counts them, and the newest reading of a sensor
#          that was silent is 0. Its own filters know better, and disagree with what they show: n == 0 finds
#          no row, n != 5 and n < 6 leave out the two that are read as 0, and isnull() returns
#          them, as 0. Floats are NaN. In a column that is new all older rows are 0.
# Version: arcticdb 6.28.2, pandas 2.3.3, numpy 2.4.6, CPython 3.11 to 3.13
# Source:  the docstring of LibraryOptions, dynamic_schema: columns are "dynamically backfilled on read", and
#          no word of the value
# Output:
#   | temperature: [1.5, 2.5, nan, nan]
#   | count:       [5, 6, 0, 0]
#   | valid:       [True, True, False, False]
#   | added later: [0, 0, 7, 7]
#   | mean of count by resample: 5.5
#   | mean of what is read:      2.75
#   | rows of               a filter  what is read
#   | count == 0                   0             2
#   | count != 5                   1             3
#   | count < 6                    1             3
#   | valid == False               0             2
#   | not valid                    2             2
#   | count.isnull()               2             0
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check arcticdb==6.28.2 pandas==2.3.3 numpy==2.4.6
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import arcticdb
import pandas

FIRST = {"temperature": [1.5, 2.5], "count": [5, 6], "valid": [True, True]}
CONDITIONS = {
    "count == 0": lambda rows: rows["count"] == 0,
    "count != 5": lambda rows: rows["count"] != 5,
    "count < 6": lambda rows: rows["count"] < 6,
    "valid == False": lambda rows: rows["valid"] == False,  # noqa: E712
    "not valid": lambda rows: ~rows["valid"],
    "count.isnull()": lambda rows: rows["count"].isnull(),
}


def days(first, values):
    return pandas.DataFrame(values, index=pandas.date_range(first, periods=2, freq="D"))


options = arcticdb.LibraryOptions(dynamic_schema=True)
library = arcticdb.Arctic("lmdb://store?map_size=64MB").create_library("readings", options)
library.write("sensor", days("2026-01-01", FIRST))
library.append("sensor", days("2026-01-03", {"added later": [7, 7]}))

read = library.read("sensor").data
for name in ("temperature", "count", "valid", "added later"):
    print(f"{name + ':':12} {read[name].tolist()}")
mean = arcticdb.QueryBuilder().resample("4D").agg({"count": "mean"})
print("mean of count by resample:", library.read("sensor", query_builder=mean).data["count"].iloc[0])
print("mean of what is read:     ", read["count"].mean())

print(f"{'rows of':18} {'a filter':>11} {'what is read':>13}")
for what, condition in CONDITIONS.items():
    query = arcticdb.QueryBuilder()
    query = query[condition(query)]
    print(f"{what:18} {len(library.read('sensor', query_builder=query).data):>11} {condition(read).sum():>13}")
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
