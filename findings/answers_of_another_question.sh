#!/usr/bin/env bash
# A search is answered with the result of another one, or with what was never saved.
#
# Guess:   A database that keeps the results of its last searches keeps them by the search, and hands out what is
#          stored: a pattern with re.IGNORECASE is another search than one without, and a change of
#          a dict that a search returned is stored by update() or not at all.
# Seen:    TinyDB tells patterns apart by their text alone: asked first without the flag it has 1 of 2 with it,
#          and the other way round 2 of 1, for matches() and search(). What a caller changes in a result, in
#          the next search is as changed, while the file and all() have the old value: a name that was
#          blotted out for one reader is so for the next. What another object writes to the same file is
#          not found, though it is counted. Any write of its own empties what it keeps; cache_size=0 does without.
# Version: tinydb 4.9.0, CPython 3.11 to 3.13
# Source:  tinydb/queries.py: the hash of matches and search is (name, path, regex), without the flags;
#          tinydb/table.py: search() returns a new list of the documents that it keeps
# Output:
#   | cache_size=10
#   |   matches without, then with IGNORECASE: [1, 1]
#   |   matches with, then without IGNORECASE: [2, 2]
#   |   search without, then with IGNORECASE: [1, 1]
#   |   search with, then without IGNORECASE: [2, 2]
#   |   changed in a result: [{'name': '***'}] all(): [{'name': 'Ann'}, {'name': 'ann'}]
#   |   Bob of another writer found: 0 of 3 people
#   | cache_size=0
#   |   matches without, then with IGNORECASE: [1, 2]
#   |   matches with, then without IGNORECASE: [2, 1]
#   |   search without, then with IGNORECASE: [1, 2]
#   |   search with, then without IGNORECASE: [2, 1]
#   |   changed in a result: [{'name': 'ann'}] all(): [{'name': 'Ann'}, {'name': 'ann'}]
#   |   Bob of another writer found: 1 of 3 people
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tinydb==4.9.0
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import re

import tinydb
from tinydb import where

tinydb.TinyDB("people.json").insert_multiple([{"name": "Ann"}, {"name": "ann"}])


def fresh(cache_size):
    return tinydb.TinyDB("people.json").table("_default", cache_size=cache_size)


for cache_size in (10, 0):
    print(f"cache_size={cache_size}")
    for name in ("matches", "search"):
        for flags in ([0, re.IGNORECASE], [re.IGNORECASE, 0]):
            people = fresh(cache_size)
            counts = [len(people.search(getattr(where("name"), name)("^ann$", one))) for one in flags]
            print(f"  {name} {'without, then with' if flags[1] else 'with, then without'} IGNORECASE:", counts)
    people = fresh(cache_size)
    people.search(where("name") == "ann")[0]["name"] = "***"
    print("  changed in a result:", people.search(where("name") == "ann"), "all():", people.all())
    people = fresh(cache_size)
    people.search(where("name") == "Bob")
    tinydb.TinyDB("people.json").insert({"name": "Bob"})
    print("  Bob of another writer found:", len(people.search(where("name") == "Bob")), "of", len(people), "people")
    tinydb.TinyDB("people.json").remove(where("name") == "Bob")
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
