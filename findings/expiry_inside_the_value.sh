#!/usr/bin/env bash
# A database whose values expire is read with four bytes too many, and one that is given an expiry loses four of each.
#
# Guess:   Whether values expire is a property of the database: opened read-only, which takes no time to
#          live, it gives the values that were put in; and who opens an old database with a time to live
#          has the old values as they are, or is refused.
# Seen:    The time stands behind each value, and nothing in the database says so. rocksdict's read-only,
#          secondary and plain access give value and time as one value; where rocksdict keeps a number it
#          is another one (12 becomes 52488965483). With a time to live the last four bytes of the
#          old values are cut off and taken for a time: what ends in letters is given so without an
#          error, and removed for good by the next compaction if they spell a time that is past.
# Version: rocksdict 0.3.29, CPython 3.11 to 3.13
# Source:  RocksDB's utilities/db_ttl.h: "Ttl for each value"; rocksdict, AccessType: one of with_ttl,
#          read_only, secondary and read_write
# Output:
#   | made with a time to live
#   |   opened with it:   b'value abcd'
#   |   opened without:   b'value abcd and 4 bytes'
#   |   opened read-only: b'value abcd and 4 bytes'
#   |   as secondary:     b'value abcd and 4 bytes'
#   | made without
#   |   opened without:   b'value abcd'
#   |   opened with one:  b'value '
#   |   opened without:   b'value abcd'
#   |   compacted with:   None
#   |   opened without:   None
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check rocksdict==0.3.29
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
from rocksdict import AccessType, Options, Rdict

VALUE = b"value abcd"
LIFE = AccessType.with_ttl(3600)


def opened(path, access=None, compact=False):
    db = Rdict(path, Options(raw_mode=True), access_type=access or AccessType.read_write())
    if compact:
        db.compact_range(None, None)
    found = db.get(b"key")
    db.close()
    return found if found is None or len(found) <= len(VALUE) else VALUE + b" and %d bytes" % (len(found) - len(VALUE))


def made(path, access):
    db = Rdict(path, Options(raw_mode=True), access_type=access)
    db[b"key"] = VALUE
    db.flush()
    db.close()


made("expires", LIFE)
print("made with a time to live")
print("  opened with it:  ", opened("expires", LIFE))
print("  opened without:  ", opened("expires"))
print("  opened read-only:", opened("expires", AccessType.read_only()))
print("  as secondary:    ", opened("expires", AccessType.secondary("beside")))
made("stays", AccessType.read_write())
print("made without")
print("  opened without:  ", opened("stays"))
print("  opened with one: ", opened("stays", LIFE))
print("  opened without:  ", opened("stays"))
print("  compacted with:  ", opened("stays", LIFE, compact=True))
print("  opened without:  ", opened("stays"))
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
