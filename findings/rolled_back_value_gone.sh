#!/usr/bin/env bash
# A transaction that is rolled back has the small old values again, and has lost the large ones.
#
# Guess:   After an exception inside transact() of a cache that keeps itself in SQLite, every key has
#          the value that it had before; as well after the process ended in the middle.
# Seen:    diskcache keeps values above 32 KiB in files of their own, and removes the file of an old
#          value as soon as it is replaced, deleted or popped, not at the commit. Rolled back, the row
#          names a file that is gone: the key is in the cache and is counted, get() returns None,
#          as for a key that was never there, cache[key] raises KeyError. Small values are back. An
#          end of the process inside the block does the same; Index as well, which counts the key and
#          denies it.
# Version: diskcache 5.6.3, CPython 3.11 to 3.13
# Source:  diskcache/core.py: _transact removes the files that were replaced at the end of each call
#          within the outer transaction; tutorial, "Transactions": atomic and consistent
# Output:
#   | raised: small is old, large is None; in the cache True, of 2
#   | ended:  small is old, large is None; in the cache True, of 2
#   | popped: small is old, large is None; in the cache True, of 2
#   | Index:  small is old, large is None; in the cache False, of 2
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check diskcache==5.6.3
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import os

from diskcache import Cache, Index

PAD = "." * 100_000


def change(cache):
    cache["small"] = "new"
    cache["large"] = "new" + PAD
    raise InterruptedError


def pop(cache):
    cache.pop("small")
    cache.pop("large")
    raise InterruptedError


def told(cache):
    small, large = (str(cache.get(key)).rstrip(".") for key in ("small", "large"))
    print(f"small is {small}, large is {large}; in the cache {'large' in cache}, of {len(cache)}", flush=True)


def raised(make, path, act):
    cache = make(path)
    cache["small"], cache["large"] = "old", "old" + PAD
    try:
        with cache.transact():
            act(cache)
    except InterruptedError:
        pass
    told(cache)


def ended():
    with Cache("ended") as cache:
        cache["small"], cache["large"] = "old", "old" + PAD
    child = os.fork()
    if not child:
        cache = Cache("ended")
        with cache.transact():
            try:
                change(cache)
            except InterruptedError:
                os._exit(1)
    os.waitpid(child, 0)
    with Cache("ended") as cache:
        told(cache)


print("raised: ", end="")
raised(Cache, "raised", change)
print("ended:  ", end="", flush=True)
ended()
print("popped: ", end="")
raised(Cache, "popped", pop)
print("Index:  ", end="")
raised(Index, "index", change)
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
