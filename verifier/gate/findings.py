"""Findings: a violation on its way from a search to a person.

It is replayed twice, each time in any worker; only one that comes back is believed. Then it is
shrunk, written as a tape, and told.

Invariants
  1  what did not come back with one digest and the same kind is nondeterminism, not a violation
  2  a tape that cannot be shrunk, told or written does not hide the violation
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from ..finders.crashes import Finding
from ..mutants.hook import planted
from ..reducing.mend import mend
from ..reducing.passes import count_operations
from ..reducing.shrink import shrink
from ..runs.play import play
from ..tapes.tape import ANSWERS, SIDE_BY_SIDE, Tape, encode_tape
from ..telling.report import tell
from ..verdict import Verdict, Violation
from .document import Stage, Violated
from .workers import Workers

__all__ = ["add_finding"]


@dataclass(frozen=True, slots=True)
class _Replay:
    """The outcome of a run of a tape."""

    digest: str
    verdict: Verdict


def add_finding(
    finding: Finding, name: str, stage: Stage, workers: Workers, folder: Path, otherwise: str
) -> None:
    """Add the finding to the stage: as a violation, or as one that did not come back.

    name       of the stage, for the file
    otherwise  the line that repeats it where its file cannot be written
    """
    # What was found with a planted bug is played again with it.
    finding = Finding(replace(finding.tape, bug=finding.tape.bug or planted()), finding.verdict)
    first, second = workers.call(_replay, finding.tape), workers.call(_replay, finding.tape)
    is_same = finding.verdict.is_same_kind(first.verdict) and first == second
    if not is_same:
        what = f"{finding.verdict.oracle}: {finding.verdict.breach.value} was found; replayed: "
        repeat = _keep(finding.tape, f"{name}-unstable-{first.digest[:8]}", stage, folder)[1] or otherwise
        stage.unstable.append(what + f"{_say(first)}, then {_say(second)}; {repeat}")
        return
    tape, last = finding.tape, first
    with _tried(stage, "shrinking"):
        tape, last = workers.call(_shrink, finding)
    verdict = last.verdict
    assert isinstance(verdict, Violation)
    file, repeat = _keep(
        tape, f"{name}-{verdict.oracle}-{verdict.breach.name.lower()}-{last.digest[:8]}", stage, folder
    )
    story = ""
    with _tried(stage, "telling"):
        story = workers.call(_tell, tape, file)
    stage.violations.append(
        Violated(
            verdict.oracle,
            verdict.breach.value,
            verdict.detail,
            count_operations(tape),
            file,
            repeat or otherwise,
            story,
        )
    )


@contextmanager
def _tried(stage: Stage, what: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # noqa: BLE001 (a failure of the harness; the violation stands)
        stage.failures.append(f"{what} failed: {type(error).__name__}: {error}")


def _replay(tape: Tape) -> _Replay:
    run = play(tape)
    return _Replay(run.digest(), run.verdict)


def _shrink(finding: Finding) -> tuple[Tape, _Replay]:
    tape = shrink(finding.tape, verdict=finding.verdict)
    return tape, _replay(tape)


def _tell(tape: Tape, file: str) -> str:
    story = tell(tape, path=file)
    if tape.subject in (ANSWERS, *SIDE_BY_SIDE):
        return story
    return story + "\n".join(["", *mend(tape).lines(), ""])


def _say(replay: _Replay) -> str:
    verdict = replay.verdict
    kind = f"{verdict.oracle}: {verdict.breach.value}" if isinstance(verdict, Violation) else "no violation"
    return f"{kind} ({replay.digest[:8]})"


def _keep(tape: Tape, name: str, stage: Stage, folder: Path) -> tuple[str, str]:
    """The file with the tape and the line that replays it; both empty if it cannot be written."""
    path = folder / f"{name}.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode_tape(tape) + b"\n")
    except OSError as error:
        stage.failures.append(f"{path}: {error.strerror}")
        return "", ""
    return str(path), f"powercut replay {shlex.quote(str(path))}"
