#!/usr/bin/env bash
# A query for one id returns the row of another, and an index makes it right, and other queries wrong.
#
# Guess:   An integer is compared as an integer; an index changes how long a query takes, not its rows.
# Seen:    In a table or an array of blosc2, the number of a condition is rounded to a double before it meets a
#          column of 64-bit integers: an id of 2**60 + 1 is not found by itself, the row of 2**60 is, and
#          an id that no row has is found. With an index on the column integers are right. Floats
#          are right without one: BUCKET, the default kind, loses -0.0 from x == 0, and PARTIAL and FULL
#          return NaN for x > 0.
# Version: blosc2 4.14.1, pyarrow 26.0.1, numpy 2.4.6, CPython 3.11 to 3.13
# Source:  blosc2, CTable.create_index(): kinds accelerate queries, FULL by a sorted order (NaN is last in it)
# Output:
#   | integers      rows      no index     BUCKET       PARTIAL      FULL
#   | x == B + 1    [1]       [0]          right        right        right
#   | x <  B + 1    [0]       []           right        right        right
#   | x <= B + 1    [0, 1]    [0]          right        right        right
#   | x >= B + 1    [1, 2]    [0, 1, 2]    right        right        right
#   | x >  B + 1    [2]       [1, 2]       right        right        right
#   | x == B + 3    []        [0]          right        right        right
#   | floats        rows      no index     BUCKET       PARTIAL      FULL
#   | x == 0.0      [0, 1]    right        [1]          right        right
#   | x <  0.0      []        right        right        right        right
#   | x <= 0.0      [0, 1]    right        right        right        right
#   | x >= 0.0      [0, 1, 2] right        right        [0, 1, 2, 3] [0, 1, 2, 3]
#   | x >  0.0      [2]       right        right        [2, 3]       [2, 3]
#   | array == B + 1: [True, False]
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check blosc2==4.14.1 pyarrow==26.0.1 numpy==2.4.6
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import operator

import blosc2
import numpy
import pyarrow as pa

BASE = 2**60
NAN = float("nan")
KINDS = (None, "BUCKET", "PARTIAL", "FULL")
SIGNS = {"==": operator.eq, "<": operator.lt, "<=": operator.le, ">=": operator.ge, ">": operator.gt}


def found(values, sign, number, kind):
    rows = pa.table({"row": list(range(len(values))), "x": values})
    table = blosc2.CTable.from_arrow(rows.schema, rows.to_batches())
    if kind:
        table.create_index("x", kind=getattr(blosc2.IndexKind, kind))
    return table.where(f"x {sign} {number}").to_arrow()["row"].to_pylist()


def show(values, sign, number, label):
    true = [row for row, value in enumerate(values) if SIGNS[sign](value, number)]
    answers = [found(values, sign, number, kind) for kind in KINDS]
    words = [f"{'right' if answer == true else str(answer):12}" for answer in answers]
    print(f"x {sign:2} {label:8} {true!s:9}", *words[:-1], words[-1].rstrip())


def table(head, values, conditions):
    print(f"{head:13} rows      no index     BUCKET       PARTIAL      FULL")
    for sign, number, label in conditions:
        show(values, sign, number, label)


table("integers", [BASE, BASE + 1, BASE + 2], [(sign, BASE + 1, "B + 1") for sign in SIGNS] + [("==", BASE + 3, "B + 3")])
table("floats", [-0.0, 0.0, 1.0, NAN], [(sign, 0.0, "0.0") for sign in SIGNS])
array = blosc2.asarray(numpy.array([BASE, BASE + 1]))
print("array == B + 1:", (array == BASE + 1)[:].tolist())
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
