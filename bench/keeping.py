"""Disk use of a store of one key over many checkpoints: python bench/keeping.py [COUNT [TRUNCATED]].

Tables with their bound; and where the log is truncated every so many checkpoints, all files with theirs.
"""

from __future__ import annotations

import sys
from time import process_time

from powercut.engine import FasterKv, FlushSettings, MemoryDevice, Settings

KEEP, UNIT, BLOCKS = 2, 4096, 64  # As the engine has them.
MEMORY = 4 << 20
SETTINGS = Settings(segment_bytes=1 << 22)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    truncated = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    device, peak, whole, began = MemoryDevice(), 0, 0, process_time()
    store = FasterKv.open(
        device, create=True, memory=MEMORY, settings=SETTINGS, flush=FlushSettings(enabled=False)
    )
    session = store.session("s")
    for number in range(count):
        if truncated and number % truncated == 0:
            store.truncate_before(store.stats().tail)  # What is in memory stays, the key's record included.
        session.upsert(b"k", b"%08d" % number)
        store.checkpoint()
        if number % 97 == 0:
            sizes = {name: device.size(name) for name in device.list()}
            peak, whole = max(peak, sizes["tables"]), max(whole, sum(sizes.values()))
    taken = process_time() - began
    began = process_time()
    listed = len(store.checkpoints())
    print(f"{count} checkpoints, {1e6 * taken / count:.0f} µs of processor each")
    print(f"tables {device.size('tables')} bytes, at most {peak}; the log {store.stats().log_bytes}")
    settings, grown = store.settings, (truncated or count) * UNIT
    log = settings.segment_bytes + store.stats().ring_bytes + grown  # At most: it is given back by segments.
    extents = min(count, log // UNIT)
    tables = 2 * (KEEP * 24 * extents + (BLOCKS + 2 * KEEP) * (UNIT + 32))
    print(f"bound  {tables} bytes of tables; all files {whole} at most, bound {log + tables + 3 * 512}")
    print(f"listed {listed} in {process_time() - began:.3f} s")
    store.close()


if __name__ == "__main__":
    main()
