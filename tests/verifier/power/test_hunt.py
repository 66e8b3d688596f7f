"""The hunt: chunks in rungs, mutants told and not told, born and not born, decided and not decided."""

from collections import Counter
from collections.abc import Iterator
from time import monotonic

import msgspec
import pytest

from powercut.verifier.errors import HarnessError
from powercut.verifier.gate.hunted import WORK_MAX, answer
from powercut.verifier.mutants.client import Answer
from powercut.verifier.mutants.hook import read_source
from powercut.verifier.mutants.planted import Edit
from powercut.verifier.power import hunt
from powercut.verifier.power.generic import Generic, generate_all
from powercut.verifier.power.hunt import Hunter, limit_of, rungs_of
from powercut.verifier.power.region import regions
from powercut.verifier.reach.monitor import IS_WATCHING

PIECES = [("crash", number, "SmallPrograms") for number in range(20)] + [
    ("crash", 20, "RandomTapes"),
    ("model", 0, "Examples"),
    ("model", 1, "Examples"),
    ("model", 2, "Examples, compiled"),
    ("kill", 0, "Killed"),
]


@pytest.fixture(scope="module")
def hunter(small: str) -> Iterator[Hunter]:
    made = Hunter(small, rungs=1)
    yield made
    made.close()


@pytest.fixture(scope="module")
def ring() -> list[Generic]:
    return generate_all("engine", "log.ring")


def named(mutants: list[Generic], function: str, old: str, new: str) -> Generic:
    found = [each for each in mutants if each.function == function and each.spans[0].old == old]
    return next(each for each in found if each.spans[0].new == new)


def test_every_chunk_stands_in_one_rung_and_each_cheap_stage_in_the_first() -> None:
    first, second, third = rungs_of(PIECES)
    assert Counter([*first, *second, *third]) == Counter(PIECES)
    assert first == [("model", 0, "Examples"), ("crash", 0, "SmallPrograms")]
    assert [number for _, number, _ in second] == [4, 12, 20]
    assert third[0][0] == "model"
    assert third[-2:] == [("model", 2, "Examples, compiled"), ("kill", 0, "Killed")]


def test_a_value_that_is_not_written_is_told_with_the_stage_and_the_kind(hunter: Hunter) -> None:
    copied = "copy(batch, batch[w.OP_VALUE], log, at + w.RECORD_HEADER_WORDS + key_words, value_words)"
    bug = named(generate_all("engine", "kernels.records"), "append", copied, "pass")
    found = hunter.hunt(bug)
    assert (found.is_born, found.unknown) == (True, "")
    assert found.told
    assert found.stage in ("model", "schedule", "crash")
    assert found.cpu_seconds > 0
    again = hunter.hunt(bug)
    assert (again.told, again.stage, again.chunk) == (found.told, found.stage, found.chunk)


def test_a_mutant_that_changes_nothing_is_not_told(hunter: Hunter, ring: list[Generic]) -> None:
    found = hunter.hunt(harmless(ring))
    assert (found.told, found.unknown, found.is_born) == ("", "", True)


def harmless(ring: list[Generic]) -> Generic:
    old = "self._flushing.flush(load(control, w.SAFE_READ_ONLY), head)"
    bug = named(ring, "Ring.open_page", old, "pass")
    span = bug.spans[0]._replace(new=f"({old})")
    return msgspec.structs.replace(bug, name="harmless", spans=(span,))


def test_a_mutant_with_which_nothing_can_be_imported_is_not_born(hunter: Hunter, ring: list[Generic]) -> None:
    span = next(each for each in ring if not each.function).spans[0]
    bug = msgspec.structs.replace(ring[0], name="unborn", spans=(span._replace(new="no_such_name"),))
    found = hunter.hunt(bug)
    assert not found.is_born
    assert "no_such_name" in found.unknown


@pytest.mark.skipif(not IS_WATCHING, reason="there is no monitor before Python 3.12")
def test_a_mutant_that_goes_round_for_ever_is_told_by_its_work(hunter: Hunter) -> None:
    bug = endless()
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(hunter._gate, "work_max", WORK_MAX // 1000)
        found = hunter.hunt(bug)
    assert found.told == f"hang: loops went round more than {WORK_MAX // 1000:,} times in one operation"


def lost() -> Generic:
    """Values are not written."""
    return named(
        generate_all("engine", "kernels.records"),
        "append",
        "copy(batch, batch[w.OP_VALUE], log, at + w.RECORD_HEADER_WORDS + key_words, value_words)",
        "pass",
    )


def test_mutant_that_goes_on_for_ever_is_ended_where_nobody_counts_rounds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By processor time, which decides nothing; as on Python 3.11, whose questions are the shorter ones."""
    assert [limit_of(count, is_counted=False) for count in (0, 1, 3, 99)] == [60, 60, 180, 900]
    assert limit_of(1, is_counted=True) == 900
    monkeypatch.setattr(hunt, "limit_of", lambda chunks: 1)
    hunter = Hunter(rungs=1)
    try:
        found = hunter.hunt(endless())
    finally:
        hunter.close()
    assert not found.told
    assert "1 s" in found.unknown


def endless() -> Generic:
    return named(
        generate_all("engine", "log.flushing"),
        "Flushing.write_piece",
        "store(control, w.FLUSHED, max(start, load(control, w.FLUSHED)))",
        "pass",
    )


def test_a_chunk_that_the_unchanged_store_does_not_pass_tells_nothing(
    hunter: Hunter, ring: list[Generic], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answers of the unchanged store are put in the place of its own."""
    fails: list[tuple[str, int]] = []

    def ask(request: Answer) -> Answer:
        assert request["bug"] == ""
        return {"told": "model: wrong value" if request["chunks"] == fails else ""}

    monkeypatch.setattr(hunter, "_ask", ask)
    monkeypatch.setattr(hunter, "_passed", set())
    monkeypatch.setattr(hunter, "_first", [("model", 0, "Examples")])
    bug = lost()
    assert hunter.hunt(bug).told
    monkeypatch.setattr(hunter, "_passed", set())
    fails.append(("model", 0))
    with pytest.raises(HarnessError, match="the unchanged store fails too, in chunk 0 of model"):
        hunter.hunt(bug)


def test_a_mutant_that_a_clock_ends_is_not_decided(small: str, ring: list[Generic]) -> None:
    late = Hunter(small, rungs=1)
    try:
        late.deadline = monotonic()
        found = late.hunt(harmless(ring))
    finally:
        late.close()
    assert found.unknown
    assert not found.told


@pytest.mark.skipif(not IS_WATCHING, reason="there is no monitor before Python 3.12")
def test_the_unchanged_store_works_far_below_the_limit_of_an_operation() -> None:
    request = {"task": "hunt", "profile": "ci", "seed": None, "chunks": [("model", 0), ("schedule", 0)]}
    told = msgspec.json.decode(answer(request | {"work_max": WORK_MAX // 20}))
    assert told == {"told": "", "reached": [[], []]}
    assert msgspec.json.decode(answer(request | {"work_max": 10}))["told"].startswith("hang: loops")


def test_lines_that_a_chunk_runs_are_told_by_the_name_of_their_mutant() -> None:
    regions = [
        ("run", "kernels/probe.py", [1, *probe_lines()]),
        ("not", "log/ring.py", [1]),
        ("any", "x.py", None),
    ]
    request = {"task": "hunt", "profile": "ci", "seed": None, "chunks": [("schedule", 0)]}
    told = msgspec.json.decode(answer(request | {"regions": regions}))
    assert told["reached"] == [["run", "any"] if IS_WATCHING else ["any"]]


def probe_lines() -> list[int]:
    every = generate_all("engine", "kernels.probe")
    return [each.line for each in every if each.function == "find_record"]


@pytest.mark.skipif(not IS_WATCHING, reason="there is no monitor before Python 3.12")
def test_what_the_unchanged_store_does_not_run_is_not_asked_again(small: str, ring: list[Generic]) -> None:
    own = Hunter(small, rungs=1)
    try:
        common = harmless(ring)
        aside = next(each for each in generate_all("engine", "compiler.dialect") if each.function)
        own.survey([common, aside])
        before = own.chunks
        assert before == len(own._first), "what the unchanged store was asked counts too"
        assert not own.hunt(aside).is_reached
        assert own.chunks == before
        assert own.hunt(common).is_reached
        assert own.chunks > before
    finally:
        own.close()


def test_mutants_go_on_together_and_each_has_its_own_fate(small: str, ring: list[Generic]) -> None:
    """The rungs behind the first, one chunk of them: one is told by it, one is not, one goes for ever, which
    a monitor alone can tell."""
    mutants = [harmless(ring), lost(), *([endless()] if IS_WATCHING else [])]
    own = Hunter(small, rungs=2)
    own._gate["work_max"] = WORK_MAX // 1000
    try:
        own._others = [("model", 0, "Examples")]
        found = {mutant.name: fate for mutant, fate in own.sift(mutants)}
    finally:
        own.close()
    assert {name: bool(fate.told) for name, fate in found.items()} == {
        mutant.name: mutant is not mutants[0] for mutant in mutants
    }
    assert all(fate.cpu_seconds > 0 for fate in found.values())
    assert found["harmless"].is_reached or not IS_WATCHING


def test_a_region_is_the_statement_wherever_it_comes_to_stand(ring: list[Generic]) -> None:
    bug = named(ring, "Ring.open_page", "self._flushing.flush(load(control, w.SAFE_READ_ONLY), head)", "pass")
    text = read_source(bug.edit())
    nothing = Edit("", bug.module, ())
    assert regions(nothing, {"": bug.spans}, text) == {"": frozenset({bug.line})}
    head = named(ring, "Ring.open_page", "tail + needed <= start", "True")
    assert regions(nothing, {"": head.spans}, text) == {"": frozenset({head.line})}
    constant = next(each for each in ring if not each.function)
    assert regions(nothing, {"": constant.spans}, text) == {"": None}
    span = constant.spans[0]
    longer = Edit("", bug.module, (span._replace(new=f"(\n\n{span.old})"),))
    assert regions(longer, {"": bug.spans}, text) == {"": frozenset({bug.line + 2})}


def test_no_piece_plants_a_bug_of_its_own() -> None:
    """Of stress these are the campaigns alone: its planted bugs run over an engine of their own."""
    pieces = msgspec.json.decode(answer({"task": "pieces", "profile": "ci", "seed": None}))
    assert [kind for stage, _, kind in pieces if stage == "stress"] == [
        "Stressed, compiled",
        "StressedLog",
        "StressedWeek, compiled",
    ]
    assert {"model", "crash"} < {stage for stage, _, _ in pieces}
    assert not {stage for stage, _, _ in pieces} & {"mutants", "power"}
