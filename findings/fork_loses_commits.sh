#!/usr/bin/env bash
# What a forked child committed is gone once its parent has closed the database.
#
# Guess:   A database that locks its file against a second process refuses a forked child as well; or
#          both write, and what was committed is there afterwards.
# Seen:    The child's commits return, were synced, and it reads them. ZODB writes the parent's next
#          transaction over them, at the end of the file that the parent knows. duckdb appends both
#          to its WAL; close() then makes the file of what the parent has seen, and drops the WAL. The
#          child's twenty are gone, without an error; the lock does not hold a child off, since it has
#          the same open file. lmdb, which looks for the last commit in the shared map, has all forty.
# Version: duckdb 2.0.1, ZODB 6.4, lmdb 3.0.0, CPython 3.11 to 3.13 (where fork is the default of
#          multiprocessing), Linux
# Source:  fork(2): parent and child share open files; ZODB/FileStorage/FileStorage.py: the next
#          transaction goes to self._pos; DuckDB documentation, "Concurrency": one process writes
# Output:
#   | child and parent write 20 each
#   | duckdb child reads 20 and 0; parent reads 0 and 20; opened again 0 and 20
#   | zodb   child reads 20 and 0; parent reads 0 and 20; opened again 0 and 20
#   | lmdb   child reads 20 and 0; parent reads 20 and 20; opened again 20 and 20
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==2.0.1 ZODB==6.4 lmdb==3.0.0
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import os
import shutil


def duckdb():
    from duckdb import connect

    store = connect("store/file", config={"threads": 1})
    store.execute("CREATE TABLE IF NOT EXISTS t (k TEXT)")
    insert = lambda key: store.execute("INSERT INTO t VALUES (?)", [key])
    return insert, lambda: [key for (key,) in store.execute("FROM t").fetchall()], store.close


def zodb():
    import transaction
    from ZODB import DB, FileStorage

    store = DB(FileStorage.FileStorage("store/file"))
    root = store.open().root()
    return lambda key: (root.update({key: 1}), transaction.commit()), root.keys, store.close


def lmdb():
    from lmdb import open

    def put(key):
        with store.begin(write=True) as transaction:
            transaction.put(key.encode(), b"v" * 100)

    store = open("store")
    return put, lambda: [key.decode() for key, _ in store.begin().cursor()], store.close


def forked(work):
    if os.fork() == 0:
        work()
        os._exit(0)
    os.wait()


def write(author, put, keys):
    for number in range(20):
        put(f"{author} {number}")
    show(f"{author} reads", keys)


def show(label, keys, end="; "):
    authors = [key.split()[0] for key in keys()]
    print(label, authors.count("child"), "and", authors.count("parent"), end=end, flush=True)


def parent(make):
    put, keys, close = make()
    forked(lambda: write("child", put, keys))
    write("parent", put, keys)
    close()


print("child and parent write 20 each")
for make in (duckdb, zodb, lmdb):
    os.mkdir("store")
    print(f"{make.__name__:6}", end=" ", flush=True)
    forked(lambda: parent(make))
    forked(lambda: show("opened again", make()[1], end="\n"))
    shutil.rmtree("store")
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
