"""Opening: a store with an image of the index, the same without it, and the bare reading of image and tail.

    python bench/opening.py [--records N] [--changed SHARE] [--rounds N] [--folder WHERE]

A store of N records of 8 and 8 bytes, a checkpoint with an image of the index, then SHARE of the records
written again and a checkpoint without. In each round, one after the other: the store is opened read-only as
it is; with the file of the image away; and the image and the log behind its start are read into memory of
its own, as an opening has to. Told as medians with the range, in seconds of the clock and of the
processor, with megabytes, and the first as multiples of the others. Files are in the page cache; kernels are
compiled before the first round.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

import numpy as np

from powercut.engine import FasterKv, FlushSettings, Settings
from powercut.engine.shared.spaces import words_of

PIECE = 8 << 20
Times = tuple[float, float]


def buckets_for(records: int) -> int:
    """Main buckets for so many records: four or five entries in each."""
    return 1 << (records // 5).bit_length()


def fill(folder: Path, records: int, changed: float, memory: int, settings: Settings) -> int:
    """Make the store; the address at which its image was begun."""
    keys = np.arange(records, dtype="<u8")
    quiet = FlushSettings(enabled=False)
    with FasterKv.open(folder, create=True, memory=memory, settings=settings, flush=quiet) as store:
        session = store.session("s")
        session.upsert_many(keys, keys)
        start = store.stats().tail
        store.checkpoint(index=True)
        session.upsert_many(keys[: int(records * changed)], keys[: int(records * changed)] + 1)
        store.checkpoint()
    return start


def timed(call: Callable[[], object]) -> Times:
    began, spent = perf_counter(), process_time()
    call()
    return perf_counter() - began, process_time() - spent


def read(path: Path, start: int) -> int:
    """Read the file from byte `start` on into a fresh space; how many bytes there were."""
    size = path.stat().st_size - start
    with path.open("rb", buffering=0) as file:
        file.seek(start)
        room = words_of(-(-size // 8)).cast("B")
        count = 0
        while got := file.readinto(room[count : count + PIECE]):
            count += got
    return count


def read_image_and_tail(folder: Path, settings: Settings, start: int) -> int:
    """Read what an opening with the image has to read; its bytes."""
    count = sum(read(path, 0) for path in folder.glob("index-*"))
    start -= start % settings.page_bytes
    for path in sorted(folder.glob("segment-*")):
        low = int(path.name.removeprefix("segment-")) * settings.segment_bytes
        if low + settings.segment_bytes > start:
            count += read(path, max(0, start - low))
    return count


def measure(folder: Path, memory: int, settings: Settings, start: int, rounds: int) -> dict[str, list[Times]]:
    """The times of each of the three, round by round."""

    def opened() -> None:
        FasterKv.open(folder, read_only=True, memory=memory, settings=settings).close()

    (image,) = folder.glob("index-*")
    away = folder / "away"
    times: dict[str, list[Times]] = {"with the image": [], "without it": [], "reading alone": []}
    opened()
    for _ in range(rounds):
        times["with the image"].append(timed(opened))
        image.rename(away)
        times["without it"].append(timed(opened))
        away.rename(image)
        times["reading alone"].append(timed(lambda: read_image_and_tail(folder, settings, start)))
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--records", type=int, default=3_000_000)
    parser.add_argument("--changed", type=float, default=0.01)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder")
    given = parser.parse_args()
    settings = Settings(index_buckets=buckets_for(given.records))
    memory = max(given.records * 128, 1 << 22)
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        folder = Path(name)
        start = fill(folder, given.records, given.changed, memory, settings)
        held = read_image_and_tail(folder, settings, start) / 1e6
        log = sum(path.stat().st_size for path in folder.glob("segment-*")) / 1e6
        print(f"{given.records:,} records: {log:.0f} MB of log; image and tail {held:.0f} MB")
        times = measure(folder, memory, settings, start, given.rounds)
    first = [median(each) for each in zip(*times["with the image"], strict=True)]
    for what, rows in times.items():
        told = []
        for unit, own, column in zip(("s", "processor s"), first, zip(*rows, strict=True), strict=True):
            middle = median(column)
            told.append(
                f"{middle:7.3f} {unit} [{min(column):.3f} .. {max(column):.3f}] {own / middle:5.2f} x"
            )
        print(f"    {what:15} {'   '.join(told)}")


if __name__ == "__main__":
    main()
