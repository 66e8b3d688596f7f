#!/usr/bin/env bash
# A bulk insert that is to ignore rows that exist drops new rows, and reports them as created.
#
# Guess:   "Ignore conflicts" skips a row whose key is there already. A new row that breaks another rule of
#          the table (no value, a CHECK) raises, as it does without that option.
# Seen:    Django, peewee and sqlite-utils send INSERT OR IGNORE to SQLite, which skips a row for NOT NULL
#          and CHECK as well: of four new rows two are stored, and Django returns all four as created.
#          With "replace", sqlite-utils and peewee store the column's default in place of None, where
#          a plain insert raises. SQLAlchemy's on_conflict_do_nothing() raises, as guessed.
# Version: Django 5.2.19, peewee 4.5.3, sqlite-utils 4.2.1, SQLAlchemy 2.1.9, CPython 3.11 to 3.13
# Source:  SQLite, "The ON CONFLICT Clause": it applies to UNIQUE, NOT NULL, CHECK and PRIMARY KEY
# Output:
#   | four new rows           returned  stored
#   | Django, ignore          4         [(1, 'open', 5), (4, 'open', 7)]
#   | peewee, ignore          -         [(1, 'open', 5), (4, 'open', 7)]
#   | sqlite-utils, ignore    -         [(1, 'open', 5), (4, 'open', 7)]
#   | SQLAlchemy, do nothing  IntegrityError
#   | one row without a state
#   | peewee, insert          IntegrityError
#   | peewee, replace         -         [(2, 'open', 6)]
#   | sqlite-utils, insert    IntegrityError
#   | sqlite-utils, replace   -         [(2, 'open', 6)]
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check Django==5.2.19 peewee==4.5.3 sqlite-utils==4.2.1 sqlalchemy==2.1.9
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import os

import django
import peewee
import sqlalchemy
import sqlite_utils
from django.conf import settings
from django.db import connection, models
from sqlalchemy.dialects.sqlite import insert

TABLE = "orders (id INTEGER PRIMARY KEY, state TEXT NOT NULL DEFAULT 'open', qty INTEGER NOT NULL CHECK (qty > 0))"
ROWS = [{"id": 1, "state": "open", "qty": 5}, {"id": 2, "state": None, "qty": 6}, {"id": 3, "state": "open", "qty": 0}]
ROWS.append({"id": 4, "state": "open", "qty": 7})
settings.configure(DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "store"}})
django.setup()


class Order(models.Model):
    id, qty, state = models.IntegerField(primary_key=True), models.IntegerField(), models.TextField()

    class Meta:
        app_label, db_table = "shop", "orders"


class Orders(peewee.Model):
    state, qty = peewee.TextField(), peewee.IntegerField()

    class Meta:
        database = peewee.SqliteDatabase("store")


def alchemy():
    engine = sqlalchemy.create_engine("sqlite:///store")
    table = sqlalchemy.Table("orders", sqlalchemy.MetaData(), autoload_with=engine)
    with engine.begin() as transaction:
        transaction.execute(insert(table).on_conflict_do_nothing(), ROWS)


def show(label, act):
    database = sqlite_utils.Database("store")
    database.execute(f"CREATE TABLE {TABLE}")
    try:
        result = act(database["orders"])
        print(f"{label:23} {len(result) if isinstance(result, list) else '-':<9}", [(*row.values(),) for row in database["orders"].rows])
    except Exception as error:
        print(f"{label:23} {type(error).__name__}")
    connection.close()
    Orders._meta.database.close()
    database.close()
    os.remove("store")


print("four new rows           returned  stored")
show("Django, ignore", lambda _: Order.objects.bulk_create([Order(**row) for row in ROWS], ignore_conflicts=True))
show("peewee, ignore", lambda _: Orders.insert_many(ROWS).on_conflict_ignore().execute())
show("sqlite-utils, ignore", lambda table: table.insert_all(ROWS, ignore=True))
show("SQLAlchemy, do nothing", lambda _: alchemy())
print("one row without a state")
show("peewee, insert", lambda _: Orders.insert_many(ROWS[1:2]).execute())
show("peewee, replace", lambda _: Orders.replace_many(ROWS[1:2]).execute())
show("sqlite-utils, insert", lambda table: table.insert_all(ROWS[1:2]))
show("sqlite-utils, replace", lambda table: table.insert_all(ROWS[1:2], replace=True))
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
