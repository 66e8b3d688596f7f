#!/usr/bin/env bash
# Restoring a file from a snapshot of hard links empties the file and the snapshot.
#
# Guess:   A copy of a file onto itself, by another name of it, is refused as cp refuses it, or changes
#          nothing: a snapshot made of hard links (`cp -al`) shares each file that did not change, and
#          a folder may have a second name (`current -> v3`).
# Seen:    pyarrow's file system and opendal compare the two names, and only those. The target is opened,
#          which cuts it to nothing, before the source is read: no error, and both names lead to an
#          empty file. pyarrow.fs.copy_files of the whole snapshot empties every file that had not
#          changed. obstore writes beside the target and renames; fsspec and shutil refuse.
# Version: pyarrow 26.0.1, opendal 0.47.12, obstore 0.12.1, fsspec 2026.9.0, CPython 3.11 to 3.13, Linux
# Source:  the docstrings of FileSystem.copy_file and copy_files say nothing of one file with two names;
#          documentation of Rust's std::fs::copy, which opendal uses: the file "will likely get truncated"
# Output:
#   | pyarrow copy_file  from snapshot done           data: nothing, snapshot: nothing
#   | pyarrow copy_file  from current  done           data: nothing, snapshot: nothing
#   | pyarrow copy_files from snapshot done           data: nothing, snapshot: nothing
#   | pyarrow copy_files from current  done           data: nothing, snapshot: nothing
#   | opendal copy       from snapshot done           data: nothing, snapshot: nothing
#   | opendal copy       from current  done           data: nothing, snapshot: nothing
#   | obstore copy       from snapshot done           data: old, snapshot: old
#   | obstore copy       from current  done           data: old, snapshot: old
#   | fsspec copy        from snapshot SameFileError  data: old, snapshot: old
#   | fsspec copy        from current  SameFileError  data: old, snapshot: old
#   | shutil copyfile    from snapshot SameFileError  data: old, snapshot: old
#   | shutil copyfile    from current  SameFileError  data: old, snapshot: old
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pyarrow==26.0.1 opendal==0.47.12 obstore==0.12.1 fsspec==2026.9.0
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import os
import shutil

import fsspec
import obstore.store
import opendal
from pyarrow import fs

HERE = os.getcwd()


def by_copy_files(source, target):
    source, target = (f"{HERE}/{os.path.dirname(name)}" for name in (source, target))
    fs.copy_files(f"file://{source}", f"file://{target}")


def by_obstore(source, target):
    obstore.copy(obstore.store.LocalStore(HERE), source, target)


WAYS = {
    "pyarrow copy_file": fs.LocalFileSystem().copy_file,
    "pyarrow copy_files": by_copy_files,
    "opendal copy": opendal.Operator("fs", root=HERE).copy,
    "obstore copy": by_obstore,
    "fsspec copy": fsspec.filesystem("file").copy,
    "shutil copyfile": shutil.copyfile,
}


def held(path):
    with open(path) as file:
        return file.read() or "nothing"


for way, copy in WAYS.items():
    for source in ("snapshot", "current"):
        os.makedirs("snapshot")
        os.makedirs("data")
        os.symlink("data", "current")
        with open("snapshot/file", "w") as file:
            file.write("old")
        os.link("snapshot/file", "data/file")
        try:
            copy(f"{source}/file", "data/file")
            how = "done"
        except OSError as error:
            how = type(error).__name__
        print(f"{way:18} from {source:8} {how:13}  data: {held('data/file')}, snapshot: {held('snapshot/file')}")
        shutil.rmtree("snapshot")
        shutil.rmtree("data")
        os.remove("current")
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
