"""Kept tapes: read back as written, refused where damaged, and told what became of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from powercut.verifier.errors import TapeError
from powercut.verifier.tapes.kept import (
    DamagedTapeError,
    Kept,
    Outcome,
    UnstableError,
    UnsupportedTapeError,
    encode_kept,
    keep,
    load,
    parse,
    replay,
)
from powercut.verifier.tapes.tape import Era, Operation, Tape, encode_tape
from powercut.verifier.verdict import OK, Breach, Unknown, Verdict, Violation

_TAPE = Tape((Era((Operation(2, 1, 1, 1),)),), bug="planted")
_OTHER = Tape((Era((Operation(),)),), bug="planted")
_LOST = Violation("prefix", Breach.LOST_ACK, "facts")
_HOLE = Violation("prefix", Breach.HOLE, "facts")


@dataclass
class _Run:
    verdict: Verdict
    name: str = "a"

    def digest(self) -> str:
        return self.name


@pytest.mark.parametrize("verdict", [_LOST, OK])
def test_kept_tape_reads_back_as_written(tmp_path: Path, verdict: Verdict) -> None:
    path = tmp_path / "kept.json"
    kept = keep(path, _TAPE, _Run(verdict), "One. Two. Three.")
    assert load(path) == kept
    assert (kept.expected is None) is (verdict == OK)
    assert path.read_bytes() == encode_kept(kept)


def test_bare_tape_loads_and_expects_nothing() -> None:
    assert parse(encode_tape(_TAPE), "t") == Kept(_TAPE)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"\x7fELF", TapeError),
        (b"[1]", TapeError),
        (b"{}", TapeError),
        (b'{"eras": [{"pro', DamagedTapeError),
        (b'{"eras": 3}', DamagedTapeError),
        (b"[" * 100_000, TapeError),
        (b'{"eras": ' + b"[" * 100_000, DamagedTapeError),
        (b'{"tape": {"eras": ' + b"[" * 100_000, DamagedTapeError),
        (b'{"eras": [], "format": 99}', UnsupportedTapeError),
        (b'{"tape": {"eras": [], "format": 99}}', UnsupportedTapeError),
        (b'{"tape": 3}', DamagedTapeError),
        (b'{"tape": {"eras": []}, "expekted": null}', DamagedTapeError),
        (b'{"tape": {"eras": []}, "expected": {"oracle": "prefix", "breach": "?"}}', DamagedTapeError),
    ],
)
def test_what_is_no_whole_tape_is_refused_by_kind(data: bytes, error: type[TapeError]) -> None:
    with pytest.raises(TapeError, match=r"^name: ") as caught:
        parse(data, "name")
    assert caught.type is error


@pytest.mark.parametrize(
    ("kept_as", "digest", "shows", "found", "outcome"),
    [
        (_LOST, "a", _LOST, None, (Outcome.EXACT, _TAPE)),
        (_LOST, "b", _LOST, None, (Outcome.MOVED, _TAPE)),
        (_LOST, "b", OK, _OTHER, (Outcome.MOVED, _OTHER)),
        (_LOST, "b", _HOLE, _OTHER, (Outcome.MOVED, _OTHER)),
        (_LOST, "b", OK, None, (Outcome.GONE, _TAPE)),
        (_LOST, "b", Unknown("time"), None, (Outcome.UNDECIDED, _TAPE)),
        (OK, "a", OK, _OTHER, (Outcome.EXACT, _TAPE)),
        (OK, "b", OK, None, (Outcome.MOVED, _TAPE)),
        (OK, "b", OK, _OTHER, (Outcome.BACK, _OTHER)),
        (OK, "b", _LOST, None, (Outcome.BACK, _TAPE)),
    ],
)
def test_replay_says_what_became_of_it(
    tmp_path: Path,
    kept_as: Verdict,
    digest: str,
    shows: Verdict,
    found: Tape | None,
    outcome: tuple[Outcome, Tape],
) -> None:
    kept = keep(tmp_path / "kept.json", _TAPE, _Run(kept_as, digest))

    def run(tape: Tape) -> _Run:
        return _Run(shows if tape == _TAPE else _LOST)

    assert replay(kept, run, lambda _: (found, 1)) == outcome


def test_search_that_finds_another_kind_does_not_count(tmp_path: Path) -> None:
    kept = keep(tmp_path / "kept.json", _TAPE, _Run(_LOST, "b"))
    outcome, _ = replay(kept, lambda tape: _Run(OK if tape == _TAPE else _HOLE), lambda _: (_OTHER, 1))
    assert outcome is Outcome.GONE


def test_two_runs_that_differ_are_never_trusted() -> None:
    digests = iter("ab")
    with pytest.raises(UnstableError, match="nondeterminism"):
        replay(Kept(_TAPE), lambda _: _Run(OK, next(digests)), lambda _: (None, 1))
