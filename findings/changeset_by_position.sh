#!/usr/bin/env bash
# A changeset that is applied to a replica swaps two columns, or leaves the rows out, and reports nothing.
#
# Guess:   SQLite's changesets name tables and keys: applied to a replica whose table differs, the values
#          go to the columns of their names, or apply() raises.
# Seen:    A changeset has no names of columns. Where the replica has the same columns in another order
#          (made anew there, added one by one here), the values land in the wrong ones. Where it has
#          fewer columns or another key, or no such table though others, apply() returns and the rows
#          are missing. Rows of a table without a key, or whose key is NULL, are not recorded at all, nor is the
#          counter of AUTOINCREMENT: the replica gives away an id that was used. A conflict raises.
# Version: apsw 3.54.1.0 (SQLite 3.54.1), CPython 3.11 to 3.13
# Source:  SQLite documentation, session extension: sqlite3changeset_apply, a table that is not compatible
#          is skipped with a warning to the log; sqlite3session_attach, tables without a primary key
# Output:
#   | alike                    here (1, 'x', 'y')      replica (1, 'x', 'y')
#   | columns in another order here (1, 'x', 'y')      replica (1, 'y', 'x')
#   | a column is missing      here (1, 'x', 'y')      replica nothing
#   | another column is key    here (1, 'x', 'y')      replica nothing
#   | no key on either side    here (1, 'x', 'y')      replica nothing
#   | the key is NULL          here (None, 'x', 'y')   replica nothing
#   | next id of AUTOINCREMENT here 3                  replica 2
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check apsw==3.54.1.0
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import apsw

PLAIN = "CREATE TABLE t (id INTEGER PRIMARY KEY, a, b)"
WRITE = "INSERT INTO t (id, a, b) VALUES (1, 'x', 'y')"
CASES = {
    "alike": (PLAIN, PLAIN, WRITE),
    "columns in another order": (PLAIN, "CREATE TABLE t (id INTEGER PRIMARY KEY, b, a)", WRITE),
    "a column is missing": (PLAIN, "CREATE TABLE t (id INTEGER PRIMARY KEY, a)", WRITE),
    "another column is key": (PLAIN, "CREATE TABLE t (id INTEGER, a PRIMARY KEY, b)", WRITE),
    "no key on either side": ("CREATE TABLE t (id, a, b)",) * 2 + (WRITE,),
    "the key is NULL": ("CREATE TABLE t (id TEXT PRIMARY KEY, a, b)",) * 2 + (WRITE.replace("(1", "(NULL"),),
}


def first(database, query):
    rows = database.execute(query).fetchall()
    return rows[0] if rows else "nothing"


def replicated(here, there, write):
    source, replica = apsw.Connection(":memory:"), apsw.Connection(":memory:")
    source.execute(here)
    replica.execute(there)
    session = apsw.Session(source, "main")
    session.attach()
    source.execute(write)
    apsw.Changeset.apply(session.changeset(), replica)
    return source, replica


def show(label, here, there):
    print(f"{label:24} here {here!s:18} replica {there}")


for label, case in CASES.items():
    source, replica = replicated(*case)
    has_b = "b" in [row[1] for row in replica.execute("PRAGMA table_info(t)")]
    query = "SELECT id, a, b FROM t"
    show(label, first(source, query), first(replica, query if has_b else "SELECT id, a FROM t"))

COUNTED = "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a)"
databases = replicated(COUNTED, COUNTED, "INSERT INTO t (a) VALUES ('x'), ('y'); DELETE FROM t WHERE id = 2")
show("next id of AUTOINCREMENT", *(first(each, "INSERT INTO t (a) VALUES ('z') RETURNING id")[0] for each in databases))
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
