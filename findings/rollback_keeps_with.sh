#!/usr/bin/env bash
# A rollback keeps the rows of a statement that begins with WITH, and of a blob that was written in place.
#
# Guess:   What a connection wrote since its last commit is undone by rollback(): sqlite3 opens a
#          transaction before any statement that changes rows, and SQLAlchemy's begin() block is one
#          transaction whatever stands in it.
# Seen:    sqlite3 opens one before INSERT, UPDATE, DELETE and REPLACE only. A change that begins with
#          WITH, or through blobopen(), is committed at once, and rollback() says nothing. SQLAlchemy
#          relies on that and writes a CTE in front: an insert, update or delete with a cte() outlives
#          the exception that ended its block; behind any other change it is undone. peewee, which
#          sends BEGIN itself, undoes all. sqlite3 with autocommit=False (CPython 3.12) undoes it too.
# Version: SQLAlchemy 2.1.9, peewee 4.5.3, sqlite3 of CPython 3.11 to 3.13
# Source:  CPython, Modules/_sqlite/statement.c: is_dml by the first word; sqlite3 documentation,
#          "Transaction control": opened implicitly before those four
# Output:
#   | rolled back after          | sqlite3 | SQLAlchemy | peewee
#   | insert                     | undone  | undone     | undone
#   | with, insert               | kept    | kept       | undone
#   | with, delete               | kept    | kept       | undone
#   | insert, then with, delete  | undone  | undone     | undone
#   | blob written               | kept
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check SQLAlchemy==2.1.9 peewee==4.5.3
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import sqlite3

import peewee
import sqlalchemy as sa

CTE = "WITH few(x) AS (SELECT x FROM t WHERE x > 1) "
TEXTS = {
    "insert": "INSERT INTO t VALUES (3)",
    "with, insert": CTE + "INSERT INTO t SELECT x + 100 FROM few",
    "with, delete": CTE + "DELETE FROM t WHERE x IN (SELECT x FROM few)",
}
t = sa.Table("t", sa.MetaData(), sa.Column("x", sa.Integer))
few = sa.select(t.c.x).where(t.c.x > 1).cte("few")
MADE = {
    "insert": t.insert().values(x=3),
    "with, insert": t.insert().from_select(["x"], sa.select(few.c.x + 100)),
    "with, delete": t.delete().where(t.c.x.in_(sa.select(few.c.x))),
}
KINDS = {**{kind: [kind] for kind in TEXTS}, "insert, then with, delete": ["insert", "with, delete"]}


def by_sqlite3(kinds):
    connection = sqlite3.connect("file.db")
    for kind in kinds:
        connection.execute(TEXTS[kind])
    connection.rollback()


def by_sqlalchemy(kinds):
    with sa.create_engine("sqlite:///file.db").begin() as connection:
        for kind in kinds:
            connection.execute(MADE[kind])
        raise InterruptedError


def by_peewee(kinds):
    database = peewee.SqliteDatabase("file.db")
    with database.atomic():
        for kind in kinds:
            database.execute_sql(TEXTS[kind])
        raise InterruptedError


def after(act, kinds):
    with sqlite3.connect("file.db") as connection:
        connection.executescript("DROP TABLE IF EXISTS t; CREATE TABLE t(x); INSERT INTO t VALUES (1), (2)")
    try:
        act(kinds)
    except InterruptedError:
        pass
    return "undone" if connection.execute("SELECT x FROM t").fetchall() == [(1,), (2,)] else "kept"


print("rolled back after          | sqlite3 | SQLAlchemy | peewee")
for kind, kinds in KINDS.items():
    print(f"{kind:26} | {after(by_sqlite3, kinds):7} | {after(by_sqlalchemy, kinds):10} | {after(by_peewee, kinds)}")
connection = sqlite3.connect("blob.db")
connection.executescript("CREATE TABLE t(x); INSERT INTO t VALUES (zeroblob(3))")
with connection.blobopen("t", "x", 1) as blob:
    blob.write(b"new")
connection.rollback()
value = connection.execute("SELECT x FROM t").fetchone()[0]
print(f"{'blob written':26} | {'kept' if value == b'new' else 'undone'}")
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
