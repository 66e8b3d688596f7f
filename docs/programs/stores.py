"""Small uses of stores of Python's library: `python stores.py STORE init|put|get FOLDER [VALUE]`.

A put ends, or says "ok", when the store's own documentation has nothing more to call for.
"""

from __future__ import annotations

import dbm.dumb
import json
import os
import shelve
import sqlite3
import sys
from typing import Any


def use_dumb(what: str, path: str, value: str) -> None:
    """Keep one value in dbm.dumb, and close it."""
    if what == "get":
        with dbm.dumb.open(path, "r") as data:
            print(sorted((key, data[key]) for key in data.keys()))  # noqa: SIM118 (it is no dict)
    else:
        with dbm.dumb.open(path, "c") as data:
            data["a"] = value


def shelf(under: Any) -> shelve.Shelf[Any]:
    """A shelf over a store."""
    return shelve.Shelf(under)


def use_shelve(what: str, path: str, value: str) -> None:
    """Keep one value in a shelf over dbm.dumb, sync it and close it."""
    with dbm.dumb.open(path, "r" if what == "get" else "c") as under, shelf(under) as data:
        if what == "get":
            print(sorted(data.items()))
        else:
            data["a"] = [value]
            data.sync()


def use_json(what: str, path: str, value: str) -> None:
    """Write a new file and put it in the place of the old one."""
    if what == "get":
        with open(path, encoding="utf-8") as file:
            print(json.load(file))
    else:
        with open(path + ".new", "w", encoding="utf-8") as file:
            json.dump({"a": value}, file)
        os.replace(path + ".new", path)


def use_sqlite(what: str, path: str, value: str, journal: str, synchronous: str) -> None:
    """Update a row twice in one connection, saying so after each commit, and end without closing it."""
    data = sqlite3.connect(path, isolation_level=None)
    if what == "get":
        print(data.execute("select * from t").fetchall())
        data.close()
        return
    data.execute(f"pragma journal_mode={journal}")
    data.execute(f"pragma synchronous={synchronous}")
    if what == "init":
        data.execute("create table t(k primary key, v)")
        data.execute("insert into t values(1, ?)", (value,))
        data.close()
        return
    for turn in range(2):
        data.execute("update t set v = ?", (f"{value}{turn}",))
        print("ok", turn, flush=True)
    os._exit(0)


def main() -> None:
    """Use one store once."""
    store, what, folder, value = (*sys.argv[1:], "0")[:4]
    path = f"{folder}/x"
    if store == "dumb":
        use_dumb(what, path, value)
    elif store == "shelve":
        use_shelve(what, path, value)
    elif store == "json":
        use_json(what, path, value)
    else:
        journal, synchronous = store.split("-")
        use_sqlite(what, path, value, journal, synchronous)


if __name__ == "__main__":
    main()
