"""Recording beside `strace -f`: the same programs alone, traced and recorded, in turn.

    python bench/recording.py [--rounds 5] [--only writes]

strace tells every call (`-f`), or only those at which the recorder stops (`-f -e`, with its filter in the
kernel); it writes to a file. The recorder's time includes its start, its self-check, and its recording in
memory. Seconds by the clock, then processor seconds of all processes together, that of the caller too. The
last rows are `powercut record` as a command, beside strace as one: with the start of Python, and a file.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from powercut.verifier.programs.record import record
from powercut.verifier.programs.table import HANDLERS

PROGRAMS: Final = {
    "start": "pass",
    "writes": (
        "import os\nfd = os.open('a', os.O_CREAT | os.O_RDWR)\n"
        "for n in range(40000): os.pwrite(fd, b'x' * 100, n * 100)"
    ),
    "names": (
        "import os\nfor n in range(4000):\n  fd = os.open('t', os.O_CREAT | os.O_WRONLY)\n"
        "  os.write(fd, b'x' * 99); os.close(fd); os.rename('t', 'a'); os.link('a', 'b'); os.unlink('b')"
    ),
    "files": (
        "import os\nfor n in range(3000):\n  with open(f'{n}', 'wb', 0) as file: file.write(b'x' * 99)"
    ),
    "syncs": (
        "import os\nfd = os.open('a', os.O_CREAT | os.O_RDWR)\n"
        "for n in range(1000): os.write(fd, b'x' * 100); os.fdatasync(fd)"
    ),
    "sqlite": (
        "import sqlite3\nbase = sqlite3.connect('a', isolation_level=None)\n"
        "base.execute('create table t(a)')\n"
        "for n in range(500): base.execute('insert into t values(?)', (n,))"
    ),
}


_COMMAND: Final = "from powercut.verifier.cli.app import main; main()"
_NEW: Final = frozenset({"fchmodat2", "setxattrat", "removexattrat"})  # Some releases of strace lack them.


class Cost(NamedTuple):
    """The seconds of one run."""

    clock: float
    processor: float


def _cost(work: Callable[[], object]) -> Cost:
    def used() -> float:
        of = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(each.ru_utime + each.ru_stime for each in of)

    before, begin = used(), time.perf_counter()
    work()
    return Cost(time.perf_counter() - begin, used() - before)


def _ways(command: list[str], folder: Path) -> Mapping[str, Callable[[], object]]:
    """The ways to run the program, each in an empty folder."""
    root = folder / "root"
    told = folder / "strace.txt"
    calls = ",".join(sorted(name for name, _ in HANDLERS.values() if name not in _NEW))

    def run(*before: str) -> Callable[[], object]:
        return lambda: subprocess.run([*before, *command], cwd=root, check=True, stderr=subprocess.DEVNULL)

    ways: dict[str, Callable[[], object]] = {"alone": run()}
    if shutil.which("strace"):
        ways["strace -f"] = run("strace", "-f", "-o", str(told))
        ways["strace -f -e"] = run("strace", "-f", "--seccomp-bpf", "-e", f"trace={calls}", "-o", str(told))
    ways["recorded"] = lambda: record([command], root, folder=root)
    words = "record", "-o", str(folder / "run.trace"), "--root", str(root), "--"
    ways["powercut record"] = run(sys.executable, "-P", "-c", _COMMAND, *words)
    return ways


def measure(name: str, rounds: int) -> dict[str, list[Cost]]:
    """The cost of each way, round by round; the ways take turns."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        script = folder / "program.py"
        script.write_text(PROGRAMS[name], encoding="utf-8")
        ways = _ways([sys.executable, "-S", "-E", str(script)], folder)
        costs: dict[str, list[Cost]] = {way: [] for way in ways}
        for _ in range(rounds):
            for way, work in ways.items():
                shutil.rmtree(folder / "root", ignore_errors=True)
                (folder / "root").mkdir()
                costs[way].append(_cost(work))
    return costs


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=PROGRAMS, action="append")
    asked = parser.parse_args()
    for name in asked.only or PROGRAMS:
        costs = measure(name, asked.rounds)
        for way, each in costs.items():
            clock, processor = (median(cost[part] for cost in each) for part in (0, 1))
            line = f"{name:8} {way:14} {clock:7.2f} s {processor:7.2f} s of processors"
            if "record" in way and "strace -f" in costs:
                ratios = [
                    f"{median(own[1] / other[1] for own, other in zip(each, costs[beside], strict=True)):.1f}"
                    for beside in ("strace -f", "strace -f -e")
                ]
                line += f", {ratios[0]} times strace -f, {ratios[1]} times strace -f -e"
            print(line, flush=True)


if __name__ == "__main__":
    main()
