"""Chunks of the stage `damage`, and the bugs planted for it."""

from __future__ import annotations

import pickle
from collections.abc import Iterator

import pytest

import powercut.engine.log.segments
from powercut.faultfs.faults.rot import Damage
from powercut.verifier.finders.crashes import Coverage
from powercut.verifier.finders.damage import Sweep
from powercut.verifier.finders.sites import MEDIA, bits
from powercut.verifier.gate.chunks import Chunk, Deadline
from powercut.verifier.gate.stages.damage import DamagePlan, Pieces, SomeBits, bound_formula, damage_chunks
from powercut.verifier.mutants.bank.damage import DAMAGED
from powercut.verifier.mutants.hook import read_source
from powercut.verifier.mutants.hunts.damage import hunt_damage, small_media
from powercut.verifier.mutants.planted import DAMAGE, Mutant
from powercut.verifier.verdict import Breach


def _plan(media: tuple[str, ...] = ("created", "one checkpoint"), bits: tuple[str, ...] = ()) -> DamagePlan:
    return DamagePlan(media, bits, bytes=40, parts=64, floor={"programs": 1})


_BITS = _plan(bits=("one checkpoint",))


def _cut(plan: DamagePlan, seed: int = 0) -> Iterator[Chunk]:
    """Chunks as they come out of another process."""
    for chunk in damage_chunks(plan, "posix", seed):
        yield pickle.loads(pickle.dumps(chunk))


def test_parts_hold_every_bit_of_roots_and_tables_once() -> None:
    sweep = Sweep(MEDIA["one checkpoint"])
    size = sum(len(data) for name, data in sweep.content.items() if not name.startswith("segment-"))
    every = list(bits(sweep.content, sweep.past))
    assert len(set(every)) == len(every) == size * 8
    chunks = [chunk for chunk in _cut(_BITS) if isinstance(chunk, SomeBits)]
    held: list[Damage] = [each for chunk in chunks for each in every[chunk.part :: chunk.parts]]
    assert sorted(held) == sorted(every)


def test_bits_that_were_judged_are_those_that_the_formula_counts() -> None:
    chunk = next(chunk for chunk in _cut(_BITS) if isinstance(chunk, SomeBits))
    result = chunk.run(Deadline())
    assert result.finding is None
    assert result.coverage.legal == result.coverage.visited > 100
    assert result.coverage.reached["corrected"] > 0
    assert result.coverage.reached["refused"] > 0
    assert "sampled(40)" in bound_formula(_BITS)


def test_pieces_of_all_media_merge_to_one_coverage_and_repeat() -> None:
    totals = []
    for _ in range(2):
        total = Coverage()
        for chunk in _cut(_plan()):
            result = chunk.run(Deadline())
            assert result.finding is None
            total.merge(result.coverage)
        totals.append(total)
    assert totals[0] == totals[1]
    assert totals[0].programs == 2
    assert totals[0].fired["segment bit flip"] == 40
    assert totals[0].reached["root file stale while open"] > 0
    assert sum(totals[0].fired.values()) < sum(
        count for what, count in totals[0].reached.items() if " " in what
    )


def test_seeds_draw_other_bytes() -> None:
    first, second = ([chunk for chunk in _cut(_plan(), seed) if isinstance(chunk, Pieces)] for seed in (0, 1))
    assert not {chunk.seed for chunk in first} & {chunk.seed for chunk in second}


def test_stage_says_silent_of_a_store_that_does_not_look_at_its_checksums(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(powercut.engine.log.segments, "checksum", lambda *_: 0)
    sweep = Sweep(MEDIA["one checkpoint"])
    file = sorted(sweep.content).index("segment-00000000")
    finding = sweep.run([Damage(2, 512, file)])
    assert finding is not None
    assert finding.verdict.breach is Breach.SILENT
    chunk = next(chunk for chunk in _cut(_plan(("one checkpoint",))))
    stopped = chunk.run(Deadline()).finding
    assert stopped is not None
    assert stopped.verdict.oracle == "damage"


# -- planted bugs --------------------------------------------------------------------------------------


@pytest.mark.parametrize("mutant", DAMAGED, ids=lambda mutant: mutant.name)
def test_old_text_stands_once_and_the_edit_compiles(mutant: Mutant) -> None:
    edited = mutant.edited(read_source(mutant))
    compile(edited, mutant.module, "exec")
    assert mutant.oracle in (DAMAGE, "inspection")
    assert mutant.search == DAMAGE
    assert mutant.breach in Breach.__members__


def test_chase_finds_the_kind_it_is_asked_for_and_tells_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(powercut.engine.log.segments, "checksum", lambda *_: 0)
    found = hunt_damage({"oracle": "damage", "breach": "SILENT", "bug": "x", "around": ()})
    assert 1 <= found["operations"] <= 6
    assert '"bug":"x"' in found["tape"]
    assert found["checked"] > 0
    assert found["others"]


def test_media_of_the_chase_are_small() -> None:
    assert max(sum(len(era.program) for era in tape.eras) for tape in small_media()) <= 6
