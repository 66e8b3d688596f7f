"""Crash states kept from program to program: counted as if each had been enumerated anew."""

from __future__ import annotations

from random import Random

import pytest

from powercut.faultfs import FaultDevice, History, Image
from powercut.verifier.faster.geometries import make_faster
from powercut.verifier.finders.crashes import Coverage, search_tape
from powercut.verifier.finders.enumerated import Enumerations
from powercut.verifier.finders.recoveries import Recoveries
from powercut.verifier.tapes.programs import random_tapes, small_programs
from powercut.verifier.tapes.tape import Era, Tape


def writes(count: int, content: dict[str, bytes] | None = None, label: str = "") -> FaultDevice:
    device = FaultDevice(Image.of(content or {}))
    device.label = label
    device.create("a")
    for number in range(count):
        device.write("a", 0, bytes([number + 1]) * 512)
    return device


@pytest.mark.parametrize("law", ["posix", "ext4", "lazyfs", "prefix"])
def test_programs_are_counted_alike_with_crash_states_kept_and_without(law: str) -> None:
    kept, anew = Coverage(), Coverage()
    store = make_faster("tiny")
    recoveries = [Recoveries(store, law, 512) for _ in range(2)]
    enumerations = Enumerations(law, 512)
    for program in small_programs(2):
        tape = Tape((Era(program),), "tiny", law)
        last = len(program) - 1 if program else None
        seen, finding = search_tape(
            tape,
            start_step=last,
            limit=512,
            recoveries=recoveries[0],
            enumerations=enumerations,
            is_counted=True,
        )
        assert finding is None
        kept.merge(seen)
        seen, finding = search_tape(
            tape, start_step=last, limit=512, recoveries=recoveries[1], is_counted=True
        )
        assert finding is None
        anew.merge(seen)
    assert kept == anew
    assert kept.legal == kept.visited > 0


def test_equal_traces_are_enumerated_once() -> None:
    enumerations = Enumerations("posix", 64)
    found = enumerations.of(writes(3).trace, 1)
    assert enumerations.of(writes(3).trace, 1) is found
    assert enumerations.of(writes(3).trace, 2) is not found
    assert enumerations.of(writes(4).trace, 1) is not found
    assert enumerations.of(writes(3, {"b": b"x"}).trace, 1) is not found
    assert enumerations.of(writes(3, label="STEP").trace, 1) is not found  # What is reached is told by it.


def test_only_the_latest_traces_are_kept() -> None:
    enumerations = Enumerations("posix", 64)
    first = enumerations.of(writes(1).trace, 0)
    second = enumerations.of(writes(2).trace, 0)
    for count in range(3, 33):
        enumerations.of(writes(count).trace, 0)
        assert enumerations.of(writes(1).trace, 0) is first
    enumerations.of(writes(33).trace, 0)
    assert enumerations.of(writes(1).trace, 0) is first
    assert enumerations.of(writes(2).trace, 0) is not second


def test_a_segment_has_one_history_however_often_it_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The crash states, what is legal between first and last, and what is drawn: of one history."""
    built = []
    build = History.__init__

    def counted(self: History, *args: object, **options: bool) -> None:
        built.append(args)
        build(self, *args, **options)  # type: ignore[arg-type]

    (tape,) = random_tapes(Random(5), 1, ("tiny",), "posix", 8)
    tape = Tape((tape.eras[-1],), "tiny")
    monkeypatch.setattr(History, "__init__", counted)
    plain = Recoveries(make_faster("tiny"), "posix", 4, is_pruned=False)  # No point is followed to its end.
    coverage, finding = search_tape(tape, depth=0, limit=4, draws=20, recoveries=plain)
    assert finding is None
    assert coverage.sampled
    assert len(built) == 1
