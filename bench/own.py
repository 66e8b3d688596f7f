"""A store of one's own on the bench, in processor seconds: two eras to the end; openings beside a revision.

Usage: python bench/own.py [REVISION] [--steps 2] [--more 2] [--rounds 5]

The store of the README is searched to the end: every program of at most --steps steps, every crash state of
each under `posix`, after each recovery every continuation of at most --more operations, a checkpoint and a
reopening, and every crash state of these. With a REVISION the log of docs/your-store.md, which was the
README's store at 71c2047, is searched by both sides in turn: every program of at most three steps, one search
each, as a machine does it for each example. Openings are counted as if each search were alone; here one
leaves the others what came of them.

Invariants
  1  a figure is user and system time of one process
  2  both sides judge the same programs, one round of a side, then one of the other; the least of each is told
  3  what the two have counted is told beside the figures, and nothing is asserted of it
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

HERE: Final = Path(__file__).resolve().parent.parent
STEPS: Final = 3
LIMIT: Final = 64
# Where the parts of a search have stood, by the prefix of its packages.
PLACES: Final = {
    "powercut.": {
        "crashes": "verifier.finders.crashes",
        "recoveries": "verifier.finders.recoveries",
        "programs": "verifier.tapes.programs",
        "tape": "verifier.tapes.tape",
        "model": "verifier",
    },
    "": {name: f"verifier.{name}" for name in ("crashes", "recoveries", "programs", "tape", "model")},
}
COUNTS: Final = ("programs", "distinct", "judged", "checked")


def blocks(path: str) -> list[str]:
    """The blocks of Python in a document."""
    text = (HERE / path).read_text(encoding="utf-8")
    return [part.split("```", 1)[0] for part in text.split("```python\n")[1:]]


def store_of(source: str, name: str, apply: Any = None) -> Any:
    """The class of this name in a block of a document; `apply` in place of what it imports, if said."""
    if apply is not None:
        source = source.split("\nclass LogMachine")[0].replace("from powercut import StoreMachine\n", "")
        source = source.replace("from powercut.verifier import apply\n", "")
    space: dict[str, Any] = {"__name__": "own", "apply": apply}
    exec(source, space)
    return space[name]


def two_eras(steps: int, more: int) -> str:
    """The search of two eras of the README's store, to its end, as a line."""
    powercut: Any = import_module("powercut.verifier.finders.continuations")
    crashes: Any = import_module("powercut.verifier.finders.crashes")
    recoveries: Any = import_module("powercut.verifier.finders.recoveries")
    programs: Any = import_module("powercut.verifier.tapes.programs")
    tape: Any = import_module("powercut.verifier.tapes.tape")
    (block,) = (each for each in blocks("README.md") if "class Snapshot" in each)
    mended = block.replace('"new", "now")\n', '"new", "now")\n        self.device.sync_names()\n')
    store = store_of(mended, "Snapshot")
    started, total = time.process_time(), crashes.Coverage()
    known = recoveries.Recoveries(store, "posix", LIMIT)
    further = powercut.Continuations(store, "posix", LIMIT, powercut.continuations(more), known)
    for program in programs.small_programs(steps):
        played = tape.Tape((tape.Era(program),), law="posix", subject="own:Snapshot")
        seen, finding = crashes.search_tape(
            played, limit=LIMIT, make_store=store, recoveries=known, continuations=further
        )
        if finding is not None:
            sys.exit(f"the store is broken, so there is nothing to measure: {finding.verdict}")
        total.merge(seen)
    spent = time.process_time() - started
    end = "to the end" if not total.bounded else f"{total.bounded} points not exhausted"
    return (
        f"README's store, programs <= {steps} steps, continuations <= {more}: {spent:.2f} s, {end}; "
        f"{total.programs:,} programs, {total.contents:,} crash states, {further.contents:,} contents gone "
        f"on from by {len(further.programs):,} continuations, {total.checked:,} openings"
    )


def search_log(prefix: str) -> dict[str, Any]:
    """One round: the log searched by the side with this prefix."""
    parts = {part: import_module(prefix + place) for part, place in PLACES[prefix].items()}
    crashes, programs, tape = (parts[each] for each in ("crashes", "programs", "tape"))
    (block,) = (each for each in blocks("docs/your-store.md") if "class Log:" in each)
    mended = block.replace('device.sync("log")\n\n', 'device.sync("log")\n        device.sync_names()\n\n', 1)
    store = store_of(mended, "Log", parts["model"].apply)
    small = list(programs.small_programs(STEPS))
    started, total = time.process_time(), crashes.Coverage()
    opened = parts["recoveries"].Opened() if prefix else None
    # A machine of today asks the collector seldom while it runs; at 71c2047 it did not.
    garbage = import_module(f"{prefix}verifier.garbage").collected_seldom() if prefix else nullcontext()
    with garbage:
        for program in small:
            played = tape.Tape((tape.Era(program),), law="posix")
            known = parts["recoveries"].Recoveries(
                store, "posix", LIMIT, **({"opened": opened} if opened else {})
            )
            seen, finding = crashes.search_tape(played, limit=LIMIT, make_store=store, recoveries=known)
            if finding is not None:
                sys.exit(f"the store is broken, so there is nothing to measure: {finding.verdict}")
            total.merge(seen)
    return {"seconds": time.process_time() - started, **{name: getattr(total, name) for name in COUNTS}}


def side_by_side(revision: str, rounds: int) -> list[str]:
    """A line for each side, and their ratio."""
    against: Any = import_module("against")
    with TemporaryDirectory() as folder:
        sides = {
            revision: against.Side(against.unpack(HERE, revision, Path(folder))),
            "here": against.Side(HERE),
        }
        told: dict[str, dict[str, Any]] = {}
        for _ in range(rounds):
            for name, side in sides.items():
                done = subprocess.run(
                    [sys.executable, "-P", __file__, "--run", side.prefix],
                    stdout=subprocess.PIPE,
                    check=True,
                    env={**os.environ, "PYTHONPATH": str(side.folder), "PYTHONHASHSEED": "0"},
                )
                found = json.loads(done.stdout)
                if name not in told or found["seconds"] < told[name]["seconds"]:
                    told[name] = found
    rates = {name: each["checked"] / each["seconds"] for name, each in told.items()}
    return [
        *(
            f"{name:10}{each['seconds']:7.2f} s {rates[name]:9,.0f} openings a second; "
            + ", ".join(f"{count} {each[count]:,}" for count in COUNTS)
            for name, each in told.items()
        ),
        f"ratio     {rates['here'] / rates[revision]:7.2f}",
    ]


def main() -> None:
    """Measure and print; with --run, be the process that is measured."""
    if sys.argv[1:2] == ["--run"]:
        print(json.dumps(search_log(sys.argv[2])))
        return
    described = argparse.ArgumentParser(
        description="A store of one's own on the bench, in processor seconds."
    )
    described.add_argument("revision", nargs="?", help="searched beside this tree, 71c2047 say")
    described.add_argument("--steps", type=int, default=2)
    described.add_argument("--more", type=int, default=2)
    described.add_argument("--rounds", type=int, default=5)
    options = described.parse_args()
    print(two_eras(options.steps, options.more))
    if options.revision:
        print(*side_by_side(options.revision, options.rounds), sep="\n")


if __name__ == "__main__":
    main()
