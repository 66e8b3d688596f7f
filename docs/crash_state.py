"""Draw docs/crash-state.svg from a kept tape: a real trace of the store without the sync of its roots.

Usage: python docs/crash_state.py [FILE]

A planted bug reaches the store only before the store is imported, so this runs in a process of its own.
"""

import sys
from pathlib import Path

from powercut.verifier.mutants.hook import install
from powercut.verifier.tapes.kept import load
from powercut.verifier.verdict import Violation

ROOT = Path(__file__).resolve().parent.parent
TAPE = ROOT / "tests" / "regressions" / "root-never-synced.json"


def draw() -> str:
    """The picture of the crash that the tape ends in."""
    tape = load(TAPE).tape
    install(tape.bug)
    # Only now: these import the store, with the bug in it.
    from powercut.faultfs.picture import picture
    from powercut.verifier.runs.play import play
    from powercut.verifier.spec.history import crash_index

    run = play(tape)
    assert isinstance(run.verdict, Violation)
    segment = run.segments[0]
    crash = tape.eras[0].crash
    assert crash is not None
    index = crash_index(segment.trace, crash)
    opened = segment.lives[0].opened
    assert opened is not None
    # What the opening acknowledged is an empty store, and drawn nowhere.
    acks = [(at, bound) for at, bound in segment.acks if at > opened]
    return picture(
        segment.trace,
        index,
        crash.survivors,
        tape.law,
        start=opened,
        remarks={at: "checkpoint acknowledged" for at, _ in acks if at <= index},
        below=(f"{run.verdict.breach.value}: {run.verdict.detail}",),
    )


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "crash-state.svg"
    target.write_text(draw(), encoding="utf-8")
