"""The log beside a plain file, lmdb and sqlite: groups of entries, each made durable before the next.

Usage: python bench/log.py [FOLDER] [--seconds 2] [--entries 10000000] [--only groups|threads|reading]

    raw      one write of the group to a file, fdatasync
    log      FasterLog: enqueue_many, commit
    lmdb     one transaction with an appended key for each entry; where it is installed
    sqlite   a table of blobs in WAL mode with synchronous FULL: executemany in one transaction

A row takes them in turn, group by group, so what else the machine and its disk do meets them alike. Figures
are entries a second, the share of raw, and processor microseconds a group. Then eight threads, each of which
waits for its own entry, beside one; then a log of many entries: scanned as arrays, beside reading its files
with checksums, and opened, beside reading its last segment. There `share` is processor seconds over elapsed
ones: where it is low, the rest of the machine was measured.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Final

from fastcrc import crc32

from powercut import FasterLog

ENTRY_BYTES: Final = 128
THREADS: Final = 8
GROUPS: Final = (1, 10, 100, 1_000, 10_000)


def raw(folder: Path, entries: list[bytes]) -> Callable[[], None]:
    """Appends to a file."""
    number, data, at = os.open(folder / "raw", os.O_WRONLY | os.O_CREAT), b"".join(entries), 0

    def group() -> None:
        nonlocal at
        at += os.pwrite(number, data, at)
        os.fdatasync(number)

    return group


def log(folder: Path, entries: list[bytes]) -> Callable[[], None]:
    """Appends to a log."""
    opened = FasterLog.open(folder / "log", create=True)

    def group() -> None:
        opened.enqueue_many(entries)
        opened.commit()

    return group


def sqlite(folder: Path, entries: list[bytes]) -> Callable[[], None]:
    """Inserts into a table."""
    opened = sqlite3.connect(folder / "sqlite", isolation_level=None)
    opened.execute("PRAGMA journal_mode = WAL")
    opened.execute("PRAGMA synchronous = FULL")
    opened.execute("CREATE TABLE entries (number INTEGER PRIMARY KEY, entry BLOB)")
    rows = [(entry,) for entry in entries]

    def group() -> None:
        opened.execute("BEGIN")
        opened.executemany("INSERT INTO entries (entry) VALUES (?)", rows)
        opened.execute("COMMIT")

    return group


def lmdb(folder: Path, entries: list[bytes]) -> Callable[[], None]:
    """Appends keys that rise."""
    import lmdb  # type: ignore[import-not-found,import-untyped,unused-ignore]

    opened, count = lmdb.open(str(folder / "lmdb"), map_size=1 << 36), 0

    def group() -> None:
        nonlocal count
        with opened.begin(write=True) as transaction:
            for entry in entries:
                transaction.put(count.to_bytes(8, "big"), entry, append=True)
                count += 1

    return group


SIDES: Final = {"raw": raw, "log": log, "lmdb": lmdb, "sqlite": sqlite}
if find_spec("lmdb") is None:
    del SIDES["lmdb"]


def measure(folder: Path, size: int, seconds: float) -> dict[str, tuple[float, float]]:
    """Entries a second, and processor seconds a group, of each side."""
    entries = [os.urandom(ENTRY_BYTES) for _ in range(size)]
    sides = {name: make(folder, entries) for name, make in SIDES.items()}
    for group in sides.values():
        group()  # What is made and imported once is no matter of a group.
    elapsed, processor, groups = dict.fromkeys(SIDES, 0.0), dict.fromkeys(SIDES, 0.0), 0
    while groups < 3 or sum(elapsed.values()) < seconds:
        groups += 1
        for name, group in sides.items():
            started, worked = time.perf_counter(), time.process_time()
            group()
            elapsed[name] += time.perf_counter() - started
            processor[name] += time.process_time() - worked
    return {name: (groups * size / elapsed[name], processor[name] / groups) for name in SIDES}


def groups(folder: str | None, seconds: float) -> None:
    """Print a row for each size of group."""
    print(f"{'group':>6}" + "".join(f"{name:>12} {'share':>6} {'µs/group':>9}" for name in SIDES))
    for size in GROUPS:
        with TemporaryDirectory(dir=folder) as place:
            found = measure(Path(place), size, seconds)
        base = found["raw"][0]
        told = "".join(f"{rate:12,.0f} {rate / base:6.2f} {1e6 * cpu:9,.0f}" for rate, cpu in found.values())
        print(f"{size:6}{told}")


def threads(folder: str | None, seconds: float) -> None:
    """Print the rate of one thread and of eight, each of which waits for each of its entries."""
    rates = {}
    for count in (1, THREADS):
        with TemporaryDirectory(dir=folder) as place, FasterLog.open(place, create=True) as opened:
            until, done = time.perf_counter() + seconds, [0] * count

            def produce(number: int, until: float, opened: FasterLog, done: list[int]) -> None:
                while time.perf_counter() < until:
                    opened.commit_and_wait(bytes(ENTRY_BYTES))
                    done[number] += 1

            workers = [Thread(target=produce, args=(number, until, opened, done)) for number in range(count)]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
            rates[count] = sum(done) / seconds
            print(f"{count} threads, each waits for its entry: {rates[count]:,.0f} entries a second")
    print(f"group commit: {rates[THREADS] / rates[1]:.2f} times one thread")


def timed(what: str, call: Callable[[], object]) -> float:
    """Print the seconds that the call takes, and its share of a processor; the seconds."""
    started, worked = time.perf_counter(), time.process_time()
    call()
    elapsed, share = time.perf_counter() - started, time.process_time() - worked
    print(f"{what}: {elapsed:.3f} s, share {share / elapsed:.2f}")
    return elapsed


def checksummed(files: list[Path], start: int = 0) -> None:
    """Read files to their ends, a page at a time, with checksums."""
    for path in files:
        with path.open("rb", buffering=0) as file:
            file.seek(start)
            while data := file.read(1 << 20):
                crc32.iscsi(data)


def reading(folder: str | None, count: int) -> None:
    """Print how long a log of so many entries takes to be scanned and opened, beside the bare bytes."""
    with TemporaryDirectory(dir=folder) as place:
        entries = [os.urandom(ENTRY_BYTES) for _ in range(10_000)]
        with FasterLog.open(place, create=True) as opened:
            for _ in range(count // len(entries)):
                opened.enqueue_many(entries)
            opened.commit()
        files = sorted(Path(place).glob("segment-*"))
        checksummed(files)  # Into the page cache, for all alike.
        bare = timed("reading all bytes with checksums", lambda: checksummed(files))
        with FasterLog.open(place, read_only=True) as opened:
            scanned = timed("scan_arrays", lambda: sum(len(part.addresses) for part in opened.scan_arrays()))
        last = timed("reading the last segment with checksums", lambda: checksummed(files[-1:]))
        opening = timed("opening", lambda: FasterLog.open(place, read_only=True).close())
        print(f"scan: {bare / scanned:.2f} of reading; opening: {opening / last:.2f} of the last segment")


def main() -> None:
    """Print what was asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", nargs="?")
    parser.add_argument("--seconds", type=float, default=2.0, help="a row")
    parser.add_argument("--entries", type=int, default=10_000_000)
    parser.add_argument("--only", choices=("groups", "threads", "reading"))
    given = parser.parse_args()
    if given.only in (None, "groups"):
        groups(given.folder, given.seconds)
    if given.only in (None, "threads"):
        threads(given.folder, given.seconds)
    if given.only in (None, "reading"):
        reading(given.folder, given.entries)


if __name__ == "__main__":
    main()
