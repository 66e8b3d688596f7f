"""The stage `kill`: its chunks, and its results as they are counted and told."""

from __future__ import annotations

import pickle

import msgspec
import pytest
from msgspec.structs import replace

from powercut.verifier.finders.kill import Tally
from powercut.verifier.gate.chunks import Deadline
from powercut.verifier.gate.stages.kill import LAW, Killed, KillPlan, kill_chunks, result_of
from powercut.verifier.tapes.programs import count_programs
from powercut.verifier.tapes.removing import TURNED
from powercut.verifier.tapes.tape import Era, Kind, Operation, Tape
from powercut.verifier.verdict import Breach, Violation

_PLAN = KillPlan(
    geometries=("tiny", "colliding"),
    steps=2,
    sampled=30,
    tapes=9,
    tape_steps=8,
    broad=1,
    images=7,
    states=5,
    chunk=25,
    floor={"programs": 1},
)


def _chunks(plan: KillPlan, seed: int = 0) -> list[Killed]:
    chunks = list(kill_chunks(plan, LAW, seed))
    assert all(isinstance(chunk, Killed) for chunk in chunks)
    return [chunk for chunk in chunks if isinstance(chunk, Killed)]


def test_chunks_cross_to_other_processes_and_are_a_function_of_the_seed() -> None:
    chunks = _chunks(_PLAN)
    assert pickle.loads(pickle.dumps(chunks)) == chunks == _chunks(_PLAN)
    assert chunks != _chunks(_PLAN, 1)


def test_every_small_program_is_in_one_chunk_and_killed_from_its_last_step() -> None:
    chunks = _chunks(replace(_PLAN, sampled=0, tapes=0, broad=0, images=0))
    tapes = [
        (tape, start) for chunk in chunks for tape, start in zip(chunk.tapes, chunk.start_steps, strict=True)
    ]
    assert len({tape for tape, _ in tapes}) == len(tapes) == 2 * sum(map(count_programs, range(3)))
    assert all(start == len(tape.eras[0].program) for tape, start in tapes)


def test_sampled_programs_are_longer_and_each_other_than_the_rest() -> None:
    plan = _PLAN
    chunks = [chunk for chunk in _chunks(plan) if 3 in chunk.start_steps]
    tapes = [tape for chunk in chunks for tape in chunk.tapes]
    assert len({tape.eras for tape in tapes}) == len(tapes) == plan.sampled
    assert {len(tape.eras[0].program) for tape in tapes} == {3}
    assert {tape.geometry for tape in tapes} == set(plan.geometries)
    assert {start for chunk in chunks for start in chunk.start_steps} == {3}


def test_random_lives_long_writes_and_crash_states_have_their_share() -> None:
    chunks = _chunks(_PLAN)
    swept = [tape for chunk in chunks if not chunk.states and not chunk.start_steps for tape in chunk.tapes]
    (broad,) = [chunk for chunk in chunks if chunk.tapes[0].geometry == "broad"]
    images = [chunk for chunk in chunks if chunk.states]
    assert {tape.law for tape in swept} == {"pagecache"}
    assert len(swept) == 9
    (tape,), (start,) = broad.tapes, broad.start_steps
    assert tape.eras[0].program[start - 1] == Operation(Kind.CHECKPOINT)
    assert any(len(tape.eras) > 2 for tape in swept)
    assert all(not era.crash or not era.crash.survivors for tape in swept for era in tape.eras)
    assert sum(len(chunk.tapes) for chunk in images) == 7
    assert {tape.law for chunk in images for tape in chunk.tapes} == {"posix"}
    assert len({chunk.seed for chunk in images}) == len(images)


def test_programs_whose_checkpoints_remove_files_are_drawn_by_their_number() -> None:
    few, every = (_chunks(replace(_PLAN, removed=removed)) for removed in (7, 1))
    some, whole = ([chunk for chunk in chunks if TURNED + 1 in chunk.start_steps] for chunks in (few, every))
    assert [len(chunk.tapes) for chunk in (*some, *whole)] == [4, 24]
    assert whole[0].tapes[::7] == some[0].tapes
    for tape, start in zip(whole[0].tapes, whole[0].start_steps, strict=True):
        kinds = [operation.kind for operation in tape.eras[0].program[start - 1 :]]
        assert kinds[:3] == kinds[4:] == [Kind.TRUNCATE_AT, Kind.CHECKPOINT, Kind.REOPEN]
    taken = [{(step.kind, step.size) for step in tape.eras[0].program} for tape in some[0].tapes]
    assert len({size for steps in taken for kind, size in steps if kind is Kind.TRUNCATE_AT}) == 4


def test_chunk_counts_what_its_worker_counted() -> None:
    program = (Operation(), Operation(Kind.CHECKPOINT))
    result = Killed((Tape((Era(program),), law="pagecache"),), (2,)).run(Deadline())
    coverage = result.coverage
    assert (result.finding, result.objection, result.unknown) == (None, None, "")
    assert coverage.programs == coverage.after_checkpoint == 1
    kills = sum(coverage.fired.values())
    assert kills > coverage.checked > 5
    (way,) = [what for what in coverage.reached if what.startswith("by ")]
    assert coverage.reached.pop(way) == kills
    assert sum(coverage.reached.values()) == kills - coverage.fired["end"]


def test_images_are_counted_as_openings_and_not_as_kills() -> None:
    result = Killed((Tape((Era((Operation(), Operation(Kind.CHECKPOINT))),)),), states=4, seed="0").run(
        Deadline()
    )
    assert (result.coverage.checked, result.coverage.fired, result.coverage.reached) == (4, {}, {})


@pytest.mark.parametrize("tape", [Tape(), None])
def test_violation_is_a_finding_where_a_tape_repeats_it_and_an_objection_elsewhere(tape: Tape | None) -> None:
    violation = Violation("prefix", Breach.LOST_ACK, "recovered 0 of 1 acknowledged")
    result = result_of(Tally(violation=violation, tape=tape))
    told = result.finding.verdict if result.finding is not None else None
    assert (told, result.objection) == ((violation, None) if tape is not None else (None, violation))


def test_what_could_not_be_traced_says_why() -> None:
    tally = Tally(way="device calls", why="not permitted", fired={"end": 3}, unknown="too long")
    result = result_of(tally)
    assert result.coverage.reached == {"by device calls: not permitted": 3}
    assert result.unknown == "too long"


def test_tallies_add_up_and_keep_the_first_violation() -> None:
    first = Violation("prefix", Breach.HOLE, "first")
    one = Tally(way="system calls", programs=1, reached={"a": 1}, fired={"end": 1}, violation=first)
    other = Tally(programs=2, lives=3, reached={"a": 1, "b": 2}, unknown="why", tape=Tape())
    other.violation = Violation("prefix", Breach.LOST_ACK, "second")
    one.merge(other)
    assert msgspec.structs.asdict(one) == msgspec.structs.asdict(
        Tally(
            way="system calls",
            programs=3,
            lives=3,
            reached={"a": 2, "b": 2},
            fired={"end": 1},
            violation=first,
            unknown="why",
        )
    )
