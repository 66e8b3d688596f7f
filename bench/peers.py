"""Other stores beside ours, from Python, one call an operation.

Each store stands in a temporary folder of its own, holds the same random keys of 8 bytes and gets the same
operations in the same order: load (slices of the keys, each key once), read, update, rmw (read, add one,
write).

None of them is durable after each call: lmdb and sqlite3 do not sync, the others keep the setting they have
by themselves, powercut takes no checkpoint. The loops are one source for all; `get` and `put` are the stores'
own methods, but for sqlite3 and a transaction per operation, which need a wrapper.

Threads: one; every store in this one process.
"""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Any

from bench.geometry import open_store
from bench.tables import Line, Series, Size, Work, absent, interleave, ratio, timed

__all__ = ["KINDS", "PEERS", "Peer", "measure"]

KINDS = ("load", "read", "update", "rmw")
KEY_BYTES = 8
MAP_BYTES = 1 << 34  # lmdb's address range; its file is as long as what is in it.
SHARE = 10  # A round of reads, updates or rmw takes one in so many keys.
COLUMN = 26
SEED = 1

Get = Callable[[bytes], Any]
Put = Callable[[bytes, bytes], Any]
Rmw = Callable[[bytes, Callable[[Any], bytes]], Any]


class Peer:
    """A store as the loops see it. `rmw` is given where the store has one of its own."""

    def __init__(
        self, get: Get, put: Put, close: Callable[[], Any], rmw: Rmw | None = None, about: str = ""
    ) -> None:
        self.get = get
        self.put = put
        self.close = close
        self.rmw = rmw
        self.about = about

    def prepare(self, kind: str) -> None:
        """Called before each round, outside the time taken."""


class OpenTransaction(Peer):
    """lmdb with one transaction open over the whole round, of the kind that the round needs."""

    def __init__(self, environment: Any) -> None:
        self._environment = environment
        self._transaction = environment.begin(write=True)
        self._is_writing = True
        super().__init__(self._transaction.get, self._transaction.put, self._end)

    def prepare(self, kind: str) -> None:
        if self._is_writing != (kind != "read"):
            self._is_writing = kind != "read"
            self._transaction.commit()
            self._transaction = self._environment.begin(write=self._is_writing)
            self.get, self.put = self._transaction.get, self._transaction.put

    def _end(self) -> None:
        self._transaction.commit()
        self._environment.close()


# -- the stores ------------------------------------------------------------------------------------


def open_powercut(folder: Path, keys: int, value_bytes: int) -> Peer:
    store = open_store(folder, keys, 8 + value_bytes)
    session = store.session("bench")
    return Peer(session.read, session.upsert, store.close, session.rmw, f"{store.kernels} kernels")


def open_dict(_folder: Path, _keys: int, _value_bytes: int) -> Peer:
    content: dict[bytes, bytes] = {}
    return Peer(content.get, content.__setitem__, content.clear)


def open_lmdb(folder: Path, _keys: int, _value_bytes: int) -> Peer:
    return OpenTransaction(_lmdb_environment(folder))


def open_lmdb_each(folder: Path, _keys: int, _value_bytes: int) -> Peer:
    """One transaction for each operation."""
    environment = _lmdb_environment(folder)
    begin = environment.begin

    def get(key: bytes) -> Any:
        with begin() as transaction:
            return transaction.get(key)

    def put(key: bytes, value: bytes) -> None:
        with begin(write=True) as transaction:
            transaction.put(key, value)

    def rmw(key: bytes, function: Callable[[Any], bytes]) -> None:
        with begin(write=True) as transaction:
            transaction.put(key, function(transaction.get(key)))

    return Peer(get, put, environment.close, rmw)


def open_gnu(folder: Path, _keys: int, _value_bytes: int) -> Peer:
    database: Any = importlib.import_module("dbm.gnu").open(str(folder / "gnu"), "nf")
    return Peer(database.get, database.__setitem__, database.close)


def open_plyvel(folder: Path, _keys: int, _value_bytes: int) -> Peer:
    database: Any = importlib.import_module("plyvel").DB(str(folder), create_if_missing=True)
    return Peer(database.get, database.put, database.close)


def open_rocksdict(folder: Path, _keys: int, _value_bytes: int) -> Peer:
    module: Any = importlib.import_module("rocksdict")
    # Raw: bytes as they are, without the marker of their Python type.
    database = module.Rdict(str(folder), module.Options(raw_mode=True))
    return Peer(database.get, database.put, database.close)


def open_sqlite(folder: Path, _keys: int, _value_bytes: int) -> Peer:
    """One transaction over everything."""
    module: Any = importlib.import_module("sqlite3")
    connection = module.connect(folder / "sqlite", isolation_level=None)
    execute = connection.execute
    execute("PRAGMA journal_mode = WAL")
    execute("PRAGMA synchronous = OFF")
    execute("CREATE TABLE record (key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID")
    execute("BEGIN")

    def get(key: bytes) -> Any:
        row = execute("SELECT value FROM record WHERE key = ?", (key,)).fetchone()
        return None if row is None else row[0]

    def put(key: bytes, value: bytes) -> None:
        execute("INSERT OR REPLACE INTO record VALUES (?, ?)", (key, value))

    return Peer(get, put, connection.close)


POWERCUT = "powercut"
LMDB = "lmdb, one open transaction"
LMDB_EACH = "lmdb, one transaction an operation"
PEERS: dict[str, Callable[[Path, int, int], Peer]] = {
    POWERCUT: open_powercut,
    "dict": open_dict,
    LMDB: open_lmdb,
    LMDB_EACH: open_lmdb_each,
    "dbm.gnu": open_gnu,
    "plyvel": open_plyvel,
    "rocksdict": open_rocksdict,
    "sqlite3 (WAL), one open transaction": open_sqlite,
}
# What Q3 asks of powercut: (kinds, beside whom, at least how many times their rate).
TARGETS = (
    (("read",), LMDB, 0.8),
    (("read",), LMDB_EACH, 1.2),
    (("update", "rmw"), LMDB, 1.5),
    (("update", "rmw"), LMDB_EACH, 5.0),
    *((("read", "update", "rmw"), name, 3.0) for name in tuple(PEERS)[-3:]),
)


def bumped(value: bytes | None) -> bytes:
    """The value plus one, in as many bytes."""
    old = value or bytes(KEY_BYTES)
    return ((int.from_bytes(old[:8], "little") + 1) & (1 << 64) - 1).to_bytes(8, "little") + old[8:]


def _lmdb_environment(folder: Path) -> Any:
    return importlib.import_module("lmdb").open(str(folder), map_size=MAP_BYTES, sync=False, metasync=False)


# -- measuring -------------------------------------------------------------------------------------


def measure(size: Size) -> list[Line]:
    """The rates of every store that is there, then what Q3 compares."""
    random = Random(SEED)
    keys = [random.randbytes(KEY_BYTES) for _ in range(size.peer_keys)]
    with ExitStack() as stack:
        peers: dict[str, Peer] = {}
        missing: list[Line] = []
        for name, opener in PEERS.items():
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="powercut-bench-")))
            try:
                peers[name] = opener(folder, size.peer_keys, size.value_bytes)
            except ImportError:
                missing.append(absent(name, "not installed"))
            else:
                stack.callback(peers[name].close)
        found = {
            kind: interleave(
                size.rounds, {name: _work(peer, kind, keys, size) for name, peer in peers.items()}
            )
            for kind in KINDS
        }
    head = Line("thousand operations a second", "".join(f"{kind:<{COLUMN}}" for kind in KINDS))
    rows = [
        Line(name, "".join(f"{found[kind][name].text(_thousands):<{COLUMN}}" for kind in KINDS), peer.about)
        for name, peer in peers.items()
    ]
    return [head, *rows, *missing, *_comparisons(found)]


def _work(peer: Peer, kind: str, keys: Sequence[bytes], size: Size) -> Work:
    """One round of `kind`: the next slice of the keys loaded, or operations on keys at random."""
    random = Random(SEED + KINDS.index(kind))
    share = max(1, len(keys) // (size.rounds if kind == "load" else SHARE))
    loaded = 0
    value = b"v" * size.value_bytes

    def chosen() -> Sequence[bytes]:
        nonlocal loaded
        if kind != "load":
            return random.choices(keys, k=share)
        loaded += share
        return keys[loaded - share : loaded]

    def work() -> float:
        batch = chosen()
        peer.prepare(kind)
        return timed(lambda: _operate(peer, kind, batch, value))()

    return work


def _operate(peer: Peer, kind: str, keys: Sequence[bytes], value: bytes) -> int:
    get, put, rmw = peer.get, peer.put, peer.rmw
    if kind == "read":
        for key in keys:
            get(key)
    elif kind != "rmw":
        for key in keys:
            put(key, value)
    elif rmw is None:
        for key in keys:
            put(key, bumped(get(key)))
    else:
        for key in keys:
            rmw(key, bumped)
    return len(keys)


def _comparisons(found: dict[str, dict[str, Series]]) -> list[Line]:
    lines = []
    for kinds, name, factor in TARGETS:
        for kind in kinds:
            series = found[kind]
            if name in series and POWERCUT in series:
                times = ratio(series[POWERCUT], series[name]).text(lambda value: f"{value:.2f}")
                lines.append(Line(f"{kind} / {name}", times, f"Q3: >= {factor}"))
    return lines


def _thousands(rate: float) -> str:
    return f"{rate / 1e3:,.0f}"
