"""The store of this tree and of another revision, operation by operation in turn, in processor seconds.

Usage: python bench/beside.py [REVISION] [--keys 10000000] [--rounds 5]

REVISION is unpacked into a temporary folder. Each side is a process of its own, which is told what to do
next: a step there, the same step here. A figure is user and system time of the process, all its threads
included, so what else the machine does changes it little; the share is processor seconds by elapsed seconds.

A virtual machine may give free memory back to its host, who hands it out again a small page at a time at
the first touch: then a step that needs new memory measures the host. So before a step, and outside the time
taken, as much memory as it may need is touched and freed. `cold` is a load without that.

Invariants
  1  both sides do the same steps on the same keys in the same order, one at a time
  2  the content is checked: a side that answers wrongly ends the run
  3  the memory that a step other than `cold` takes new is memory that the machine has

Source: the folder of a side goes to the front of the path, as in `against`.
"""

from __future__ import annotations

import argparse
import json
import mmap
import os
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final

HERE: Final = Path(__file__).resolve().parent.parent
BEFORE: Final = "71c2047"
STEP: Final = 0x9E3779B97F4A7C15
RING_TENTHS: Final = 15  # Of the records: nothing is evicted, and all of it can be written in place.
RECORD_BYTES: Final = 32
KEYS_A_BUCKET: Final = 5
PAGE_BYTES: Final = 1 << 20
SINGLE: Final = 100_000
WALKED: Final = 300_000
TOUCHED_BYTES: Final = 64  # A key, before a step: a record, its share of the index, and an answer.
SMALL_PAGE: Final = 4096


def _power_above(value: int) -> int:
    """The least power of two that is not below `value`."""
    return 1 << (value - 1).bit_length()


def touch(size: int) -> None:
    """Have the machine get so much memory from its host, if it has one, and free it again (invariant 3)."""
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.madvise(mmap.MADV_HUGEPAGE)
    memory[::SMALL_PAGE] = b"1" * len(range(0, size, SMALL_PAGE))
    memory.close()


class Worker:
    """One side: a store, and the steps that it can be told to take; each gives (operations, seconds)."""

    def __init__(self, prefix: str, folder: str, keys: int) -> None:
        self._np: Any = import_module("numpy")
        self._engine: Any = import_module(f"{prefix}engine")
        np = self._np
        self._folder, self._count = folder, keys
        self._keys = np.arange(keys, dtype=np.uint64) * np.uint64(STEP)
        self._random = np.random.default_rng(1)
        pages = keys * RECORD_BYTES * RING_TENTHS // 10 // PAGE_BYTES + 2
        self._settings = self._engine.Settings(
            page_bytes=PAGE_BYTES,
            ring_pages=_power_above(pages),
            index_buckets=_power_above(keys // KEYS_A_BUCKET + 1),
        )
        self._store: Any = None
        self._session: Any = None
        self._opened = 0

    def take(self, step: str) -> tuple[int, float]:
        """Take a step. Only the call of the store is timed."""
        work = getattr(self, f"_{step}")()
        if step != "cold":
            touch(self._count * TOUCHED_BYTES)
        before = time.process_time()
        done = work()
        return done, time.process_time() - before

    def _some(self) -> Any:
        return self._keys[self._random.integers(0, self._count, self._count // 2)]

    def _load(self) -> Callable[[], int]:
        self.close()
        self._opened += 1
        where = f"{self._folder}/{self._opened}"
        self._store = self._engine.FasterKv.open(where, create=True, settings=self._settings)
        self._session = self._store.session("s")
        keys = self._random.permutation(self._keys)
        return lambda: self._session.upsert_many(keys, keys) or len(keys)

    _cold = _load

    def _read(self) -> Callable[[], int]:
        keys = self._some()

        def work() -> int:
            values, found = self._session.read_many(keys, dtype="<u8")
            if not found.all() or (values != keys).any():
                sys.exit("the store is broken, so there is nothing to measure")
            return len(keys)

        return work

    def _upsert(self) -> Callable[[], int]:
        keys = self._some()
        return lambda: self._session.upsert_many(keys, keys) or len(keys)

    def _add(self) -> Callable[[], int]:
        keys = self._some()
        return lambda: self._session.add_many(keys, 0) or len(keys)

    def _single(self, call: Callable[[Any, bytes], object]) -> Callable[[], int]:
        keys = [key.tobytes() for key in self._some()[:SINGLE]]

        def work() -> int:
            for key in keys:
                call(self._session, key)
            return len(keys)

        return work

    def _read1(self) -> Callable[[], int]:
        return self._single(lambda session, key: session.read(key))

    def _upsert1(self) -> Callable[[], int]:
        return self._single(lambda session, key: session.upsert(key, key))

    def _rmw1(self) -> Callable[[], int]:
        return self._single(lambda session, key: session.rmw(key, lambda old: old))

    def _items(self) -> Callable[[], int]:
        return lambda: sum(1 for _ in zip(range(WALKED), self._store.items(), strict=False))

    def _scan(self) -> Callable[[], int]:
        return lambda: sum(1 for _ in zip(range(WALKED), self._store.scan(), strict=False))

    def _opening(self) -> Callable[[], int]:
        if self._session is not None:
            self._session.close()
            self._session = None
            self._store.checkpoint()
        self._store.close()

        def work() -> int:
            self._store = self._engine.FasterKv.open(
                f"{self._folder}/{self._opened}", settings=self._settings
            )
            return self._count

        return work

    def close(self) -> None:
        """End what is open."""
        if self._session is not None:
            self._session.close()
            self._session = None
        if self._store is not None:
            self._store.close()
            self._store = None


def work(prefix: str, folder: str, keys: int) -> None:
    """Be a side: a step a line of the standard input, (operations, seconds, share so far) a line told."""
    worker = Worker(prefix, folder, keys)
    for line in sys.stdin:
        elapsed, spent = time.perf_counter(), time.process_time()
        done, seconds = worker.take(line.strip())
        share = (time.process_time() - spent) / (time.perf_counter() - elapsed)
        print(json.dumps((done, seconds, share)), flush=True)
    worker.close()


STEPS: Final = (
    "cold",
    "load",
    "read",
    "upsert",
    "add",
    "read1",
    "upsert1",
    "rmw1",
    "items",
    "scan",
    "opening",
)


def main() -> None:
    """Measure and print; with --work, be a side."""
    if sys.argv[1:2] == ["--work"]:
        work(sys.argv[2], sys.argv[3], int(sys.argv[4]))
        return
    described = argparse.ArgumentParser(description="Two revisions of the store, step by step in turn.")
    described.add_argument("revision", nargs="?", default=BEFORE)
    described.add_argument("--keys", type=int, default=10_000_000)
    described.add_argument("--rounds", type=int, default=5)
    options = described.parse_args()
    sys.path.insert(0, str(Path(__file__).resolve().parent))  # PYTHONSAFEPATH leaves it out.
    against: Any = import_module("against")
    with TemporaryDirectory(prefix="powercut-beside-") as name:
        there = against.unpack(HERE, options.revision, Path(name, "there"))
        sides = against.Side(there), against.Side(HERE)
        told: dict[str, list[list[float]]] = {step: [[], []] for step in STEPS}
        shares: list[list[float]] = [[], []]
        folders = [Path(name, f"data-{place}") for place in range(2)]
        processes = [_start(*pair, options.keys) for pair in zip(sides, folders, strict=True)]
        for _ in range(options.rounds):
            for step in STEPS:
                for place, process in enumerate(processes):
                    assert process.stdin is not None
                    assert process.stdout is not None
                    process.stdin.write(f"{step}\n")
                    process.stdin.flush()
                    done, seconds, share = json.loads(process.stdout.readline())
                    told[step][place].append(done / seconds)
                    shares[place].append(share)
        for process in processes:
            process.communicate()
        _print(told, shares, options)


def _start(side: Any, folder: Path, keys: int) -> subprocess.Popen[str]:
    folder.mkdir()
    return subprocess.Popen(
        [sys.executable, "-P", __file__, "--work", side.prefix, str(folder), str(keys)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(side.folder)},
    )


def _print(
    told: dict[str, list[list[float]]], shares: list[list[float]], options: argparse.Namespace
) -> None:
    print(
        f"{options.keys:,} keys, {options.rounds} rounds; millions a processor second: median [least .. most]"
    )
    print(f"there: {options.revision}, share {median(shares[0]):.2f}; here: share {median(shares[1]):.2f}\n")
    for step, (there, here) in told.items():
        ratio = median(b / a for a, b in zip(there, here, strict=True))
        print(f"{step:10}{_range(there):>26}{_range(here):>26}{ratio:8.2f}", flush=True)


def _range(rates: list[float]) -> str:
    low, middle, high = (value / 1e6 for value in (min(rates), median(rates), max(rates)))
    return f"{middle:.3g} [{low:.3g} .. {high:.3g}]"


if __name__ == "__main__":
    main()
