"""Small uses of installed packages: `python packages.py PACKAGE init|put|get FOLDER VALUE`.

A put ends, or says "ok", when the package's own documentation has nothing more to call for.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path


def use_tinydb(what: str, path: str, value: str) -> None:
    """Keep one document in TinyDB."""
    data = import_module("tinydb").TinyDB(path)
    if what == "get":
        print(data.all())
    elif what == "init":
        data.insert({"a": value})
    else:
        data.update({"a": value})


def use_sqlitedict(what: str, path: str, value: str) -> None:
    """Keep one key in a SqliteDict, and commit."""
    with import_module("sqlitedict").SqliteDict(path, flag="r" if what == "get" else "c") as data:
        if what == "get":
            print(dict(data))
        else:
            data["a"] = value
            data.commit()
            print("ok", flush=True)


def use_joblib(what: str, path: str, value: str) -> None:
    """Dump one object over the one before."""
    joblib = import_module("joblib")
    print(joblib.load(path)) if what == "get" else joblib.dump({"a": value}, path)


def use_numpy(what: str, path: str, value: str) -> None:
    """Save one array over the one before."""
    numpy = import_module("numpy")
    print(numpy.load(path + ".npy")) if what == "get" else numpy.save(path, numpy.array([int(value)] * 20))


def use_lmdb(what: str, path: str, value: str) -> None:
    """Put one key, in one transaction."""
    lmdb = import_module("lmdb")
    if what == "get":
        with lmdb.open(path, readonly=True, lock=False) as data, data.begin() as begun:
            print(begun.get(b"a"))
    else:
        with lmdb.open(path, map_size=1 << 17) as data, data.begin(write=True) as begun:
            begun.put(b"a", value.encode())


def use_lmdb_new(what: str, path: str, value: str) -> None:
    """Put one key in an environment that is made where there is none, for who reads as well."""
    if what == "get":
        with import_module("lmdb").open(path, map_size=1 << 17) as data, data.begin() as begun:
            print(begun.get(b"a"))
    else:
        use_lmdb("put", path, value)


def use_leveldb(what: str, path: str, value: str) -> None:
    """Put one key with a sync, right behind the opening of a database that had been closed."""
    data = import_module("plyvel").DB(path, create_if_missing=what != "get")
    if what == "get":
        print(data.get(b"a"))
    else:
        data.put(b"a", value.encode(), sync=True)
        print("ok", flush=True)
    data.close()


def use_zodb(what: str, path: str, value: str) -> None:
    """Commit one value to a FileStorage."""
    storage = import_module("ZODB.FileStorage").FileStorage(path, read_only=what == "get")
    data = import_module("ZODB").DB(storage)
    root = data.open().root()
    if what == "get":
        print(root.get("a"))
    else:
        root["a"] = value
        import_module("transaction").commit()
        print("ok", flush=True)
    data.close()


def use_pickledb(what: str, path: str, value: str) -> None:
    """Keep one key, and save."""
    data = import_module("pickledb").PickleDB(path)
    data.load()
    if what == "get":
        print(data.get("a"))
    else:
        data.set("a", value)
        data.save()


def use_zipfile(what: str, path: str, value: str) -> None:
    """Append one member to an archive that has another."""
    with import_module("zipfile").ZipFile(path, {"init": "w", "put": "a", "get": "r"}[what]) as archive:
        if what == "get":
            print({name: archive.read(name) for name in archive.namelist()})
        else:
            archive.writestr(what, value)


def use_diskcache(what: str, path: str, value: str) -> None:
    """Set one small and one large value, which has a file of its own, in one transaction."""
    data = import_module("diskcache").Cache(path)
    if what == "get":
        print(data["small"], len(data["large"]), set(data["large"].decode()))
    else:
        with data.transact():
            data["small"] = value
            data["large"] = value.encode() * data.disk_min_file_size
        print("ok", flush=True)
    data.close()


if __name__ == "__main__":
    name, what, folder, *value = sys.argv[1:]
    globals()[f"use_{name}"](what, str(Path(folder) / "x"), *value or ("",))
