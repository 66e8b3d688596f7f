#!/usr/bin/env bash
# One append inside a transaction takes effect at once and tears the transaction.
#
# Guess:   Inside fsspec's transaction on the local file system every file that was opened for
#          writing shows up together at the end, or none does.
# Seen:    Only mode w is deferred. A file opened with ab is written in place (one opened with r+b
#          as well), and the transaction ends in AttributeError when it comes to it: the files
#          before it are in place, those behind it are not. An aborted transaction keeps the append
#          as well, and its AttributeError takes the place of the exception that aborted it.
# Version: fsspec 2026.9.0, CPython 3.11 and 3.12, Linux
# Source:  fsspec/implementations/local.py: LocalFileOpener._open makes self.temp for modes with w
#          only, commit() and discard() use it for every mode; documentation, "Transactions"
# Output:
#   | inside: {'log.data': '12'}
#   | ended in: AttributeError
#   | done: {'a.data': 'new', 'log.data': '12'}
#   | inside: {'log.data': '12'}
#   | ended in: AttributeError
#   | aborted: {'log.data': '12'}
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check fsspec==2026.9.0
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
from pathlib import Path

import fsspec


def write(files, path, mode, content):
    with files.open(path, mode) as file:
        file.write(content)


def show(label):
    names = sorted(path for path in Path(".").iterdir() if path.suffix == ".data")
    print(f"{label}:", {path.name: path.read_text() for path in names})


Path("log.data").write_text("1")
for aborted in (False, True):
    fsspec.AbstractFileSystem.clear_instance_cache()
    files = fsspec.filesystem("file", skip_instance_cache=True)
    try:
        with files.transaction:
            write(files, "a.data", "wb", b"new")
            write(files, "log.data", "ab", b"2")
            write(files, "z.data", "wb", b"new")
            show("inside")
            if aborted:
                raise ZeroDivisionError
    except Exception as error:
        print("ended in:", type(error).__name__)
    show("aborted" if aborted else "done")
    Path("a.data").unlink(missing_ok=True)
    Path("log.data").write_text("1")
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
