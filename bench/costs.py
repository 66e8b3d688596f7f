"""The bytes that a store costs: a key, a checkpoint, a session: python bench/costs.py

Bytes are counted, not timed; a store in memory on a device that counts what is written to it.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent))

from random import Random

from bench.tables import Line, show
from powercut.engine import FasterKv, MemoryDevice, Settings
from powercut.engine.metadata.tables import CHAIN_BLOCKS_MAX
from powercut.verifier.faster.stepped import SteppedRuntime

KEYS = 100_000
NAMES = 20_000
LIVE, UPDATES = 2_000, 60_000
SMALL = Settings(4096, 8192, extent_bytes=4096, ring_pages=8, index_buckets=1024)  # 32 segments are live.


class Counting(MemoryDevice):
    """Counts the bytes that are written, and the syncs."""

    def __init__(self) -> None:
        super().__init__()
        self.written = self.syncs = 0

    def write(self, name: str, offset: int, buffer: bytes | bytearray | memoryview) -> int:
        count = super().write(name, offset, buffer)
        self.written += count
        return count

    def sync(self, name: str) -> None:
        super().sync(name)
        self.syncs += 1

    def take(self) -> tuple[int, int]:
        """The bytes and syncs since it was last asked."""
        taken = self.written, self.syncs
        self.written = self.syncs = 0
        return taken


def main() -> None:
    show("a key of 8 bytes with a value of 8, and of 100", [_key(8), _key(100)])
    show("a checkpoint, bytes written and syncs", _checkpoint())
    show(f"a checkpoint of one update beside {NAMES:,} names of sessions, of 10 bytes each", _names())
    live = f"{LIVE:,} keys of 8 bytes, values of 100: {LIVE * 128:,} bytes of log"
    show(f"{UPDATES:,} updates at random of {live}", [_given_back(share) for share in (0.25, 0.5, 0.75)])


def _key(value_bytes: int) -> Line:
    with FasterKv.open(Counting(), create=True) as store, store.session("s") as session:
        keys = [number.to_bytes(8, "little") for number in range(KEYS)]
        session.upsert_many(keys, [bytes(value_bytes)] * KEYS)
        stats = store.stats()
        log, index = stats.log_bytes / KEYS, stats.index_bytes / KEYS
    return Line(f"value of {value_bytes}", f"{log:.1f} of log, {index:.1f} of index")


def _checkpoint() -> list[Line]:
    device = Counting()
    with FasterKv.open(device, create=True, runtime=SteppedRuntime()) as store, store.session("s") as session:
        session.upsert(b"k", b"v")
        store.checkpoint()
        lines = []
        for what, count in (("of one key written anew", 1), ("of a thousand", 1000)):
            session.upsert_many([b"%08d" % number for number in range(count)], [bytes(100)] * count)
            device.take()
            store.checkpoint()
            lines.append(Line(what, "{:,} bytes, {} syncs".format(*device.take())))
        device.take()
        store.checkpoint()
        lines.append(Line("with nothing new", "{:,} bytes, {} syncs".format(*device.take())))
    return lines


def _names() -> list[Line]:
    """A checkpoint of one update beside names that are known."""
    device = Counting()
    with FasterKv.open(device, create=True, runtime=SteppedRuntime()) as store, store.session("s") as session:

        def taken() -> int:
            """The bytes that a checkpoint of one update writes, beside what else is new."""
            session.upsert(b"k", b"v")
            device.take()
            store.checkpoint()
            return device.take()[0]

        def use(count: int) -> int:
            for number in range(count):
                with store.session(f"name-{number:05d}") as other:
                    other.read(b"k")
            return taken()

        alone = min(taken() for _ in range(2))
        new = use(NAMES)
        lines = [Line("without them", f"{alone:,} bytes")]
        lines += [Line("all of them new", f"{new:,} bytes", f"{(new - alone) / NAMES:.1f} a name")]
        lines += [Line("none of them changed", f"{taken():,} bytes")]
        lines += [Line("one of them changed", f"{use(1):,} bytes")]
        lines += [Line("all of them changed", f"{use(NAMES):,} bytes")]
        many = 2 * CHAIN_BLOCKS_MAX
        mean = sum(taken() for _ in range(many)) // many
        lines += [Line("none of them changed, on average", f"{mean:,} bytes", f"over {many} checkpoints")]
        for number in range(NAMES):
            store.forget_session(f"name-{number:05d}")
        lines += [Line("all of them forgotten", f"{taken():,} bytes")]
        lines += [Line("once they are", f"{taken():,} bytes")]
    return lines


def _given_back(share: float) -> Line:
    """The longest log, and what is written, where so large a part of it may be dead."""
    device, random, longest, keys = Counting(), Random(0), 0, [b"%08d" % number for number in range(LIVE)]
    store = FasterKv.open(
        device, create=True, settings=SMALL, runtime=SteppedRuntime(), compact_at=share, keep=1
    )
    with store, store.session("s") as session:
        session.upsert_many(keys, [bytes(100)] * LIVE)
        for number in range(UPDATES):
            session.upsert(random.choice(keys), b"%0100d" % number)
            longest = max(longest, store.stats().log_bytes)
        times = device.written / ((LIVE + UPDATES) * 128)
    return Line(f"compact_at={share}", f"{longest:,} bytes at most", f"{times:.2f} written a byte of log")


if __name__ == "__main__":
    main()
