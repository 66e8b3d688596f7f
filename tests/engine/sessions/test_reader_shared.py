"""Readers beside sessions, one access at a time: nothing torn or stale, and who pauses blocks nobody."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from powercut.engine import (
    ClosedError,
    DeviceError,
    FasterKv,
    MemoryDevice,
    OperationError,
    SessionError,
    Settings,
)
from powercut.engine.kernels import words as w
from powercut.engine.kernels.atomics import Space, set_turn
from powercut.engine.shared.spaces import ROWS_MAX, SESSIONS_MAX, Spaces
from powercut.verifier.faster.stepped import SteppedRuntime

Push = Callable[[FasterKv], None]


class Waits(Exception):  # noqa: N818 (says what is done, not that it is wrong)
    """A reader has to wait for another session."""


class RefusingRuntime(SteppedRuntime):
    """A runtime without turns: asking for one raises."""

    def turn(self, what: str) -> None:
        if what.startswith("another session"):
            raise Waits(what)


@pytest.fixture
def alone(device: MemoryDevice, tiny: Settings) -> Iterator[FasterKv]:
    with FasterKv.open(device, create=True, settings=tiny, runtime=RefusingRuntime()) as opened:
        yield opened


@contextmanager
def hooked(hook: Callable[[Space, int, bool], None]) -> Iterator[None]:
    """Every access of a shared word asks `hook` first; its own accesses do not."""
    inside: list[bool] = []

    def turn(space: Space, word: int, is_write: bool) -> None:
        if not inside:
            inside.append(True)
            try:
                hook(space, word, is_write)
            finally:
                inside.clear()

    set_turn(turn)
    try:
        yield
    finally:
        set_turn(None)


def spaces_of(store: FasterKv) -> Spaces:
    return store._parts.log.spaces


def pairs(store: FasterKv) -> list[tuple[bytes, bytes | None]]:
    return [(record.key, record.value) for record in store.scan()]


def test_a_value_changed_while_it_is_copied_is_read_again(stepped: FasterKv) -> None:
    """At each word of the value, another session overwrites all of it in place."""
    session = stepped.session("s")
    spaces = spaces_of(stepped)
    for value_bytes in (8, 24, 40):
        word = 0
        while True:
            session.upsert(b"k", b"a" * value_bytes)
            at = next(each for each in reversed(list(stepped.scan()))).address >> 3
            written: list[int] = []
            target = at + w.RECORD_HEADER_WORDS + 1 + word

            def write(
                space: Space, number: int, is_write: bool, target: int = target, size: int = value_bytes,
                written: list[int] = written,
            ) -> None:  # fmt: skip
                if space is spaces.log and number == target and not is_write and not written:
                    written.append(number)
                    session.upsert(b"k", b"b" * size)

            with hooked(write):
                found = [dict(stepped.items())[b"k"]]
            if not written:
                break
            assert found == [b"b" * value_bytes]
            written.clear()
            session.upsert(b"k", b"a" * value_bytes)
            with hooked(write):
                found += [record.value or b"" for record in stepped.scan(at << 3)]
            assert set(found) == {b"b" * value_bytes}
            word += 1
        assert word == value_bytes // 8


def test_who_locks_a_record_is_waited_for(alone: FasterKv) -> None:
    alone.session("s").upsert(b"k", b"v")
    spaces = spaces_of(alone)
    link = (w.FIRST_ADDRESS >> 3) + w.LINK
    spaces.log[link] |= w.LOCK
    for iterator in (alone.items(), alone.scan()):
        with pytest.raises(Waits, match="another session to"):
            next(iterator)
    spaces.log[link] &= ~w.LOCK
    assert dict(alone.items()) == {b"k": b"v"}
    assert not any(spaces.epochs[row] for row in range(0, len(spaces.epochs), w.ROW_WORDS))


def test_a_record_that_is_named_and_not_yet_valid_is_waited_for(alone: FasterKv) -> None:
    """The index names the new record, whose link is invalid still: the old value is out of date already."""
    session = alone.session("s")
    session.upsert(b"k", b"old")
    spaces = spaces_of(alone)
    link = ((spaces.control[w.TAIL] >> 3) & spaces.control[w.RING_MASK]) + w.LINK
    seen: list[str] = []

    def look(space: Space, word: int, is_write: bool) -> None:
        if space is spaces.log and word == link and is_write and space[word] & w.INVALID:
            with pytest.raises(Waits, match="publish a record"):
                dict(alone.items())
            seen.append("items")

    with hooked(look):
        session.upsert(b"k", b"new, and longer than before")
    assert seen == ["items"]
    assert dict(alone.items()) == {b"k": b"new, and longer than before"}


def test_a_scan_starts_after_the_batches_below_its_end_have_left(stepped: FasterKv) -> None:
    """Whoever waits for what nobody will do fails here, and says for what."""
    session = stepped.session("s")
    session.upsert(b"k", b"v")
    epochs, row = spaces_of(stepped).epochs, stepped._parts.sessions.open("other").row
    epochs[row + w.ROW_STATE] = stepped._parts.shared.epochs.current
    with pytest.raises(AssertionError, match="write below the end of a scan"):
        stepped.scan()
    epochs[row + w.ROW_STATE] = w.IDLE
    assert pairs(stepped) == [(b"k", b"v")]


def test_no_frame_is_reused_while_a_reader_looks_at_it(stepped: FasterKv, push_out: Push) -> None:
    stepped.session("s").upsert(b"k", b"a" * 64)
    spaces = spaces_of(stepped)
    target = (w.FIRST_ADDRESS >> 3) + w.RECORD_HEADER_WORDS + 4
    refused: list[str] = []

    def evict(space: Space, word: int, is_write: bool) -> None:
        if space is spaces.log and word == target and not is_write and not refused:
            with pytest.raises(AssertionError, match="waits for ever: batches that may still") as caught:
                push_out(stepped)
            refused.append(str(caught.value))

    with hooked(evict):
        assert next(stepped.items()) == (b"k", b"a" * 64)
    assert len(refused) == 1


def test_who_stands_still_between_two_records_blocks_nobody(stepped: FasterKv, push_out: Push) -> None:
    session = stepped.session("s")
    for number in range(20):
        session.upsert(b"key-%d" % number, b"%d" % number)
    whole = list(stepped.scan())
    scan, items = stepped.scan(), stepped.items()
    found, seen = [next(scan)], [next(items)]
    stepped.checkpoint()
    push_out(stepped)
    assert stepped.stats().head > whole[-1].address
    assert found + list(scan) == whole
    seen += [item for item in items if not item[0].startswith(b"filler")]
    assert sorted(seen) == sorted((record.key, record.value) for record in whole)


def test_an_iterator_that_is_closed_gives_its_row_back(stepped: FasterKv) -> None:
    session = stepped.session("s")
    session.upsert(b"a", b"1")
    session.upsert(b"b", b"2")
    for _ in range(SESSIONS_MAX + 10):
        for iterator in (stepped.items(), stepped.scan()):
            next(iterator)
            iterator.close()
        with pytest.raises(OperationError):
            stepped.scan(72)
    assert spaces_of(stepped).rows_used == 2
    held = [stepped.items() for _ in range(ROWS_MAX - 1)]
    assert {next(each) for each in held}
    with pytest.raises(SessionError, match="close one first"):
        next(stepped.items())
    assert next(held[0])
    with pytest.raises(StopIteration):
        next(held[0])
    assert next(stepped.items())


def test_a_store_closed_meanwhile_is_told(device: MemoryDevice, tiny: Settings, push_out: Push) -> None:
    store = FasterKv.open(device, create=True, settings=tiny, runtime=SteppedRuntime())
    push_out(store)
    scan, items = store.scan(), store.items()
    next(scan)
    store.close()
    for iterator in (scan, items):
        with pytest.raises(ClosedError):
            next(iterator)
    for call in (store.scan, store.items):
        with pytest.raises(ClosedError):
            call()


def test_a_closed_store_tells_nothing_more_from_memory_either(device: MemoryDevice, tiny: Settings) -> None:
    store = FasterKv.open(device, create=True, settings=tiny, runtime=SteppedRuntime())
    session = store.session("s")
    session.upsert(b"a", b"1")
    session.upsert(b"b", b"2")
    scan, items = store.scan(), store.items()
    next(scan)
    next(items)
    store.close()
    for iterator in (scan, items):
        with pytest.raises(ClosedError):
            next(iterator)


def test_a_device_that_fails_is_an_error_of_its_kind(
    failing: MemoryDevice, tiny: Settings, push_out: Push
) -> None:
    with FasterKv.open(failing, create=True, settings=tiny, runtime=SteppedRuntime()) as store:
        push_out(store)
        failing.fails = lambda call, name: call == "read"  # type: ignore[attr-defined]
        for iterator in (store.scan(), store.items()):
            with pytest.raises(DeviceError):
                list(iterator)
        failing.fails = lambda call, name: False  # type: ignore[attr-defined]
