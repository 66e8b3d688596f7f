#!/usr/bin/env bash
# Two libraries commit to one database in one process, and one commit is gone.
#
# Guess:   pyturso is compatible with SQLite and locks the file (another process is told that it is
#          locked), so a writer in the same process through the sqlite3 module is told as well, or
#          both commits are there.
# Seen:    Within one process the locks do not see each other. sqlite3 holds the write lock of a WAL
#          database, pyturso commits all the same; both commits return, each side then reads its own
#          row only, and after closing one of the two rows is left. The integrity check says ok.
# Version: pyturso 0.8.3, sqlite3 of CPython 3.11 and 3.12 (SQLite 3.40.1), Linux
# Source:  fcntl(2): record locks belong to a process; sqlite.org, "How To Corrupt An SQLite
#          Database File", 2.2.1, on two copies of SQLite in one process
# Output:
#   | pyturso in another process: locked
#   | pyturso has committed, sqlite3 still holds the write lock: True
#   | sqlite3 has committed and reads [('sqlite3',)]
#   | pyturso reads [('pyturso',)]
#   | opened again: [('pyturso',)] [('ok',)]
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pyturso==0.8.3
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import sqlite3
import subprocess
import sys

import turso

OTHER = "import turso; turso.connect('file').execute('SELECT * FROM records').fetchall()"


def rows(connection):
    return connection.execute("SELECT * FROM records").fetchall()


first = sqlite3.connect("file", isolation_level=None)
first.execute("PRAGMA journal_mode = WAL")
first.execute("CREATE TABLE records (writer TEXT)")
second = turso.connect("file")
other = subprocess.run([sys.executable, "-c", OTHER], capture_output=True, text=True)
print("pyturso in another process:", "locked" if "locked by another process" in other.stderr else "reads")

first.execute("BEGIN IMMEDIATE")
first.execute("INSERT INTO records VALUES ('sqlite3')")
second.execute("INSERT INTO records VALUES ('pyturso')")
second.commit()
print("pyturso has committed, sqlite3 still holds the write lock:", first.in_transaction)
first.execute("COMMIT")
print("sqlite3 has committed and reads", rows(first))
print("pyturso reads", rows(second))
second.close()
first.close()
again = sqlite3.connect("file")
print("opened again:", rows(again), again.execute("PRAGMA integrity_check").fetchall())
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
