"""The store's batch operations beside the bare loop over random lines, on one thread and on two.

Q1 and Q2: keys are uniform over all that were loaded, 8 bytes each, as are values; each call gets an array of
a round's operations. With two threads each has a session and an array of its own.

Invariants
  1  what a round wrote is known: after the last one, the store's content is read back and compared with an
     array that did the same; a store that is wrong is not measured but refused
  2  within a round all threads upsert the same value, so their order does not matter; additions commute

Threads: two, of `on_threads`; nothing else is shared between them than the store.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bench.geometry import open_loadable
from bench.limits import BareLoop
from bench.tables import Line, Series, Size, absent, interleave, measured, on_threads, ratio, timed

__all__ = ["measure"]

METHODS = ("read_many", "upsert_many", "add_many")
KEYS_INTERPRETED = 100_000  # What interpreted kernels do in seconds.
STEP = np.uint64(0x9E3779B97F4A7C15)  # Odd, so number * STEP is another key for every number.
RECORD_BYTES = 16
SLICES = 4  # Of the load, each timed: the first pays for more untouched pages than the last.
SEED = 1
THREADS = 2

Words = Any  # uint64 array of shape (n,)


class Loaded:
    """A store with `keys` counters in it, an array that says what they are, and a session a thread."""

    def __init__(self, store: Any, keys: int, operations: int) -> None:
        self.keys = np.arange(keys, dtype=np.uint64) * STEP
        self.values = np.arange(keys, dtype=np.uint64)  # What `load` writes.
        self.sessions = [store.session(f"bench-{number}") for number in range(THREADS)]
        self._random = np.random.default_rng(SEED)
        self._operations = operations
        self._round = 0

    def load(self) -> Series:
        """Every key upserted once, at random places of the index; the rates of slices."""
        places = self._random.permutation(len(self.keys)).astype(np.uint64)
        rates = []
        for places_now in np.array_split(places, SLICES):
            keys_now = self.keys[places_now]
            rates.append(timed(partial(self._upsert, keys_now, places_now))())
        return Series(tuple(rates))

    def work(self, method: str, threads: int) -> float:
        """One round of `method`; operations a second of all threads."""
        self._round += 1
        works = [self._prepared(method, number) for number in range(threads)]
        return on_threads(works) if threads > 1 else timed(works[0])()

    def _prepared(self, method: str, number: int) -> Callable[[], int]:
        """Everything but the call itself, outside the time taken."""
        places = self._random.integers(0, len(self.keys), self._operations)
        keys = self.keys[places]
        session = self.sessions[number]
        if method == "read_many":
            return lambda: len(session.read_many(keys, dtype="<u8")[0])
        if method == "add_many":
            deltas = np.ones(len(keys), np.uint64)
            np.add.at(self.values, places, deltas)
            return lambda: session.add_many(keys, deltas) or len(keys)
        self.values[places] = np.uint64(self._round)  # Invariant 2.
        values = np.full(len(keys), self._round, np.uint64)
        return lambda: session.upsert_many(keys, values) or len(keys)

    def _upsert(self, keys: Words, values: Words) -> int:
        self.sessions[0].upsert_many(keys, values)
        return len(keys)

    def refuse(self) -> None:
        """Refuse a store whose counters are not what was added (invariant 1)."""
        values, found = self.sessions[0].read_many(self.keys, dtype="<u8")
        wrong = int(np.count_nonzero(~found | (values != self.values)))
        if wrong:
            sys.exit(f"the store is broken, so there is nothing to measure: {wrong:,} keys are wrong")


def measure(size: Size, bare: BareLoop | None) -> list[Line]:
    """The rows of Q1 and Q2."""
    with tempfile.TemporaryDirectory(prefix="powercut-bench-") as folder:
        store, keys = open_loadable(Path(folder), size.keys, RECORD_BYTES, KEYS_INTERPRETED)
        with store:
            kernels = store.kernels
            with store.session("look") as session:
                if not all(hasattr(session, method) for method in METHODS):
                    return [absent(method, "not there") for method in METHODS]
            operations = max(1, keys // 2)
            head = Line("kernels", kernels, f"{keys:,} keys; calls of {operations:,} operations")
            loaded = Loaded(store, keys, operations)
            lines = [head, measured("load, upsert_many", loaded.load(), "/s", f"{SLICES} slices of the keys")]
            threads = (1, THREADS) if kernels == "compiled" else (1,)
            found = _rates(size.rounds, loaded, bare, threads)
            loaded.refuse()
    if len(threads) == 1:
        found |= dict.fromkeys(((method, THREADS) for method in METHODS), None)
    return [*lines, *_one_thread(found), *_two_threads(found)]


Found = dict[tuple[str, int], Series | None]


def _rates(rounds: int, loaded: Loaded, bare: BareLoop | None, threads: tuple[int, ...]) -> Found:
    """All of it interleaved, the bare loop included. Keys of the result: (method or "bare", threads)."""
    works: dict[str, Callable[[], float]] = {}
    names: dict[str, tuple[str, int]] = {}
    for count in threads:
        for method in METHODS:
            names[f"{method} {count}"] = (method, count)
            works[f"{method} {count}"] = partial(loaded.work, method, count)
        if bare is not None:
            names[f"bare {count}"] = ("bare", count)
            works[f"bare {count}"] = bare.on_one_thread if count == 1 else bare.on_two_threads
    return {names[name]: series for name, series in interleave(rounds, works).items()}


def _one_thread(found: Found) -> list[Line]:
    bare = found.get(("bare", 1))
    lines = []
    if bare is not None:
        lines.append(measured("bare loop, 1 thread", bare))
    for method in METHODS:
        series = found[method, 1]
        assert series is not None
        note = ""
        if bare is not None:
            note = f"{ratio(series, bare).text(_percent)} % of the bare loop; Q1: >= 25 %"
        lines.append(measured(f"{method}, 1 thread", series, "/s", note))
    return lines


def _two_threads(found: Found) -> list[Line]:
    one, two = found.get(("bare", 1)), found.get(("bare", THREADS))
    bare_factor = ratio(two, one) if one is not None and two is not None else None
    lines = []
    if two is not None and bare_factor is not None:
        lines.append(measured("bare loop, 2 threads", two, "/s", f"factor {bare_factor.text(_factor)}"))
    for method in METHODS:
        single, double = found[method, 1], found[method, THREADS]
        name = f"{method}, 2 threads"
        if single is None or double is None:
            lines.append(absent(name, "not there: needs compiled kernels"))
            continue
        factor = ratio(double, single)
        note = f"factor {factor.text(_factor)}"
        if bare_factor is not None:
            note += f", {ratio(factor, bare_factor).text(_percent)} % of the bare loop's; Q2: >= 85 %"
        lines.append(measured(name, double, "/s", note))
    return lines


def _percent(share: float) -> str:
    return f"{share * 100:.3g}"


def _factor(value: float) -> str:
    return f"{value:.2f}"
