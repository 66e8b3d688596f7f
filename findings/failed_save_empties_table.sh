#!/usr/bin/env bash
# A call that fails has emptied the table that it was to replace, or committed half of what it was to append.
#
# Guess:   to_sql() that raises has changed nothing on SQLite, least of all inside a transaction of the
#          caller's: DROP TABLE and DELETE are undone there like anything else.
# Seen:    pandas drops the table to be replaced, and makes a new one, before sqlite3 begins a transaction:
#          the old rows are gone, inside a begin() block of SQLAlchemy or `with connection` too, and where
#          the block fails later for a reason of its own. Given a URL or an engine, it commits when
#          it raises: the rows before the refused one stay, and whoever tries again has them twice. Within
#          begin() appending and delete_rows are undone. sqlite-utils commits truncate=True first.
# Version: pandas 3.1.1, SQLAlchemy 2.1.9, sqlite-utils 4.2.1, sqlite3 of CPython 3.11 to 3.13
# Source:  sqlite3 documentation, "Transaction control": opened before INSERT, UPDATE, DELETE and REPLACE,
#          so not before DROP; pandas/io/sql.py: SQLDatabase.__exit__ closes its stack, which holds the
#          transaction, without telling it of the exception
# Output:
#   | with_connection append      OverflowError    [1, 2]
#   | with_connection delete_rows OverflowError    [1, 2]
#   | with_connection replace     OverflowError    []
#   | begin_block     append      OverflowError    [1, 2]
#   | begin_block     delete_rows OverflowError    [1, 2]
#   | begin_block     replace     OverflowError    []
#   | fails_later     append      InterruptedError [1, 2]
#   | fails_later     delete_rows InterruptedError [1, 2]
#   | fails_later     replace     InterruptedError []
#   | engine          append      OverflowError    [1, 2, 7]
#   | engine          delete_rows OverflowError    [7]
#   | engine          replace     OverflowError    [7]
#   | by_sqlite_utils ignore      OverflowError    [1, 2]
#   | by_sqlite_utils truncate    OverflowError    []
#   | by_sqlite_utils replace     OverflowError    [1, 2]
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pandas==3.1.1 SQLAlchemy==2.1.9 sqlite-utils==4.2.1 numpy==2.4.6
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import sqlite3

import pandas as pd
import sqlalchemy as sa
import sqlite_utils

BAD = pd.DataFrame({"x": [7, 2**70]}, dtype=object)


def with_connection(path, how):
    with sqlite3.connect(path) as connection:
        BAD.to_sql("t", connection, if_exists=how, index=False)


def begin_block(path, how):
    with sa.create_engine(f"sqlite:///{path}").begin() as connection:
        BAD.to_sql("t", connection, if_exists=how, index=False)


def fails_later(path, how):
    with sa.create_engine(f"sqlite:///{path}").begin() as connection:
        BAD[:1].to_sql("t", connection, if_exists=how, index=False)
        raise InterruptedError


def engine(path, how):
    BAD.to_sql("t", sa.create_engine(f"sqlite:///{path}"), if_exists=how, index=False)


def by_sqlite_utils(path, how):
    sqlite_utils.Database(path)["t"].insert_all([{"x": 7}, {"x": 2**70}], **{how: True})


ROWS = ("append", "delete_rows", "replace")
for act, hows in {
    with_connection: ROWS,
    begin_block: ROWS,
    fails_later: ROWS,
    engine: ROWS,
    by_sqlite_utils: ("ignore", "truncate", "replace"),
}.items():
    for how in hows:
        path = f"{act.__name__}-{how}.db"
        with sqlite3.connect(path) as connection:
            connection.executescript("CREATE TABLE t(x INTEGER); INSERT INTO t VALUES (1), (2)")
        try:
            act(path, how)
        except Exception as error:
            print(f"{act.__name__:15} {how:11} {type(error).__name__:16}", end=" ")
        print([int(x) for (x,) in sqlite3.connect(path).execute("SELECT x FROM t")])
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
