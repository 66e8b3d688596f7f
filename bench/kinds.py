"""Kinds of checkpoint: what each writes, and what updates cost before and after it.

    python bench/kinds.py [--records N] [--rounds N] [--folder WHERE]

A store of N records of 8 and 8 bytes, all of it in memory, updated N times at uniformly drawn keys; a
checkpoint, N updates, a second one; then 1 % of the keys changed that lie together, and 1 % that are drawn,
with a checkpoint after each. Told of each kind, as medians with the range: millions of updates a processor
second before and after the first one, and megabytes and processor seconds of each checkpoint.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from statistics import median
from time import process_time

import numpy as np

from powercut.engine import CheckpointKind, FasterKv, FlushSettings

Row = dict[str, float]


def measure(kind: CheckpointKind, folder: Path, records: int) -> Row:
    """One round of one kind, in a folder of its own."""
    keys, random = np.arange(records, dtype="<u8"), np.random.default_rng(1)
    store = FasterKv.open(
        folder, create=True, memory=max(256 << 20, records * 256), flush=FlushSettings(enabled=False)
    )
    session = store.session("s")
    session.upsert_many(keys, keys)

    def update() -> float:
        drawn = random.integers(0, records, records, dtype="<u8")
        values = random.permutation(drawn)
        began = process_time()
        session.upsert_many(drawn, values)
        return records / (process_time() - began) / 1e6

    def written() -> float:
        log = [each for each in folder.iterdir() if each.name.startswith(("segment-", "snapshot-"))]
        return sum(each.stat().st_size for each in log) / 1e6

    def take(what: str) -> Row:
        before, began = written(), process_time()
        store.checkpoint(kind)
        return {f"{what}, MB": written() - before, f"{what}, s": process_time() - began}

    update()
    row = {"updates before": update()} | take("first")
    row["updates after"] = update()
    row |= take("all changed")
    few = keys[: records // 100]
    session.upsert_many(few, few + 1)
    row |= take("1 % together")
    few = random.integers(0, records, records // 100, dtype="<u8")
    session.upsert_many(few, few + 2)
    row |= take("1 % drawn")
    store.close(checkpoint=False)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder")
    given = parser.parse_args()
    for kind in CheckpointKind:
        rows = []
        for _ in range(given.rounds):
            with tempfile.TemporaryDirectory(dir=given.folder) as folder:
                rows.append(measure(kind, Path(folder), given.records))
        print(kind.name)
        for what in rows[0]:
            told = sorted(row[what] for row in rows)
            print(f"    {what:18} {median(told):8.3f}  [{told[0]:.3f} .. {told[-1]:.3f}]")


if __name__ == "__main__":
    main()
