#!/usr/bin/env bash
# A checksum of every second byte is the checksum of other bytes.
#
# Guess:   A CRC function takes any buffer right or refuses one that is not contiguous, as
#          zlib.crc32, crc32c and fastcrc do.
# Seen:    anycrc accepts the view and takes its length from it, but reads that many adjacent bytes
#          from the start of the memory beneath: the CRC of b"abc" where the view holds b"ace". No
#          error, and equal for two records that differ in what the view shows.
# Version: anycrc 2.1.0, crc32c 2.9.post0, fastcrc 0.5.0, CPython 3.11 and 3.12, Linux
# Source:  anycrc, src/anycrc/crc.pyx (in the sdist): CRC.calc takes a typed memoryview that allows
#          strides and passes the address of its first element
# Output:
#   | the view holds b'ace'
#   | zlib.crc32: BufferError
#   | crc32c.crc32c: BufferError
#   | fastcrc.crc32.iscsi: BufferError
#   | anycrc CRC32-ISCSI: 0x364b3fb7, right: False, that of b'abc': True
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check anycrc==2.1.0 crc32c==2.9.post0 fastcrc==0.5.0
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import zlib

import anycrc
import crc32c
import fastcrc

view = memoryview(b"abcdef")[::2]
print("the view holds", bytes(view))
castagnoli = anycrc.Model("CRC32-ISCSI").calc
FUNCTIONS = {
    "zlib.crc32": zlib.crc32,
    "crc32c.crc32c": crc32c.crc32c,
    "fastcrc.crc32.iscsi": fastcrc.crc32.iscsi,
    "anycrc CRC32-ISCSI": castagnoli,
}
for name, checksum in FUNCTIONS.items():
    try:
        found = checksum(view)
        right, adjacent = checksum(bytes(view)), checksum(b"abc")
        print(f"{name}: {found:#x}, right: {found == right}, that of b'abc': {found == adjacent}")
    except (BufferError, ValueError) as error:
        print(f"{name}: {type(error).__name__}")
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
