#!/usr/bin/env bash
# A dump of SQLite that loads without an error holds other texts and row numbers than the database.
#
# Guess:   iterdump() writes statements that build the same database again: each value, and what is kept
#          in its header; as a backup it is larger than the file, and no worse.
# Seen:    A text is cut at its first NUL, and rows are numbered anew without a gap, so what refers to them
#          by rowid finds the neighbour. user_version is 0: a program that keeps the number of its last
#          migration there carries all of them out again on the restored data, here adding a fee a second
#          time. One infinite value, and the dump cannot be loaded. sqlite-utils dumps the same way;
#          the .dump of apsw loses the row numbers only. backup() and VACUUM INTO keep all of it.
# Version: sqlite3 of CPython 3.11 to 3.13 with SQLite 3.40.1, sqlite-utils 4.2.1, apsw 3.54.1.0
# Source:  SQLite, "quote(X)": a text with a NUL is truncated before it; Lib/sqlite3/dump.py: quote() of each
#          column but not the rowid, and no PRAGMA
# Output:
#   | from          code         version  fee  the note of rowid 3
#   | database      'ab\x00cd'   1        1    third
#   | iterdump      'ab'         0        2    fourth
#   | sqlite-utils  'ab'         0        2    fourth
#   | apsw, .dump   'ab\x00cd'   1        1    fourth
#   | backup        'ab\x00cd'   1        1    third
#   | VACUUM INTO   'ab\x00cd'   1        1    third
#   | with an infinite fee, the dump is loaded: OperationalError
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check sqlite-utils==4.2.1 apsw==3.54.1.0
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import io
import sqlite3

import apsw.shell
import sqlite_utils


def migrate(database):
    if database.execute("PRAGMA user_version").fetchone() == (0,):
        database.executescript("UPDATE bills SET fee = fee + 1; PRAGMA user_version = 1")


def loaded(statements):
    database = sqlite3.connect(":memory:")
    database.executescript("\n".join(statements))
    return database


def backed_up(database, path=":memory:"):
    copy = sqlite3.connect(path)
    database.backup(copy)
    return copy


def shell(database):
    backed_up(database, "saved").close()
    out = io.StringIO()
    apsw.shell.Shell(stdout=out, args=["saved", ".dump"])
    return loaded([out.getvalue()])


original = sqlite3.connect(":memory:")
original.execute("CREATE TABLE bills (id INTEGER PRIMARY KEY, code TEXT, fee INTEGER)")
original.execute("CREATE TABLE notes (note TEXT)")
original.execute("INSERT INTO bills VALUES (1, ?, 0)", ("ab\0cd",))
original.executemany("INSERT INTO notes VALUES (?)", [("first",), ("second",), ("third",), ("fourth",)])
original.execute("DELETE FROM notes WHERE note = 'second'")
original.commit()
migrate(original)

print(f"{'from':13} {'code':12} version  fee  the note of rowid 3")
WAYS = {
    "database": lambda: original,
    "iterdump": lambda: loaded(original.iterdump()),
    "sqlite-utils": lambda: loaded(sqlite_utils.Database(original).iterdump()),
    "apsw, .dump": lambda: shell(original),
    "backup": lambda: backed_up(original),
    "VACUUM INTO": lambda: original.execute("VACUUM INTO 'copy'") and sqlite3.connect("copy"),
}
for label, way in WAYS.items():
    database = way()
    (version,) = database.execute("PRAGMA user_version").fetchone()
    migrate(database)
    code, fee = database.execute("SELECT code, fee FROM bills").fetchone()
    (note,) = database.execute("SELECT note FROM notes WHERE rowid = 3").fetchone()
    print(f"{label:13} {code!r:12} {version:<8} {fee:<4} {note}")
original.execute("UPDATE bills SET fee = ?", (float("inf"),))
try:
    loaded(original.iterdump())
except sqlite3.OperationalError as error:
    print("with an infinite fee, the dump is loaded:", type(error).__name__)
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
