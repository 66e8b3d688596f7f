"""Going on from a store that tells what is durable and not what it recovered: what is right passes."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from powercut.verifier.finders.continuations import Continuations, continuations
from powercut.verifier.finders.crashes import Finding, search_tape
from powercut.verifier.finders.recoveries import Recoveries
from powercut.verifier.runs.play import play
from powercut.verifier.tapes.programs import small_programs
from powercut.verifier.tapes.tape import Era, Tape
from powercut.verifier.verdict import Breach

_SLOTTED = Path(__file__).parents[3] / "docs" / "own-store" / "slotted.py"
_LIMIT = 64


def _edited(*edits: tuple[str, str]) -> Any:
    source = _SLOTTED.read_text(encoding="utf-8")
    for old, new in edits:
        assert source.count(old) == 1
        source = source.replace(old, new)
    made = ModuleType("slotted")
    exec(compile(source, "slotted.py", "exec"), made.__dict__)
    return made.Slotted


def _searched(made: Any, steps: int) -> tuple[Finding | None, int]:
    """Search all programs of so many steps, and go on from each recovery by at most one operation."""
    recoveries = Recoveries(made, "posix", _LIMIT)
    further = Continuations(made, "posix", _LIMIT, continuations(1), recoveries)
    for program in small_programs(steps):
        tape = Tape((Era(program),), subject="own:Store")
        shared = {"recoveries": recoveries, "continuations": further}
        _, finding = search_tape(tape, limit=_LIMIT, make_store=made, **shared)  # type: ignore[arg-type]
        if finding is not None:
            return finding, further.contents
    return None, further.contents


_NO_TAIL = 'device.truncate("slots", self.count * SLOT)', "pass"
_SESSIONS = (
    ("self.count = 0\n", "self.count = 0\n        self.taken = {}\n"),
    (
        "key, value = json.loads(slot[8:])",
        "key, value, session, self.taken[session] = json.loads(slot[8:])",
    ),
    (
        "[operation.key.decode(), value.decode()]",
        "[operation.key.decode(), value.decode(), operation.session, operation.serial]",
    ),
    (
        "self.count += 1\n        return",
        "self.count += 1\n        self.taken[operation.session] = operation.serial\n        return",
    ),
    (
        'self.device.sync("slots")\n\n    def read',
        'self.device.sync("slots")\n        return dict(self.taken)\n\n    def read',
    ),
)
_NUMBER = _SESSIONS[-1][0], _SESSIONS[-1][1].replace("dict(self.taken)", "self.count")


@pytest.mark.parametrize("edits", [_SESSIONS, (_NUMBER,)], ids=["serials", "number"])
def test_store_that_tells_serials_that_it_keeps_and_not_what_it_recovered_passes(edits: Any) -> None:
    """Its count begins before the opening: a content alone does not tell how many operations made it."""
    finding, contents = _searched(_edited(*edits), 2)
    assert finding is None
    assert contents > 20
    finding, _ = _searched(_edited(_NO_TAIL, *edits), 2)
    assert finding is not None  # And what is wrong is found.
    assert finding.verdict.breach is Breach.HOLE


def test_checkpoint_of_a_later_life_that_tells_serials_and_syncs_nothing_is_found() -> None:
    old, new = _SESSIONS[-1]
    lazy = (old, new.replace("self.device.sync", "self.count == 2 or self.device.sync"))
    made = _edited(*_SESSIONS[:-1], lazy)
    finding, _ = _searched(made, 1)
    assert finding is not None
    assert finding.verdict.breach is Breach.LOST_ACK
    assert finding.verdict.is_same_kind(play(finding.tape, made).verdict)
