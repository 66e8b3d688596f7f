"""Files without which an opening does: the oracles say no where one is believed, refused, or not there."""

from __future__ import annotations

import inspect
import types
from typing import Any

import pytest

from powercut.engine.checkpoint import image, reading
from powercut.engine.metadata.images import Record, check_record
from powercut.verifier.finders.crashes import search_tape
from powercut.verifier.finders.damage import Sweep
from powercut.verifier.finders.sites import MEDIA, bytes_of_images
from powercut.verifier.runs.play import play
from powercut.verifier.tapes.operations import CHECKPOINTS
from powercut.verifier.tapes.tape import Era, Kind, Operation, Tape
from powercut.verifier.verdict import OK, Breach, Violation


@pytest.mark.parametrize(
    ("module", "used", "old", "new", "breach"),
    [
        # Read, and nothing said of it.
        (
            reading,
            "image.ImageReader",
            "            if found != wanted:\n",
            "            if wanted < 0:\n",
            Breach.OVERLOOKED,
        ),
        # Refused, though openings do without it.
        (
            image,
            "recovery.adopt_image",
            "    except (CorruptionError, OSError):\n",
            "    except OSError:\n",
            Breach.REFUSED,
        ),
    ],
)
def test_a_damaged_image_that_is_believed_or_refused_is_a_violation(
    module: types.ModuleType, used: str, old: str, new: str, breach: Breach, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = inspect.getsource(module)
    assert source.count(old) == 1
    edited = types.ModuleType(module.__name__)
    edited.__package__ = module.__package__
    exec(compile(source.replace(old, new), str(module.__file__), "exec"), edited.__dict__)
    monkeypatch.setattr(f"powercut.engine.checkpoint.{used}", edited.__dict__[used.rpartition(".")[2]])
    sweep = Sweep(MEDIA["indexed"])
    finding = sweep.run(bytes_of_images(sweep.content, sweep.past))
    assert finding is not None
    assert isinstance(finding.verdict, Violation)
    assert (finding.verdict.oracle, finding.verdict.breach) == ("damage", breach)


def test_an_image_that_is_there_and_not_believed_is_a_violation_where_nothing_is_damaged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    indexed = Operation(Kind.CHECKPOINT, 0, 0, CHECKPOINTS.index("fold_over with index"))
    tape = Tape((Era((Operation(Kind.UPSERT), indexed)), Era()), "tiny")
    assert play(tape).verdict == OK
    assert search_tape(tape, depth=0)[1] is None
    genuine = check_record

    def refuse(data: bytes, *more: Any) -> Record:
        return genuine(bytes(len(data)), *more)

    monkeypatch.setattr(reading, "check_record", refuse)
    verdict = play(tape).verdict
    assert isinstance(verdict, Violation)
    assert (verdict.oracle, verdict.breach) == ("structure", Breach.BROKEN_INVARIANT)
    finding = search_tape(tape, depth=0)[1]
    assert finding is not None
