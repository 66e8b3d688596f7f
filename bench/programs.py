"""Crash states judged a second of the processor: as `powercut explore` does it, and the plain way beside it.

Usage: python bench/programs.py [--rounds 3] [--limit 300000] [--plain 100]

A recording of two updates of an SQLite database (rollback journal, synchronous=FULL) is explored under
`posix`, read by three commands: SQLite's shell, `python -c` with its sqlite3, and a function of Python. The
plain way empties a folder, writes the state into it and starts the command, once for each distinct state, of
which so many are tried as --plain says.

Invariants
  1  both sides judge states of the same search in the same round, one process each
  2  time is that of the processor, for the machine may be shared; of ours that of the whole search, with its
     processes and their starts
  3  nothing is asserted

Needs `sqlite3`, and Linux on x86-64.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from statistics import median

from powercut.faultfs import crash_states
from powercut.verifier.programs.exploring.asked import Readings
from powercut.verifier.programs.exploring.search import Wanted, explore
from powercut.verifier.programs.exploring.workload import command_of
from powercut.verifier.programs.reading.placing import Placed
from powercut.verifier.programs.reading.readers import Command
from powercut.verifier.programs.reading.scene import Setting
from powercut.verifier.programs.record import record
from powercut.verifier.programs.recording import Recording

MODULE = """
import sqlite3

def rows(root):
    with sqlite3.connect(root + "/x.db") as connection:
        return connection.execute("select * from t").fetchall()
"""
READERS = {
    "shell": 'sqlite3 {root}/x.db "select * from t"',
    "python -c": "python3 -c 'import sys, powercut_bench_rows as m; print(m.rows(sys.argv[1]))' {root}",
    "module:function": "powercut_bench_rows:rows",
}


def _worked() -> float:
    """Seconds of the processor, of this process and of those below it that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def recorded(root: Path) -> Recording:
    """Two updates of a small database, each a step."""

    def shell(text: str) -> tuple[str, ...]:
        return "sqlite3", str(root / "x.db"), text

    subprocess.run(shell("create table t(k, v); insert into t values(1, 0);"), check=True)
    updates = [shell(f"pragma synchronous=full; update t set v = {value};") for value in (1, 2)]
    return record(updates, root)


def plain_rate(recording: Recording, command: Sequence[str], limit: int, most: int) -> float:
    """States a second where each is written whole, and the command started."""
    setting, folder = Setting(recording), recording.root
    states = islice(crash_states(recording.trace(), "posix", limit=limit), most)
    scenes = [setting.scene(state.image) for state in states]
    before = _worked()
    for scene in scenes:
        Placed(folder).place(scene)
        subprocess.run(command, check=False, capture_output=True, cwd=Path(folder).parent)
    return len(scenes) / (_worked() - before)


def search_rate(recording: Recording, command: Sequence[str], limit: int) -> tuple[float, int, int]:
    """States judged a second by the search, how many there are, and how many readings were made."""
    asked = Command(tuple(command), str(Path(recording.root).parent))
    before = _worked()
    with Readings(recording, asked) as readings:
        found = explore(recording, readings, Wanted(limit=limit))
        made = readings.made
    return found.states / (_worked() - before), found.states, made


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--limit", type=int, default=300_000)
    parser.add_argument("--plain", type=int, default=100)
    options = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="powercut-bench-"))
    try:
        (home / "powercut_bench_rows.py").write_text(MODULE)
        root = home / "data"
        root.mkdir()
        recording = recorded(root)
        print("| reader | states | read | plain, states/s | search, states/s | ratio |")
        print("|---|---|---|---|---|---|")
        for name, text in READERS.items():
            words = command_of(text.replace("python3", sys.executable), str(root))
            rounds = []
            for _ in range(options.rounds):
                plain = plain_rate(recording, words, options.limit, options.plain)
                rate, states, made = search_rate(recording, words, options.limit)
                rounds.append((plain, rate, rate / plain, states, made))
            plain, rate, ratio = (median(each[place] for each in rounds) for place in range(3))
            states, made = rounds[0][3:]
            print(f"| {name} | {states} | {made} | {plain:.0f} | {rate:.0f} | {ratio:.1f} |")
    finally:
        shutil.rmtree(home)


if __name__ == "__main__":
    main()
