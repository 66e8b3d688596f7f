#!/usr/bin/env bash
# An insert that was given up while it still stood in the queue is carried out, and committed with the next one.
#
# Guess:   What `asyncio.wait_for` gives up before it has begun does not happen: a thread pool drops
#          a call that was cancelled in its queue, so a caller may ask once more.
# Seen:    aiosqlite runs the insert anyway, later, and it is committed with whatever is committed
#          next; a caller who asked once more has two rows. aiofiles and sqlite-anyio drop the call.
# Version: aiosqlite 0.22.1, aiofiles 25.1.0, sqlite-anyio 0.3.2, CPython 3.11 to 3.13
# Source:  aiosqlite/core.py: the thread of a connection takes (future, function) from a queue and
#          calls the function; concurrent/futures/thread.py asks the future first whether it is
#          still wanted
# Output:
#   | given up in the queue, then asked once more
#   | aiosqlite     given up, asked again
#   | sqlite-anyio  asked again
#   | aiofiles      asked again
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check aiosqlite==0.22.1 aiofiles==25.1.0 sqlite-anyio==0.3.2
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import aiofiles
import aiosqlite
import sqlite_anyio

INSERT = "insert into t values ('%s')"

async def given_up(busy, call):
    gate = threading.Event()
    first = asyncio.ensure_future(busy(gate.wait))
    await asyncio.sleep(0.2)
    try:
        await asyncio.wait_for(call(), 0.2)
        raise SystemExit("nothing was in its way")
    except TimeoutError:
        gate.set()
    await first


async def of_aiosqlite():
    async with aiosqlite.connect("a.db") as db:
        await db.execute("create table t(x)")
        await given_up(
            lambda hold: asyncio.gather(db.create_function("hold", 0, hold), db.execute_fetchall("select hold()")),
            lambda: db.execute(INSERT % "given up"),
        )
        await db.execute(INSERT % "asked again")
        await db.commit()
        rows = await db.execute_fetchall("select group_concat(x, ', ') from t")
        print("aiosqlite    ", rows[0][0])


async def of_sqlite_anyio():
    db = await sqlite_anyio.connect("c.db")
    held, used = await db.cursor(), await db.cursor()
    await used.execute("create table t(x)")

    async def busy(hold):
        db._real_connection.create_function("hold", 0, hold)
        await held.execute("select hold()")

    await given_up(busy, lambda: used.execute(INSERT % "given up"))
    await used.execute(INSERT % "asked again")
    await db.commit()
    await used.execute("select group_concat(x, ', ') from t")
    print("sqlite-anyio ", (await used.fetchall())[0][0])
    await db.close()


async def of_aiofiles():
    pool = ThreadPoolExecutor(1)
    async with aiofiles.open("d", "w", executor=pool) as file:
        loop = asyncio.get_running_loop()

        async def busy(hold):
            await loop.run_in_executor(pool, hold)

        await given_up(busy, lambda: file.write("given up\n"))
        await file.write("asked again\n")
    print("aiofiles     ", ", ".join(open("d").read().splitlines()))


print("given up in the queue, then asked once more")
for run in (of_aiosqlite, of_sqlite_anyio, of_aiofiles):
    asyncio.run(run())
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
