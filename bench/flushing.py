"""Writers beside the disk: what a checkpoint, and a log that does not fit into memory, cost whoever writes.

    python bench/flushing.py [--records N] [--rounds N] [--folder WHERE] [--tree FOLDER ...]

Each tree (an unpacked revision of this repository; the one that this file is in comes by itself) is measured
in a process of its own, by turns, over the same file system; medians, with the range. Told of each: updates a
second before a checkpoint, the share of that during it, the longest time between two batches of 1,000 in it,
the checkpoint against writing the same bytes in pieces of 1 MiB and one sync; then upserts of 256 bytes into
a log of ten times `memory`, against raw writes, and single upserts. `processors` is how many of them the
process had in the meantime: on a machine that is shared, compare the trees, and not the figures.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from statistics import median
from threading import Thread
from time import perf_counter, process_time
from typing import Any

BATCH = 1_000
TOUCHED = 256 << 20  # Bytes of memory, before something is timed.
MEMORY = 32 << 20
ROUNDS = 3
sys.path.insert(0, str(Path(__file__).resolve().parent))  # PYTHONSAFEPATH leaves it out.
touch = import_module("beside").touch
HERE = Path(__file__).resolve().parents[1]


def raw_seconds(folder: Path, count: int) -> float:
    """Writing so many bytes in pieces of 1 MiB, and one sync."""
    touch(TOUCHED)
    piece, began = os.urandom(1 << 20), perf_counter()
    number = os.open(folder / "raw", os.O_RDWR | os.O_CREAT)
    try:
        for at in range(0, count, len(piece)):
            os.pwrite(number, piece[: count - at], at)
        os.fdatasync(number)
    finally:
        os.close(number)
        os.unlink(folder / "raw")
    return perf_counter() - began


def beside_a_checkpoint(open_store: Any, folder: Path, records: int) -> dict[str, float]:
    """One thread updates while another takes a checkpoint of everything."""
    import numpy as np

    keys = np.arange(records, dtype="<u8")
    order = np.random.default_rng(1).permutation(records).astype("<u8")
    with open_store(folder / "store", create=True, memory=max(256 << 20, records * 256)) as store:
        session = store.session("s")
        for start in range(0, records, BATCH):
            session.upsert_many(keys[start : start + BATCH], keys[start : start + BATCH])
        ended: list[float] = [perf_counter()]
        is_over: list[bool] = []

        def update() -> None:
            at = 0
            while not is_over:
                some = order[at : at + BATCH]
                session.upsert_many(some, some)
                ended.append(perf_counter())
                at = (at + BATCH) % (records - BATCH)

        touch(TOUCHED)
        ended[0] = perf_counter()
        updating = Thread(target=update)
        updating.start()
        while perf_counter() - ended[0] < 1.0:
            Thread.join(updating, 0.05)
        share, began = process_time(), perf_counter()
        store.checkpoint()
        took = perf_counter() - began
        share = (process_time() - share) / took
        is_over.append(True)
        updating.join()
        before = sum(each <= began for each in ended) * BATCH / (began - ended[0])
        inside = [began, *(each for each in ended if began < each <= began + took), began + took]
        stop = max(after - first for first, after in pairwise(inside))
        during = (len(inside) - 2) * BATCH / took
        written = store.stats().flushed
    raw = raw_seconds(folder, written)
    return {
        "updates before, M/s": before / 1e6,
        "updates during, % of that": 100 * during / before,
        "longest stop, ms": 1e3 * stop,
        "checkpoint, s": took,
        "checkpoint, x raw writes": took / raw,
        "processors in it": share,
    }


def larger_than_memory(open_store: Any, folder: Path) -> dict[str, float]:
    """Upserts into a log of ten times the memory, then single ones."""
    import numpy as np

    values = np.zeros((BATCH, 256), np.uint8)
    count = 10 * MEMORY // (256 + 24)
    with open_store(folder / "large", create=True, memory=MEMORY) as store:
        session = store.session("s")
        touch(TOUCHED)
        share, began = process_time(), perf_counter()
        keys = np.arange(count, dtype="<u8")
        for start in range(0, count - BATCH, BATCH):
            session.upsert_many(keys[start : start + BATCH], values)
        took = perf_counter() - began
        share, tail = (process_time() - share) / took, store.stats().tail
        times = []
        for number in range(100_000):
            began = perf_counter()
            session.upsert(number.to_bytes(8, "little"), bytes(256))
            times.append(perf_counter() - began)
    times.sort()
    raw = raw_seconds(folder, tail)
    late = times[int(0.999 * len(times))]
    return {
        "log of 10 x memory, MB/s": tail / took / 1e6,
        "log of 10 x memory, % of raw writes": 100 * raw / took,
        "processors for it": share,
        "one upsert, p99.9, ms": 1e3 * late,
        "one upsert, longest, ms": 1e3 * times[-1],
    }


def measure(records: int, folder: str) -> None:
    """All of it, in this process."""
    name = "powercut.engine" if (Path.cwd() / "powercut").exists() else "engine"
    open_store = import_module(name).FasterKv.open
    with tempfile.TemporaryDirectory(dir=folder or None) as made:
        told = beside_a_checkpoint(open_store, Path(made), records)
        print(json.dumps(told | larger_than_memory(open_store, Path(made))))


def main() -> None:
    given = argparse.ArgumentParser()
    given.add_argument("--records", type=int, default=1_000_000)
    given.add_argument("--tree", type=Path, action="append", default=[])
    given.add_argument("--folder", default="")
    given.add_argument("--rounds", type=int, default=ROUNDS)
    given.add_argument("--alone", action="store_true")
    asked: Any = given.parse_args()
    if asked.alone:
        measure(asked.records, asked.folder)
        return
    told: dict[Path, list[dict[str, float]]] = {tree.resolve(): [] for tree in (HERE, *asked.tree)}
    for _ in range(asked.rounds):
        for tree, rounds in told.items():
            options = ["--alone", "--records", str(asked.records), "--folder", asked.folder]
            done = subprocess.run(
                [sys.executable, __file__, *options],
                env=os.environ | {"PYTHONPATH": str(tree)},
                cwd=tree,
                check=True,
                stdout=subprocess.PIPE,
            )
            rounds.append(json.loads(done.stdout))
    for tree, rounds in told.items():
        print(f"{tree.name}, {asked.records:,} records, {len(rounds)} rounds")
        for what in rounds[0]:
            each = sorted(one[what] for one in rounds)
            print(f"  {what:36} {median(each):8.2f} [{each[0]:.2f} .. {each[-1]:.2f}]")


if __name__ == "__main__":
    main()
