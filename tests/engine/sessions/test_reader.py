"""Scans and items: what they list, and beside threads that nothing is missing or torn."""

import threading
from collections.abc import Callable
from contextlib import closing

import pytest

from powercut.engine import FasterKv, MemoryDevice, OperationError, Settings
from powercut.engine.kernels import words as w
from powercut.engine.shared.spaces import Spaces
from powercut.verifier.faster.stepped import SteppedRuntime

Push = Callable[[FasterKv], None]


def spaces_of(store: FasterKv) -> Spaces:
    return store._parts.log.spaces


def pairs(store: FasterKv) -> list[tuple[bytes, bytes | None]]:
    return [(record.key, record.value) for record in store.scan()]


# -- what a scan lists -------------------------------------------------------------------------------


def test_a_scan_lists_every_record_oldest_first(stepped: FasterKv, push_out: Push) -> None:
    session = stepped.session("s")
    session.upsert(b"a", b"old")
    session.upsert(b"b", b"1")
    session.upsert(b"a", b"longer, so another record")
    session.delete(b"b")
    listed = [(b"a", b"old"), (b"b", None), (b"a", b"longer, so another record")]
    assert pairs(stepped) == listed
    stepped.checkpoint()  # Padding follows,
    session.upsert(b"c", b"")
    assert pairs(stepped) == [*listed, (b"c", b"")]
    push_out(stepped)  # and the end of a page.
    assert pairs(stepped)[:4] == [*listed, (b"c", b"")]
    addresses = [record.address for record in stepped.scan()]
    assert addresses == sorted(set(addresses))
    assert min(addresses) < stepped.stats().head <= max(addresses)


def test_what_was_never_published_is_left_out(stepped: FasterKv) -> None:
    session = stepped.session("s")
    session.upsert(b"a", b"1")
    session.upsert(b"b", b"2")
    spaces = spaces_of(stepped)
    first = next(iter(stepped.scan())).address
    spaces.log[(first >> 3) + w.LINK] |= w.INVALID
    assert pairs(stepped) == [(b"b", b"2")]


def test_what_a_recovery_left_behind_is_left_out(device: MemoryDevice, tiny: Settings) -> None:
    with closing(FasterKv.open(device, create=True, settings=tiny, runtime=SteppedRuntime())) as store:
        session = store.session("s")
        session.upsert(b"a", b"1")
        ticket = store.start_checkpoint()
        ticket.advance()
        ticket.advance()
        session.upsert(b"a", b"of the next version")
        ticket.result()
        assert pairs(store) == [(b"a", b"1"), (b"a", b"of the next version")]
    with closing(FasterKv.open(device, settings=tiny, runtime=SteppedRuntime())) as store:
        assert pairs(store) == [(b"a", b"1")]
        assert dict(store.items()) == {b"a": b"1"}


def test_a_scan_goes_on_from_any_address_it_gave(stepped: FasterKv, push_out: Push) -> None:
    session = stepped.session("s")
    for number in range(30):
        session.upsert(b"key-%d" % number, bytes(number))
        if number == 11:
            stepped.checkpoint()
    push_out(stepped)
    whole = list(stepped.scan())
    tail = stepped.stats().tail
    for number, record in enumerate(whole):
        assert list(stepped.scan(record.address)) == whole[number:]
        assert list(stepped.scan(end=record.address)) == whole[:number]
    for start in range(1024, tail, 1024):
        assert list(stepped.scan(start)) == [record for record in whole if record.address >= start]
    assert list(stepped.scan(tail)) == []


def test_other_addresses_are_refused_at_once(stepped: FasterKv, push_out: Push) -> None:
    session = stepped.session("s")
    session.upsert(b"a", bytes(100))
    session.upsert(b"b", bytes(100))
    push_out(stepped)
    tail = stepped.stats().tail
    for begin, end, expected in (
        (0, None, "begin is 0: expected an address from 64"),
        (tail + 8, None, f"to {tail}"),
        (None, tail + 8, f"end is {tail + 8}: expected an address from 64 to {tail}"),
        (1024, 512, "end is 512: expected an address from 1024"),
        (72, None, "begin is 72, inside a record: .* such as 64"),
        (1032, None, "begin is 1032, inside a record: .* such as 1024"),
        (65, None, "inside a record"),
        (True, None, "begin is True"),
    ):
        with pytest.raises(OperationError, match=expected):
            stepped.scan(begin, end)
    assert list(stepped.scan(tail)) == []


# -- beside threads ----------------------------------------------------------------------------------

KEYS = 24
STEPS = 40
ROUNDS = 12  # That each writer may do while one iteration goes on.


def _value(count: int) -> bytes:
    """Shows its count in every word, in lengths that fit in place and that do not."""
    return (b"%07d." % count) * (1 + count % 5)


def _count(value: bytes) -> int:
    count = int(value[:7])
    assert value == _value(count), f"torn: {value!r}"
    return count


def _check_between(found: dict[bytes, int], before: list[int], after: list[int]) -> None:
    assert sorted(found) == [b"key-%02d" % key for key in range(KEYS)]
    for key in range(KEYS):
        assert before[key] <= found[b"key-%02d" % key] <= after[key]


def test_iterators_beside_writers_miss_nothing_and_tear_nothing(either: FasterKv) -> None:
    """Each key has one writer, who counts: what is listed lies between what was done before and after."""
    done, begun = [0] * KEYS, [0] * KEYS
    failures: list[BaseException] = []
    permits = [threading.Semaphore(0), threading.Semaphore(0)]

    def write(first: int) -> None:
        try:
            with either.session(f"writer-{first}") as session:
                for count in range(1, STEPS * ROUNDS + 1):
                    permits[first].acquire()
                    for key in range(first, KEYS, 2):
                        begun[key] = count
                        session.upsert(b"key-%02d" % key, _value(count))
                        done[key] = count
        except BaseException as error:  # noqa: BLE001 (told by the test)
            failures.append(error)

    with either.session("first") as session:
        for key in range(KEYS):
            session.upsert(b"key-%02d" % key, _value(0))
    threads = [threading.Thread(target=write, args=(first,)) for first in (0, 1)]
    for thread in threads:
        thread.start()
    moved = 0
    try:
        for step in range(STEPS):
            before, head = list(done), either.stats().head
            for each in permits:
                each.release(ROUNDS)
            found: dict[bytes, int] = {}
            if step % 2:
                for key_, value in either.items():
                    assert key_ not in found
                    found[key_] = _count(value)
            else:
                for record in either.scan():
                    assert record.value is not None
                    count = _count(record.value)
                    assert count >= found.get(record.key, 0), "an older value after a newer one"
                    found[record.key] = count
            _check_between(found, before, list(begun))
            moved += either.stats().head > head
            if step % 8 == 0:
                either.checkpoint()
    finally:
        for each in permits:
            each.release(STEPS * ROUNDS)
        for thread in threads:
            thread.join()
    assert failures == []
    assert moved, "no page was evicted beside an iterator"
    assert done == [STEPS * ROUNDS] * KEYS
    either.check()
