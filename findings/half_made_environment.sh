#!/usr/bin/env bash
# An LMDB environment of which half was made before the power went is refused for ever.
#
# Guess:   An environment has two meta pages, so that one may be torn: whoever opens a new one after a
#          crash in its creation, when nothing was committed yet, makes it anew or goes on with the
#          page that is whole.
# Seen:    Only an empty file is made anew. With either page missing, or zeros, the environment cannot
#          be opened, for reading or writing, until somebody removes its file. The two pages are one
#          write, and not synced before the first commit; ext4, xfs and btrfs may leave any of these.
# Version: lmdb 3.0.0, CPython 3.12
# Source:  mdb.c: mdb_env_read_header reads both meta pages and fails at the first that is none;
#          mdb_env_init_meta writes them with one pwrite
# Output:
#   | no bytes: opened
#   | one page: InvalidError
#   | zeros and the second page: InvalidError
#   | the first page and zeros: InvalidError
#   | two pages of zeros: InvalidError
#   | a sector of the first page: InvalidError
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check lmdb==3.0.0
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
from pathlib import Path

import lmdb

lmdb.open("made", map_size=1 << 17).close()
data = Path("made/data.mdb").read_bytes()
first, second = data[:4096], data[4096:8192]
left = {
    "no bytes": b"",
    "one page": first,
    "zeros and the second page": bytes(4096) + second,
    "the first page and zeros": first + bytes(4096),
    "two pages of zeros": bytes(8192),
    "a sector of the first page": first[:512],
}
for told, content in left.items():
    folder = Path(told.replace(" ", "-"))
    folder.mkdir()
    (folder / "data.mdb").write_bytes(content)
    try:
        with lmdb.open(str(folder), map_size=1 << 17) as data, data.begin(write=True) as begun:
            begun.put(b"a", b"1")
        print(f"{told}: opened")
    except lmdb.Error as error:
        print(f"{told}: {type(error).__name__}")
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
