"""Stage `power`: what is counted of a sample, what is owed, and what is not decided."""

from collections.abc import Iterator, Sequence
from time import monotonic

import pytest

from powercut.verifier.gate import run_gate
from powercut.verifier.gate.chunks import Deadline
from powercut.verifier.gate.profile import ProfileError, load_profile, parse_profile
from powercut.verifier.gate.stages import power
from powercut.verifier.gate.stages.power import SomeMutants
from powercut.verifier.power.draw import draw
from powercut.verifier.power.generic import Generic, generate_all
from powercut.verifier.power.hunt import Hunted

PROFILE = """
name = "p"
[power]
sample = 12
chunk = 6
[power.floor]
programs = 12
[power.floor.reached]
told = {told}
"""


def hunted(mutant: Generic) -> Hunted:
    if mutant.operator in ("dropped", "negated"):
        return Hunted(told="model: wrong value")
    return Hunted()


@pytest.fixture
def hunter(monkeypatch: pytest.MonkeyPatch) -> type:
    """Stands for the hunt; `answer` may be replaced."""

    class Hunter:
        answer = staticmethod(hunted)

        def __init__(self, *_: object, **__: object) -> None: ...

        chunks = 0

        def survey(self, mutants: Sequence[Generic]) -> None: ...

        def hunt(self, mutant: Generic) -> Hunted:
            return self.answer(mutant)

        def sift(self, mutants: Sequence[Generic]) -> Iterator[tuple[Generic, Hunted]]:
            return iter([(mutant, Hunted()) for mutant in mutants])

        def close(self) -> None: ...

    monkeypatch.setattr(power, "Hunter", Hunter)
    return Hunter


def test_sample_is_counted_with_the_names_of_its_survivors(hunter: type) -> None:
    report = run_gate(parse_profile(PROFILE.format(told=1), "p"), seed=5)
    stage = report.stages["power"]
    drawn = draw(generate_all("engine"), 12, 5).chosen
    assert report.exit == 0
    assert stage.programs == 12
    assert stage.reached["told"] + stage.reached["survived"] + stage.reached.get("still-born", 0) == 12
    survivors = {name.removeprefix("survived: ") for name in stage.reached if name.startswith("survived: ")}
    assert survivors == {
        each.name for each in drawn if each.is_born() and each.operator not in ("dropped", "negated")
    }
    assert (
        run_gate(parse_profile(PROFILE.format(told=1), "p"), seed=5).stages["power"].reached == stage.reached
    )


def test_a_sample_of_which_too_few_are_told_is_below_its_floor(hunter: type) -> None:
    report = run_gate(parse_profile(PROFILE.format(told=12), "p"), seed=5)
    assert report.exit == 3
    assert "'told'" in report.summary


def test_a_mutant_that_was_not_decided_makes_the_gate_inconclusive(
    hunter: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hunter, "answer", staticmethod(lambda mutant: Hunted(unknown="no answer")))
    report = run_gate(parse_profile(PROFILE.format(told=1), "p"), seed=5)
    assert report.exit == 4
    assert "no answer" in report.summary


def test_a_deadline_ends_it_between_two_mutants(hunter: type) -> None:
    deadline = Deadline(monotonic())
    result = SomeMutants(0, 12, 12, 5, 1, "ci").run(deadline)
    assert (result.coverage.programs, deadline.has_cut) == (0, True)


def test_profiles_that_ship_draw_a_few_and_four_hundred() -> None:
    few, many = (load_profile(name).power for name in ("ci", "nightly"))
    assert few is not None
    assert many is not None
    assert (few.rungs, many.sample, many.rungs) == (1, 400, 3)
    with pytest.raises(ProfileError, match="rungs"):
        parse_profile(PROFILE.format(told=1).replace("chunk = 6", "chunk = 6\nrungs = 4"), "p")
