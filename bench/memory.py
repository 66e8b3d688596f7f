"""Memory: bytes resident for each record, and for a store whose log is many times its memory.

Each figure is taken in a fresh process of its own, as a difference to the same process with the store open
and one operation done: interpreter, libraries and compiled kernels are in both.

    Q7       (resident after the load - resident before) / records; index and overflow buckets included
    larger   (peak resident since opening - resident after opening) / `memory`; the same bytes are written
             as records of as many keys, and as two for each of half the keys: the index is half as full

Invariants
  1  what the measuring itself needs exists before the first figure is taken, but for one slice of records
  2  the peak is that of the load and the reads only: the system's mark is put back after opening

Threads: one in each process. Linux only, as it reads and writes below /proc/self.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import numpy as np

from bench.geometry import open_loadable
from bench.tables import Line, Size, absent, scaled
from powercut.engine import EngineError, FasterKv

__all__ = ["Larger", "Resident", "measure"]

STATUS = Path("/proc/self/status")
CLEAR = Path("/proc/self/clear_refs")
CLEAR_PEAK = "5"
KEYS_INTERPRETED = 150_000
RECORD_BYTES = 16
VALUE_BYTES = 256
LARGER_BYTES = 16 + 8 + VALUE_BYTES  # Header, key, value.
SLICE = 1 << 10  # Short: records that wait to be written are resident too.
COLD_READS = 10_000
STEP = np.uint64(0x9E3779B97F4A7C15)
WARM = b"warm"  # No key of a load: those have 8 bytes.
SEED = 1

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Resident:
    """The figures of a store that stands in memory."""

    records: int
    grown_bytes: int
    kernels: str


@dataclass(frozen=True, slots=True)
class Larger:
    """The figures of a store larger than memory."""

    records: int
    log_bytes: int
    memory_bytes: int
    peak_bytes: int  # Less what was resident after opening.
    written_rate: float
    read_rate: float


def measure(size: Size) -> list[Line]:
    """The rows of Q7 and of the store larger than memory."""
    if not STATUS.exists() or not CLEAR.exists():
        return [absent("resident bytes", "not there: needs /proc")]
    return [*_resident_lines(size), *_larger_lines(size, 1), *_larger_lines(size, 2)]


def _resident_lines(size: Size) -> list[Line]:
    name = "resident for a record of 8 + 8 bytes"
    found = in_child(resident, size.keys)
    if found is None:
        return [absent(name, "the process that measures it died")]
    each = found.grown_bytes / found.records
    note = f"{found.records:,} records, {found.kernels} kernels; Q7: <= 56 B"
    return [Line(name, f"{each:.1f} B", note)]


def _larger_lines(size: Size, passes: int) -> list[Line]:
    name = f"larger than memory, keys {'once' if passes == 1 else 'twice'}"
    try:
        found = in_child(larger, size.log_memory_bytes, size.log_factor, passes)
    except EngineError as error:
        return [absent(name, f"{type(error).__name__}: {error}")]
    if found is None:
        return [absent(name, "the process that measures it died")]
    times = found.log_bytes / found.memory_bytes
    note = (
        f"{found.peak_bytes / (1 << 20):.1f} of {found.memory_bytes / (1 << 20):.0f} MiB,"
        f" log {times:.1f} x memory, {found.records:,} records with values of {VALUE_BYTES} bytes"
    )
    return [
        Line(f"{name}: peak / memory", f"{found.peak_bytes / found.memory_bytes:.2f}", note),
        Line(f"{name}: upserts", f"{scaled(found.written_rate)}/s"),
        Line(f"{name}: reads", f"{scaled(found.read_rate)}/s", "uniform, most from the device"),
    ]


# -- in the child ----------------------------------------------------------------------------------


def resident(keys: int) -> Resident:
    """Load up to `keys` records and see by how much the process has grown."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="powercut-bench-"))
        store, count = open_loadable(Path(folder), keys, RECORD_BYTES, KEYS_INTERPRETED)
        stack.enter_context(store)
        session: Any = stack.enter_context(store.session("bench"))
        numbers = np.arange(count, dtype=np.uint64) * STEP  # Invariant 1.
        session.upsert(WARM, bytes(8))
        if hasattr(session, "upsert_many"):
            session.upsert_many(numbers[:1], numbers[:1])
        before = status_bytes("VmRSS")
        if hasattr(session, "upsert_many"):
            session.upsert_many(numbers, numbers)
        else:
            for number in numbers:
                session.upsert(number.tobytes(), number.tobytes())
        return Resident(count, status_bytes("VmRSS") - before, store.kernels)


def larger(memory_bytes: int, factor: int, passes: int) -> Larger:
    """Write a log `factor` times `memory_bytes` by going over the keys so often, then read some at random."""
    with (
        tempfile.TemporaryDirectory(prefix="powercut-bench-") as folder,
        FasterKv.open(folder, create=True, memory=memory_bytes) as store,
        store.session("bench") as session,
    ):
        keys = memory_bytes * factor // LARGER_BYTES // passes + SLICE
        random = Random(SEED)
        chosen = [_key(random.randrange(keys)) for _ in range(COLD_READS)]
        session.upsert(WARM, bytes(VALUE_BYTES))
        session.read(WARM)
        CLEAR.write_text(CLEAR_PEAK, encoding="ascii")  # Invariant 2.
        before = status_bytes("VmRSS")
        seconds = sum(_write(session, keys) for _ in range(passes))
        begun = time.perf_counter()
        missed = sum(session.read(key) is None for key in chosen)
        read_seconds = time.perf_counter() - begun
        if missed:
            sys.exit(f"the store is broken, so there is nothing to measure: {missed:,} keys are missing")
        peak = status_bytes("VmHWM") - before
        log_bytes = sum(path.stat().st_size for path in Path(folder).iterdir())
    records = keys * passes
    return Larger(records, log_bytes, memory_bytes, peak, records / seconds, COLD_READS / read_seconds)


def _write(session: Any, keys: int) -> float:
    """Upsert every key once; seconds in the store, without making the records."""
    upsert_many = getattr(session, "upsert_many", None)
    seconds = 0.0
    for names, values in _slices(keys):
        begun = time.perf_counter()
        if upsert_many is not None:
            upsert_many(names, values)
        else:
            for key, value in zip(names, values, strict=True):
                session.upsert(key, value)
        seconds += time.perf_counter() - begun
    return seconds


def _slices(count: int) -> Iterator[tuple[Sequence[bytes], Sequence[bytes]]]:
    for start in range(0, count, SLICE):
        keys = [_key(number) for number in range(start, min(start + SLICE, count))]
        yield keys, [key * (VALUE_BYTES // len(key)) for key in keys]


def _key(number: int) -> bytes:
    return (number * int(STEP) & (1 << 64) - 1).to_bytes(8, "little")


def status_bytes(field: str) -> int:
    """A field of /proc/self/status that is given in kB, in bytes."""
    for line in STATUS.read_text(encoding="ascii").splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) << 10
    raise KeyError(field)


def in_child(work: Callable[..., Result], *arguments: int) -> Result | None:
    """Run `work(*arguments)` in a fresh process; None if it died. What it raises goes on here."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        try:
            return pool.submit(work, *arguments).result()
        except BrokenProcessPool:
            return None
