#!/usr/bin/env bash
# A replica that follows the changes of a table keeps rows that are gone, and lacks rows that are there.
#
# Guess:   Triggers on insert, update and delete see every change of a table, so who replays what
#          sqlite-chronicle or sqlite-history has recorded has that table; the former says that it
#          "correctly handles INSERT OR REPLACE".
# Seen:    It does where the row that is replaced has the same key. Where REPLACE removes another row, for a
#          UNIQUE column, SQLite fires no trigger for that one: it is not recorded as deleted, by
#          either, and stays in the replica. A row whose key is changed is not recorded by chronicle at all: the
#          replica keeps the old one for ever and lacks the new one. PRAGMA recursive_triggers=1,
#          which sqlite-utils sets, cures the first, not the second.
# Version: sqlite-chronicle 0.6.1, sqlite-history 0.1, sqlite3 of CPython 3.11 to 3.13
# Source:  SQLite documentation, "ON CONFLICT": delete triggers fire for rows that REPLACE removes only
#          if recursive triggers are enabled; the docstring of sqlite_chronicle.enable_chronicle
# Output:
#   | recursive_triggers=0
#   |   update                      table as 1x 2z, replica as it, history +1
#   |   delete                      table as 2y, replica as it, history +1
#   |   replace, same key           table as 1z 2y, replica as it, history +1
#   |   replace, another key        table as 2y 3z, replica as 1x 2y 3z, history +1
#   |   update or replace           table as 2y, replica as 1x 2y, history +1
#   |   key changed                 table as 1x 9y, replica as 1x 2y, history +1
#   | recursive_triggers=1
#   |   update                      table as 1x 2z, replica as it, history +1
#   |   delete                      table as 2y, replica as it, history +1
#   |   replace, same key           table as 1z 2y, replica as it, history +2
#   |   replace, another key        table as 2y 3z, replica as it, history +2
#   |   update or replace           table as 2y, replica as it, history +2
#   |   key changed                 table as 1x 9y, replica as 1x 2y, history +1
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check sqlite-chronicle==0.6.1 sqlite-history==0.1
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import sqlite3

import sqlite_chronicle
import sqlite_history

CHANGES = {
    "update": "UPDATE people SET value = 'z' WHERE id = 2",
    "delete": "DELETE FROM people WHERE id = 1",
    "replace, same key": "INSERT OR REPLACE INTO people VALUES (1, 'a@', 'z')",
    "replace, another key": "INSERT OR REPLACE INTO people VALUES (3, 'a@', 'z')",
    "update or replace": "UPDATE OR REPLACE people SET mail = 'a@' WHERE id = 2",
    "key changed": "UPDATE people SET id = 9 WHERE id = 2",
}


def table(recursive, follow):
    rows = sqlite3.connect(":memory:", isolation_level=None)
    rows.execute(f"PRAGMA recursive_triggers = {recursive}")
    rows.execute("CREATE TABLE people (id INTEGER PRIMARY KEY, mail TEXT UNIQUE, value TEXT)")
    follow(rows, "people")
    rows.execute("INSERT INTO people VALUES (1, 'a@', 'x'), (2, 'b@', 'y')")
    return rows


def replayed(rows, replica, since):
    for change in sqlite_chronicle.updates_since(rows, "people", since=since):
        replica.pop(change.pks[0], None)
        if not change.deleted:
            replica[change.pks[0]] = change.row["value"]
        since = change.version
    return since


def told(pairs):
    return " ".join(f"{key}{value}" for key, value in sorted(pairs))


for recursive in (0, 1):
    print(f"recursive_triggers={recursive}")
    for what, change in CHANGES.items():
        rows, replica = table(recursive, sqlite_chronicle.enable_chronicle), {}
        since = replayed(rows, replica, None)
        rows.execute(change)
        replayed(rows, replica, since)
        there, copied = told(rows.execute("SELECT id, value FROM people")), told(replica.items())
        rows = table(recursive, sqlite_history.configure_history)
        rows.execute(change)
        new = rows.execute("SELECT count(*) - 2 FROM _people_history").fetchone()[0]
        print(f"  {what:27} table as {there}, replica as {'it' if copied == there else copied}, history +{new}")
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
