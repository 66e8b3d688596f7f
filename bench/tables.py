"""Tables: rates of things that were timed side by side, as median [min .. max].

Invariants
  1  what is compared is interleaved: one round of each before the next round of any, and each round starts
     with another one, so that a slow minute of the machine falls on all of them
  2  a ratio is taken round by round; median(a / b), not median(a) / median(b)
  3  nothing is asserted: a slow machine is no failure

Threads: `on_threads` starts its own and joins them; everything else is called from one.
"""

from __future__ import annotations

import os
import platform
import statistics
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "Line",
    "Series",
    "Size",
    "Work",
    "absent",
    "interleave",
    "machine",
    "measured",
    "on_threads",
    "ratio",
    "scaled",
    "show",
    "timed",
]

Work = Callable[[], float]  # Does something once; what it did a second.

NAME_WIDTH = 48
VALUE_WIDTH = 30


@dataclass(frozen=True, slots=True)
class Size:
    """The amount of work that is measured."""

    keys: int  # Of the batch rows.
    peer_keys: int  # Of the rows with one operation a call.
    table_bytes: int  # Of the bare loop over random lines.
    log_factor: int  # How many times its memory a store larger than memory gets written.
    log_memory_bytes: int  # What that store is given.
    tapes: int  # Random tapes searched.
    steps: int  # Of the programs searched completely.
    rounds: int
    value_bytes: int = 8  # Of the rows with one operation a call.


@dataclass(frozen=True, slots=True)
class Series:
    """One figure for each round."""

    figures: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.figures)

    def text(self, form: Callable[[float], str]) -> str:
        """`median [min .. max]`; of a single round the figure alone."""
        if len(self.figures) == 1:
            return form(self.figures[0])
        return f"{form(self.median)} [{form(min(self.figures))} .. {form(max(self.figures))}]"


@dataclass(frozen=True, slots=True)
class Line:
    """A row: what, how much, and how that compares."""

    name: str
    value: str
    note: str = ""


# -- measuring -------------------------------------------------------------------------------------


def timed(work: Callable[[], int]) -> Work:
    """The rate of `work`, which returns how many things it did; all of it is timed."""

    def rate() -> float:
        begun = time.perf_counter()
        count = work()
        return count / (time.perf_counter() - begun)

    return rate


def on_threads(works: Sequence[Callable[[], int]]) -> float:
    """Run each on a thread of its own, started together; what they did a second, all in all.

    The first exception of a thread goes on here, after all have ended.
    """
    barrier = threading.Barrier(len(works) + 1)
    counts: list[int] = []
    errors: list[Exception] = []

    def run(work: Callable[[], int]) -> None:
        barrier.wait()
        try:
            counts.append(work())
        except Exception as error:  # noqa: BLE001 (it goes on in the caller)
            errors.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    barrier.wait()
    begun = time.perf_counter()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - begun
    if errors:
        raise errors[0]
    return sum(counts) / seconds


def interleave(rounds: int, works: Mapping[str, Work]) -> dict[str, Series]:
    """Run the works in turns, round by round (invariant 1)."""
    names = list(works)
    figures: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds):
        first = number % len(names) if names else 0
        for name in names[first:] + names[:first]:
            figures[name].append(works[name]())
    return {name: Series(tuple(found)) for name, found in figures.items()}


def ratio(above: Series, below: Series) -> Series:
    """The ratio of two series of equally many rounds (invariant 2)."""
    return Series(tuple(a / b for a, b in zip(above.figures, below.figures, strict=True)))


# -- printing --------------------------------------------------------------------------------------


def scaled(value: float) -> str:
    """Three significant digits and the unit's prefix: 9.81 M, 134 k, 12.0."""
    divisor, prefix = _prefix(value)
    return f"{_three(value / divisor)} {prefix}".rstrip()


def measured(name: str, series: Series, unit: str = "/s", note: str = "") -> Line:
    """A row of rates, all in the prefix of their median: 36.8 [30.8 .. 45.7] M/s."""
    divisor, prefix = _prefix(series.median)
    return Line(name, f"{series.text(lambda value: _three(value / divisor))} {prefix}{unit}", note)


def absent(name: str, why: str) -> Line:
    """A row of something that is not there to be measured."""
    return Line(name, why)


def show(title: str, lines: Sequence[Line]) -> None:
    """Print a table, at once: the next one may take minutes."""
    print(title)
    for line in lines:
        text = f"  {line.name:<{NAME_WIDTH}} {line.value:<{VALUE_WIDTH}} {line.note}"
        print(text.rstrip(), flush=True)
    print(flush=True)


def machine() -> str:
    """The machine and the versions that the figures are measured on."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    processor = names[0] if names else platform.processor() or "unknown processor"
    system = f"{os.cpu_count()} x {processor}, {platform.system()} {platform.release()}"
    return f"{system}, {platform.python_implementation()} {platform.python_version()}"


def _prefix(value: float) -> tuple[float, str]:
    for power, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= power:
            return power, prefix
    return 1.0, ""


def _three(value: float) -> str:
    return f"{value:.{0 if value >= 100 else 1 if value >= 10 else 2}f}"
