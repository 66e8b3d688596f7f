"""`check()` says no: each invariant it audits is broken on purpose, by writing to the spaces, and named."""

from collections.abc import Iterator

import pytest

from powercut.engine import FasterKv, InvariantError, MemoryDevice, Settings
from powercut.engine.audit import scan_records
from powercut.engine.kernels import words as w
from powercut.engine.shared.spaces import Spaces


@pytest.fixture
def full(device: MemoryDevice, tiny: Settings) -> Iterator[FasterKv]:
    """Some records on the device, some in memory, an overflow bucket in use."""
    with FasterKv.open(device, create=True, settings=tiny) as store:
        with store.session("s") as session:
            for number in range(150):
                session.upsert(b"key-%d" % (number % 60), b"%d" % number * (number % 5))
        yield store


def spaces_of(store: FasterKv) -> Spaces:
    return store._parts.log.spaces


def first_entry(spaces: Spaces) -> int:
    """The slot of an entry whose record is in memory."""
    control = spaces.control
    for slot in range(len(spaces.index)):
        is_link = slot % w.BUCKET_WORDS == w.BUCKET_ENTRIES
        if not is_link and spaces.index[slot] & w.ADDRESS_MASK >= control[w.HEAD]:
            return slot
    raise AssertionError("no record in memory")


def refuses(store: FasterKv, name: str) -> None:
    with pytest.raises(InvariantError) as caught:
        store.check()
    assert caught.value.name == name
    assert f"invariant {name}" in str(caught.value)


def test_a_healthy_store_passes(full: FasterKv) -> None:
    full.check()


@pytest.mark.parametrize("word", [w.BEGIN, w.SAFE_HEAD, w.HEAD, w.FLUSHED, w.SAFE_READ_ONLY, w.READ_ONLY])
def test_boundaries_out_of_order_are_refused(full: FasterKv, word: int) -> None:
    control = spaces_of(full).control
    control[word] = control[w.TAIL] + 8
    with pytest.raises(InvariantError):
        full.check()


def test_a1_is_named(full: FasterKv) -> None:
    control = spaces_of(full).control
    control[w.FLUSHED] = control[w.HEAD] - 8
    refuses(full, "A1")


def test_a_head_further_back_than_the_ring_is_refused(full: FasterKv) -> None:
    control = spaces_of(full).control
    control[w.HEAD] = control[w.SAFE_HEAD] = 64
    refuses(full, "A6")


def test_two_entries_of_one_tag_are_refused(full: FasterKv) -> None:
    spaces = spaces_of(full)
    slot = first_entry(spaces)
    base = slot // w.BUCKET_WORDS * w.BUCKET_WORDS
    other = base if slot != base else base + 1
    spaces.index[other] = spaces.index[slot]
    refuses(full, "H1")


def test_an_entry_beyond_the_tail_is_refused(full: FasterKv) -> None:
    spaces = spaces_of(full)
    slot = first_entry(spaces)
    spaces.index[slot] = spaces.index[slot] & ~w.ADDRESS_MASK | spaces.control[w.TAIL]
    refuses(full, "H2")


def test_a_chain_that_does_not_go_down_is_refused(full: FasterKv) -> None:
    spaces = spaces_of(full)
    address = spaces.index[first_entry(spaces)] & w.ADDRESS_MASK
    at = ((address >> 3) & spaces.control[w.RING_MASK]) + w.LINK
    spaces.log[at] = spaces.log[at] & ~w.ADDRESS_MASK | address
    refuses(full, "H3")


def test_a_tentative_entry_at_rest_is_refused(full: FasterKv) -> None:
    spaces = spaces_of(full)
    spaces.index[first_entry(spaces)] |= w.TENTATIVE
    refuses(full, "H4")


def test_an_overflow_bucket_in_two_chains_is_refused(full: FasterKv) -> None:
    index = spaces_of(full).index
    assert index[7]
    assert index[15]
    index[7] = index[15]
    refuses(full, "H5")


def test_an_overflow_bucket_never_handed_out_is_refused(full: FasterKv) -> None:
    spaces = spaces_of(full)
    spaces.index[7] = spaces.control[w.OVERFLOW_NEXT]
    refuses(full, "H5")


def test_a_key_the_index_has_lost_is_refused(full: FasterKv) -> None:
    spaces = spaces_of(full)
    spaces.index[first_entry(spaces)] = 0
    refuses(full, "R4")


def test_an_index_that_names_an_older_record_is_refused(full: FasterKv) -> None:
    with full.session("again") as session:
        session.upsert(b"key-3", b"x" * 100)
    spaces = spaces_of(full)
    newest = max(address for address, record in scan_records(full._parts.log) if record.key == b"key-3")
    for slot in range(len(spaces.index)):
        if spaces.index[slot] & w.ADDRESS_MASK == newest and slot % 8 != 7:
            at = ((newest >> 3) & spaces.control[w.RING_MASK]) + w.LINK
            previous = spaces.log[at] & w.ADDRESS_MASK
            spaces.index[slot] = spaces.index[slot] & ~w.ADDRESS_MASK | previous
            spaces.log[((previous >> 3) & spaces.control[w.RING_MASK]) + w.LINK] &= ~w.TRANSIENT
    refuses(full, "R4")


@pytest.mark.parametrize("bit", [w.LOCK, w.SEALED, w.INVALID])
def test_a_record_left_locked_sealed_or_invalid_is_refused(full: FasterKv, bit: int) -> None:
    spaces = spaces_of(full)
    address = spaces.index[first_entry(spaces)] & w.ADDRESS_MASK
    spaces.log[((address >> 3) & spaces.control[w.RING_MASK]) + w.LINK] |= bit
    refuses(full, "R7")


def test_items_are_live_keys_only(full: FasterKv) -> None:
    with full.session("again") as session:
        session.delete(b"key-5")
        session.upsert(b"key-6", b"changed")
    items = dict(full.items())
    assert len(items) == 59
    assert items[b"key-6"] == b"changed"
