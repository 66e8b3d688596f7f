"""Cold reads of a skewed set with a read cache and without: python bench/cached.py [--keys N] [--reads N]

Two stores of the same keys and values, most of each on the device, under one and the same `memory`; the
same reads of both, in turns, by the law of Zipf (exponent 0.99) over shuffled keys. WARM rounds of them come
before those that are measured. Asserts nothing.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

sys.path.append(str(Path(__file__).resolve().parent.parent))

from bench.tables import Line, show
from powercut.engine import FasterKv, Session, Settings

VALUE = 100
MEMORY = 24 << 20
CACHE = 12 << 20
ROUNDS = 5
WARM = 3
EXPONENT = 0.99
SETTINGS = Settings(page_bytes=1 << 18, segment_bytes=1 << 22, index_buckets=1 << 15, ring_pages=4)

Reads = Callable[[Session, list[bytes]], None]


def main() -> None:
    parser = argparse.ArgumentParser(description="Cold zipfian reads with a read cache and without.")
    parser.add_argument("--keys", type=int, default=100_000)
    parser.add_argument("--reads", type=int, default=100_000)
    arguments = parser.parse_args()
    random = Random(1)
    keys = [number.to_bytes(8, "little") for number in range(arguments.keys)]
    shuffled = random.sample(keys, len(keys))
    weights = [rank**-EXPONENT for rank in range(1, len(keys) + 1)]
    ways: dict[str, Reads] = {"one at a time": _singly, "read_many, 1,000 a call": _many}
    for name, read in ways.items():
        with TemporaryDirectory() as folder:
            stores = [_filled(f"{folder}/{size}", keys, size) for size in (0, CACHE)]
            asked = [random.choices(shuffled, weights, k=arguments.reads) for _ in range(WARM + ROUNDS)]
            show(name, _measured(stores, asked, read))
            for store in stores:
                store.close()


def _filled(folder: str, keys: list[bytes], cache: int) -> FasterKv:
    store = FasterKv.open(folder, create=True, memory=MEMORY, read_cache=cache, settings=SETTINGS)
    with store.session("writer") as writer:
        writer.upsert_many(keys, [key + bytes(VALUE - len(key)) for key in keys])
    return store


def _singly(session: Session, keys: list[bytes]) -> None:
    for key in keys:
        session.read(key)


def _many(session: Session, keys: list[bytes]) -> None:
    for start in range(0, len(keys), 1000):
        session.read_many(keys[start : start + 1000])


def _measured(stores: list[FasterKv], asked: list[list[bytes]], read: Reads) -> list[Line]:
    spent: list[list[tuple[float, float]]] = [[] for _ in stores]
    sessions = [store.session("reader") for store in stores]
    for keys in asked:
        for session, each in zip(sessions, spent, strict=True):
            clock, processor = time.perf_counter(), time.process_time()
            read(session, keys)
            each.append((time.process_time() - processor, time.perf_counter() - clock))
    for session in sessions:
        session.close()
    count = len(asked[0])
    lines = []
    for store, each in zip(stores, spent, strict=True):
        columns = zip(*each[WARM:], strict=True)
        processor, clock = (sorted(column)[ROUNDS // 2] / count * 1e6 for column in columns)
        stats = store.stats()
        hits = stats.cache_hits / max(1, stats.cache_hits + stats.cache_misses)
        told = f"{processor:.2f} µs of the processor, {clock:.2f} of the clock; {hits:.0%} from the cache"
        lines.append(Line("with" if stats.cache_bytes else "without", told))
    ratios = [
        sorted(one[what] / other[what] for one, other in zip(spent[0][WARM:], spent[1][WARM:], strict=True))
        for what in (0, 1)
    ]
    told = "; ".join(
        f"{each[0]:.1f} to {each[-1]:.1f}, {each[ROUNDS // 2]:.1f} in the middle" for each in ratios
    )
    return [*lines, Line("ratio, processor; clock", told)]


if __name__ == "__main__":
    main()
