"""The log beside a plain file and sqlite: groups of entries, each made durable before the next.

Usage: python bench/log.py [FOLDER] [--seconds 2]

    raw      one write of the group to a file, fdatasync
    log      FasterLog: enqueue_many, commit
    sqlite   a table of blobs in WAL mode with synchronous FULL: executemany in one transaction

A row takes the three in turn, group by group, so what else the machine and its disk do meets them alike.
Figures are entries a second, the share of raw, and processor microseconds a group.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from powercut import FasterLog

ENTRY_BYTES: Final = 128
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


SIDES: Final = {"raw": raw, "log": log, "sqlite": sqlite}


def measure(folder: Path, size: int, seconds: float) -> dict[str, tuple[float, float]]:
    """Entries a second, and processor seconds a group, of each side."""
    entries = [os.urandom(ENTRY_BYTES) for _ in range(size)]
    sides = {name: make(folder, entries) for name, make in SIDES.items()}
    elapsed, processor, groups = dict.fromkeys(SIDES, 0.0), dict.fromkeys(SIDES, 0.0), 0
    while groups < 3 or sum(elapsed.values()) < seconds:
        groups += 1
        for name, group in sides.items():
            started, worked = time.perf_counter(), time.process_time()
            group()
            elapsed[name] += time.perf_counter() - started
            processor[name] += time.process_time() - worked
    return {name: (groups * size / elapsed[name], processor[name] / groups) for name in SIDES}


def main() -> None:
    """Print a row for each size of group."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", nargs="?")
    parser.add_argument("--seconds", type=float, default=2.0, help="a row")
    arguments = parser.parse_args()
    print(f"{'group':>6}" + "".join(f"{name:>12} {'share':>6} {'µs/group':>9}" for name in SIDES))
    for size in GROUPS:
        with TemporaryDirectory(dir=arguments.folder) as folder:
            found = measure(Path(folder), size, arguments.seconds)
        base = found["raw"][0]
        told = "".join(f"{rate:12,.0f} {rate / base:6.2f} {1e6 * cpu:9,.0f}" for rate, cpu in found.values())
        print(f"{size:6}{told}")


if __name__ == "__main__":
    main()
