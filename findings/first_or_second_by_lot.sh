#!/usr/bin/env bash
# Of two writes with one timestamp the first or the second is read, by lot.
#
# Guess:   A correction that is written with the timestamp of what it corrects is read from then on: the
#          last write wins; or it is refused.
# Seen:    TileDB puts fragments of one timestamp in the order of their names, which are drawn at random.
#          About half of the arrays read the first value for ever, although the second write began after
#          the first had returned, and consolidation keeps that. There is no error.
# Version: tiledb 0.36.1, CPython 3.11 to 3.13
# Source:  TileDB's format specification, fragment names: __t1_t2_uuid_version; its documentation orders
#          fragments by time
# Output:
#   | written again later: the second value is read in all of 24 arrays
#   | written again at the same time: the second value is read in some of 24 arrays
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tiledb==0.36.1 numpy==2.4.6
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import numpy as np
import tiledb

DOMAIN = tiledb.Domain(tiledb.Dim("i", domain=(0, 9), tile=5, dtype="i4"))
VALUE = [tiledb.Attr("v", dtype="i8")]
ARRAYS, NOW = 24, 1000


def written(path, first, second):
    tiledb.Array.create(path, tiledb.ArraySchema(domain=DOMAIN, attrs=VALUE))
    for value, time in ((1, first), (2, second)):
        with tiledb.open(path, "w", timestamp=time) as array:
            array[:] = np.full(10, value)
    with tiledb.open(path) as array:
        return int(array[0]["v"])


for kind, second in (("later", NOW + 1), ("at the same time", NOW)):
    found = sum(written(f"array-{second}-{number}", NOW, second) == 2 for number in range(ARRAYS))
    share = {0: "none", ARRAYS: "all"}.get(found, "some")
    print(f"written again {kind}: the second value is read in {share} of {ARRAYS} arrays")
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
