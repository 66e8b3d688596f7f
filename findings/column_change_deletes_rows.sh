#!/usr/bin/env bash
# Changing a column of one table deletes the rows of another.
#
# Guess:   A migration that makes a column NOT NULL, changes its type or drops it leaves the rows of
#          the tables that refer to the table, whatever the library does for it on SQLite.
# Seen:    On SQLite a table is rebuilt: copied, dropped, renamed. Dropping counts as deleting its rows,
#          and where foreign keys are enforced, ON DELETE CASCADE takes every row that referred to them,
#          SET NULL every reference. peewee and alembic do so and end in success; a column that peewee
#          renames, or drops by ALTER TABLE, costs nothing. sqlite-utils puts the enforcing off for it,
#          and refuses within a transaction, where SQLite ignores that.
# Version: peewee 4.5.3, alembic 1.20.1, SQLAlchemy 2.1.9, sqlite-utils 4.2.1, sqlite3 of CPython 3.11 to
#          3.13
# Source:  sqlite.org, "SQLite Foreign Key Support", 5: DROP TABLE performs an implicit DELETE first;
#          alembic documentation, batch migrations, on referring tables; playhouse/migrate.py:
#          SqliteMigrator._update_column
# Output:
#   | peewee rename_column      of 2 rooms 2 left, of 2 guests 2 know their house
#   | peewee drop_column        of 2 rooms 2 left, of 2 guests 2 know their house
#   | peewee add_not_null       of 2 rooms 0 left, of 2 guests 0 know their house
#   | peewee alter_column_type  of 2 rooms 0 left, of 2 guests 0 know their house
#   | alembic alter_column      of 2 rooms 0 left, of 2 guests 0 know their house
#   | sqlite-utils transform    of 2 rooms 2 left, of 2 guests 2 know their house
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check peewee==4.5.3 alembic==1.20.1 SQLAlchemy==2.1.9 sqlite-utils==4.2.1
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import sqlite3

import peewee
import sqlalchemy as sa
import sqlite_utils
from alembic.migration import MigrationContext
from alembic.operations import Operations
from playhouse.migrate import SqliteMigrator, migrate

SCHEMA = """
PRAGMA foreign_keys = ON;
CREATE TABLE house (id INTEGER PRIMARY KEY, name TEXT, old TEXT);
CREATE TABLE room (house_id INTEGER REFERENCES house ON DELETE CASCADE);
CREATE TABLE guest (house_id INTEGER REFERENCES house ON DELETE SET NULL);
INSERT INTO house VALUES (1, 'a', 'x');
INSERT INTO room VALUES (1), (1);
INSERT INTO guest VALUES (1), (1);
"""


def by_peewee(change):
    def act(path):
        database = peewee.SqliteDatabase(path, pragmas={"foreign_keys": 1})
        with database.atomic():
            migrate(change(SqliteMigrator(database)))
        database.close()

    return act


def by_alembic(path):
    engine = sa.create_engine(f"sqlite:///{path}")
    sa.event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA foreign_keys = ON"))
    with engine.begin() as connection:
        with Operations(MigrationContext.configure(connection)).batch_alter_table("house") as batch:
            batch.alter_column("name", nullable=False)


def by_sqlite_utils(path):
    database = sqlite_utils.Database(path)
    database.execute("PRAGMA foreign_keys = ON")
    database["house"].transform(not_null={"name"})


WAYS = {
    "peewee rename_column": by_peewee(lambda m: m.rename_column("house", "name", "title")),
    "peewee drop_column": by_peewee(lambda m: m.drop_column("house", "old")),
    "peewee add_not_null": by_peewee(lambda m: m.add_not_null("house", "name")),
    "peewee alter_column_type": by_peewee(lambda m: m.alter_column_type("house", "name", peewee.CharField())),
    "alembic alter_column": by_alembic,
    "sqlite-utils transform": by_sqlite_utils,
}
for number, (way, act) in enumerate(WAYS.items()):
    connection = sqlite3.connect(f"{number}.db")
    connection.executescript(SCHEMA)
    connection.close()
    act(f"{number}.db")
    query = "SELECT (SELECT count(*) FROM room), count(house_id) FROM guest"
    rooms, guests = sqlite3.connect(f"{number}.db").execute(query).fetchone()
    print(f"{way:25} of 2 rooms {rooms} left, of 2 guests {guests} know their house")
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
