#!/usr/bin/env bash
# An append that the disk refuses destroys what the archive held, and the next one seals that.
#
# Guess:   An append that raises because the disk is full leaves the old members readable: they stand in
#          front of it, untouched, and only the index at the end has to be written again. If not, opening
#          the archive to append once more is refused, so that somebody looks.
# Seen:    The new data are written over the old index, and no index comes back. Reading fails, but a
#          zip and a 7z archive opened with mode "a" again are taken for no archive: a new one is begun,
#          the call succeeds, and from then on the file is valid and holds the newest member alone (a
#          ZipStore of zarr 3.1.6 likewise). asdf moves its blocks in place: afterwards it opens, with a
#          warning about bytes behind them, and gives other values for the old array.
# Version: zipfile of CPython 3.11 to 3.13, py7zr 1.1.4, asdf 6.0.0, numpy 2.4.6, Linux
# Source:  zipfile documentation, mode "a": an archive is appended to a file that is none; the next member
#          goes to where the index starts; asdf documentation: update() changes the file in place
# Output:
#   | zipfile: append OSError; read BadZipFile
#   |   appended once more, read {'newest': 45}
#   | py7zr: append OSError; read Bad7zFile
#   |   appended once more, read {'newest': 45}
#   | asdf: append OSError; read {'old': 'other values'}
#   |   appended once more, read {'newest': 45, 'old': 'other values'}
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check py7zr==1.1.4 asdf==6.0.0 numpy==2.4.6
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import gc
import os
import resource
import zipfile

import asdf
import numpy as np
import py7zr

UNLIMITED = resource.getrlimit(resource.RLIMIT_FSIZE)


def to_zipfile(mode, name, array):
    with zipfile.ZipFile("zipfile", mode) as archive:
        archive.writestr(name, array.tobytes())


def from_zipfile():
    archive = zipfile.ZipFile("zipfile")
    return {name: np.frombuffer(archive.read(name), "i8") for name in archive.namelist()}


def to_py7zr(mode, name, array):
    with py7zr.SevenZipFile("py7zr", mode) as archive:
        archive.writestr(array.tobytes(), name)


def from_py7zr():
    factory = py7zr.io.BytesIOFactory(10**6)
    py7zr.SevenZipFile("py7zr").extractall(factory=factory)
    return {name: np.frombuffer(file.read(), "i8") for name, file in factory.products.items()}


def to_asdf(mode, name, array):
    if mode == "w":
        return asdf.AsdfFile({name: array}).write_to("asdf")
    with asdf.open("asdf", mode="rw") as file:
        file[name] = array
        file.update()


def from_asdf():
    file = asdf.open("asdf")
    return {name: file[name][:] for name in ("newest", "old") if name in file}


def tried(act, *arguments):
    try:
        found = act(*arguments) or {}
    except Exception as error:
        return type(error).__name__
    return {key: int(sum(value)) if sum(value) in (45, 4950) else "other values" for key, value in found.items()}


for library in ("zipfile", "py7zr", "asdf"):
    write, read = globals()[f"to_{library}"], globals()[f"from_{library}"]
    write("w", "old", np.arange(100))
    # A limit on the size of files stands for a full disk.
    resource.setrlimit(resource.RLIMIT_FSIZE, (os.path.getsize(library) + 3000, UNLIMITED[1]))
    print(f"{library}: append {tried(write, 'a', 'new', np.arange(2**60, 2**60 + 10**7, 4000))};", end=" ")
    gc.collect()
    resource.setrlimit(resource.RLIMIT_FSIZE, UNLIMITED)
    print(f"read {tried(read)}\n  appended once more, read {tried(write, 'a', 'newest', np.arange(10)) or tried(read)}")
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
