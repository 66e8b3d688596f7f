"""Physical limits: what a loop that does nothing but touch memory, or write a file, reaches here.

The bare loop is the yardstick of the batch operations. One of its operations touches two lines of 64
bytes, at random places of a table backed by huge pages; where the second stands is read in the first, as a
record's address is read in a bucket. Operations are independent of each other and are done in groups: ask for
the first lines of all, then for the second lines of all, then read.

Invariants
  1  lines = table bytes / 64, a power of two; every line's first word is the word number of a random line
  2  the walk's answer depends on every line it touched, so no load can be left out
  3  the table is private anonymous memory: shared memory has a huge page setting of its own

Threads: the walk holds no lock of the interpreter and only reads the table; several may walk at once.
"""

from __future__ import annotations

import importlib
import mmap
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bench.tables import Line, Series, Size, absent, interleave, measured, on_threads, ratio, timed

__all__ = ["BareLoop", "measure"]

LINE_WORDS = 8
LINE_BYTES = 64
GROUP = 16
OPERATIONS = 1 << 23  # One walk; a quarter of a second or more.
COPY_BYTES = 1 << 28
CHUNK_BYTES = 1 << 20
SEED = 1

_STEP = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xBF58476D1CE4E5B9)
_HALF = np.uint64(32)
_LINE = np.uint64(LINE_WORDS)
_ONE = np.uint64(1)


class BareLoop:
    """The table and the compiled walk over it. Raises ImportError where numba is not installed."""

    def __init__(self, table_bytes: int) -> None:
        self._walk = _compile_walk()
        self._table = _huge_table(table_bytes)
        lines = table_bytes // LINE_BYTES
        self._mask = np.uint64(lines - 1)
        # Invariant 1.
        self._table[::LINE_WORDS] = np.random.default_rng(SEED).integers(0, lines, lines, dtype=np.uint64) * 8
        self._start = 0

    def walk(self, count: int = OPERATIONS) -> int:
        """Walk `count` operations from a place where no walk has begun before; how many were done."""
        groups = count // GROUP
        self._start += groups * GROUP
        self._walk(self._table, self._mask, np.uint64(self._start), np.uint64(groups))
        return groups * GROUP

    def on_one_thread(self, count: int = OPERATIONS) -> float:
        """Operations a second."""
        return timed(lambda: self.walk(count))()

    def on_two_threads(self, count: int = OPERATIONS) -> float:
        """Operations a second of both together."""
        return on_threads([lambda: self.walk(count)] * 2)


def measure(size: Size, bare: BareLoop | None) -> list[Line]:
    """The table of limits."""
    lines: list[Line] = []
    table = f"{size.table_bytes >> 20:,} MiB"
    if bare is None:
        lines.append(absent("two dependent random lines", "not there: numba is not installed"))
    else:
        found = interleave(size.rounds, {"1": bare.on_one_thread, "2": bare.on_two_threads})
        huge = f"table of {table}; of this process {_huge_bytes() >> 20:,} MiB in huge pages"
        lines.append(measured("two dependent random lines, 1 thread", found["1"], "/s", huge))
        factor = ratio(found["2"], found["1"]).text(lambda value: f"{value:.2f}")
        lines.append(measured("two dependent random lines, 2 threads", found["2"], "/s", f"factor {factor}"))
    copied = min(COPY_BYTES, size.table_bytes)
    lines.append(measured("memcpy, 1 thread", _copies(size.rounds, copied), "B/s"))
    note = f"{copied >> 20} MiB, one fdatasync at the end"
    lines.append(measured("sequential write", _writes(size.rounds, copied), "B/s", note))
    return lines


def _copies(rounds: int, count: int) -> Series:
    source = np.ones(count, np.uint8)
    target = np.full(count, 2, np.uint8)  # Written here, or the first copy would pay for its pages.

    def copy() -> int:
        np.copyto(target, source)
        return count

    return interleave(rounds, {"copy": timed(copy)})["copy"]


def _writes(rounds: int, count: int) -> Series:
    chunk = np.random.default_rng(SEED).bytes(CHUNK_BYTES)
    with tempfile.TemporaryDirectory(prefix="powercut-bench-") as folder:

        def write() -> int:
            with Path(folder, "sequential").open("wb", buffering=0) as file:
                for _ in range(count // CHUNK_BYTES):
                    file.write(chunk)
                os.fdatasync(file.fileno())
            return count

        return interleave(rounds, {"write": timed(write)})["write"]


def _huge_table(table_bytes: int) -> Any:
    """Words of zeros, in huge pages where the system has them."""
    memory = mmap.mmap(-1, table_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)  # Invariant 3.
    advice = getattr(mmap, "MADV_HUGEPAGE", None)
    if advice is not None:
        memory.madvise(advice)
    return np.frombuffer(memory, np.uint64)


def _huge_bytes() -> int:
    """Bytes of this process in huge pages; 0 where the system does not tell."""
    path = Path("/proc/self/smaps_rollup")
    for line in path.read_text(encoding="ascii").splitlines() if path.exists() else []:
        if line.startswith("AnonHugePages:"):
            return int(line.split()[1]) << 10
    return 0


# -- the compiled walk -----------------------------------------------------------------------------


def _compile_walk() -> Callable[..., Any]:
    numba: Any = importlib.import_module("numba")
    prefetch = _prefetch()

    def walk(table: Any, mask: Any, start: Any, groups: Any) -> Any:
        places = np.empty(GROUP, np.uint64)
        total = np.uint64(0)
        number = start
        for _ in range(groups):
            for lane in range(GROUP):
                mixed = number * _STEP
                mixed = (mixed ^ (mixed >> _HALF)) * _MIX
                places[lane] = ((mixed >> _HALF) & mask) * _LINE
                prefetch(table, places[lane])
                number += _ONE
            for lane in range(GROUP):
                places[lane] = table[places[lane]]
                prefetch(table, places[lane])
            for lane in range(GROUP):
                total += table[places[lane] + _ONE]  # Invariant 2.
        return total

    signature = "uint64(uint64[::1], uint64, uint64, uint64)"
    compiled: Callable[..., Any] = numba.njit(signature, nogil=True, error_model="numpy")(walk)
    return compiled


def _prefetch() -> Any:
    """prefetch(words, number): ask the processor for a line, to read it soon."""
    extending: Any = importlib.import_module("numba.extending")
    types: Any = importlib.import_module("numba.core.types")
    cgutils: Any = importlib.import_module("numba.core.cgutils")
    ir: Any = importlib.import_module("llvmlite.ir")

    def prefetch(_typing: Any, words: Any, number: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            array = context.make_array(signature.args[0])(context, builder, arguments[0])
            byte = ir.IntType(8).as_pointer()
            flag = ir.IntType(32)
            kind = ir.FunctionType(ir.VoidType(), [byte, flag, flag, flag])
            function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
            place = builder.bitcast(builder.gep(array.data, [arguments[1]]), byte)
            read, keep, data = flag(0), flag(3), flag(1)
            builder.call(function, [place, read, keep, data])
            return context.get_dummy_value()

        return types.void(words, number), generate

    return extending.intrinsic(prefetch)
