#!/usr/bin/env bash
# A folder is listed without some of its files, so a backup of what was listed lacks them.
#
# Guess:   Listing a folder gives every file that is in it, under the name that it has; or it is refused.
# Seen:    obstore leaves out each file whose name ends in `#` and digits, as parts, drafts and copies do: that
#          is how it names its own unfinished uploads. Without an error: copied by its list they are missing,
#          and a folder that it lists as empty is not. Asked for by name they are refused. opendal
#          takes spaces and line ends off both ends of each name: it lists `tail ` as `tail`, and reads the
#          latter twice; what it writes as `tail ` replaces `tail`. obstore keeps the two apart.
# Version: obstore 0.12.1, opendal 0.47.12, CPython 3.11 to 3.13, Linux
# Source:  the message of obstore's refusal (object_store, local.rs): file names with a trailing `#` and
#          digits are not supported; its documentation of list() has no such rule; opendal, raw/path.rs: normalize_path trims
# Output:
#   | in the folder: ['part#1', 'part#2', 'plain', 'sharp#x', 'tail', 'tail ']
#   | by_obstore: 'plain' of 'plain', 'sharp#x' of 'sharp#x', 'tail ' of 'tail ', 'tail' of 'tail',
#   | by_opendal: 'part#1' of 'part#1', 'part#2' of 'part#2', 'plain' of 'plain', 'sharp#x' of 'sharp#x', 'tail' of 'tail', 'tail' of 'tail',
#   | obstore, asked for part#1: GenericError
#   | opendal has written 'tail' and 'tail ': {'tail': 'second'}
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check obstore==0.12.1 opendal==0.47.12
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import os

import obstore.store
import opendal

os.mkdir("from")
for name in ("plain", "part#1", "part#2", "sharp#x", "tail", "tail "):
    with open(f"from/{name}", "w") as file:
        file.write(f"of {name!r}")


def by_obstore():
    store = obstore.store.LocalStore(os.path.abspath("from"))
    for batch in obstore.list(store):
        for found in batch:
            yield found["path"], bytes(store.get(found["path"]).bytes())


def by_opendal():
    operator = opendal.Operator("fs", root=os.path.abspath("from"))
    for found in operator.list(""):
        if not found.path.endswith("/"):
            yield found.path, operator.read(found.path)


print("in the folder:", sorted(os.listdir("from")))
for act in (by_obstore, by_opendal):
    print(f"{act.__name__}:", *sorted(f"{name!r} {bytes(text).decode()}," for name, text in act()))
try:
    obstore.store.LocalStore(os.path.abspath("from")).get("part#1")
except Exception as error:
    print("obstore, asked for part#1:", type(error).__name__)
operator = opendal.Operator("fs", root=os.path.abspath("new"))
operator.write("tail", b"first")
operator.write("tail ", b"second")
print("opendal has written 'tail' and 'tail ':", {name: open(f"new/{name}").read() for name in os.listdir("new")})
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
