#!/usr/bin/env bash
# A torn last line changes every row of the file, and no error is raised.
#
# Guess:   Of a CSV file whose last line was torn by a crash, a reader gives the rows before it as
#          ever, and an error, a null or a shorter value for the torn one.
# Seen:    DuckDB guesses the dialect from the whole sample and wants one that fits all lines. If
#          the tear leaves no comma in the last line, every row comes back as one string column that
#          is named by the whole header; if it falls behind an opening quote, every value in the
#          file gets its quotes as part of the text. Naming delimiter, quote and header turns both
#          into an error.
# Version: duckdb 2.0.1, CPython 3.11 and 3.12, Linux
# Source:  DuckDB documentation, "CSV Auto Detection": dialect candidates are judged by how
#          consistently they split the rows of the sample
# Output:
#   | whole      : ['key', 'value'] [(1, 111), (2, 222), (3, 333)]
#   | torn       : ['key,value'] [('1,111',), ('2,222',), ('3',)]
#   | torn, named: InvalidInputException
#   | whole      : ['key', 'value'] [(1, 'one'), (2, 'two'), (3, 'three')]
#   | torn       : ['key', 'value'] [(1, '"one"'), (2, '"two"'), (3, '"th')]
#   | torn, named: InvalidInputException
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==2.0.1
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
from pathlib import Path

import duckdb

file = Path("log.csv")
connection = duckdb.connect()
numbers = "key,value\n1,111\n2,222\n3,333\n"
texts = 'key,value\n1,"one"\n2,"two"\n3,"three"\n'


def show(label, query):
    try:
        result = connection.execute(query)
        print(f"{label}:", [column[0] for column in result.description], result.fetchall())
    except duckdb.Error as error:
        print(f"{label}: {type(error).__name__}")


for whole, torn in ((numbers, len(",333\n")), (texts, len('ree"\n'))):
    file.write_text(whole)
    show("whole      ", "FROM read_csv('log.csv')")
    file.write_text(whole[:-torn])
    show("torn       ", "FROM read_csv('log.csv')")
    show("torn, named", "FROM read_csv('log.csv', delim = ',', quote = '\"', header = true)")
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
