"""Kept tapes: each still fails under the bug that it plants, and the unchanged store stands it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from powercut.verifier.finders.search import search_programs
from powercut.verifier.runs.play import play
from powercut.verifier.tapes.kept import Kept, Outcome, load, replay
from powercut.verifier.verdict import OK

_TAPES = sorted(Path(__file__).parent.glob("*.json"))
_SENTENCES = 3


def _named(path: Path) -> str:
    return path.stem


@pytest.fixture(params=_TAPES, ids=_named)
def path(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


@pytest.fixture
def kept(path: Path) -> Kept:
    return load(path)


def test_there_are_tapes() -> None:
    assert len(_TAPES) >= 3


def test_unchanged_store_stands_the_tape_and_every_crash_of_its_programs(kept: Kept) -> None:
    tape = replace(kept.tape, bug="")
    assert play(tape).verdict == OK
    found, _ = search_programs(tape)
    assert found is None


def test_tape_shows_what_it_is_kept_for(
    path: Path, kept: Kept, forked: Callable[..., subprocess.CompletedProcess[bytes]]
) -> None:
    """Under its planted bug, in a process of its own: the bug must be there before the store is imported."""
    if not kept.tape.bug:
        outcome, _ = replay(kept, play, search_programs)
        assert kept.expected is None
        assert outcome in (Outcome.EXACT, Outcome.MOVED)
        return
    done = forked("from powercut.verifier.cli import main; main()", "replay", path, "--json")
    assert done.returncode == 1, done.stderr
    told = msgspec.json.decode(done.stdout)
    assert kept.expected is not None
    assert told["outcome"] in ("exact", "moved")
    assert told["violation"]["oracle"] == kept.expected.oracle
    assert told["violation"]["kind"] == kept.expected.breach.value


def test_post_mortem_is_three_sentences(kept: Kept) -> None:
    assert kept.post_mortem.count(". ") + 1 == _SENTENCES
    assert kept.post_mortem.endswith(".")
