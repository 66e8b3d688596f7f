#!/usr/bin/env bash
# A time with a zone is stored as another time.
#
# Guess:   A column DateTime(timezone=True) gives back the instant that was stored, in whatever zone, or refuses
#          one with a zone on a database that has no such type; ORDER BY and > follow the instants.
# Seen:    On SQLite SQLAlchemy drops the offset without a word: 12:00+02:00 is stored as 12:00, and read as
#          that, two hours late for whoever takes it for UTC; so does pandas' to_sql. peewee keeps the offset
#          in the text and compares texts: what happened first comes last, and "later than" finds what was
#          earlier, as in the autumn night in which an hour comes twice. DuckDB is as guessed.
# Version: SQLAlchemy 2.1.9, pandas 3.1.1, peewee 4.5.3, duckdb 2.0.1, CPython 3.11 to 3.13
# Source:  sqlalchemy/dialects/sqlite/base.py: the storage format of DATETIME has no zone; SQLAlchemy
#          documentation, DateTime, timezone: used "if supported" by the database
# Output:
#   | stored: 12:00+02:00, which is 10:00 UTC, then 11:00+00:00; later than the second: 0
#   | by_sqlalchemy in order 11:00, 12:00; later than the second: 1
#   | by_pandas     in order 12:00; later than the second: -
#   | by_peewee     in order 11:00+00:00, 12:00+02:00; later than the second: 1
#   | by_duckdb     in order 10:00+00:00, 11:00+00:00; later than the second: 0
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check SQLAlchemy==2.1.9 pandas==3.1.1 peewee==4.5.3 duckdb==2.0.1 pytz==2026.6
cd "$folder"
venv/bin/python -W error - >seen.txt <<'PROGRAM'
import datetime

import duckdb
import pandas
import peewee
import sqlalchemy

UTC = datetime.timezone.utc
FIRST = datetime.datetime(2026, 5, 1, 12, tzinfo=datetime.timezone(datetime.timedelta(hours=2)))
SECOND = datetime.datetime(2026, 5, 1, 11, tzinfo=UTC)


def by_sqlalchemy():
    engine = sqlalchemy.create_engine("sqlite://")
    at = sqlalchemy.Column("at", sqlalchemy.DateTime(timezone=True))
    events = sqlalchemy.Table("events", sqlalchemy.MetaData(), at)
    with engine.begin() as connection:
        events.create(connection)
        connection.execute(events.insert(), [{"at": FIRST}, {"at": SECOND}])
        later = connection.execute(sqlalchemy.select(events).where(events.c.at > SECOND)).all()
        return [row.at for row in connection.execute(sqlalchemy.select(events).order_by("at"))], len(later)


def by_pandas():
    engine = sqlalchemy.create_engine("sqlite://")
    pandas.DataFrame({"at": pandas.to_datetime([FIRST, FIRST])}).to_sql("events", engine, index=False)
    return [time.to_pydatetime() for time in pandas.read_sql_table("events", engine)["at"][:1]], "-"


def by_peewee():
    database = peewee.SqliteDatabase(":memory:")

    class Event(peewee.Model):
        at = peewee.DateTimeField()

    Event.bind(database)
    database.create_tables([Event])
    for time in (FIRST, SECOND):
        Event.create(at=time)
    later = Event.select().where(Event.at > SECOND).count()
    return [event.at for event in Event.select().order_by(Event.at)], later


def by_duckdb():
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'; CREATE TABLE events (seen TIMESTAMPTZ)")
    connection.executemany("INSERT INTO events VALUES (?)", [[FIRST], [SECOND]])
    later = connection.execute("SELECT count(*) FROM events WHERE seen > ?", [SECOND]).fetchall()[0][0]
    return [row[0] for row in connection.execute("SELECT seen FROM events ORDER BY seen").fetchall()], later


print("stored: 12:00+02:00, which is 10:00 UTC, then 11:00+00:00; later than the second: 0")
for act in (by_sqlalchemy, by_pandas, by_peewee, by_duckdb):
    read, later = act()
    times = [time.isoformat()[11:16] + time.isoformat()[19:] for time in read]
    print(f"{act.__name__:13} in order {', '.join(times)}; later than the second: {later}")
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
