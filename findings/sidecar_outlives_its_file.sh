#!/usr/bin/env bash
# What a library keeps beside a file answers for the file that took its place.
#
# Guess:   An index or a summary in a file of its own is used for the data file it was made of: after
#          that was replaced by a rename, as careful programs replace files, it is made anew or refused.
# Seen:    rasterio gives the statistics of the old image from `.aux.xml`, GDAL's sidecar; the pixels
#          are the new ones. pysam reads a sequence by the old `.fai`, newer file or not, and gives the
#          first 60 letters of 70. pyfaidx makes its index anew where the file is newer, and reads by
#          the old one where its time was kept (`cp -p`, an unpacked archive). No error, no warning.
#          indexed_gzip holds its index against the file, and refuses it.
# Version: rasterio 1.4.4, pysam 0.24.1, pyfaidx 0.9.2.2, indexed_gzip 1.10.3, CPython 3.11 to 3.13
# Source:  GDAL documentation, persistent auxiliary metadata (PAM); faidx(5) of htslib says what an
#          index holds: lengths and offsets, nothing about the file; pyfaidx compares times
# Output:
#   | the file was replaced, what stood beside it was not
#   | rasterio: pixels 200, statistics 10 to 10
#   | pysam, file newer: 60 letters of 70
#   | pysam, file older: 60 letters of 70
#   | pyfaidx, file newer: 70 letters of 70
#   | pyfaidx, file older: 60 letters of 70
#   | indexed_gzip: refused
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check rasterio==1.4.4 pysam==0.24.1 pyfaidx==0.9.2.2 indexed_gzip==1.10.3
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import gzip
import os
import time
import warnings

import indexed_gzip
import numpy
import pyfaidx
import pysam
import rasterio

warnings.simplefilter("ignore")


def image(value):
    with rasterio.open("new", "w", driver="GTiff", height=64, width=64, count=1, dtype="uint8") as file:
        file.write(numpy.full((64, 64), value, "uint8"), 1)
    os.replace("new", "image.tif")


def sequences(name, first, second, age):
    with open("new", "w") as file:
        file.write(f">one\n{'A' * first}\n>two\n{'C' * second}\n")
    os.utime("new", (time.time() - age,) * 2)
    os.replace("new", name)


def compressed(text):
    with gzip.GzipFile("new", "wb", mtime=0) as file:
        file.write(text)
    os.replace("new", "text.gz")


print("the file was replaced, what stood beside it was not")
image(10)
with rasterio.open("image.tif") as file:
    file.statistics(1)
image(200)
with rasterio.open("image.tif") as file:
    said = file.statistics(1)
    print(f"rasterio: pixels {file.read(1).min()}, statistics {said.min:.0f} to {said.max:.0f}")

for label, read in (
    ("pysam", lambda name: pysam.FastaFile(name).fetch("two")),
    ("pyfaidx", lambda name: str(pyfaidx.Fasta(name)["two"][:])),
):
    for age, word in ((-100, "newer"), (100_000, "older")):
        name = f"{label}-{word}.fa"
        sequences(name, 60, 60, 0)
        assert len(read(name)) == 60
        sequences(name, 50, 70, age)
        print(f"{label}, file {word}: {len(read(name))} letters of 70")

compressed(b"".join(b"%d\n" % number for number in range(200_000)))
with indexed_gzip.IndexedGzipFile("text.gz", spacing=100_000) as file:
    file.build_full_index()
    file.export_index("text.idx")
compressed(b"".join(b"%d\n" % number for number in range(300_000)))
try:
    print("indexed_gzip:", indexed_gzip.IndexedGzipFile("text.gz", index_file="text.idx").read(9))
except indexed_gzip.ZranError:
    print("indexed_gzip: refused")
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
