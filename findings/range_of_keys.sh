#!/usr/bin/env bash
# A range of keys is read with both ends, deleted with neither, and elsewhere holds keys outside of it.
#
# Guess:   Ranges of keys are half-open, as slices are in Python, and one library reads and deletes
#          the same keys by the same range.
# Seen:    lsm-db reads b, c and d from db["b":"d"], and `del db["b":"d"]` removes c only. BTrees takes
#          both ends. unqlite walks from b to d in the order of its hash table, and so returns keys
#          outside of the range and leaves out one that is in it. rocksdict deletes a half-open one.
#          The ends are kept, or taken, without an error.
# Version: lsm-db 0.7.3, unqlite 1.2.0, BTrees 6.5, rocksdict 0.3.29, CPython 3.11 to 3.13
# Source:  docstrings of LSM.fetch_range ("inclusive of both") and LSM.delete_range ("This key is not
#          removed"), of UnQLite.range; BTrees documentation, keys(min, max)
# Output:
#   | keys a to f; a range from b to d
#   | lsm-db db["b":"d"]                     b c d
#   | lsm-db after del db["b":"d"]           a b d e f
#   | BTrees keys("b", "d")                  b c d
#   | unqlite range("b", "d")                b a f e d
#   | rocksdict after delete_range("b", "d") a d e f
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check lsm-db==0.7.3 unqlite==1.2.0 BTrees==6.5 rocksdict==0.3.29
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
from BTrees.OOBTree import OOBTree
from lsm import LSM
from rocksdict import Rdict
from unqlite import UnQLite

KEYS = "abcdef"


def show(label, keys):
    print(f"{label:38}", *(key.decode() if isinstance(key, bytes) else key for key in keys))


def filled(store):
    for key in KEYS:
        store[key] = key
    return store


print("keys a to f; a range from b to d")
lsm = LSM("lsm")
lsm.open()
show('lsm-db db["b":"d"]', [key for key, _ in filled(lsm)["b":"d"]])
del lsm["b":"d"]
show('lsm-db after del db["b":"d"]', lsm.keys())
tree = filled(OOBTree())
show('BTrees keys("b", "d")', tree.keys("b", "d"))
show('unqlite range("b", "d")', [key for key, _ in filled(UnQLite("unqlite")).range("b", "d")])
rocks = filled(Rdict("rocksdict"))
rocks.delete_range("b", "d")
show('rocksdict after delete_range("b", "d")', rocks.keys())
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
