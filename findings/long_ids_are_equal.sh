#!/usr/bin/env bash
# Two records whose long numbers differ are reported as equal, so a copy made by their difference is wrong.
#
# Guess:   A comparison of two data sets finds each integer that changed; a tolerance is for floats, and
#          datacompy prints that its tolerance is 0.
# Seen:    dictdiffer compares integers as doubles, with a relative tolerance of 2**-52: numbers of 19
#          digits, as ids of time and shard have, are equal within 383, and within 128 if the tolerance
#          is 0. A replica that is brought up to date by diff and patch keeps the old number in each such
#          field, and diff finds nothing more to do. datacompy, too, turns integers and decimals into
#          doubles: rows whose ids differ by 127 match, in pandas and in polars; as text they do not.
# Version: dictdiffer 0.10.0, datacompy 1.1.0, pandas 3.0.6, polars 1.44.2, CPython 3.11 to 3.13
# Source:  dictdiffer/utils.py, are_different(); datacompy/comparator/numeric.py: np.isclose
# Output:
#   | dictdiffer, 19 digits, equal up to a difference of 383
#   | dictdiffer, a tolerance of 0: 128
#   | dictdiffer, the replica: {'id': 1995000000000000000, 'note': 'new'}
#   | dictdiffer, the origin:  {'id': 1995000000000000311, 'note': 'new'}
#   | dictdiffer, what is left to do: []
#   | PandasCompare   integers differ by 127: matches True, tolerance 0
#   | PandasCompare   decimals differ by 0.10: matches True, tolerance 0
#   | PandasCompare   texts differ: matches False, tolerance 0
#   | PolarsCompare   integers differ by 127: matches True, tolerance 0
#   | PolarsCompare   decimals differ by 0.10: matches True, tolerance 0
#   | PolarsCompare   texts differ: matches False, tolerance 0
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check dictdiffer==0.10.0 datacompy==1.1.0 pandas==3.0.6 polars==1.44.2
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import logging
from decimal import Decimal

import datacompy
import pandas
import polars
from dictdiffer import diff, patch

logging.disable()
ID = 1995000000000000000


def reach(**options):
    """The largest step from ID, of the first 1000, that is not seen as a change."""
    return max(step for step in range(1000) if not list(diff({"id": ID}, {"id": ID + step}, **options)))


print("dictdiffer, 19 digits, equal up to a difference of", reach())
print("dictdiffer, a tolerance of 0:", reach(tolerance=0))
replica, origin = {"id": ID, "note": "old"}, {"id": ID + 311, "note": "new"}
replica = patch(list(diff(replica, origin)), replica)
print("dictdiffer, the replica:", replica)
print("dictdiffer, the origin: ", origin)
print("dictdiffer, what is left to do:", list(diff(replica, origin)))

PAIRS = {
    "integers differ by 127": (ID, ID + 127),
    "decimals differ by 0.10": (Decimal("19950000000000000.00"), Decimal("19950000000000000.10")),
    "texts differ": (str(ID), str(ID + 127)),
}
for compare, frame in ((datacompy.PandasCompare, pandas.DataFrame), (datacompy.PolarsCompare, polars.DataFrame)):
    for label, pair in PAIRS.items():
        sides = (frame({"row": [1], "value": [value]}) for value in pair)
        result = compare(*sides, join_columns=["row"], abs_tol=0, rel_tol=0)
        print(f"{compare.__name__:15} {label}: matches {result.matches()}, tolerance 0")
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
