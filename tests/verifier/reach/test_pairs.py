"""Pairs: what meets is counted where it meets, and what cannot be counted is not."""

from __future__ import annotations

from powercut.faultfs import Effect, EventKind, Fault, Plan
from powercut.verifier.concurrency.programs import search_lanes, tape_of
from powercut.verifier.concurrency.schedule import Bounded
from powercut.verifier.finders.faults import search_strike
from powercut.verifier.reach.pairs import (
    BESIDE,
    FAMILY,
    FAULT,
    GEOMETRY,
    OPERATION,
    PHASE,
    STEP,
    Pair,
    counting,
    pair,
    possible,
)
from powercut.verifier.runs.play import play
from powercut.verifier.tapes.tape import LOGGED, Era, Kind, Operation, Tape


def counted(*kinds: Kind, geometry: str = "tiny") -> dict[Pair, int]:
    with counting() as pairs:
        play(Tape((Era(tuple(map(Operation, kinds))),), geometry))
    return dict(pairs)


def test_operation_meets_the_phase_in_which_it_begins() -> None:
    pairs = counted(Kind.UPSERT, Kind.START, Kind.READ, Kind.STEP, Kind.RMW)
    assert pairs[pair(PHASE, "UPSERT", "REST")] == 1
    assert pairs[pair(PHASE, "READ", "PREPARE")] == 1
    assert pair(PHASE, "READ", "REST") not in pairs
    assert not [each for each in pairs if each.startswith(f"{PHASE}: RMW") and "REST" in each]
    assert pairs[pair(GEOMETRY, "RMW", "tiny")] == 1


def test_operations_meet_those_before_them_and_only_in_one_opening() -> None:
    pairs = counted(Kind.UPSERT, Kind.READ, Kind.REOPEN, Kind.DELETE)
    assert pairs[pair(OPERATION, "UPSERT", "READ")] == 1
    assert pair(OPERATION, "READ", "UPSERT") not in pairs
    assert pairs[pair(OPERATION, "READ", "REOPEN")] == 1
    assert pair(OPERATION, "READ", "DELETE") not in pairs


def test_lanes_meet_each_other_and_not_themselves() -> None:
    beside = (
        Operation(Kind.UPSERT),
        Operation(Kind.READ),
        Operation(Kind.RMW, 1),
        Operation(Kind.CHECKPOINT),
    )
    with counting() as pairs:
        search_lanes(tape_of((Operation(Kind.FORK), *beside), "narrow"), [Bounded(0)], 1)
    for one, other in (("RMW", "UPSERT"), ("READ", "RMW"), ("CHECKPOINT", "RMW")):
        assert pairs[pair(BESIDE, one, other)] == 1
    assert pair(BESIDE, "READ", "UPSERT") not in pairs


def test_schedules_are_the_same_while_pairs_are_counted() -> None:
    beside = (
        Operation(Kind.UPSERT),
        Operation(Kind.SCAN),
        Operation(Kind.RMW, 1),
        Operation(Kind.CHECKPOINT),
    )
    tape = tape_of((Operation(Kind.FORK), *beside), "narrow")
    alone = search_lanes(tape, [Bounded(1)], 100).exploration
    with counting():
        counted = search_lanes(tape, [Bounded(1)], 100).exploration
    assert counted == alone


def test_fault_meets_the_step_that_it_strikes() -> None:
    fault = Fault(Effect.ERROR, EventKind.SYNC, number=3)
    tape = Tape((Era((Operation(), Operation(Kind.CHECKPOINT)), faults=Plan(fault).digits),))
    with counting() as pairs:
        search_strike(tape, limit=0)
    struck = [each for each in pairs if each.startswith(f"{FAULT}: ")]
    assert len(struck) == 1
    assert fault.name in struck[0]
    assert " sync " in struck[0]
    steps = {each.partition(", ")[2] for each in pairs if each.startswith(f"{STEP}: sync")}
    assert struck[0].rpartition(", ")[2] in steps, "a step that made the call"
    assert len(steps) > 1, "and others that were not struck"


def test_nothing_is_counted_where_nobody_asks() -> None:
    with counting() as pairs:
        pass
    play(Tape((Era((Operation(),)),)))
    assert not pairs


def test_possible_pairs_are_of_one_family_and_of_steps_that_there_were() -> None:
    counts = {
        pair(FAMILY, "store", "READ"): 1,
        pair(FAMILY, "store", "REOPEN"): 1,
        pair(FAMILY, "store", "tiny"): 1,
        pair(FAMILY, "sessions", "READ"): 1,
        pair(FAMILY, "sessions", "SCAN"): 1,
        pair(FAMILY, "sessions", "paired"): 1,
        pair(STEP, "sync", "PERSIST sync root"): 1,
        pair(STEP, "write", "PERSIST write root"): 1,
    }
    every = possible(counts, ["REST", "PREPARE"], [("sync late", "sync"), ("read rot", "read")])
    assert every[FAULT] == [("sync late", "PERSIST sync root")]
    assert every[GEOMETRY] == [
        ("READ", "paired"),
        ("READ", "tiny"),
        ("REOPEN", "tiny"),
        ("SCAN", "paired"),
    ]
    assert every[OPERATION] == [
        ("READ", "READ"),
        ("READ", "REOPEN"),
        ("READ", "SCAN"),
        ("SCAN", "READ"),
        ("SCAN", "SCAN"),
    ], "none behind a close, and none of two families"
    assert ("READ", "PREPARE") in every[PHASE]
    assert ("READ", "UPSERT") in every[BESIDE]
    assert ("UPSERT", "READ") not in every[BESIDE], "neither of two lanes is first"
    assert not [each for each in every[PHASE] if "FORK" in each]


def test_log_has_no_phases_and_what_is_asked_apart_meets_nothing() -> None:
    counts = {
        pair(FAMILY, "answers", "GROUND"): 1,
        pair(FAMILY, "answers", "READ"): 1,
        pair(FAMILY, "answers", "tiny"): 1,
        pair(FAMILY, "logs", "ENQUEUE"): 1,
        pair(FAMILY, "logs", "short"): 1,
    }
    every = possible(counts, ["REST", "PREPARE"], [])
    phased = {name for name, _ in every[PHASE]}
    assert phased == {kind.name for kind in Kind if kind not in LOGGED | {Kind.FORK, Kind.GROUND, Kind.OWN}}
    assert every[OPERATION] == [("ENQUEUE", "ENQUEUE"), ("READ", "READ")]
    assert every[GEOMETRY] == [("ENQUEUE", "short"), ("READ", "tiny")], "a name that is no geometry is none"
