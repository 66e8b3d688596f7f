#!/usr/bin/env bash
# An array file that was cut off is whole again once somebody has opened it for update.
#
# Guess:   np.load(mmap_mode="r+") and np.memmap(mode="r+") raise where the file is too short for the
#          array, as they do for reading: "+" changes values, not the size.
# Seen:    Both make the file longer, by zeros, and return the whole array. From then on nobody sees
#          that it was torn: reading gives the zeros as values, without an error. A store that opens
#          its segment so, with the size that it expects, takes a lost tail for records of zeros.
# Version: numpy 2.4.6 (2.5.5 likewise), CPython 3.11 to 3.13, Linux
# Source:  numpy/_core/memmap.py: memmap.__new__ writes one byte at the end in modes w+ and r+ if the
#          file is shorter than the array; its docstring says so of w+ only
# Output:
#   | np.load, whole             [1, 2, 3, 4, 5, 6, 7, 8], file of 192 bytes
#   | np.load                    ValueError, file of 168 bytes
#   | np.load, mmap_mode="r"     ValueError, file of 168 bytes
#   | np.load, mmap_mode="c"     ValueError, file of 168 bytes
#   | np.load, mmap_mode="r+"    [1, 2, 3, 4, 5, 0, 0, 0], file of 192 bytes
#   | np.load, afterwards        [1, 2, 3, 4, 5, 0, 0, 0], file of 192 bytes
#   | np.memmap, mode="r"        ValueError, file of 40 bytes
#   | np.memmap, mode="r+"       [1, 2, 3, 4, 5, 0, 0, 0], file of 64 bytes
#   | np.memmap, mode="r"        [1, 2, 3, 4, 5, 0, 0, 0], file of 64 bytes
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.4.6
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import os

import numpy as np


def attempt(label, load):
    try:
        outcome = load().tolist()
    except (EOFError, ValueError) as error:
        outcome = type(error).__name__
    print(f"{label:26} {outcome}, file of {os.path.getsize('file')} bytes")


LOADS = {
    "np.load": lambda: np.load("file"),
    'np.load, mmap_mode="r"': lambda: np.load("file", mmap_mode="r"),
    'np.load, mmap_mode="c"': lambda: np.load("file", mmap_mode="c"),
    'np.load, mmap_mode="r+"': lambda: np.load("file", mmap_mode="r+"),
    "np.load, afterwards": lambda: np.load("file"),
}
with open("file", "wb") as file:
    np.save(file, np.arange(1, 9, dtype="<i8"))
attempt("np.load, whole", LOADS["np.load"])
os.truncate("file", 128 + 5 * 8)
for label, load in LOADS.items():
    attempt(label, load)

np.arange(1, 6, dtype="<i8").tofile("file")
for mode in ("r", "r+", "r"):
    attempt(f'np.memmap, mode="{mode}"', lambda: np.memmap("file", "<i8", mode, shape=(8,)))
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
