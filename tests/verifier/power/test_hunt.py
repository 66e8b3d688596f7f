"""The hunt: chunks in rungs, mutants told and not told, born and not born, decided and not decided."""

from collections import Counter
from collections.abc import Iterator
from time import monotonic

import msgspec
import pytest

from powercut.verifier.errors import HarnessError
from powercut.verifier.gate.hunted import WORK_MAX, answer
from powercut.verifier.mutants.client import Answer, Server
from powercut.verifier.mutants.hook import read_source
from powercut.verifier.power.generic import Generic, generate_all
from powercut.verifier.power.hunt import Hunter, rungs_of, sources_digest
from powercut.verifier.power.region import region
from powercut.verifier.reach.monitor import IS_WATCHING

PIECES = [("crash", number, "SmallPrograms") for number in range(20)] + [
    ("crash", 20, "RandomTapes"),
    ("model", 0, "Examples"),
    ("model", 1, "Examples"),
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
    assert third[-1][0] == "kill"


def test_a_value_that_is_not_written_is_told_with_the_stage_and_the_kind(hunter: Hunter) -> None:
    copied = "copy(batch, batch[w.OP_VALUE], log, at + w.RECORD_HEADER_WORDS + key_words, value_words)"
    bug = named(generate_all("engine", "kernels.records"), "append", copied, "pass")
    found = hunter.hunt(bug)
    assert (found.is_born, found.unknown) == (True, "")
    assert found.told
    assert found.stage in ("model", "schedule", "crash")
    assert found.cpu_seconds > 0
    again = hunter.hunt(bug)
    assert (again.told, again.stage, again.chunk, again.chunks) == (
        *(found.told, found.stage, found.chunk, found.chunks),
    )


def test_a_mutant_that_changes_nothing_is_not_told(hunter: Hunter, ring: list[Generic]) -> None:
    found = hunter.hunt(harmless(ring))
    assert (found.told, found.unknown, found.is_born) == ("", "", True)
    assert found.chunks == len(rungs_of(hunter.pieces)[0])


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
    bug = named(
        generate_all("engine", "log.flushing"),
        "Flushing._write_piece",
        "store(control, w.FLUSHED, max(start, load(control, w.FLUSHED)))",
        "pass",
    )
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(hunter._gate, "work_max", WORK_MAX // 1000)
        found = hunter.hunt(bug)
    assert found.told == f"hang: loops went round more than {WORK_MAX // 1000:,} times in one operation"


def test_a_chunk_that_the_unchanged_store_does_not_pass_tells_nothing() -> None:
    broken = Hunter(rungs=1)
    try:
        asked: list[Answer] = []

        def ask(server: Server, request: Answer) -> Answer:
            asked.append(request)
            return {"told": "model: wrong value" if request["chunks"] == [("model", 0)] else ""}

        broken._ask = ask  # type: ignore[method-assign]
        broken._check("crash", 1)
        broken._check("crash", 1)
        assert [request["bug"] for request in asked] == [""]
        with pytest.raises(HarnessError, match="the unchanged store fails too, in chunk 0 of model"):
            broken._check("model", 0)
    finally:
        broken.close()


def test_a_mutant_that_a_clock_ends_is_not_decided(ring: list[Generic]) -> None:
    late = Hunter(rungs=1)
    try:
        late.deadline = monotonic()
        found = late.hunt(harmless(ring))
    finally:
        late.close()
    assert found.unknown
    assert not found.told


def test_the_unchanged_store_works_far_below_the_limit_of_an_operation() -> None:
    request = {"task": "survey", "profile": "ci", "seed": None, "chunks": [("model", 0), ("schedule", 31)]}
    told = msgspec.json.decode(answer(request))
    assert [each["chunk"] for each in told] == [0, 31]
    if IS_WATCHING:
        assert all(0 < each["work"] * 20 < WORK_MAX for each in told)
        assert any(line > 1 for line in told[0]["lines"]["log/ring.py"])


def test_a_region_is_the_statement_and_nothing_where_it_runs_at_import(ring: list[Generic]) -> None:
    bug = named(ring, "Ring.open_page", "self._flushing.flush(load(control, w.SAFE_READ_ONLY), head)", "pass")
    text = read_source(bug.edit())
    assert region(bug.edit(), text) == frozenset({bug.line})
    head = named(ring, "Ring.open_page", "tail + needed <= start", "True")
    assert region(head.edit(), text) == frozenset({head.line})
    constant = next(each for each in ring if not each.function)
    assert region(constant.edit(), text) is None


def test_sources_have_one_digest() -> None:
    assert sources_digest() == sources_digest()
    assert len(sources_digest()) == 32


def test_no_piece_plants_a_bug_of_its_own() -> None:
    """Of stress it is the campaign alone: its planted bugs run over an engine of their own."""
    pieces = msgspec.json.decode(answer({"task": "pieces", "profile": "ci", "seed": None}))
    assert [kind for stage, _, kind in pieces if stage == "stress"] == ["Stressed"]
    assert {"model", "crash"} < {stage for stage, _, _ in pieces}
    assert not {stage for stage, _, _ in pieces} & {"mutants", "power"}
