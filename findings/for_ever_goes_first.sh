#!/usr/bin/env bash
# What was stored to stay for ever is the first to be thrown out.
#
# Guess:   A cache that is full throws out what has expired, then what is near its end or was not used for long;
#          what was stored with a timeout of 0, which is for ever, goes last.
# Seen:    cachelib, which Flask-Caching uses, keeps for ever as the expiry 0, which is before all others. As
#          soon as there is no room, the entries for ever go, in memory all of them at once, in files one for
#          each new entry, while all those with a minute left stay. Nothing has expired, set() returns
#          True, and the next get() of what was to stay is None.
# Version: cachelib 0.17.0, CPython 3.11 to 3.13
# Source:  cachelib/simple.py: _remove_expired takes 0 for expired; file.py: it does not, and _remove_older sorts
#          by the expiry
# Output:
#   | memory: set() returns True, left for ever 3 of 3, for a minute 8 of 8
#   | memory: set() returns True, left for ever 0 of 3, for a minute 9 of 9
#   | memory: set() returns True, left for ever 0 of 3, for a minute 10 of 10
#   | memory: set() returns True, left for ever 0 of 3, for a minute 11 of 12
#   | files: set() returns True, left for ever 3 of 3, for a minute 8 of 8
#   | files: set() returns True, left for ever 2 of 3, for a minute 9 of 9
#   | files: set() returns True, left for ever 1 of 3, for a minute 10 of 10
#   | files: set() returns True, left for ever 0 of 3, for a minute 11 of 12
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check cachelib==0.17.0
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import cachelib

CACHES = {
    "memory": cachelib.SimpleCache(threshold=10),
    "files": cachelib.FileSystemCache("files", threshold=10),
}


def left(cache, name, count):
    return sum(cache.has(f"{name} {number}") for number in range(count))


for what, cache in CACHES.items():
    for number in range(3):
        cache.set(f"for ever {number}", "settings", timeout=0)
    for number in range(12):
        stored = cache.set(f"a minute {number}", "page", timeout=60)
        if number in (7, 8, 9, 11):
            told = f"for ever {left(cache, 'for ever', 3)} of 3, for a minute"
            print(f"{what}: set() returns {stored}, left {told} {left(cache, 'a minute', 12)} of {number + 1}")
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
