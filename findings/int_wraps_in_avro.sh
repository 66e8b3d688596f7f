#!/usr/bin/env bash
# A number is read as another one, because it was written into a field that is too small for it.
#
# Guess:   A writer of Avro refuses a number that the type of the field cannot hold, as it refuses a
#          string there; or else every reader finds the number that was written.
# Seen:    fastavro writes 2**40 + 7 into a field of type int, and reads it back, so a round trip in a
#          test is right. polars reads 7 from the same file, and a negative number becomes a positive
#          one, without an error. fastavro checks ranges only with validator=True. The same holds for
#          an append with a schema that says long: the file keeps its own, which says int.
# Version: fastavro 1.13.1, polars 2.1.0, CPython 3.11 to 3.13
# Source:  Avro specification, "Primitive Types" (int: 32 bits) and "Binary Encoding": int and long are
#          written alike, so only the reader's type decides; fastavro documentation, writer
# Output:
#   | written as int: fastavro 1099511627783 2147483648 -2147483649
#   |                 polars   7 -2147483648 2147483647
#   | appended as long: fastavro 1 1099511627783 2147483648 -2147483649
#   |                   polars   1 7 -2147483648 2147483647
#   | written as long: fastavro 1099511627783 2147483648 -2147483649
#   |                  polars   1099511627783 2147483648 -2147483649
#   | 'text' as int, {}: TypeError
#   | 1099511627783 as int, {'validator': True}: ValidationError
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check fastavro==1.13.1 polars==2.1.0
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import fastavro
import polars


def schema(kind):
    return {"type": "record", "name": "r", "fields": [{"name": "a", "type": kind}]}


def show(label):
    with open("file.avro", "rb") as file:
        print(f"{label}: fastavro", *(row["a"] for row in fastavro.reader(file)))
    print(" " * len(label), " polars  ", *polars.read_avro("file.avro")["a"])


NUMBERS = [2**40 + 7, 2**31, -(2**31) - 1]
with open("file.avro", "wb") as file:
    fastavro.writer(file, schema("int"), [{"a": number} for number in NUMBERS])
show("written as int")
with open("file.avro", "wb") as file:
    fastavro.writer(file, schema("int"), [{"a": 1}])
with open("file.avro", "a+b") as file:
    fastavro.writer(file, schema("long"), [{"a": number} for number in NUMBERS])
show("appended as long")
with open("file.avro", "wb") as file:
    fastavro.writer(file, schema("long"), [{"a": number} for number in NUMBERS])
show("written as long")
for value, options in (("text", {}), (2**40 + 7, {"validator": True})):
    try:
        with open("file.avro", "wb") as file:
            fastavro.writer(file, schema("int"), [{"a": value}], **options)
        print("no error")
    except Exception as error:
        print(f"{value!r} as int, {options}: {type(error).__name__}")
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
