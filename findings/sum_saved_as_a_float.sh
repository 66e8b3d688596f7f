#!/usr/bin/env bash
# A sum of integers that is saved or handed on becomes a float, and another number.
#
# Guess:   DuckDB's sum of a BIGINT is exact, and COPY TO a Parquet file saves what the query shows: two totals
#          that differ by one differ in the file, as they do in CSV.
# Seen:    The sum is a HUGEINT, for which Parquet has no type: it is written as a DOUBLE, without a word, and is
#          rounded from 2**53 on. Read back, 9007199254740993 is 9007199254740992.0, two totals that
#          differ are equal, and a join or a distinct takes them for one. count(*) and max() are right, as
#          are CSV, EXPORT DATABASE, .pl() and .arrow(); .df() and fetchnumpy() round, write_parquet() too.
#          An INTERVAL loses its microseconds in Parquet, a time its zone.
# Version: duckdb 2.0.1, pyarrow 26.0.1, polars 2.1.0, pandas 3.1.1, CPython 3.11 to 3.13
# Source:  DuckDB documentation, sum(): of integers it is HUGEINT; Parquet format, LogicalTypes: integers
#          of at most 64 bits
# Output:
#   | query:            ['9007199254740992', '9007199254740993']
#   | CSV:              ['9007199254740992', '9007199254740993']
#   | EXPORT DATABASE:  ['9007199254740992', '9007199254740993']
#   | Parquet:          ['9007199254740992.0', '9007199254740992.0']
#   | write_parquet():  ['9007199254740992.0', '9007199254740992.0']
#   | .arrow():         ['9007199254740992', '9007199254740993']
#   | .pl():            ['9007199254740992', '9007199254740993']
#   | .df():            ['9007199254740992.0', '9007199254740992.0']
#   | distinct totals: query 2, Parquet 1
#   | times: ('00:00:01', '08:00:00+00')
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==2.0.1 pyarrow==26.0.1 polars==2.1.0 pandas==3.1.1 pytz==2026.6
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import duckdb

connection = duckdb.connect()
connection.execute("SET TimeZone = 'UTC'; CREATE TABLE parts (account INTEGER, amount BIGINT)")
connection.execute("INSERT INTO parts VALUES (1, 9007199254740992), (2, 9007199254740992), (2, 1)")
TOTALS = "SELECT account, sum(amount) AS total FROM parts GROUP BY account ORDER BY account"
connection.execute(f"COPY ({TOTALS}) TO 'totals.parquet'")
connection.execute(f"COPY ({TOTALS}) TO 'totals.csv'")
connection.execute(f"CREATE TABLE totals AS {TOTALS}")
connection.execute("EXPORT DATABASE 'export' (FORMAT parquet)")
connection.sql(TOTALS).write_parquet("written.parquet")
again = duckdb.connect()
again.execute("IMPORT DATABASE 'export'")


def say(what, values):
    print(f"{what + ':':17} {[str(value) for value in values]}")


def totals(source, on=connection):
    return [total for _, total in on.execute(f"FROM {source}").fetchall()]


say("query", totals(f"({TOTALS})"))
say("CSV", totals("'totals.csv'"))
say("EXPORT DATABASE", totals("totals", again))
say("Parquet", totals("'totals.parquet'"))
say("write_parquet()", totals("'written.parquet'"))
say(".arrow()", connection.sql(TOTALS).arrow().read_all()["total"])
say(".pl()", connection.sql(TOTALS).pl()["total"])
say(".df()", [f"{total:.1f}" for total in connection.sql(TOTALS).df()["total"]])
distinct = "SELECT count(DISTINCT total) FROM "
print("distinct totals: query", connection.sql(f"{distinct} ({TOTALS})").fetchall()[0][0], end=", ")
print("Parquet", connection.sql(f"{distinct} 'totals.parquet'").fetchall()[0][0])
times = "SELECT INTERVAL '1 second 5 microseconds' AS i, TIMETZ '10:00:00+02' AS t"
connection.execute(f"COPY ({times}) TO 'times.parquet'")
print("times:", connection.execute("SELECT i::TEXT, t::TEXT FROM 'times.parquet'").fetchall()[0])
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
