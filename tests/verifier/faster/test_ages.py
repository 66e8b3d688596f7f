"""Ages: stores made old open soundly, come to the end they are named for, and are at a limit only there."""

from __future__ import annotations

import pytest

from powercut.engine import FasterKv, IndexFullError, OperationError
from powercut.engine.inspection import inspect_store
from powercut.engine.kernels import words as w
from powercut.engine.metadata.tables import CHAIN_BLOCKS_MAX
from powercut.faultfs import FaultDevice
from powercut.verifier.faster.ages import image_of
from powercut.verifier.faster.geometries import AGES, GEOMETRIES, make_faster
from powercut.verifier.faster.subject import FasterSubject
from powercut.verifier.registry import maker_of
from powercut.verifier.runs.steps import step
from powercut.verifier.runs.world import World
from powercut.verifier.tapes.tape import SIZES, Kind, Operation, Tape
from powercut.verifier.verdict import OK, Breach, Violation

UPSERT, CHECKPOINT = Operation(), Operation(Kind.CHECKPOINT)


def _played(geometry: str, *program: Operation) -> tuple[World, FasterKv]:
    world = World(maker_of(Tape(geometry=geometry)))
    assert world.open()
    assert all(step(world, operation) for operation in program), world.verdict
    assert isinstance(world.subject, FasterSubject)
    return world, world.subject.store


@pytest.mark.parametrize("age", sorted(AGES))
def test_old_store_is_sound_and_holds_nothing(age: str) -> None:
    device = FaultDevice(image_of(GEOMETRIES[age], AGES[age]))
    found = inspect_store(device)
    assert found.is_sound
    assert not found.damage
    assert found.newest is not None
    assert (found.newest.counter, len(found.chain)) == (AGES[age].counter, AGES[age].blocks)
    subject = make_faster(age)(device)
    assert isinstance(subject, FasterSubject)
    assert (subject.read_all(), subject.recovered()) == ({}, {})
    assert len(list(subject.store.scan())) == 2 * AGES[age].tombstones
    subject.check()


def test_version_wraps_at_the_second_checkpoint() -> None:
    _, store = _played("wrapping", *[UPSERT, CHECKPOINT] * 2)
    assert store.stats().version & w.VERSION_BITS == 1


def test_chain_of_blocks_is_written_anew_at_the_second_checkpoint() -> None:
    for program, length, is_full in (((), CHAIN_BLOCKS_MAX, False), ((UPSERT, CHECKPOINT), 2, True)):
        world, _ = _played("chained", UPSERT, CHECKPOINT, *program)
        assert world.close()
        chain = inspect_store(world.device).chain
        assert len(chain) == length
        assert {block.is_full for block in chain[:2]} == {is_full}


def test_log_ends_with_the_address_space_and_the_world_lets_it() -> None:
    large = [Operation(Kind.UPSERT, 0, key, SIZES - 1) for key in range(8)]
    world, store = _played("ending", *large, CHECKPOINT, Operation(Kind.READ, 0, 7))
    assert world.segment.reached["at a limit"] > 0
    assert store.stats().tail > w.ADDRESS_LIMIT - 2 * store.settings.page_bytes
    assert world.inspect()


def test_index_has_room_for_one_key_and_for_no_other() -> None:
    more = Operation(Kind.UPSERT, 0, 1)
    world, store = _played("full", UPSERT, more, Operation(Kind.RMW), Operation(Kind.READ, 0, 1), CHECKPOINT)
    assert world.segment.reached == {"at a limit": 1}
    assert dict(store.items()).keys() == {b"key-0"}
    crowded, _ = _played("crowded", UPSERT, more)
    assert not crowded.segment.reached


@pytest.mark.parametrize("error", [IndexFullError("full"), OperationError("the log ends")])
def test_limit_that_is_not_reached_is_no_excuse(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def apply(subject: FasterSubject, issued: object) -> None:
        raise error

    monkeypatch.setattr(FasterSubject, "apply", apply)
    for age in ("crowded", "ending"):
        world = World(maker_of(Tape(geometry=age)))
        assert world.open()
        assert not step(world, UPSERT)
        assert isinstance(world.verdict, Violation)
        assert world.verdict.breach is Breach.ERROR


def test_operation_that_a_limit_stops_half_way_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    apply = FasterSubject.apply

    def half(subject: FasterSubject, issued: object) -> object:
        try:
            return apply(subject, issued)  # type: ignore[arg-type]
        except IndexFullError:
            subject.store.session("other").upsert(b"key-0", b"0.9;")
            raise

    world, _ = _played("full", UPSERT)
    assert world.verdict == OK
    monkeypatch.setattr(FasterSubject, "apply", half)
    assert not step(world, Operation(Kind.UPSERT, 0, 1))
    assert isinstance(world.verdict, Violation)
    assert world.verdict.breach is Breach.WRONG_VALUE
