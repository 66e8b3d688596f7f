"""Opening: a store with an image of the index, the same without it, and the bare reading of image and tail.

    python bench/opening.py [--records N] [--changed SHARE] [--rounds N] [--folder WHERE]

A store of N records of 8 and 8 bytes, a checkpoint with an image of the index, then SHARE of the records
written again and a checkpoint without. In each round, one after the other: the store is opened read-only as
it is; with the file of the image away; the image and the log behind its start are read into memory of their
own, as an opening has to; and the same with the checksum of each of their extents, which an opening has to
make as well. Told as medians with the range, in seconds of the clock and of the processor, with megabytes,
the first as multiples of the others, and the share of a processor that each had. Files are in the page cache;
kernels are compiled before the first round, and memory that a step takes new is memory that the machine has
(`beside` says why).
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

import numpy as np
from fastcrc import crc32

from powercut.engine import FasterKv, FlushSettings, Settings
from powercut.engine.shared.spaces import touch, words_of

PIECE = 8 << 20
CHECKED = 2 << 20  # Read at once where it is gone over a second time: the caches still have it.
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


def read(path: Path, start: int, extent: int) -> int:
    """Read the file from byte `start` on into a fresh space; how many bytes there were.

    extent   bytes of which a checksum is made; 0: none is
    """
    size = path.stat().st_size - start
    with path.open("rb", buffering=0) as file:
        file.seek(start)
        room = words_of(-(-size // 8)).cast("B")
        count = 0
        while got := file.readinto(room[count : count + (CHECKED if extent else PIECE)]):
            for at in range(count, count + got, extent) if extent else ():
                crc32.iscsi(room[at : min(at + extent, count + got)])
            count += got
    return count


def read_image_and_tail(folder: Path, settings: Settings, start: int, *, is_checked: bool = False) -> int:
    """Read what an opening with the image has to read; its bytes."""
    piece, extent = (settings.piece_bytes, settings.extent_bytes) if is_checked else (0, 0)
    count = sum(read(path, 0, piece) for path in folder.glob("index-*"))
    start -= start % settings.page_bytes
    for path in sorted(folder.glob("segment-*")):
        low = int(path.name.removeprefix("segment-")) * settings.segment_bytes
        if low + settings.segment_bytes > start:
            count += read(path, max(0, start - low), extent)
    return count


def measure(folder: Path, memory: int, settings: Settings, start: int, rounds: int) -> dict[str, list[Times]]:
    """The times of each of the four, round by round."""

    def opened() -> None:
        FasterKv.open(folder, read_only=True, memory=memory, settings=settings).close()

    (image,) = folder.glob("index-*")
    away = folder / "away"

    def read_all(is_checked: bool) -> Callable[[], object]:
        return lambda: read_image_and_tail(folder, settings, start, is_checked=is_checked)

    steps = {
        "with the image": opened,
        "without it": opened,
        "reading alone": read_all(False),
        "with checksums": read_all(True),
    }
    room = 2 * sum(path.stat().st_size for path in folder.iterdir()) // 8 * 8
    times: dict[str, list[Times]] = {what: [] for what in steps}
    opened()
    for _ in range(rounds):
        for what, step in steps.items():
            if what == "without it":
                image.rename(away)
            touch(words_of(room // 8), 0, room)
            times[what].append(timed(step))
            if away.exists():
                away.rename(image)
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
                f"{middle:7.4f} {unit} [{min(column):.4f} .. {max(column):.4f}] {own / middle:5.2f} x"
            )
        share = median(spent / passed for passed, spent in rows)
        print(f"    {what:15} {'   '.join(told)}   {share:4.0%} of a processor")


if __name__ == "__main__":
    main()
