#!/usr/bin/env bash
# A block that fails puts half of the new file in place of the old one, although the write is atomic.
#
# Guess:   Where an object store takes a file as a whole, and where opendal writes to a folder of its
#          own first (atomic_write_dir), an exception inside the with block publishes nothing.
# Seen:    opendal closes the file on the way out, which renames what there is over the target; its
#          memory service does likewise. obstore's own writer drops the upload, so the old object
#          stays; through obstore.fsspec, on the same store, half of the new one takes its place.
# Version: opendal 0.47.12, obstore 0.12.1, fsspec 2026.9.0, CPython 3.11 to 3.13
# Source:  opendal, bindings/python: File.__exit__ calls close() whatever its arguments are; fsspec,
#          AbstractBufferedFile.__exit__ likewise; obstore documentation, WritableFile
# Output:
#   | opendal, fs, atomic_write_dir inside: the old one; afterwards: half a new
#   | opendal, memory               inside: the old one; afterwards: half a new
#   | obstore.open_writer           inside: the old one; afterwards: the old one
#   | obstore.fsspec                inside: the old one; afterwards: half a new
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check opendal==0.47.12 obstore==0.12.1 fsspec==2026.9.0
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
from pathlib import Path

import obstore
import opendal
from obstore.fsspec import FsspecStore
from obstore.store import LocalStore

target = Path("files/target").resolve()
target.parent.mkdir()
folder = str(target.parent)
service = opendal.Operator("memory")
atomic = opendal.Operator("fs", root=folder, atomic_write_dir=str(Path("parts").resolve()))
WRITERS = {
    "opendal, fs, atomic_write_dir": (lambda: atomic.open("target", "wb"), target.read_bytes),
    "opendal, memory": (lambda: service.open("target", "wb"), lambda: bytes(service.read("target"))),
    "obstore.open_writer": (lambda: obstore.open_writer(LocalStore(folder), "target"), target.read_bytes),
    "obstore.fsspec": (lambda: FsspecStore("file").open(str(target), "wb"), target.read_bytes),
}
for name, (opening, reading) in WRITERS.items():
    target.write_bytes(b"the old one")
    service.write("target", b"the old one")
    try:
        with opening() as file:
            file.write(b"half a new")
            before = reading()
            raise ZeroDivisionError
    except ZeroDivisionError:
        print(f"{name:29} inside: {before.decode()}; afterwards: {reading().decode()}")
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
