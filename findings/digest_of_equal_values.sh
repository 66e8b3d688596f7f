#!/usr/bin/env bash
# Two equal values have different digests, because of which objects they are made of.
#
# Guess:   joblib.hash names a value by its content: equal lists of equal numbers and tuples give
#          one digest in any process.
# Seen:    It hashes a pickle, and a pickle writes the second meeting with the same object as a
#          reference: a list that holds one tuple twice has another digest than a list of two equal
#          tuples. Strings and floats are safe, tuples, lists and dates are not. The digest of a
#          program's trace changes when a refactoring reuses an object, and after a round trip
#          through JSON.
# Version: joblib 1.6.0, CPython 3.11 and 3.12
# Source:  joblib/hashing.py: Hasher.memoize leaves only bytes and str out of the pickler's memo
# Output:
#   | string: equal True, same digest True
#   | float: equal True, same digest True
#   | tuple: equal True, same digest False
#   | list: equal True, same digest False
#   | date: equal True, same digest False
#   | a trace and its JSON: equal True, same digest False
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check joblib==1.6.0
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import datetime
import json

import joblib

MAKE = {
    "string": lambda: "".join(["key ", "7"]),
    "float": lambda: float("2.5"),
    "tuple": lambda: tuple([7, 8]),
    "list": lambda: [7, 8],
    "date": lambda: datetime.date(2026, 1, 1),
}
for name, make in MAKE.items():
    once = make()
    shared, apart = [once, once], [make(), make()]
    print(f"{name}: equal {shared == apart}, same digest {joblib.hash(shared) == joblib.hash(apart)}")
step = ["write", 0, 512]
trace = [step, ["sync"], step]
again = json.loads(json.dumps(trace))
print(f"a trace and its JSON: equal {trace == again}, same digest {joblib.hash(trace) == joblib.hash(again)}")
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
