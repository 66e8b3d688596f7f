"""The measure: who is told, who survives with a diff, and the same sample by the same seed."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from powercut.verifier.power import measure as measuring
from powercut.verifier.power.equivalent import Reasons
from powercut.verifier.power.generic import Generic, generate_all
from powercut.verifier.power.hunt import Hunted
from powercut.verifier.power.measure import Asked, measure
from powercut.verifier.power.tally import Fate

PREFETCH = "engine.kernels.probe:hash_keys:statement:3"  # Nobody can see that it is gone.
TESTS = Path(__file__).resolve().parents[3] / "tests"


class Gate:
    """Stands for the gate: by its name a mutant is told now, later or never, not decided, not born."""

    def __init__(self, *_: object, **__: object) -> None: ...

    def survey(self, mutants: Sequence[Generic]) -> None: ...

    def close(self) -> None: ...

    def hunt(self, mutant: Generic) -> Hunted:
        number = len(mutant.name) % 4
        return [
            Hunted(told="model: wrong value", stage="model", cpu_seconds=1.0),
            Hunted(cpu_seconds=2.0),
            Hunted(unknown="no answer"),
            Hunted(is_born=False),
        ][number]

    def sift(self, mutants: Sequence[Generic]) -> Iterator[tuple[Generic, Hunted]]:
        for mutant in reversed(mutants):
            is_told = len(mutant.name) % 8 == 1
            yield mutant, Hunted(told="crash: lost" if is_told else "", is_reached=is_told, cpu_seconds=0.5)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "Hunter", Gate)


def test_who_nobody_tells_is_a_survivor_with_its_diff(small: str) -> None:
    report = measure(Asked(only=(PREFETCH,), profile=small, rungs=1), reasons=Reasons())
    (fate,) = report.mutants
    assert (fate.fate, report.exit) == ("survived", 3)
    assert "prefetch(" in fate.diff
    assert fate.cpu_seconds > 0


def test_who_has_a_reason_is_not_hunted_and_counts_for_nothing(gate: None) -> None:
    report = measure(Asked(only=(PREFETCH,)))
    assert [each.fate for each in report.mutants] == ["equivalent"]
    assert "prefetch changes nothing" in report.mutants[0].told
    assert report.by_gate is not None
    assert report.by_gate.of == 0


def test_equal_seeds_take_equal_samples_and_the_still_born_are_replaced(gate: None) -> None:
    heard: list[Fate] = []
    report = measure(Asked(sample=40, seed=3), heard.append, Reasons())
    again = measure(Asked(sample=40, seed=3), reasons=Reasons())
    other = measure(Asked(sample=40, seed=4), reasons=Reasons())
    assert report == again
    assert sorted(heard, key=lambda fate: fate.name) == report.mutants != other.mutants
    assert len(report.mutants) == 40
    assert report.still_born > 0
    assert {each.fate for each in report.mutants} == {"gate", "survived", "unknown"}
    later = [each for each in report.mutants if each.told == "crash: lost"]
    assert later
    assert {(each.cpu_seconds, each.is_reached) for each in later} == {(2.5, True)}
    assert [each.name for each in report.mutants] == sorted(each.name for each in report.mutants)
    assert sum(group.gate for group in report.modules.values()) == sum(
        each.fate == "gate" for each in report.mutants
    )


def test_a_reason_that_is_gone_is_an_objection(gate: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from powercut.verifier.power.equivalent import Reason

    gone = Reasons((Reason("engine.log.ring", "Ring.adopt", "statement", "not there", "so"),))
    report = measure(Asked(sample=1), reasons=gone)
    assert report.exit == 3
    assert "not there" in report.objections[0]
    assert measure(Asked(sample=1, module="log.ring"), reasons=gone).objections == []


def test_an_interruption_ends_with_what_is_known(gate: None) -> None:
    def stop(fate: Fate) -> None:
        raise KeyboardInterrupt

    report = measure(Asked(sample=40), stop)
    assert (len(report.mutants), report.exit) == (1, 130)


def test_a_mutant_of_the_harness_is_told_by_the_tests() -> None:
    """End to end over one mutant: that of a law which the test named for its module must see."""
    every = generate_all("harness", "law.windows")
    chosen = next(each for each in every if each.operator == "negated" and each.is_born())
    report = measure(Asked(of="harness", only=(chosen.name,), tests=TESTS))
    (fate,) = report.mutants
    assert (fate.fate, report.exit) == ("tests", 0)
    assert fate.told.startswith("tests/faultfs/law/")
    assert report.by_gate is None
    assert report.by_both is not None
    assert report.by_both.count == 1
