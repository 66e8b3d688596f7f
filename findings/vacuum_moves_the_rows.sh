#!/usr/bin/env bash
# After VACUUM a full-text search returns other rows than those that hold the word.
#
# Guess:   VACUUM changes where rows lie in the file, and no result of a query; a search index that SQLite
#          keeps by triggers stays true.
# Seen:    In a table without an integer key and without any index, VACUUM numbers the rows anew from 1.
#          An index by row number, as FTS5 with content=table is and as enable_fts() of sqlite-utils
#          makes it, then points at the neighbour, after one deleted row: a search for a word returns rows
#          that do not hold it, or none, and integrity_check is ok. One index on any column keeps the
#          numbers, and so does VACUUM INTO.
# Version: sqlite-utils 4.2.1, SQLite 3.40.1 of CPython 3.11 to 3.13
# Source:  SQLite documentation, "VACUUM": may change the ROWIDs of tables without an explicit INTEGER
#          PRIMARY KEY; src/insert.c, xferOptimization: new row numbers if there is no index
# Output:
#   | deleted                ok; berry: berry; cherry: cherry; date: date
#   | VACUUM INTO            ok; berry: berry; cherry: cherry; date: date
#   | VACUUM                 ok; berry: cherry; cherry: date; date: none
#   | VACUUM, an index       ok; berry: berry; cherry: cherry; date: date
#   | VACUUM, a text key     ok; berry: berry; cherry: cherry; date: date
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check sqlite-utils==4.2.1
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import os
import tempfile

import sqlite_utils

WORDS = ("apple", "berry", "cherry", "date")


def made(key=None, index=False):
    path = tempfile.mkdtemp(dir=".")
    database = sqlite_utils.Database(os.path.join(path, "store"))
    database["notes"].insert_all(({"title": word} for word in WORDS), pk=key)
    database["notes"].enable_fts(["title"], create_triggers=True)
    if index:
        database["notes"].create_index(["title"])
    database["notes"].delete_where("title = 'apple'")
    return database, path


def show(label, database):
    found = {word: [row["title"] for row in database["notes"].search(word)] for word in WORDS[1:]}
    (check,) = database.execute("PRAGMA integrity_check").fetchone()
    print(f"{label:22} {check}", *(f"{word}: {', '.join(rows) or 'none'}" for word, rows in found.items()), sep="; ")


database, path = made()
show("deleted", database)
copy = os.path.join(path, "copy")
database.execute("VACUUM INTO ?", [copy])
show("VACUUM INTO", sqlite_utils.Database(copy))
database.vacuum()
show("VACUUM", database)
for label, options in (("VACUUM, an index", {"index": True}), ("VACUUM, a text key", {"key": "title"})):
    database, _ = made(**options)
    database.vacuum()
    show(label, database)
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
