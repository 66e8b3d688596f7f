"""Small programs of sessions side by side: all there, in order, and searched to the end."""

from __future__ import annotations

from itertools import chain, pairwise
from random import Random

from powercut.verifier.concurrency.lanes import FAR_LANE, SessionsProgram, lanes_of, split
from powercut.verifier.concurrency.programs import (
    SETTINGS,
    alone,
    batches,
    begun,
    deeper,
    hunted_tapes,
    pairs,
    portfolio,
    random_lanes,
    resumed,
    search_lanes,
    small_tapes,
    tape_of,
    truncated,
    walks,
    wider,
)
from powercut.verifier.concurrency.schedule import Bounded, Scheduler
from powercut.verifier.tapes.tape import Kind, Operation, clamp


def sessions(program: tuple[Operation, ...]) -> set[int]:
    return {lane for lane in lanes_of(split(program)[1]) if lane != FAR_LANE}


def test_every_pair_stands_in_every_setting() -> None:
    programs = list(pairs())
    assert len(programs) == len(set(programs)) == 25 * len(SETTINGS)
    for setting in SETTINGS.values():
        here = [program for program in programs if tuple(split(program)[0]) == setting]
        kinds = {tuple((each.kind, each.size) for each in split(program)[1]) for program in here}
        assert len(kinds) == 25
        assert ((Kind.RMW, 0), (Kind.RMW, 0)) in kinds
    assert [split(each)[1][-1].kind for each in pairs(has_checkpoint=True)] == [Kind.CHECKPOINT] * len(
        programs
    )


def test_one_session_comes_before_two_and_programs_are_tapes() -> None:
    assert {len(sessions(program)) for program in alone()} == {1}
    assert {len(sessions(program)) for program in pairs()} == {2}
    assert max(len(sessions(program)) for program in wider()) == 3
    for program in chain(alone(), pairs(), wider(), deeper()):
        assert all(clamp(operation) == operation for operation in program)


def test_each_of_the_rarer_kinds_stands_beside_another_lane() -> None:
    families = {
        begun: {Kind.START_READ, Kind.START_RMW, Kind.COMPLETE},
        resumed: {Kind.RESUME},
        batches: {Kind.UPSERT_MANY, Kind.READ_MANY},
        walks: {Kind.ITEMS, Kind.SCAN},
        truncated: {Kind.TRUNCATE},
    }
    for family, kinds in families.items():
        programs = list(family())
        assert len(programs) == len(set(programs))
        seen = [{each.kind for each in split(program)[1]} for program in programs]
        assert all(here & kinds for here in seen)
        assert set().union(*seen) >= kinds
        assert all(len(lanes_of(split(program)[1])) > 1 for program in programs)


def test_all_small_programs_are_listed_in_one_place() -> None:
    tapes = list(small_tapes("narrow"))
    assert len(tapes) == len(set(tapes)) > 1_000
    programs = {tape.eras[0].program for tape in tapes}
    for family in (alone, pairs, wider, batches, walks, truncated, resumed, begun):
        assert programs >= set(family())
    assert {tape.geometry for tape in tapes} == {"narrow", "roomy", "paired"}
    assert list(hunted_tapes(0, "linearizable"))[: len(tapes)] == tapes
    for oracle in ("linearizable", "prefix"):
        assert set(hunted_tapes(1, oracle)) >= set(tapes[len(list(alone())) :])
    assert {each.kind for each in split(next(hunted_tapes(1, "prefix")).eras[0].program)[1]} >= {
        Kind.CHECKPOINT
    }


def test_of_many_pages_one_is_read_only_above_head() -> None:
    (tape, *_) = [tape for tape in small_tapes("narrow") if tape.geometry == "roomy"]
    program = SessionsProgram(tape)
    scheduler = Scheduler()
    calls = program.setup(scheduler)
    before = program._subject.store.stats()
    scheduler.run(calls)
    after = program._subject.store.stats()
    assert before.head == before.safe_read_only
    assert after.head > before.head
    assert after.safe_read_only > after.head


def test_settings_leave_the_key_where_they_say() -> None:
    """Seen through the store's own boundaries, before the first operation of those that follow."""
    regions = {}
    for name, setting in SETTINGS.items():
        program = SessionsProgram(tape_of((*setting, Operation(Kind.FORK)), "narrow"))
        program.setup(Scheduler())
        store = program._subject.store
        reader = store.session("looks")
        value = reader.read(b"key-0")
        stats = store.stats()
        where = [name for name in ("hits_mutable", "hits_frozen", "hits_cold") if getattr(stats, name)]
        regions[name] = (where[-1] if where else "nowhere", value is not None)
        if name == "page almost full":
            assert -stats.tail % stats.page_bytes < 600
    assert regions["absent"] == ("nowhere", False)
    assert regions["mutable"] == regions["full"] == ("hits_mutable", True)
    assert regions["deleted"][1] is False
    assert regions["frozen"] == ("hits_frozen", True)
    assert regions["on the last mutable page"] == ("hits_mutable", True)
    assert regions["on the device"] == ("hits_cold", True)


def test_random_programs_are_a_function_of_the_generator() -> None:
    first = [random_lanes(Random(7), "narrow") for _ in range(3)]
    assert first == [random_lanes(Random(7), "narrow") for _ in range(3)]
    many = [random_lanes(random, "narrow") for random in [Random(1)] for _ in range(40)]
    assert len(set(many)) > 30
    assert any(a != b for a, b in pairwise(many))


def test_a_bounded_search_says_when_it_is_complete() -> None:
    tape = tape_of((Operation(Kind.FORK), Operation(Kind.UPSERT, 0), Operation(Kind.UPSERT, 1)), "narrow")
    whole = search_lanes(tape, [Bounded(1)], 10_000)
    cut = search_lanes(tape, [Bounded(1)], 5)
    assert whole.is_complete
    assert not cut.is_complete
    assert whole.exploration.schedules > cut.exploration.schedules == 5
    assert not search_lanes(tape, portfolio(Random(0)), 8).is_complete
