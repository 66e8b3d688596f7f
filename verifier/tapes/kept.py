"""Kept tapes: a failure as one JSON file, and its outcome when it is played again.

    tape         the run, with its planted bug if it needs one
    expected     the oracle and the breach it must show; none: it once failed and must stay Ok
    digest       of the whole run, so that a changed pattern of writes is noticed
    post_mortem  three sentences: what was lost, why, what holds it now

Replayed, a kept tape is
    exact        the same run, digest and kind
    moved        the pattern of writes has changed, and the kind still shows: at once or after a search of
                 the tape's programs; or, where Ok is expected, it and the search are still without violation
    gone         the kind shows no more
    back         Ok was expected and something is violated

A file that holds a bare tape loads too: of it nothing is expected.

Invariants
  1  gone is never told without having searched the tape's programs again
  2  nothing here imports the store, so a planted bug can be installed after a file is loaded
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol

import msgspec

from ..errors import HarnessError, TapeError
from ..verdict import Breach, Unknown, Verdict, Violation
from .tape import FORMAT, Tape, decode_tape, encode_tape

__all__ = [
    "DamagedTapeError",
    "Expected",
    "Kept",
    "Outcome",
    "Played",
    "UnstableError",
    "UnsupportedTapeError",
    "encode_kept",
    "keep",
    "load",
    "parse",
    "replay",
]

_MARK: Final = b'"eras"'


class DamagedTapeError(TapeError):
    """The bytes were a tape once."""


class UnsupportedTapeError(TapeError):
    """A tape of another format, or for something that this release does not have."""


class UnstableError(HarnessError):
    """Two runs of one tape differ."""


class Expected(msgspec.Struct, frozen=True):
    """The kind of a violation."""

    oracle: str
    breach: Breach

    def is_shown_by(self, verdict: Verdict) -> bool:
        """True if `verdict` is of this kind."""
        return Violation(self.oracle, self.breach, "").is_same_kind(verdict)


class Kept(msgspec.Struct, frozen=True):
    """The content of a kept tape's file."""

    tape: Tape
    expected: Expected | None = None
    digest: str = ""
    post_mortem: str = ""


class Outcome(StrEnum):
    """The outcome of replaying a kept tape."""

    EXACT = "exact"
    MOVED = "moved"
    GONE = "gone"
    BACK = "back"
    UNDECIDED = "undecided"


class Played(Protocol):
    """A kept tape's view of a run."""

    @property
    def verdict(self) -> Verdict: ...

    def digest(self) -> str: ...


class _File(msgspec.Struct, forbid_unknown_fields=True):
    tape: msgspec.Raw
    expected: Expected | None = None
    digest: str = ""
    post_mortem: str = ""


def keep(path: Path, tape: Tape, run: Played, post_mortem: str = "") -> Kept:
    """Write the tape with what its run showed."""
    verdict = run.verdict
    expected = Expected(verdict.oracle, verdict.breach) if isinstance(verdict, Violation) else None
    kept = Kept(tape, expected, run.digest(), post_mortem)
    path.write_bytes(encode_kept(kept))
    return kept


def encode_kept(kept: Kept) -> bytes:
    """JSON, a field a line: a change of one reads well in a diff."""
    values = {
        "tape": encode_tape(kept.tape),
        "expected": msgspec.json.encode(kept.expected),
        "digest": msgspec.json.encode(kept.digest),
        "post_mortem": msgspec.json.encode(kept.post_mortem),
    }
    lines = b",\n".join(b'  "%s": %s' % (name.encode(), value) for name, value in values.items())
    return b"{\n%s\n}\n" % lines


def load(path: Path) -> Kept:
    """The kept tape, or the bare tape, in a file. Raises TapeError, OSError."""
    return parse(path.read_bytes(), str(path))


def parse(data: bytes, name: str) -> Kept:
    """The kept tape, or the bare tape, in `data`; `name` is for the message when it is none.

    Raises TapeError: DamagedTapeError where it was one, UnsupportedTapeError where it is another
    release's.
    """
    try:
        fields = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        if data.lstrip()[:1] == b"{" and _MARK in data:
            raise DamagedTapeError(f"{name}: a damaged tape: {error}") from None
        raise TapeError(f"{name}: not a tape: {error}") from None
    if not {"tape", "eras"} & fields.keys():
        raise TapeError(f"{name}: not a tape: it has neither eras nor a tape with them")
    try:
        if "tape" not in fields:
            return Kept(_tape(data, name))
        file = msgspec.json.decode(data, type=_File)
        return Kept(_tape(bytes(file.tape), name), file.expected, file.digest, file.post_mortem)
    except (msgspec.ValidationError, RecursionError) as error:
        raise DamagedTapeError(f"{name}: a damaged tape: {error}") from None


def _tape(data: bytes, name: str) -> Tape:
    """The tape in a document. Raises DamagedTapeError, UnsupportedTapeError."""
    fields = msgspec.json.decode(data)
    number = fields.get("format", FORMAT) if isinstance(fields, dict) else FORMAT
    if isinstance(number, int) and number != FORMAT:
        raise UnsupportedTapeError(f"{name}: a tape of format {number}; this release plays format {FORMAT}")
    try:
        return decode_tape(data)
    except TapeError as error:
        raise DamagedTapeError(f"{name}: a damaged tape: {error}") from None


def replay(
    kept: Kept,
    run: Callable[[Tape], Played],
    search: Callable[[Tape], tuple[Tape | None, int]],
) -> tuple[Outcome, Tape]:
    """Replay a kept tape; its outcome, and the tape that shows it: its own, or one that the search found.

    Raises UnstableError if two runs of one tape differ.
    """
    played = run(kept.tape)
    if played.digest() != run(kept.tape).digest():
        raise UnstableError("nondeterminism: two runs of one tape differ; what it shows may not be trusted")
    is_exact = played.digest() == kept.digest
    if isinstance(played.verdict, Unknown):
        return Outcome.UNDECIDED, kept.tape
    if kept.expected is None:
        return _replay_expecting_ok(kept, played, search, is_exact=is_exact)
    if kept.expected.is_shown_by(played.verdict):
        return (Outcome.EXACT if is_exact else Outcome.MOVED), kept.tape
    found, _ = search(kept.tape)
    if found is not None and kept.expected.is_shown_by(run(found).verdict):
        return Outcome.MOVED, found
    return Outcome.GONE, kept.tape


def _replay_expecting_ok(
    kept: Kept,
    played: Played,
    search: Callable[[Tape], tuple[Tape | None, int]],
    *,
    is_exact: bool,
) -> tuple[Outcome, Tape]:
    if isinstance(played.verdict, Violation):
        return Outcome.BACK, kept.tape
    if is_exact:
        return Outcome.EXACT, kept.tape
    found, _ = search(kept.tape)
    return (Outcome.MOVED, kept.tape) if found is None else (Outcome.BACK, found)
