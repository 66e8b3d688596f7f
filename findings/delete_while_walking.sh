#!/usr/bin/env bash
# Deleting under the cursor removes every second key forwards, and only the first one backwards.
#
# Guess:   A loop over an LMDB cursor that deletes each key it stands on removes them all, in both
#          directions.
# Seen:    cursor.delete() moves on to the next key by itself. Forwards the loop then steps over
#          that one, so half of the keys stay. Backwards, the last key has no next: the cursor is
#          past the end, and the loop is over after one key. Neither raises, and the transaction
#          commits. cursor.pop(key) and transaction.delete(key) in the same loop remove all.
# Version: lmdb 3.0.0 with LMDB 0.9.36, CPython 3.11 and 3.12, Linux
# Source:  lmdb/cffi.py, docstring of Cursor.delete: it moves to the next element; nothing on loops,
#          or on going backwards
# Output:
#   | cursor.delete()         iternext: left 13579
#   | cursor.delete()         iterprev: left 012345678
#   | cursor.pop(key)         iternext: left nothing
#   | cursor.pop(key)         iterprev: left nothing
#   | transaction.delete(key) iternext: left nothing
#   | transaction.delete(key) iterprev: left nothing
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check lmdb==3.0.0
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import lmdb

store = lmdb.open("store")
KEYS = "0123456789"
DELETE = {
    "cursor.delete()": lambda transaction, cursor, key: cursor.delete(),
    "cursor.pop(key)": lambda transaction, cursor, key: cursor.pop(key),
    "transaction.delete(key)": lambda transaction, cursor, key: transaction.delete(key),
}
for name, delete in DELETE.items():
    for walk in (lmdb.Cursor.iternext, lmdb.Cursor.iterprev):
        with store.begin(write=True) as transaction:
            for key in KEYS:
                transaction.put(key.encode(), b"value")
        with store.begin(write=True) as transaction:
            cursor = transaction.cursor()
            for key in walk(cursor, keys=True, values=False):
                delete(transaction, cursor, key)
        with store.begin() as transaction:
            left = b"".join(key for key, _ in transaction.cursor()).decode()
        print(f"{name:23} {walk.__name__}: left {left or 'nothing'}")
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
