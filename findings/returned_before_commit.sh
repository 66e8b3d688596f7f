#!/usr/bin/env bash
# A row that INSERT ... RETURNING has handed out is not in the file until the next row is asked for.
#
# Guess:   With autocommit a statement is durable when execute() has returned; at the latest when the row
#          that it returns has been read.
# Seen:    SQLite commits the statement when it ends, and it ends when a step finds no further row. apsw
#          steps only when the next row is asked for: after next() on an INSERT of one row nothing is
#          committed, and the id that was handed out is gone with the process. sqlite3 reads one row ahead,
#          so it takes two rows, or an execute() whose row nobody reads; likewise SQLAlchemy with AUTOCOMMIT,
#          and a loop over peewee. Until then another writer finds the database locked.
# Version: apsw 3.54.1.0, sqlalchemy 2.1.9, peewee 4.5.3, sqlite-utils 4.2.1, CPython 3.11 to 3.13
# Source:  SQLite, "RETURNING": all changes are made in the first sqlite3_step(); "Transaction": an implicit
#          transaction is committed when the last active statement finishes
# Output:
#   | a process that ended after  was given  and left behind
#   | apsw, next()                1          nothing
#   | sqlite3, not read           nothing    nothing
#   | sqlite3, fetchone()         1          [1]
#   | sqlite3, fetchone() of two  1          nothing
#   | sqlite3, fetchall() of two  [1, 2]     [1, 2]
#   | SQLAlchemy, first of two    1          nothing
#   | peewee, first of two        1          nothing
#   | sqlite-utils, first of two  1          [1, 2]
#   | another writer beside apsw, next(): database is locked
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check apsw==3.54.1.0 sqlalchemy==2.1.9 peewee==4.5.3 sqlite-utils==4.2.1
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import os
import sqlite3

import apsw
import peewee
import sqlalchemy
import sqlite_utils

ONE, TWO = (f"INSERT INTO jobs VALUES {rows} RETURNING id" for rows in ("(1)", "(1), (2)"))
kept = []


def asked(result):
    return kept.append(result) or result


def plain(statement):
    return asked(sqlite3.connect("store", isolation_level=None).execute(statement))


def engine():
    return sqlalchemy.create_engine("sqlite:///store", isolation_level="AUTOCOMMIT").connect()


def model():
    class Jobs(peewee.Model):
        id = peewee.IntegerField(primary_key=True)
    Jobs.bind(peewee.SqliteDatabase("store"))
    return next(iter(asked(Jobs.insert_many([{"id": 1}, {"id": 2}]).returning(Jobs).execute()))).id


WAYS = {
    "apsw, next()": lambda: next(asked(apsw.Connection("store").execute(ONE)))[0],
    "sqlite3, not read": lambda: plain(ONE) and None,
    "sqlite3, fetchone()": lambda: plain(ONE).fetchone()[0],
    "sqlite3, fetchone() of two": lambda: plain(TWO).fetchone()[0],
    "sqlite3, fetchall() of two": lambda: [row for (row,) in plain(TWO).fetchall()],
    "SQLAlchemy, first of two": lambda: asked(engine().execute(sqlalchemy.text(TWO))).fetchone()[0],
    "peewee, first of two": model,
    "sqlite-utils, first of two": lambda: next(asked(sqlite_utils.Database("store").query(TWO)))["id"],
}
sqlite3.connect("store").execute("CREATE TABLE jobs (id INTEGER PRIMARY KEY)")
print("a process that ended after  was given  and left behind", flush=True)
for label, way in WAYS.items():
    if (child := os.fork()) == 0:
        print(f"{label:27} {way() or 'nothing'!s:10}", end="", flush=True)
        os._exit(0)
    os.waitpid(child, 0)
    with sqlite3.connect("store", isolation_level=None) as database:
        print("", [row for (row,) in database.execute("SELECT id FROM jobs")] or "nothing", flush=True)
        database.execute("DELETE FROM jobs")
WAYS["apsw, next()"]()
if os.fork() == 0:
    try:
        sqlite3.connect("store", timeout=0).execute("INSERT INTO jobs VALUES (3)")
    except sqlite3.OperationalError as error:
        print("another writer beside apsw, next():", error)
else:
    os.wait()
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
