#!/usr/bin/env bash
# A loop over a cursor that deletes the record it has come to deletes another one, or misses the next.
#
# Guess:   for key, value in cursor: if unwanted(key): cursor.delete() deletes that record, and comes to
#          all others; or it raises, as over a dict.
# Seen:    unqlite's loop moves the cursor on before it hands out the record: delete() takes the one behind
#          it, here the one below, since the file is read from the end. lmdb
#          deletes the record it is on, moves to the next, and the loop then steps over that: of
#          neighbours every other one is left. Neither raises, unless unqlite's loop was at the last
#          record. Deleting by key in the same loop is as guessed in both.
# Version: lmdb 3.0.0, unqlite 1.2.0, CPython 3.11 to 3.13
# Source:  py-lmdb documentation, Cursor.delete: the cursor is positioned at the next element;
#          unqlite.pyx, Cursor.__next__, which reads the record, then steps
# Output:
#   | lmdb    05 only              left 00 01 02 03 04 06 07 08 09
#   | lmdb    04, 05, 06           left 00 01 02 03 05 07 08 09
#   | lmdb    04, 05, 06 by key    left 00 01 02 03 07 08 09
#   | lmdb    all                  left 01 03 05 07 09
#   | lmdb    all by key           left none
#   | unqlite 05 only              left 00 01 02 03 05 06 07 08 09
#   | unqlite 04, 05, 06           left 00 01 02 04 06 07 08 09
#   | unqlite 04, 05, 06 by key    left 00 01 02 03 07 08 09
#   | unqlite all                  left 01 03 05 07 09
#   | unqlite all by key           left none
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check lmdb==3.0.0 unqlite==1.2.0
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import tempfile

import lmdb as lmdb_package
import unqlite as unqlite_package

KEYS = [f"{number:02}" for number in range(10)]


def text(key):
    return key if isinstance(key, str) else key.decode()


def lmdb(act):
    with lmdb_package.open(tempfile.mkdtemp(dir=".")) as environment:
        with environment.begin(write=True) as transaction:
            for key in KEYS:
                transaction.put(key.encode(), b"value")
            act(transaction.cursor(), transaction.delete)
        with environment.begin() as transaction:
            return [text(key) for key, _ in transaction.cursor()]


def unqlite(act):
    with unqlite_package.UnQLite(tempfile.mkdtemp(dir=".") + "/file") as store:
        for key in KEYS:
            store[key] = "value"
        with store.cursor() as cursor:
            act(cursor, store.delete)
        return sorted(text(key) for key, _ in store)


def loop(unwanted, by_key):
    def act(cursor, delete):
        for key, _ in cursor:
            if text(key) in unwanted:
                delete(key) if by_key else cursor.delete()

    return act


UNWANTED = {"05 only": ["05"], "04, 05, 06": ["04", "05", "06"], "all": KEYS}
for store in (lmdb, unqlite):
    for label, unwanted in UNWANTED.items():
        for by_key in (False, True)[: len(unwanted)]:
            left = " ".join(store(loop(unwanted, by_key))) or "none"
            print(f"{store.__name__:7} {label + by_key * ' by key':20} left {left}")
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
