#!/usr/bin/env bash
# One NaN in a column with an index hides most of the rows that a query asks for.
#
# Guess:   An index only makes a query faster: a row of NaN is in neither x >= 0.5 nor x < 0.5, and every
#          other row is found as if there were no index.
# Seen:    PyTables sorts a column in parts, NaN last, and takes the last value of each part for its
#          largest: x >= 0.5 is not below NaN, so the whole part is skipped. One NaN in 200000 rows, and
#          three quarters of the rows are missing, without an error; x < 0.5 is right, and so are
#          tables of one part, as those of small tests are. pandas makes such an index of each column of
#          data_columns, unasked. Without it all rows are found.
# Version: tables 3.11.1, pandas 3.1.1, numpy 2.4.6, CPython 3.11 to 3.13
# Source:  tables/indexesextension.pyx: _search_bin_na_d compares with the range of a part by <= alone;
#          where tables/index.py searches in Python it is aware of NaN
# Output:
#   | rows where             x >= 0.5    x < 0.5  x == 0.25
#   | in memory:               100000      99999        200
#   | pandas:                   22352      99999         44
#   | pandas index=False:      100000      99999        200
#   | tables:                  100000      99999        200
#   | tables indexed:           22352      99999         44
#   | index removed:           100000      99999        200
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tables==3.11.1 pandas==3.1.1 numpy==2.4.6
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import numpy
import pandas
import tables

WANTED = ("x >= 0.5", "x < 0.5", "x == 0.25")
readings = numpy.arange(200_000) % 1000 / 1000
readings[5] = numpy.nan


def say(what, counts):
    print(f"{what:20}", *(f"{count:>10}" for count in counts))


say("rows where", WANTED)
frame = pandas.DataFrame({"x": readings})
say("in memory:", [len(frame.query(condition)) for condition in WANTED])
for index in (True, False):
    with pandas.HDFStore("pandas.h5", "w") as store:
        store.append("t", frame, data_columns=["x"], index=index)
        found = [len(store.select("t", where=condition)) for condition in WANTED]
        say("pandas:" if index else "pandas index=False:", found)
with tables.open_file("tables.h5", "w") as file:
    table = file.create_table("/", "t", numpy.rec.fromarrays([readings], names="x"))

    def ask(what):
        say(what, [len(table.read_where(condition)) for condition in WANTED])

    ask("tables:")
    table.cols.x.create_index()
    ask("tables indexed:")
    table.cols.x.remove_index()
    ask("index removed:")
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
