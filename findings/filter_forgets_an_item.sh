#!/usr/bin/env bash
# A filter that is never to say "not here" of what was added says so.
#
# Guess:   A cuckoo filter may say yes to what was never added, and never no to what was: who gets a no need
#          not look on the disk. An add() that raises because the filter is full changes nothing.
# Seen:    A new item pushes others on to their second place, and the one that has none when add() gives up
#          is dropped: the refused item is in, an item whose add() had returned is out, and each
#          further try may drop one more (pyprobables, both filters). cuckoopy puts the new item into each
#          place that it comes to and forgets the one that was there: with a quarter of the places free, and
#          nothing refused, 110 to 170 of 1500 items are gone.
# Version: pyprobables 0.7.0, cuckoopy 0.1.1, CPython 3.11 to 3.13
# Source:  probables/cuckoo/cuckoo.py: _insert_fingerprint swaps in place and returns what is left, which
#          add() drops where auto_expand is off; cuckoopy/cuckoofilter.py: insert() goes on with the new item
# Output:
#   | CuckooFilter: refusal 1, the refused one is in it: True, lost of 341 added: 1
#   | CuckooFilter: refusal 20, the refused one is in it: True, lost of 341 added: 18
#   | CountingCuckooFilter: refusal 1, the refused one is in it: True, lost of 341 added: 1
#   | CountingCuckooFilter: refusal 20, the refused one is in it: True, lost of 341 added: 18
#   | cuckoopy: 1500 of 2000 places taken, more than ten lost: True
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pyprobables==0.7.0 cuckoopy==0.1.1
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import random

import cuckoopy
import probables


def lost(check, items):
    return sum(not check(item) for item in items)


for kind in (probables.CuckooFilter, probables.CountingCuckooFilter):
    random.seed(0)
    full = kind(capacity=100, bucket_size=4, auto_expand=False)
    added, refused = [], []
    for number in range(500):
        item = f"item {number}"
        try:
            full.add(item)
            if not refused:
                added.append(item)
        except probables.exceptions.CuckooFilterFullError:
            refused.append(item)
            if len(refused) in (1, 20):
                told = f"{kind.__name__}: refusal {len(refused)}, the refused one is in it: {bool(full.check(item))}"
                print(f"{told}, lost of {len(added)} added: {lost(full.check, added)}")

random.seed(0)
roomy = cuckoopy.CuckooFilter(capacity=1000, bucket_size=2, fingerprint_size=16)
added = [f"item {number}" for number in range(1500)]
for item in added:
    roomy.insert(item)
print("cuckoopy: 1500 of 2000 places taken, more than ten lost:", lost(roomy.contains, added) > 10)
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
