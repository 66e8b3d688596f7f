"""Tapes on the command line: played again, and shrunk.

Imports the store: whoever imports this has planted what is to be planted.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import typer

from powercut.faultfs import Law, UnknownLawError

from ..concurrency.lanes import SESSIONS
from ..faster.geometries import COMPILED, GEOMETRIES, INTERPRETED
from ..reducing.mend import mend
from ..reducing.passes import count_operations
from ..reducing.shrink import searching, shrink
from ..runs.world import Run, play
from ..tapes.kept import Kept, Outcome, UnstableError, UnsupportedTapeError, keep, replay
from ..tapes.tape import Tape, encode_tape
from ..telling.report import tell
from ..verdict import Unknown, Verdict, Violation
from .errors import INCONCLUSIVE, OK, VIOLATION

__all__ = ["mend_tape", "replay_tape", "shrink_tape"]

_NOTHING = "nothing to shrink: the tape shows no violation"
_DULL = Tape()  # Whose names are those of what there is.
_SAID = {
    Outcome.EXACT: "exact: the very run that was kept",
    Outcome.MOVED: "moved: the pattern of writes has changed since it was kept, its kind has not",
    Outcome.GONE: "gone: what was kept shows no more, in this run or in any crash state of its programs",
    Outcome.BACK: "back: what was mended fails again",
    Outcome.UNDECIDED: "undecided",
}


def replay_tape(kept: Kept, path: str, *, is_json: bool) -> int:
    """Play it twice, and report the outcome."""
    check_playable(kept.tape)
    is_expected = bool(kept.digest)
    outcome, tape = replay(kept, play, searching()) if is_expected else (None, kept.tape)
    run = _play_twice(tape)
    code = code_of(run.verdict)
    if is_json:
        typer.echo(_encode(code, tape, run, outcome, kept))
        return code
    # A tape that a search has found is not the one in the file.
    typer.echo(tell(tape, run, path=path if tape == kept.tape else ""), nl=False)
    if outcome is not None:
        typer.echo(f"\n{_SAID[outcome]}")
    if kept.post_mortem:
        typer.echo(f"\n{kept.post_mortem}")
    return code


def shrink_tape(kept: Kept, out: Path | None, *, is_json: bool) -> int:
    """Shrink it, keep it in `out`, and report the small one."""
    check_playable(kept.tape)
    before = _play_twice(kept.tape)
    small, run = kept.tape, before
    if isinstance(before.verdict, Violation):
        small = shrink(kept.tape, before.verdict)
        run = _play_twice(small)
    is_failing = isinstance(run.verdict, Violation)
    if out is not None and is_failing:
        keep(out, small, run, kept.post_mortem)
    unwritten = f"; {out} was not written" if out is not None and not is_failing else ""
    code = code_of(run.verdict)
    if is_json:
        typer.echo(_encode(code, small, run, None, None))
        if unwritten:
            typer.echo(f"powercut: {_NOTHING}{unwritten}", err=True)
        return code
    typer.echo(tell(small, run, path="" if out is None or unwritten else str(out)), nl=False)
    if is_failing:
        typer.echo(f"\nshrunk from {_length(kept.tape)} to {_length(small)}")
    else:
        typer.echo(f"\n{_NOTHING}{unwritten}")
    return code


def mend_tape(kept: Kept, *, is_json: bool) -> int:
    """Search for the syncs that would mend it."""
    tape = kept.tape
    check_playable(tape)
    if tape.subject == SESSIONS:
        raise UnsupportedTapeError("sessions side by side: what a power cut took is not what this tape shows")
    run = _play_twice(tape)
    found = mend(tape)
    code = code_of(run.verdict)
    if is_json:
        syncs = [
            {"after": str(sync.after), "before": None if sync.before is None else str(sync.before)}
            for sync in found.syncs
        ]
        document = {"schema": 1, "exit": code, "law": found.law, "syncs": syncs, "why": found.why}
        typer.echo(msgspec.json.encode(document).decode())
    else:
        typer.echo("\n".join(found.lines()))
    return code


def check_playable(tape: Tape) -> None:
    """Raise UnsupportedTapeError for what this release does not have, or would skip in silence."""
    if tape.subject not in (_DULL.subject, SESSIONS):
        raise UnsupportedTapeError(f"subject {tape.subject!r}: there are {_DULL.subject} and {SESSIONS}")
    if tape.kernels != INTERPRETED and (tape.kernels != COMPILED or tape.subject == SESSIONS):
        known = INTERPRETED if tape.subject == SESSIONS else f"{INTERPRETED} and {COMPILED}"
        raise UnsupportedTapeError(f"kernels {tape.kernels!r}: there are {known}")
    for number, era in enumerate(tape.eras, 1):
        if era.faults:
            raise UnsupportedTapeError(f"era {number} has faults: this release plays none")
        if era.damage and tape.subject == SESSIONS:
            raise UnsupportedTapeError(f"era {number} has damage: none comes to sessions side by side")
        if era.switches and tape.subject != SESSIONS:
            raise UnsupportedTapeError(f"era {number} has switches: its sessions run one after another")
    if tape.subject == SESSIONS and (len(tape.eras) > 1 or tape.eras[0].crash is not None):
        raise UnsupportedTapeError("sessions side by side: there is one era, and the power goes at its end")
    if tape.geometry not in GEOMETRIES:
        raise UnsupportedTapeError(f"geometry {tape.geometry!r}: there are {', '.join(GEOMETRIES)}")
    try:
        Law.of(tape.law)
    except UnknownLawError as error:
        raise UnsupportedTapeError(str(error)) from None


def code_of(verdict: Verdict) -> int:
    """The exit code of a verdict."""
    if isinstance(verdict, Violation):
        return VIOLATION
    return INCONCLUSIVE if isinstance(verdict, Unknown) else OK


def _play_twice(tape: Tape) -> Run:
    run = play(tape)
    if run.digest() != play(tape).digest():
        raise UnstableError("nondeterminism: two runs of this tape differ; what it shows may not be trusted")
    return run


def _encode(code: int, tape: Tape, run: Run, outcome: Outcome | None, kept: Kept | None) -> str:
    verdict = run.verdict
    shown = None
    if isinstance(verdict, Violation):
        shown = {"oracle": verdict.oracle, "kind": verdict.breach.value, "detail": verdict.detail}
    document = {
        "schema": 1,
        "exit": code,
        "violation": shown,
        "unknown": verdict.why if isinstance(verdict, Unknown) else "",
        "outcome": outcome,
        "expected": None if kept is None else kept.expected,
        "operations": count_operations(tape),
        "digest": run.digest(),
        "tape": msgspec.Raw(encode_tape(tape)),
    }
    return msgspec.json.encode(document).decode()


def _length(tape: Tape) -> str:
    operations, eras = count_operations(tape), len(tape.eras)
    return f"{operations} operation{'s' * (operations != 1)} in {eras} era{'s' * (eras != 1)}"
