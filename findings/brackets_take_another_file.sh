#!/usr/bin/env bash
# Removing, copying or reading a file whose name has brackets takes another file.
#
# Guess:   A name that a file has means that file: a second download called `f[1].csv` is read as itself,
#          and removing it removes it. Where a name may be a pattern, a file of that very name is first.
# Seen:    polars and DuckDB take `f[1].csv` for a pattern, which f1.csv fits and `f[1].csv` does not. As
#          long as there is no f1.csv DuckDB reads the file that has the name; then it reads the
#          other, and COPY TO goes on writing the one. fsspec opens the file that has the name, and copies
#          the other; with the rm() and mv() that its file systems have unless they bring their own, as
#          the local one does, the other is removed or moved, and the one that was named stays.
# Version: polars 2.1.0, duckdb 2.0.1, fsspec 2026.9.0, obstore 0.12.1, CPython 3.11 to 3.13
# Source:  fsspec/spec.py: rm, mv, copy, get, put and cat go through expand_path, which asks for magic
#          characters before it asks whether there is such a file; the docstrings of scan_csv and
#          read_csv have a parameter glob=True
# Output:
#   | alone: duckdb reads [(5,)]
#   | beside f1.csv: duckdb reads [(99,)]
#   | duckdb has written ['x', '42'] and reads [(99,)]
#   | polars reads [99]
#   | fsspec opens [b'5']
#   | fsspec local: copy takes ['f1.csv']; get takes ['f1.csv']; put takes ['f1.csv'];
#   |   rm removes ['f[1].csv']; mv removes ['f[1].csv']
#   | obstore.fsspec: copy takes ['f1.csv']; get takes ['f1.csv']; put takes ['f1.csv'];
#   |   rm removes ['f1.csv']; mv removes ['f1.csv']
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check polars==2.1.0 duckdb==2.0.1 fsspec==2026.9.0 obstore==0.12.1
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import os

import duckdb
import fsspec
import polars
from obstore.fsspec import FsspecStore

HERE, NAMED = os.getcwd(), "f[1].csv"


def only(*names):
    for name in set(os.listdir(".")) & {"f1.csv", NAMED}:
        os.remove(name)
    for name in names:
        with open(name, "w") as file:
            file.write(f"x\n{99 if name == 'f1.csv' else 5}\n")


def copied(files, method):
    os.makedirs("to", exist_ok=True)
    getattr(files, method)(f"{HERE}/{NAMED}", f"{HERE}/to/")
    found = os.listdir("to")
    for name in found:
        os.remove(f"to/{name}")
    return found


def gone(files, method, *arguments):
    getattr(files, method)(f"{HERE}/{NAMED}", *arguments)
    return sorted({"f1.csv", NAMED} - set(os.listdir(".")))


only(NAMED)
print("alone: duckdb reads", duckdb.sql(f"FROM '{NAMED}'").fetchall())
only(NAMED, "f1.csv")
print("beside f1.csv: duckdb reads", duckdb.sql(f"FROM '{NAMED}'").fetchall())
duckdb.sql(f"COPY (SELECT 42 AS x) TO '{NAMED}'")
print("duckdb has written", open(NAMED).read().split(), "and reads", duckdb.sql(f"FROM '{NAMED}'").fetchall())
only(NAMED, "f1.csv")
print("polars reads", polars.read_csv(NAMED)["x"].to_list())
print("fsspec opens", fsspec.open(NAMED).open().read().split()[1:])
for name, files in {"fsspec local": fsspec.filesystem("file"), "obstore.fsspec": FsspecStore("file")}.items():
    print(f"{name}:", *(f"{method} takes {copied(files, method)};" for method in ("copy", "get", "put")))
    print("  rm removes", gone(files, "rm"), end="; ")
    only(NAMED, "f1.csv")
    print("mv removes", gone(files, "mv", f"{HERE}/{name}"))
    only(NAMED, "f1.csv")
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
