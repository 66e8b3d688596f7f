"""Changes of a key that a truncation makes absent: none goes on from its value once another is told so."""

import pytest

from powercut.engine import FasterKv, MemoryDevice, Settings
from powercut.verifier.faster.stepped import SteppedRuntime

# Every key is in one chain, a page holds one or two of them.
CHAINED = Settings(
    page_bytes=512,
    segment_bytes=512,
    write_unit=512,
    extent_bytes=512,
    ring_pages=2,
    index_buckets=1,
    hash_mask=0,
)


@pytest.fixture
def store() -> FasterKv:
    """`k` is on page 0, behind others of which some are on the device too."""
    store = FasterKv.open(MemoryDevice(), create=True, settings=CHAINED, runtime=SteppedRuntime())
    with store.session("before") as session:
        session.upsert(b"k", b"old")
        for number in range(8):
            session.upsert(b"%d" % number, bytes(400))
    assert store.stats().head > 1024
    return store


def test_a_function_is_called_again_where_what_it_was_given_is_truncated_meanwhile(store: FasterKv) -> None:
    one, other, given = store.session("one"), store.session("other"), list[bytes | None]()

    def change(value: bytes | None) -> bytes:
        given.append(value)
        if len(given) == 1:
            store.truncate_before(512)
            assert other.read(b"k") is None
        return (value or b"none") + b"+"

    assert one.rmw(b"k", change) == b"none+"
    assert given == [b"old", None]
    assert other.read(b"k") == b"none+"
    assert one.read(b"7") == bytes(400)


def test_what_a_pending_operation_was_told_is_asked_again_behind_a_truncation(store: FasterKv) -> None:
    one, other = store.session("one"), store.session("other")
    ticket = one.start_rmw(b"k", lambda value: (value or b"none") + b"+")
    assert not ticket.is_done
    store.truncate_before(512)
    assert other.read(b"k") is None
    assert one.complete_pending()
    assert ticket.result() == b"none+"
