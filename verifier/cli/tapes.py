"""Tapes on the command line: played again, shrunk, mended.

What it does imports the store: whoever calls it has planted what is to be planted.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import typer

from powercut.faultfs import Effect, Fault, Law, UnknownLawError
from powercut.faultfs.faults.rot import How

from ..finders.search import search_programs
from ..reducing.mend import mend
from ..reducing.passes import count_operations
from ..reducing.shrink import shrink
from ..registry import load, maker_of
from ..runs.play import play
from ..runs.run import Run
from ..spec.spec import StoreMaker
from ..tapes.kept import Kept, Outcome, UnstableError, UnsupportedTapeError, keep, replay
from ..tapes.tape import ANSWERS, APPENDERS, COMPILED, INTERPRETED, SIDE_BY_SIDE, Tape, encode_tape
from ..telling.report import tell
from ..verdict import Unknown, Verdict, Violation
from .arguments import write
from .errors import ENVIRONMENT, INCONCLUSIVE, OK, VIOLATION, UsageError

__all__ = ["mend_tape", "replay_tape", "shrink_tape"]

_NOTHING = "nothing to shrink: the tape shows no violation"
_SAID = {
    Outcome.EXACT: "exact: the very run that was kept",
    Outcome.MOVED: "moved: the pattern of writes has changed since it was kept, its kind has not",
    Outcome.GONE: "gone: what was kept shows no more, in this run or in any crash state of its programs",
    Outcome.BACK: "back: what was mended fails again",
    Outcome.UNDECIDED: "undecided",
}


def replay_tape(kept: Kept, path: str, store: str, html: Path | None = None, *, is_json: bool) -> int:
    """Play it twice, and report the outcome; in `html` too, with what would mend it."""
    maker = opened(kept.tape, store)
    is_expected = bool(kept.digest)
    outcome, tape = None, kept.tape
    if is_expected:
        outcome, tape = replay(
            kept, lambda each: play(each, maker), lambda each: search_programs(each, maker)
        )
    run = _play_twice(tape, maker)
    code = code_of(run.verdict)
    # A tape that a search has found is not the one in the file.
    path = path if tape == kept.tape else ""
    if html is not None and not _write_page(html, tape, run, maker, path):
        code = code or ENVIRONMENT
    if is_json:
        typer.echo(_encode(code, tape, run, outcome, kept))
        return code
    typer.echo(tell(tape, maker, run=run, path=path, store=store), nl=False)
    if outcome is not None:
        typer.echo(f"\n{_SAID[outcome]}")
    if kept.post_mortem:
        typer.echo(f"\n{kept.post_mortem}")
    return code


def _write_page(html: Path, tape: Tape, run: Run, maker: StoreMaker | None, path: str) -> bool:
    from ..telling.html import page_of

    is_crash = isinstance(run.verdict, Violation) and tape.subject not in (ANSWERS, *SIDE_BY_SIDE)
    found = mend(tape, maker) if is_crash else None
    return write(html, page_of(tape, run, maker, mend=found, path=path).encode())


def shrink_tape(kept: Kept, out: Path | None, store: str, *, is_json: bool) -> int:
    """Shrink it, keep it in `out`, and report the small one."""
    maker = opened(kept.tape, store)
    before = _play_twice(kept.tape, maker)
    small, run = kept.tape, before
    if isinstance(before.verdict, Violation):
        small = shrink(kept.tape, maker, verdict=before.verdict)
        run = _play_twice(small, maker)
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
    path = "" if out is None or unwritten else str(out)
    typer.echo(tell(small, maker, run=run, path=path, store=store), nl=False)
    if is_failing:
        typer.echo(f"\nshrunk from {_length(kept.tape)} to {_length(small)}")
    else:
        typer.echo(f"\n{_NOTHING}{unwritten}")
    return code


def mend_tape(kept: Kept, store: str, *, is_json: bool) -> int:
    """Search for the syncs that would mend it."""
    tape = kept.tape
    maker = opened(tape, store)
    if tape.subject in SIDE_BY_SIDE:
        raise UnsupportedTapeError("sessions side by side: what a power cut took is not what this tape shows")
    run = _play_twice(tape, maker)
    found = mend(tape, maker)
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


def opened(tape: Tape, store: str) -> StoreMaker | None:
    """The store of the tape, or the one that --store names; None: sessions side by side.

    Raises SubjectError for what cannot be loaded, UnsupportedTapeError for what this release does not have,
    or would pass over in silence.
    """
    _check_eras(tape)
    try:
        Law.of(tape.law)
    except UnknownLawError as error:
        raise UnsupportedTapeError(str(error)) from None
    if tape.subject not in (ANSWERS, *SIDE_BY_SIDE):
        return load(store) if store else maker_of(tape)
    if store:
        raise UsageError(f"--store {store}: a tape for {tape.subject} has a store of its own")
    from ..faster.fasterlog.seams import LOG_GEOMETRIES
    from ..faster.geometries import GEOMETRIES

    known = LOG_GEOMETRIES if tape.subject == APPENDERS else GEOMETRIES
    kernels = (INTERPRETED,) if tape.subject in SIDE_BY_SIDE else (INTERPRETED, COMPILED)
    if tape.kernels not in kernels:
        raise UnsupportedTapeError(f"kernels {tape.kernels!r}: there are {' and '.join(kernels)}")
    if tape.geometry not in known:
        raise UnsupportedTapeError(f"geometry {tape.geometry!r}: there are {', '.join(known)}")
    return None


def _check_eras(tape: Tape) -> None:
    """Raises UnsupportedTapeError."""
    is_beside = tape.subject in SIDE_BY_SIDE
    for number, era in enumerate(tape.eras, 1):
        what = "sessions side by side" if is_beside else "what is judged answer by answer"
        if era.faults and (is_beside or tape.subject == ANSWERS):
            raise UnsupportedTapeError(f"era {number} has faults: none strikes {what}")
        if era.damage and (is_beside or tape.subject == ANSWERS):
            raise UnsupportedTapeError(f"era {number} has damage: none comes to {what}")
        if era.switches and not is_beside:
            raise UnsupportedTapeError(f"era {number} has switches: its sessions run one after another")
        effects, hows = era.faults[:: len(Fault().digits)], era.damage[:1]
        for what, found, known in (("fault", effects, Effect), ("damage", hows, How)):
            if not all(0 <= each <= max(known) for each in found):
                raise UnsupportedTapeError(f"era {number}: this release knows no such {what}: {found}")
    if is_beside and len(tape.eras) > 1:
        raise UnsupportedTapeError("sessions side by side: there is one era")


def code_of(verdict: Verdict) -> int:
    """The exit code of a verdict."""
    if isinstance(verdict, Violation):
        return VIOLATION
    return INCONCLUSIVE if isinstance(verdict, Unknown) else OK


def _play_twice(tape: Tape, maker: StoreMaker | None) -> Run:
    run = play(tape, maker)
    if run.digest() != play(tape, maker).digest():
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
