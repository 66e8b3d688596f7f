"""The read cache from inside: pages of kept records, who is interrupted there, others beside a reader."""

from collections.abc import Callable
from functools import partial
from random import Random
from threading import Thread
from typing import Any

import pytest

from powercut.engine import FasterKv, MemoryDevice, Session, Settings
from powercut.engine.kernels import words as w
from powercut.engine.log.cache import ReadCache
from powercut.engine.settings import plan_memory
from powercut.engine.shared.modes import Interpreted
from powercut.engine.shared.spaces import Spaces
from powercut.verifier.faster.stepped import SteppedRuntime

LEAST = 1024
TINY: dict[str, Any] = {
    "page_bytes": 1024,
    "segment_bytes": 2048,
    "write_unit": 512,
    "extent_bytes": 512,
    "ring_pages": 2,
    "index_buckets": 2,
}
Interrupt = Callable[[Callable[[], object], Callable[[], object], int], bool]


def opened(cache: int = LEAST, *, mask: int = (1 << 64) - 1, **given: Any) -> FasterKv:
    settings = Settings(**TINY, hash_mask=mask)
    return FasterKv.open(MemoryDevice(), create=True, settings=settings, read_cache=cache, **given)


def push_out(session: Session) -> None:
    """Write so much that everything before it is on the device only."""
    for number in range(6):
        session.upsert(b"filler-%d" % number, bytes(500))


# -- what is kept --------------------------------------------------------------------------------------


def cache_of(size: int = LEAST) -> tuple[ReadCache, Spaces]:
    settings = Settings(**TINY)
    spaces = Spaces(settings, plan_memory(settings, 1 << 20, 0, size), [], size)
    return ReadCache(spaces, Interpreted(SteppedRuntime()), SteppedRuntime()), spaces


def entries(spaces: Spaces) -> dict[int, int]:
    """Each address asked for, with the word that its entry names."""
    control, log = spaces.control, spaces.log
    named = [log[word] & w.ADDRESS_MASK for word in range(control[w.KEPT_TABLE], control[w.KEPT_TURNS])]
    return {log[at]: at for at in named if at}


def test_the_layout_is_inside_the_space() -> None:
    for size in (LEAST, 1025, 1100, 4096, 1 << 16, 1_000_000):
        _, spaces = cache_of(size)
        control = spaces.control
        pages = control[w.KEPT_PAGES] - control[w.KEPT_TURNS]
        assert control[w.KEPT_TABLE] == spaces.ring_bytes // 8
        assert min(control[w.KEPT_SETS], pages - 2) > 0
        assert len(spaces.log) - (1 << control[w.KEPT_SHIFT]) - 1 < control[w.KEPT_PAGES] + (
            pages << control[w.KEPT_SHIFT]
        )
        assert control[w.KEPT_PAGES] + (pages << control[w.KEPT_SHIFT]) <= len(spaces.log)
        assert len(spaces.log_bytes) == spaces.ring_bytes


def test_what_is_asked_for_again_stays_longer_and_a_large_record_is_not_kept() -> None:
    cache, spaces = cache_of()
    hot = 800
    cache.keep(hot, hot, 0, b"hot", b"value")
    cache.keep(hot, hot, 0, b"hot", b"value")
    assert cache._used == 5  # Once.
    cache.keep(hot, hot - 64, 0, b"hit", b"value")  # Another key of that chain.
    assert cache._used == 10
    cache.keep(8000, 8000, 0, b"large", bytes(13 * 8))
    assert set(entries(spaces)) == {hot}
    for turn in range(1, 200):
        cache.keep(8000 + 8 * turn, 8000 + 8 * turn, 0, b"cold", b"value")
        if hot not in entries(spaces):
            break
        word = next(at for at in range(spaces.control[w.KEPT_TABLE], spaces.control[w.KEPT_TURNS])
                    if spaces.log[at] & w.ADDRESS_MASK == entries(spaces)[hot])  # fmt: skip
        if turn < 100:
            spaces.log[word] |= w.ASKED_AGAIN
    assert 100 <= turn < 150  # It outlived many laps of the pages, and when nobody asked any more, one.
    pages, control = entries(spaces), spaces.control
    assert len(pages) >= 4
    assert all(spaces.log[control[w.KEPT_TURNS] + page] % 2 == 0 for page in range(3))


def test_a_page_that_is_made_free_keeps_at_most_half_of_what_was_asked_for_again() -> None:
    cache, spaces = cache_of()
    for number in range(60):
        cache.keep(64 + 8 * number, 64, 0, b"k", b"value")
        for word in range(spaces.control[w.KEPT_TABLE], spaces.control[w.KEPT_TURNS]):
            if spaces.log[word]:
                spaces.log[word] |= w.ASKED_AGAIN
        assert max(cache._used, *cache._ends) <= 32
    for asked_for, at in entries(spaces).items():
        assert (spaces.log[at], spaces.log[at + 1] & w.ALLOCATED_MASK) == (asked_for, 5)


def test_whoever_was_interrupted_while_a_page_is_made_free_leaves_nothing_to_believe(
    interrupt: Interrupt,
) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    settings = Settings(**TINY)
    given: dict[str, Any] = {"settings": settings, "read_cache": LEAST, "runtime": SteppedRuntime()}
    at, has_more, forgotten = 0, True, 0
    while has_more:
        with FasterKv.open(MemoryDevice(), create=True, **given) as store, store.session("s") as s:
            keys = [b"%d" % number for number in range(30)]
            s.upsert_many(keys, [key * 9 for key in keys])
            push_out(s)
            for key in keys:
                assert s.read(key) == s.read(key) == key * 9
            cache: Any = store._parts.log.cold._cache
            keep = partial(cache.keep, 1 << 20, 1 << 20, 0, b"x", bytes(90))
            try:
                has_more = interrupt(keep, stop, at)
            except KeyboardInterrupt:
                turns, pages = store._parts.log.spaces.control[w.KEPT_TURNS], len(cache._ends)
                forgotten += any(turn % 2 for turn in store.spaces[2][turns : turns + pages])
            for _ in range(3):
                assert s.read_many(keys) == [key * 9 for key in keys]
                assert [s.read(key) for key in keys] == [key * 9 for key in keys]
        at += 1
    assert forgotten > 20


# -- others beside it ----------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", ["read", "rmw", "add", "append", "delete"])
def test_no_operation_takes_what_is_thrown_out_meanwhile(interrupt: Interrupt, operation: str) -> None:
    """At each of its accesses another thread fills the whole cache: the device is asked, or has been."""
    calls: dict[str, Callable[[Session], object]] = {
        "read": lambda s: s.read(b"k" * 9),
        "rmw": lambda s: s.rmw(b"k" * 9, lambda old: (old or b"") * 2),
        "add": lambda s: s.add_many([b"k" * 9], 1),
        "append": lambda s: s.append_many([b"k" * 9], [b"!"]),
        "delete": lambda s: s.delete(b"k" * 9),
    }
    value = (5).to_bytes(8, "little")
    after = {"rmw": value * 2, "add": (6).to_bytes(8, "little"), "append": value + b"!", "delete": None}
    for fillers in (2, 40):  # One page is made free, or all of them more than once.
        at, has_more = 0, True
        while has_more:
            with opened(runtime=SteppedRuntime()) as store, store.session("s") as s:
                s.append_many([b"a"], [b"b"])
                s.upsert(b"k" * 9, value)
                push_out(s)
                s.read(b"k" * 9)
                cache: Any = store._parts.log.cold._cache
                for number in range(12 if fillers == 2 else 0):
                    cache.keep(8 * number + (1 << 20), 1 << 20, 0, b"x" * 9, b"\xff" * 8)

                def fill(cache: Any = cache, fillers: int = fillers) -> None:
                    for number in range(fillers):
                        cache.keep(8 * number + (1 << 21), 1 << 21, 0, b"k" * 9, b"\xff" * 64)

                told: list[object] = []
                call = partial(calls[operation], s)

                def tell(told: list[object] = told, call: Callable[[], object] = call) -> None:
                    told.append(call())

                has_more = interrupt(tell, fill, at)
                assert s.read(b"k" * 9) == after.get(operation, value)
                assert told[0] == {"read": value, "rmw": value * 2, "delete": True}.get(operation)
            at += 1
        assert at > 20


def test_threads_over_a_cache_that_is_too_small(kernels: str) -> None:
    with opened(4096, kernels=kernels) as store:
        keys = [b"key-%d" % number for number in range(80)]
        with store.session("loader") as loader:
            for key in keys:
                loader.upsert(key, key * 3 + b"0" * 8)
            push_out(loader)
        wrong: list[object] = []

        def work(number: int) -> None:
            random, count = Random(number), 0
            own = b"key-%d" % number
            with store.session(f"s{number}") as s:
                for _ in range(600):
                    key = keys[int(80 * random.random() ** 3)]
                    value = s.read(key)
                    if value is None or not value.startswith(key * 3) or len(value) != len(key) * 3 + 8:
                        wrong.append((key, value))
                    if random.random() < 0.1:
                        count += 1
                        s.rmw(own, lambda old: (old or b"")[:-8] + b"%08d" % (int((old or b"")[-8:]) + 1))
                if s.read(own) != own * 3 + b"%08d" % count:
                    wrong.append((own, s.read(own), count))

        threads = [Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        stats = store.stats()
        assert not wrong
        assert min(stats.cache_hits, stats.cache_misses) > 0
