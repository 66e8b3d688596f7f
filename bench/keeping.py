"""Tables of a store of one key after many checkpoints, and their bound: python bench/keeping.py [COUNT]."""

from __future__ import annotations

import sys
from time import process_time

from powercut.engine import FasterKv, FlushSettings, MemoryDevice

KEEP, UNIT, BLOCKS = 2, 4096, 64  # As the engine has them.


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    device, peak, began = MemoryDevice(), 0, process_time()
    store = FasterKv.open(device, create=True, flush=FlushSettings(enabled=False))
    session = store.session("s")
    for number in range(count):
        session.upsert(b"k", b"%08d" % number)
        store.checkpoint()
        peak = max(peak, device.size("tables")) if number % 97 == 0 else peak
    taken = process_time() - began
    began = process_time()
    listed = len(store.checkpoints())
    print(f"{count} checkpoints, {1e6 * taken / count:.0f} µs of processor each")
    print(f"tables {device.size('tables')} bytes, at most {peak}; the log {store.stats().log_bytes}")
    print(f"bound  {2 * (KEEP * 24 * count + (BLOCKS + 2 * KEEP) * (UNIT + 32))} bytes")
    print(f"listed {listed} in {process_time() - began:.3f} s")
    store.close()


if __name__ == "__main__":
    main()
