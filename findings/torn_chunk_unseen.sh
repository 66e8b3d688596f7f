#!/usr/bin/env bash
# A stream whose chunks carry checksums and lengths is read without an error wherever it is torn.
#
# Guess:   The Snappy framing format gives each chunk a length and a checksum, so a reader says so
#          when a file ends inside a chunk.
# Seen:    stream_decompress() returns what came before the torn chunk, without an error, wherever
#          the file was cut; fsspec hands the short text on to whoever reads it. The flush() that
#          ends it checks nothing. The same cut in a gzip or xz file is an EOFError.
# Version: python-snappy 0.7.3, cramjam 2.14.0, fsspec 2026.9.0, CPython 3.11 and 3.12, Linux
# Source:  snappy/snappy.py: StreamDecompressor.decompress keeps an incomplete chunk in
#          self.remains, flush() ignores it; fsspec/compression.py: SnappyFile
# Output:
#   | stream_decompress, cut at 1022 lengths: 1022 times short without an error
#   | fsspec, snappy, 0 bytes missing: 260000 of 260000, no error
#   | fsspec, snappy, 1 bytes missing: 196608 of 260000, no error
#   | fsspec, gzip, 0 bytes missing: 260000 of 260000, no error
#   | fsspec, gzip, 1 bytes missing: EOFError
#   | fsspec, xz, 0 bytes missing: 260000 of 260000, no error
#   | fsspec, xz, 1 bytes missing: EOFError
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check python-snappy==0.7.3 cramjam==2.14.0 fsspec==2026.9.0
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import gzip
import io
import lzma
from pathlib import Path

import fsspec
import snappy

text = b"".join(b"record %05d\n" % number for number in range(20_000))
packed = io.BytesIO()
snappy.stream_compress(io.BytesIO(text), packed)
files = {"snappy": packed.getvalue(), "gzip": gzip.compress(text, mtime=0), "xz": lzma.compress(text)}

whole, silent = files["snappy"], 0
lengths = range(10, len(whole), 97)
for length in lengths:
    out = io.BytesIO()
    snappy.stream_decompress(io.BytesIO(whole[:length]), out)
    silent += len(out.getvalue()) < len(text)
print(f"stream_decompress, cut at {len(lengths)} lengths: {silent} times short without an error")

for compression, content in files.items():
    for missing in (0, 1):
        Path("log").write_bytes(content[: len(content) - missing])
        try:
            with fsspec.open("log", "rb", compression=compression) as file:
                outcome = f"{len(file.read())} of {len(text)}, no error"
        except EOFError:
            outcome = "EOFError"
        print(f"fsspec, {compression}, {missing} bytes missing: {outcome}")
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
