"""The read cache: never another answer than the device's, whatever comes between."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from powercut.engine import FasterKv, MemoryDevice, OperationError, Session, Settings, SettingsError
from powercut.engine.settings import plan_memory

LEAST = 1024
TINY: dict[str, Any] = {
    "page_bytes": 1024,
    "segment_bytes": 2048,
    "write_unit": 512,
    "extent_bytes": 512,
    "ring_pages": 2,
    "index_buckets": 2,
}


def opened(cache: int = LEAST, *, mask: int = (1 << 64) - 1, **given: Any) -> FasterKv:
    settings = Settings(**TINY, hash_mask=mask)
    return FasterKv.open(MemoryDevice(), create=True, settings=settings, read_cache=cache, **given)


def push_out(session: Session) -> None:
    """Write so much that everything before it is on the device only."""
    for number in range(6):
        session.upsert(b"filler-%d" % number, bytes(500))


def asked(store: FasterKv, call: Callable[[], object]) -> tuple[object, int, int]:
    """Call it: the value that it returns, how often the cache answered, how often the device was asked."""
    before = store.stats()
    told = call()
    after = store.stats()
    return told, after.cache_hits - before.cache_hits, after.device_reads - before.device_reads


@pytest.fixture
def cold(kernels: str) -> Iterator[tuple[FasterKv, Session]]:
    """A store whose key `k` is on the device, and kept."""
    with opened(kernels=kernels) as store, store.session("s") as session:
        session.upsert(b"k", b"value")
        session.upsert(b"n", (7).to_bytes(8, "little"))
        push_out(session)
        assert asked(store, lambda: session.read(b"k")) == (b"value", 0, 1)
        assert asked(store, lambda: session.read(b"n")) == ((7).to_bytes(8, "little"), 0, 1)
        yield store, session


# -- every way to ask for a cold key -------------------------------------------------------------------


def test_a_cold_key_is_asked_of_the_device_once(cold: tuple[FasterKv, Session]) -> None:
    store, s = cold
    assert asked(store, lambda: s.read(b"k")) == (b"value", 1, 0)
    assert asked(store, lambda: s.read_many([b"k", b"k"])) == ([b"value"] * 2, 2, 0)
    values, found = s.read_many([b"n"], "<u8")
    assert (values.tolist(), found.tolist()) == ([7], [True])
    ticket = s.start_read(b"k")
    assert (ticket.is_done, ticket.result(), s.pending) == (True, b"value", 0)
    assert asked(store, lambda: s.insert(b"k", b"w")) == (False, 1, 0)
    with pytest.raises(OperationError, match="5 bytes: expected 4"):
        s.read_many([b"k"], "<u4")
    with pytest.raises(OperationError, match="5 bytes: expected 8"):
        s.read_many([b"k"], "<u8")


CHANGES: dict[str, tuple[Callable[[Session], object], bytes | None]] = {
    "upsert": (lambda s: s.upsert(b"k", b"new"), b"new"),
    "rmw": (lambda s: s.rmw(b"k", lambda old: (old or b"") + b"!"), b"value!"),
    "start_rmw": (lambda s: s.start_rmw(b"k", lambda old: (old or b"") + b"?").result(), b"value?"),
    "append": (lambda s: s.append_many([b"k"], [b"more"]), b"valuemore"),
    "delete": (lambda s: s.delete(b"k"), None),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_is_kept_never_outlives_a_change(cold: tuple[FasterKv, Session], name: str) -> None:
    store, s = cold
    change, after = CHANGES[name]
    _, hits, reads = asked(store, lambda: change(s))
    assert (reads == 0 and hits > 0) or name in ("upsert", "append")
    assert s.read(b"k") == after
    push_out(s)  # The new record is on the device too, and so is a tombstone; both are kept.
    assert asked(store, lambda: s.read(b"k")) == (after, 0, 1)
    assert asked(store, lambda: s.read(b"k")) == (after, 1, 0)
    assert s.read_many([b"k"]) == [after]
    assert s.rmw(b"k", lambda old: (old or b"none") + b"+") == (after or b"none") + b"+"
    assert s.read(b"k") == (after or b"none") + b"+"


def test_counters_and_appends_go_on_from_what_is_kept(cold: tuple[FasterKv, Session]) -> None:
    store, s = cold
    assert asked(store, lambda: s.add_many([b"n"], 5))[1:] == (1, 0)
    assert s.read(b"n") == (12).to_bytes(8, "little")
    with pytest.raises(OperationError, match="no counter"):
        s.add_many([b"k"], 1)
    s.append_many([b"k"], [b"+"])  # The first has no room for what it goes on from, the second has.
    push_out(s)
    s.read(b"k")
    assert asked(store, lambda: s.append_many([b"k"], [b"+"]))[1:] == (1, 0)
    assert s.read(b"k") == b"value++"


def test_a_swap_of_a_value_that_is_another_by_now(cold: tuple[FasterKv, Session]) -> None:
    store, s = cold
    with store.session("t") as t:

        def function(old: bytes | None) -> bytes:
            if old == b"value":
                t.upsert(b"k", b"between")
                push_out(t)
                t.read(b"k")  # So the swap finds it in the cache.
            return (old or b"") + b"!"

        assert s.rmw(b"k", function) == b"between!"
    assert s.read(b"k") == b"between!"


def test_a_value_longer_than_the_room_there_is(kernels: str) -> None:
    with opened(1 << 16, kernels=kernels) as store, store.session("s") as s:
        s.upsert(b"long", bytes(900))
        push_out(s)
        assert s.read_many([b"long"] * 40) == [bytes(900)] * 40
    reads: tuple[Callable[[Session], object], ...] = (
        lambda s: s.read(b"2"),
        lambda s: s.read_many([b"2"] * 20)[0],
    )
    settings = Settings(4096, 8192, extent_bytes=4096, ring_pages=2, index_buckets=2)
    given: dict[str, Any] = {"settings": settings, "kernels": kernels, "read_cache": 1 << 18}
    for read in reads:
        with FasterKv.open(MemoryDevice(), create=True, **given) as store:
            with store.session("writer") as writer:
                writer.upsert_many([b"%d" % number for number in range(9)], [bytes([5]) * 3000] * 9)
            with store.session("first") as first, store.session("second") as second:
                assert read(first) == read(second) == bytes([5]) * 3000
            assert store.stats().cache_hits > 0


# -- begin ---------------------------------------------------------------------------------------------


def test_what_a_truncation_took_is_gone(cold: tuple[FasterKv, Session]) -> None:
    store, s = cold
    assert s.read(b"k") == b"value"
    store.truncate_before(store.stats().tail)
    assert [s.read(b"k"), s.read_many([b"k"])[0], s.rmw(b"k", lambda old: old)] == [None] * 3
    assert (s.insert(b"k", b"again"), s.read(b"k")) == (True, b"again")


def test_the_record_may_lie_below_begin_and_the_address_asked_for_above(kernels: str) -> None:
    with opened(mask=0, kernels=kernels) as store, store.session("s") as s:
        s.upsert(b"k", b"value")
        push_out(s)  # All in one chain: it leaves memory far above `k`.
        assert asked(store, lambda: s.read(b"k")) == (b"value", 0, 1)
        assert asked(store, lambda: s.read(b"k")) == (b"value", 1, 0)
        store.truncate_before(1024)
        assert asked(store, lambda: s.read(b"k")) == (None, 1, 0)
        assert (s.rmw(b"k", lambda old: old), s.delete(b"k")) == (None, False)
        assert s.rmw(b"k", lambda old: (old or b"none") + b"!") == b"none!"


def test_a_compaction_gives_what_is_moved_another_address(cold: tuple[FasterKv, Session]) -> None:
    store, s = cold
    store.checkpoint()
    assert store.compact().moved > 0
    assert asked(store, lambda: s.read(b"k"))[:2] == (b"value", 0)
    push_out(s)
    assert [s.read(b"k"), s.read(b"k")] == [b"value"] * 2


# -- opening -------------------------------------------------------------------------------------------


def test_none_is_there_unless_it_is_asked_for(kernels: str) -> None:
    with opened(0, kernels=kernels) as store, store.session("s") as s:
        s.upsert(b"k", b"v")
        push_out(s)
        for _ in range(2):
            assert asked(store, lambda: s.read(b"k")) == (b"v", 0, 1)
        assert store.stats().cache_bytes == store.stats().cache_misses == 0


def test_recovery_begins_with_none_and_a_store_that_is_only_read_has_one_too(kernels: str) -> None:
    device = MemoryDevice()
    given: dict[str, Any] = {"settings": Settings(**TINY), "kernels": kernels, "read_cache": LEAST}
    with FasterKv.open(device, create=True, **given) as store, store.session("s") as s:
        s.upsert(b"k", b"value")
        push_out(s)
        assert s.read(b"k") == b"value"
    for read_only in (False, True):
        with FasterKv.open(device, read_only=read_only, **given) as store, store.session("t") as t:
            assert asked(store, lambda: t.read(b"k")) == (b"value", 0, 1)
            assert asked(store, lambda: t.read(b"k")) == (b"value", 1, 0)
            assert store.stats().cache_bytes == LEAST


def test_it_is_a_part_of_memory() -> None:
    settings = Settings(512, 512, 512, 512)
    for memory in (1 << 16, 1 << 20):
        for size in (LEAST, 1 << 13, memory // 2):
            assert plan_memory(settings, memory, 0, size) == plan_memory(settings, memory - size)
    with pytest.raises(
        SettingsError, match=r"memory is 4096 bytes: expected at least 5120 .* read cache of 3072"
    ):
        plan_memory(settings, 4096, 0, 3072)
    assert plan_memory(settings, 5120, 0, 3072).ring_pages == 2
    for wrong in (-1, 1, 1023, True, 1e6, "1024", None):
        with pytest.raises(SettingsError, match="read_cache is"):
            opened(wrong)  # type: ignore[arg-type]
