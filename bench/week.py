"""A week of a store in minutes, drawn; and the same writes beside rocksdict and lmdb.

    python bench/week.py [--keys N] [--operations N] [--svg FILE] [--peers]

A week as the gate's stage `stress` plays it (`verifier/finders/stress/week.py`), over files of a folder on a
disk budget of four times the live data, each call recorded: the power cut of a day leaves in the folder what
the law chose. Every hour is a sample of the picture. With `--peers` the writes of a week, in the same order
and of the same bytes, go to each store in turns of an hour, in this one process: batches of sixteen, made
durable every two hours, as the store's checkpoints are. Seconds of the processor beside those of the clock
are its share; nothing is asserted.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import accumulate
from pathlib import Path
from random import Random
from statistics import median
from time import perf_counter, process_time
from typing import Any

sys.path.append(str(Path(__file__).resolve().parent.parent))

from bench.tables import Line, absent, machine, show
from bench.week_picture import Sample, draw
from powercut.engine import Device, FasterKv, FileDevice, Session, ThreadRuntime
from powercut.faultfs import FaultDevice, Image
from powercut.verifier.finders.stress.limited import WeekSize, used_bytes
from powercut.verifier.finders.stress.week import HOURS, Week
from powercut.verifier.verdict import OK

BATCH = 16
DAYS = 7
VALUE = 160
MAP_BYTES = 1 << 32


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--keys", type=int, default=20_000)
    parser.add_argument("--operations", type=int, default=3_000, help="of an hour")
    parser.add_argument("--svg", type=Path)
    parser.add_argument("--peers", action="store_true")
    options = parser.parse_args()
    print(machine(), flush=True)
    size = WeekSize(options.keys, options.operations, memory=1 << 22, kernels="auto")
    if options.svg is not None or not options.peers:
        samples = measure(size)
        if options.svg is not None:
            options.svg.write_text(draw(samples, size.disk, size.live_bytes), encoding="utf-8")
        show(f"a week, {size.keys:,} keys, {size.operations:,} operations an hour", told(samples, size))
    if options.peers:
        show("the same writes, a store after the other each hour", compare(size))


# -- the week, drawn -------------------------------------------------------------------------------


class Twin:
    """A folder that is recorded: reads come from the files, changes go to both."""

    def __init__(self, folder: Path, disk: FaultDevice) -> None:
        self._folder, self._disk = folder, disk
        self._files = FileDevice(folder)
        self.written = 0

    def acquire(self, owner: object) -> bool:
        if not self._disk.acquire(owner):
            return False
        self._files.close()
        self._files = FileDevice(self._folder)
        return True

    def release(self, owner: object) -> None:
        self._disk.release(owner)

    def list(self) -> list[str]:
        return self._files.list()

    def size(self, name: str) -> int:
        return self._files.size(name)

    def read_into(self, name: str, offset: int, buffer: bytearray | memoryview) -> int:
        return self._files.read_into(name, offset, buffer)

    def create(self, name: str) -> None:
        self._files.create(name)
        self._disk.create(name)

    def remove(self, name: str) -> None:
        self._files.remove(name)
        self._disk.remove(name)

    def write(self, name: str, offset: int, buffer: bytes | bytearray | memoryview) -> int:
        count = self._files.write(name, offset, buffer)
        self._disk.write(name, offset, bytes(memoryview(buffer).cast("B")[:count]))
        self.written += count
        return count

    def truncate(self, name: str, size: int) -> None:
        self._files.truncate(name, size)
        self._disk.truncate(name, size)

    def punch(self, name: str, offset: int, size: int) -> None:
        self._files.punch(name, offset, size)
        self._disk.punch(name, offset, size)

    def sync(self, name: str) -> None:
        self._files.sync(name)
        self._disk.sync(name)

    def sync_names(self) -> None:
        self._files.sync_names()
        self._disk.sync_names()

    def close(self) -> None:
        self._files.close()
        self._disk.close()


@dataclass
class Watch:
    """Measures a week as it is played."""

    folder: Path
    twin: Twin | None = None
    days: int = 0
    user: int = 0
    before: int = 0  # Bytes written on earlier days.
    times: list[float] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)

    def ground(self, image: Image | None) -> tuple[Device, FaultDevice]:
        """The files of a new day: those that the power cut left."""
        if self.twin is not None:
            self.before += self.twin.written
        disk = FaultDevice(image, record_reads=False)
        folder = self.folder / f"day-{self.days}"
        self.days += 1
        disk.materialise(folder)
        self.twin = Twin(folder, disk)
        return self.twin, disk

    def put(self, session: Session, keys: list[bytes], values: list[bytes]) -> None:
        began = perf_counter()
        session.upsert_many(keys, values)
        self.times.append((perf_counter() - began) / len(keys))
        self.user += sum(map(len, keys)) + sum(map(len, values))

    def hour(self, _: int, store: FasterKv, disk: FaultDevice) -> None:
        assert self.twin is not None
        stats, twin = store.stats(), self.twin
        files = used_bytes(disk)
        self.samples.append(
            Sample(
                files,
                stats.ring_bytes + stats.index_bytes,
                median(self.times),
                max(self.times),
                self.user,
                self.before + twin.written,
            )
        )
        self.times.clear()


def measure(size: WeekSize) -> list[Sample]:
    """Play the week over files; its samples. Ends the process where the store is broken."""
    with tempfile.TemporaryDirectory(prefix="powercut-week-") as folder:
        watch = Watch(Path(folder))
        week = Week(size, "week", watch.ground, ThreadRuntime, put=watch.put, hourly=watch.hour)
        week.play()
    if week.verdict != OK:
        sys.exit(f"the store is broken, so there is nothing to measure: {week.verdict}")
    return watch.samples


def told(samples: Sequence[Sample], size: WeekSize) -> list[Line]:
    last = samples[-1]
    worst = sorted(each.worst for each in samples)
    return [
        Line("live data, budget", f"{size.live_bytes / 1e6:.1f} MB, {size.disk / 1e6:.1f} MB"),
        Line("files, median and most", f"{_of(samples, 'disk')} MB"),
        Line("log and index in memory, median and most", f"{_of(samples, 'memory')} MB"),
        Line("a write, median", f"{median(each.median for each in samples) * 1e6:.2f} us"),
        Line("worst batch of an hour, median and most", f"{worst[84] * 1e6:.0f}, {worst[-1] * 1e6:.0f} us"),
        Line("bytes written for one asked", f"{last.amplification:.2f}"),
        Line("a day, asked and written", f"{last.user / DAYS / 1e6:.1f}, {last.written / DAYS / 1e6:.1f} MB"),
    ]


def _of(samples: Sequence[Sample], name: str) -> str:
    values = [getattr(each, name) / 1e6 for each in samples]
    return f"{median(values):.1f}, {max(values):.1f}"


# -- beside others ---------------------------------------------------------------------------------

Put = Callable[[Sequence[bytes], Sequence[bytes]], Any]


@dataclass
class Store:
    """A store as the writes see it, and what they cost."""

    folder: Path
    put: Put
    make_durable: Callable[[], Any]
    close: Callable[[], Any]
    wall: float = 0.0
    processor: float = 0.0
    most: int = 0

    def play(self, batches: Sequence[tuple[list[bytes], list[bytes]]], *, is_durable: bool) -> None:
        wall, processor = perf_counter(), process_time()
        for keys, values in batches:
            self.put(keys, values)
        if is_durable:
            self.make_durable()
        self.wall += perf_counter() - wall
        self.processor += process_time() - processor
        self.most = max(self.most, self.files())

    def files(self) -> int:
        """Bytes that the files take on the disk."""
        taken = 0
        for each in self.folder.rglob("*"):
            with suppress(FileNotFoundError):  # It went while they were counted.
                taken += each.stat().st_blocks * 512 if each.is_file() else 0
        return taken


def open_powercut(size: WeekSize, folder: Path) -> Store:
    store = FasterKv.open(folder / "store", create=True, disk=size.disk)
    session = store.session("week")
    return Store(folder, session.upsert_many, store.checkpoint, store.close)


def open_lmdb(_: WeekSize, folder: Path) -> Store:
    module: Any = importlib.import_module("lmdb")
    environment = module.open(str(folder / "lmdb"), map_size=MAP_BYTES)
    held = [environment.begin(write=True)]

    def put(keys: Sequence[bytes], values: Sequence[bytes]) -> None:
        with held[0].cursor() as cursor:
            cursor.putmulti(zip(keys, values, strict=True))

    def commit() -> None:
        held[0].commit()
        held[0] = environment.begin(write=True)

    def close() -> None:
        held[0].commit()
        environment.close()

    return Store(folder, put, commit, close)


def open_rocksdict(_: WeekSize, folder: Path) -> Store:
    module: Any = importlib.import_module("rocksdict")
    database = module.Rdict(str(folder / "rocks"), module.Options(raw_mode=True))

    def put(keys: Sequence[bytes], values: Sequence[bytes]) -> None:
        batch = module.WriteBatch(raw_mode=True)
        for key, value in zip(keys, values, strict=True):
            batch.put(key, value)
        database.write(batch)

    return Store(folder, put, partial(database.flush_wal, True), database.close)


STORES: dict[str, Callable[[WeekSize, Path], Store]] = {
    "powercut": open_powercut,
    "lmdb": open_lmdb,
    "rocksdict": open_rocksdict,
}


def compare(size: WeekSize) -> list[Line]:
    """Space and throughput of each store that is there."""
    lines = []
    with ExitStack() as stack:
        stores: dict[str, Store] = {}
        for name, opener in STORES.items():
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="powercut-week-")))
            try:
                stores[name] = opener(size, folder)
            except ImportError:
                lines.append(absent(name, "not installed"))
        random = Random(1)
        weights = list(accumulate(rank**-size.skew for rank in range(1, size.keys + 1)))
        keys = [b"%08d" % number for number in range(size.keys)]
        parts = [keys[at : at + BATCH] for at in range(0, size.keys, BATCH)]
        load = [(part, [bytes(VALUE)] * len(part)) for part in parts]
        for store in stores.values():
            store.play(load, is_durable=True)
            store.wall = store.processor = 0.0
        count = 0
        for hour in range(HOURS * DAYS):
            batches = []
            for _ in range(size.operations // BATCH):
                chosen = random.choices(keys, cum_weights=weights, k=BATCH)
                batches.append((chosen, [random.randbytes(VALUE) for _ in chosen]))
            count += len(batches) * BATCH
            for store in stores.values():
                store.play(batches, is_durable=hour % 2 == 0)
        for name, store in stores.items():
            rate = f"{count / store.processor / 1e3:,.0f}, {count / store.wall / 1e3:,.0f} k writes/s"
            share = f"{100 * store.processor / store.wall:.0f} % of a processor"
            space = f"files {store.most / 1e6:.1f} MB at most, {store.files() / 1e6:.1f} in the end"
            lines.append(Line(name, rate, f"{share}; {space}"))
            store.close()
    head = Line("", "by processor, by clock", f"live data {size.keys * (8 + VALUE) / 1e6:.1f} MB")
    return [head, *lines]


if __name__ == "__main__":
    main()
