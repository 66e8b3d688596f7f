#!/usr/bin/env bash
# Six libraries report a file as written although the disk refused half of it.
#
# Guess:   Every library that writes a file checks its writes, so a full disk is an error of the
#          call that saves.
# Seen:    No error. numpy, lxml, igraph and polars leave the end of the file, up to some KB, in a
#          buffer that is written when the file is closed, and do not check that write: of a small
#          file nothing or its header is left, of a larger one the end is missing. Pillow's JPEG
#          encoder takes a short write for a complete one. rasterio closes a GeoTIFF without an
#          error even if all of it was refused; libtiff prints a line to stderr.
# Version: numpy 2.4.6, lxml 6.1.3, igraph 1.0.0, polars 2.1.0, pillow 13.0.0, rasterio 1.4.4 (numpy
#          2.5.5 and rasterio 1.5.2 likewise), CPython 3.11 and 3.12, Linux
# Source:  numpy/lib/_format_impl.py: write_array hands a real file to ndarray.tofile, which writes
#          through a FILE of its own; Pillow, src/encode.c: _encode_to_file compares the result of
#          write with 0 only; fclose(3): fails with any error of write(2)
# Output:
#   | numpy.save             all but the last byte: no error  half: no error
#   | ndarray.tofile         all but the last byte: no error  half: no error
#   | lxml ElementTree.write all but the last byte: no error  half: no error
#   | igraph write_edgelist  all but the last byte: no error  half: no error
#   | polars write_json      all but the last byte: no error  half: no error
#   | Pillow save, JPEG      all but the last byte: no error  half: no error
#   | rasterio GTiff         all but the last byte: no error  half: no error
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.4.6 lxml==6.1.3 igraph==1.0.0 polars==2.1.0 pillow==13.0.0 rasterio==1.4.4
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import logging
import os
import resource
import warnings

import igraph
import numpy as np
import polars as pl
import rasterio
from lxml import etree
from PIL import Image

logging.disable(logging.CRITICAL)
warnings.simplefilter("ignore")
noise = np.random.default_rng(1).integers(0, 256, (100, 100, 3)).astype("u1")
tree = etree.ElementTree(etree.fromstring("<r>" + "<x>1</x>" * 50 + "</r>"))
frame = pl.DataFrame({"a": range(50)})
graph = igraph.Graph.Ring(20)


def save_geotiff(path):
    with rasterio.open(path, "w", driver="GTiff", width=100, height=100, count=1, dtype="uint8") as file:
        file.write(noise[:, :, 0], 1)


SAVES = {
    "numpy.save": lambda path: np.save(path, np.arange(100)),
    "ndarray.tofile": lambda path: np.arange(100).tofile(path),
    "lxml ElementTree.write": lambda path: tree.write(path),
    "igraph write_edgelist": lambda path: graph.write_edgelist(path),
    "polars write_json": lambda path: frame.write_json(path),
    "Pillow save, JPEG": lambda path: Image.fromarray(noise).save(path, "JPEG"),
    "rasterio GTiff": save_geotiff,
}
for name, save in SAVES.items():
    save("file.npy")
    size = os.path.getsize("file.npy")
    os.remove("file.npy")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # A limit on the size of files stands for a disk with room for all but the last byte, or for half.
    outcomes = []
    for room in (size - 1, size // 2):
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
        try:
            save("file.npy")
            outcomes.append("no error" if os.path.getsize("file.npy") == room else "?")
        except Exception as error:
            outcomes.append(f"{type(error).__name__}")
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        os.remove("file.npy")
    print(f"{name:22} all but the last byte: {outcomes[0]:8}  half: {outcomes[1]}")
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
