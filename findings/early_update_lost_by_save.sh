#!/usr/bin/env bash
# A replica that was saved while one update was late has lost the one that came before it.
#
# Guess:   The updates of a CRDT may come in any order and more than once: who was given all of them has the
#          same document, also if it was saved and loaded in between.
# Seen:    An update whose predecessor is missing waits in memory. What get_update() of pycrdt and a snapshot
#          of loro save leaves it out, without an error: loaded and given the late one, the replica has 2,
#          although 3 was given to it before. A queue that has delivered 3 does not send it again; only
#          comparing state vectors with a replica that has it helps. In pycrdt the key that 3 changes is gone
#          meanwhile, with neither the old value nor the new one; loro has the old one.
# Version: pycrdt 0.14.13, loro 1.17.1, CPython 3.11 to 3.13
# Source:  Yjs documentation, "Document Updates", for the format that pycrdt shares: commutative, associative and
#          idempotent; loro's import_() returns what is pending
# Output:
#   | of_pycrdt: the author has {'x': '3'}; a replica after 1 and 3: {}
#   |   then 2: {'x': '3'}
#   |   saved, loaded, then 2: {'x': '2'}
#   |   compared with the author: {'x': '3'}
#   | of_loro: the author has {'x': '3'}; a replica after 1 and 3: {'x': '1'}
#   |   then 2: {'x': '3'}
#   |   saved, loaded, then 2: {'x': '2'}
#   |   compared with the author: {'x': '3'}
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pycrdt==0.14.13 loro==1.17.1
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
from types import SimpleNamespace

import loro
import pycrdt


def of_pycrdt():
    document = pycrdt.Doc()
    map = document.get("map", type=pycrdt.Map)
    return SimpleNamespace(
        since=document.get_state,
        set=lambda number: map.update({"x": str(number)}),
        updates=document.get_update,
        save=document.get_update,
        take=document.apply_update,
        read=lambda: map.to_py(),
    )


def of_loro():
    document = loro.LoroDoc()
    map = document.get_map("map")

    def set(number):
        map.insert("x", str(number))
        document.commit()

    return SimpleNamespace(
        since=lambda: document.oplog_vv,
        set=set,
        updates=lambda since: document.export(loro.ExportMode.Updates(since)),
        save=lambda: document.export(loro.ExportMode.Snapshot()),
        take=document.import_,
        read=map.get_value,
    )


for new in (of_pycrdt, of_loro):
    author, replica, loaded, sent = new(), new(), new(), []
    for number in (1, 2, 3):
        since = author.since()
        author.set(number)
        sent.append(author.updates(since))
    replica.take(sent[0])
    replica.take(sent[2])
    print(f"{new.__name__}: the author has {author.read()}; a replica after 1 and 3:", replica.read())
    loaded.take(replica.save())
    for what, each in {"then 2": replica, "saved, loaded, then 2": loaded}.items():
        each.take(sent[1])
        print(f"  {what}:", each.read())
    loaded.take(author.updates(loaded.since()))
    print("  compared with the author:", loaded.read())
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
