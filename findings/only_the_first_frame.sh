#!/usr/bin/env bash
# What was appended to a compressed log is not read, and there is no error.
#
# Guess:   Frames that were appended to one file are read as one, as gzip.decompress reads members,
#          and as the format specifications of Zstandard and LZ4 say; a reader that takes one frame
#          only says that there is more.
# Seen:    zstandard.decompress and lz4.frame.decompress return the first frame and drop the rest,
#          while open() of the same libraries reads all, as do the others here. pyarrow and polars
#          read the first of the Arrow streams in a file; one that was cut off between two messages
#          is read as a whole one.
# Version: zstandard 0.25.0, lz4 4.4.5, backports.zstd 1.8.0, cramjam 2.14.0, pyarrow 26.0.1, polars
#          2.1.0, CPython 3.11 to 3.13
# Source:  RFC 8878, 3.1: frames may be concatenated; docstring of lz4.frame.decompress: "a complete
#          LZ4 frame"; Arrow, "IPC Streaming Format": the end-of-stream marker is optional
# Output:
#   | gzip.decompress     : 6 of 6 lines
#   | zstandard.decompress: 2 of 6 lines
#   | zstandard.open      : 6 of 6 lines
#   | backports.zstd      : 6 of 6 lines
#   | cramjam.zstd        : 6 of 6 lines
#   | pyarrow, zstd       : 6 of 6 lines
#   | lz4.frame.decompress: 2 of 6 lines
#   | lz4.frame.open      : 6 of 6 lines
#   | cramjam.lz4         : 6 of 6 lines
#   | three streams of 4 rows: pyarrow 4, polars 4
#   | one, cut after 2 rows: pyarrow 2, polars 2
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check zstandard==0.25.0 lz4==4.4.5 backports.zstd==1.8.0 cramjam==2.14.0 pyarrow==26.0.1 polars==2.1.0
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import gzip
import io
from pathlib import Path

import cramjam
import lz4.frame
import polars
import pyarrow
import zstandard
from backports import zstd


def opened(module):
    def read(data):
        Path("log").write_bytes(data)
        with module.open("log", "rb") as file:
            return file.read()

    return read


def arrow_input(name):
    return lambda data: pyarrow.CompressedInputStream(pyarrow.BufferReader(data), name).read()


READERS = {
    gzip.compress: {"gzip.decompress": gzip.decompress},
    zstandard.compress: {
        "zstandard.decompress": zstandard.decompress,
        "zstandard.open": opened(zstandard),
        "backports.zstd": zstd.decompress,
        "cramjam.zstd": cramjam.zstd.decompress,
        "pyarrow, zstd": arrow_input("zstd"),
    },
    lz4.frame.compress: {
        "lz4.frame.decompress": lz4.frame.decompress,
        "lz4.frame.open": opened(lz4.frame),
        "cramjam.lz4": cramjam.lz4.decompress,
    },
}
for compress, readers in READERS.items():
    log = compress(b"1\n2\n") + compress(b"3\n4\n") + compress(b"5\n6\n")
    for name, read in readers.items():
        print(f"{name:20}: {bytes(read(log)).count(10)} of 6 lines")

table = pyarrow.table({"a": [1, 2]})
stream, ends = io.BytesIO(), []
for _ in range(3):
    with pyarrow.ipc.new_stream(stream, table.schema) as writer:
        writer.write_table(table)
        ends.append(stream.tell())
        writer.write_table(table)
three, cut = stream.getvalue(), stream.getvalue()[: ends[0]]
for label, data in (("three streams of 4 rows", three), ("one, cut after 2 rows", cut)):
    print(f"{label}: pyarrow {pyarrow.ipc.open_stream(data).read_all().num_rows}", end=", ")
    print("polars", polars.read_ipc_stream(data).height)
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
