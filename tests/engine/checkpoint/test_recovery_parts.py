"""The parts that recovery is made of: roots, tables and the log's cold side refuse what is not theirs."""

from collections.abc import Callable
from dataclasses import replace
from itertools import permutations

import pytest

from powercut.engine import (
    CorruptionError,
    InvariantError,
    MemoryDevice,
    Settings,
    ThreadRuntime,
)
from powercut.engine.device import Disk
from powercut.engine.kernels import words as w
from powercut.engine.kernels.probe import claim_slot, extend_bucket, find_slot, hash_words, is_void
from powercut.engine.log import HybridLog
from powercut.engine.log.segments import read_extent
from powercut.engine.metadata.agreement import check_order
from powercut.engine.metadata.columns import Extents
from powercut.engine.metadata.extents import ExtentTable, segment_name
from powercut.engine.metadata.layout import (
    Block,
    Extent,
    Pointer,
    Root,
    Version,
    VoidRange,
    checksum,
    encode_root,
)
from powercut.engine.metadata.marks import SessionMark
from powercut.engine.metadata.places import Places
from powercut.engine.metadata.roots import ROOT_FILES, Roots, read_roots
from powercut.engine.metadata.tables import NO_BLOCK, TABLE_FILE, Tables, check_extents
from powercut.engine.poison import Poison
from powercut.engine.settings import MASK64, plan_memory
from powercut.engine.shared.modes import Interpreted
from powercut.engine.shared.shared import Shared
from powercut.engine.shared.spaces import Spaces, words_of

ROOT = Root(bytes(16), 0, 0, (512, 512, 512, 512, 0), NO_BLOCK)


def block(counter: int, **changed: object) -> Block:
    fields: dict[str, object] = {
        "version": Version(1, counter),
        "fuzzy_start": 512 * counter,
        "final": 512 * counter,
        "begin": 64,
        "previous": NO_BLOCK,
        "is_full": False,
        "extents": [],
        "voids": [],
        "sessions": [SessionMark("s", 1, counter)],
    }
    return Block(**(fields | changed))  # type: ignore[arg-type]


def make_roots(device: MemoryDevice) -> Roots:
    for file in ROOT_FILES:
        device.create(file)
    return Roots(device, ThreadRuntime(), Poison(), dict.fromkeys(ROOT_FILES, 0))


# -- roots -------------------------------------------------------------------------------------------


def test_every_root_write_has_a_number_of_its_own(device: MemoryDevice) -> None:
    roots = make_roots(device)
    for _ in range(3):
        roots.commit(ROOT)
    roots.settle()
    reading = read_roots(device, device.list(), [])
    assert sorted(reading.sequences.values()) == [7, 8, 9]
    assert reading.newest is not None
    assert reading.newest.sequence == 9


def test_a_number_not_above_the_last_is_refused(device: MemoryDevice) -> None:
    roots = make_roots(device)
    roots.commit(ROOT)
    roots.settle()
    with pytest.raises(InvariantError, match="sequence 3 after 3"):
        roots._write("root-a", ROOT, 3)


def test_a_new_life_starts_above_numbers_nobody_can_see(device: MemoryDevice) -> None:
    roots = make_roots(device)
    roots.take_over(ROOT._replace(life=1))
    roots.settle()
    assert min(read_roots(device, device.list(), []).sequences.values()) == (1 << 32) + 1


def test_roots_of_two_stores_are_refused(device: MemoryDevice) -> None:
    for file, store_id in zip(ROOT_FILES, (b"a" * 16, b"a" * 16, b"b" * 16), strict=True):
        device.create(file)
        device.write(file, 0, encode_root(Root(store_id, 5, 0, ROOT.geometry, NO_BLOCK)))
    with pytest.raises(CorruptionError, match="root-c"):
        read_roots(device, device.list(), [])


class Beside(MemoryDevice):
    """A device that another process writes to."""

    is_beside = True


@pytest.mark.parametrize(("ends", "newest"), [((300, 300, 600), 12), ((300, 600, 600), 13)])
def test_beside_a_writer_the_newest_is_what_two_copies_name_wherever_they_stand(
    ends: tuple[int, ...], newest: int
) -> None:
    for files in permutations(ROOT_FILES):
        device = Beside()
        for file, sequence, end in zip(files, (11, 12, 13), ends, strict=True):
            root = ROOT._replace(sequence=sequence, life=0, head=Pointer(end - 300, 300, end), begin=64)
            device.create(file)
            device.write(file, 0, encode_root(root))
        found = read_roots(device, device.list(), []).newest
        assert found is not None
        assert found.sequence == newest


def test_what_is_read_is_told(device: MemoryDevice) -> None:
    device.create("root-a")
    device.create("root-b")
    device.write("root-b", 0, encode_root(Root(bytes(16), 5, 0, ROOT.geometry, NO_BLOCK)))
    findings: list[object] = []
    reading = read_roots(device, device.list(), findings)  # type: ignore[arg-type]
    assert reading.complaints == {"root-a": "0 bytes", "root-c": "no file"}
    assert [finding[3] for finding in findings] == ["rejected", "accepted", "absent"]  # type: ignore[index]


# -- tables ------------------------------------------------------------------------------------------


@pytest.fixture
def tables(device: MemoryDevice) -> Tables:
    """Three blocks, chained and accepted."""
    made = Tables(device, Poison(), bytes(16), 512, NO_BLOCK)
    for counter in (1, 2, 3):
        made.accept(made.append(block(counter, previous=made.head)), is_full=False)
    return made


def test_a_chain_is_read_newest_first(tables: Tables) -> None:
    assert [each.version.counter for each in tables.chain(tables.head, [])] == [3, 2, 1]
    assert tables.head.offset % 512 == 0


@pytest.mark.parametrize(
    "wrong",
    [
        lambda head: head._replace(crc=head.crc ^ 1),
        lambda head: head._replace(length=head.length - 1),
        lambda head: head._replace(length=head.length + 600),
        lambda head: head._replace(offset=head.offset - 512),
        lambda head: head._replace(offset=1 << 40),
    ],
)
def test_a_pointer_that_names_no_block_is_refused(
    tables: Tables, wrong: Callable[[Pointer], Pointer]
) -> None:
    with pytest.raises(CorruptionError, match=TABLE_FILE):
        list(tables.chain(wrong(tables.head), []))


def test_a_missing_table_file_is_refused(device: MemoryDevice, tables: Tables) -> None:
    device.remove(TABLE_FILE)
    with pytest.raises(CorruptionError, match="no file"):
        list(tables.chain(tables.head, []))


def test_a_chain_that_does_not_go_back_is_refused(tables: Tables) -> None:
    made = tables.append(block(4, previous=tables.head._replace(offset=tables.head.offset + 512)))
    with pytest.raises(CorruptionError, match="lies before"):
        list(tables.chain(made, []))


# -- what blocks say of each other -------------------------------------------------------------------


@pytest.mark.parametrize(
    "older",
    [
        block(2),
        block(1, version=Version(2, 1)),
        block(1, final=1025),
        block(1, begin=65),
    ],
    ids=["the same version", "a later life", "a final past the next start", "a begin past the next one"],
)
def test_checkpoints_out_of_order_are_refused(older: Block) -> None:
    check_order(block(1), block(2))
    with pytest.raises(CorruptionError):
        check_order(older, block(2))


@pytest.mark.parametrize(
    ("starts", "final"),
    [([512], 1024), ([0, 1024], 1536), ([0, 0], 512), ([0], 1024), ([], 512)],
)
def test_extents_with_a_gap_or_an_overlap_are_refused(starts: list[int], final: int) -> None:
    check_extents([Extents.of([Extent(0, 512, 0, 1), Extent(512, 512, 0, 1)])], 1024, NO_BLOCK)
    with pytest.raises(CorruptionError):
        check_extents(
            [Extents.of([Extent(start, 512, 0, 1) for start in starts])] if starts else [], final, NO_BLOCK
        )


@pytest.mark.parametrize(
    ("first", "length"), [(512, 512), (1024, 512), (0, 0)], ids=["inside a segment", "past begin", "empty"]
)
def test_extents_that_cannot_be_the_first_are_refused(first: int, length: int) -> None:
    check_extents([Extents.of([Extent(0, 512, 0, 1)])], 512, NO_BLOCK, begin=512, segment_bytes=1024)
    with pytest.raises(CorruptionError):
        check_extents(
            [Extents.of([Extent(first, length, 0, 1)])],
            first + length,
            NO_BLOCK,
            begin=512,
            segment_bytes=1024,
        )


# -- the log's cold side -----------------------------------------------------------------------------


def test_an_extent_is_bound_to_its_bytes_place_store_and_life(device: MemoryDevice) -> None:
    data = bytes(range(256)) * 2
    for number in (0, 1):
        device.create(segment_name(number))
        device.write(segment_name(number), 0, data + data)
    crc = checksum(data, b"i" * 16, segment_name(1), 512, 4)
    right = Extent(2048 + 512, 512, crc, 4)
    assert read_extent(device, Places(b"i" * 16, 2048), right) == data
    wrong: list[tuple[bytes, Extent]] = [
        (b"j" * 16, right),
        (b"i" * 16, right._replace(life=5)),
        (b"i" * 16, right._replace(start=2048)),
        (b"i" * 16, right._replace(start=512)),
        (b"i" * 16, right._replace(crc=crc ^ 1)),
        (b"i" * 16, right._replace(start=2048 + 1024)),
        (b"i" * 16, right._replace(start=3 * 2048)),
    ]
    for store_id, extent in wrong:
        with pytest.raises(CorruptionError):
            read_extent(device, Places(store_id, 2048), extent)


def test_a_fold_over_pads_to_a_unit_and_writes_no_unit_twice(device: MemoryDevice, tiny: Settings) -> None:
    spaces = Spaces(tiny, plan_memory(tiny, 1 << 20), [])
    runtime = ThreadRuntime()
    mode = Interpreted(runtime)
    shared = Shared.over(spaces, mode, runtime, 1)
    log = HybridLog.over(
        Disk(device, Poison(), runtime), shared, tiny, Places(bytes(16), tiny.segment_bytes), 1, ExtentTable()
    )
    ring = log.ring
    ring.adopt(64, 64, 64)
    ring.open_page(32)
    spaces.control[w.TAIL] = 96
    assert ring.fold_over() == 512
    log.flushing.flush(512)
    log.flushing.flush(512)
    assert [log.extents[number].start for number in range(len(log.extents))] == [0]
    assert ring.fold_over() == 512
    spaces.control[w.TAIL] = 520
    assert ring.fold_over() == 1024
    log.flushing.flush(1024)
    assert [tuple(log.extents[number])[:2] for number in range(len(log.extents))] == [(0, 512), (512, 512)]


# -- probes ------------------------------------------------------------------------------------------


@pytest.fixture
def one_bucket(tiny: Settings) -> Settings:
    return replace(tiny, index_buckets=1)


def test_a_tag_gets_one_entry_and_a_full_chain_asks_for_a_bucket(one_bucket: Settings) -> None:
    spaces = Spaces(one_bucket, plan_memory(one_bucket, 1 << 20), [])
    control, index = spaces.control, spaces.index
    hashes = [tag << w.TAG_FROM for tag in range(1, 9)]
    assert find_slot(control, index, hashes[0]) == w.REFUSED
    slots = [claim_slot(control, index, hashed) for hashed in hashes]
    assert slots[:7] == list(range(7))
    assert slots[7] == w.REFUSED | w.OVERFLOW
    assert extend_bucket(control, index, hashes[7])
    last = len(index) - w.BUCKET_WORDS  # The first of the last bucket.
    assert claim_slot(control, index, hashes[7]) == last
    assert [claim_slot(control, index, hashed) for hashed in hashes] == [*range(7), last]
    assert [find_slot(control, index, hashed) for hashed in hashes] == [*range(7), last]


def test_another_tentative_entry_of_the_tag_makes_the_claim_a_lost_race(one_bucket: Settings) -> None:
    spaces = Spaces(one_bucket, plan_memory(one_bucket, 1 << 20), [])
    spaces.index[3] = w.TENTATIVE | 5 << w.TAG_SHIFT
    assert claim_slot(spaces.control, spaces.index, 5 << w.TAG_FROM) == w.REFUSED | w.RETRY
    assert list(spaces.index[:3]) == [0, 0, 0]


def test_a_record_is_void_only_in_its_range_and_version(tiny: Settings) -> None:
    voids = [VoidRange(16 * 5 + 3, 1000, 2000), VoidRange(9, 3000, 3008)]
    control = Spaces(tiny, plan_memory(tiny, 1 << 20), voids).control
    three = 3 << w.VERSION_SHIFT
    assert [is_void(control, address, three) for address in (992, 1000, 1992, 2000)] == [
        False,
        True,
        True,
        False,
    ]
    assert not is_void(control, 1000, 9 << w.VERSION_SHIFT)
    assert is_void(control, 3000, 9 << w.VERSION_SHIFT)
    assert not is_void(control, 1 << 40, three)


def test_the_hash_depends_on_every_byte_and_on_the_length() -> None:
    seen = set()
    for data in (b"a", b"a\0", b"b", b"aaaaaaaa", b"aaaaaaaa\0", b"aaaaaaaab", b"baaaaaaaa"):
        space = words_of(2)
        space.cast("B")[: len(data)] = data
        seen.add(hash_words(space, 0, len(data), MASK64))
        assert hash_words(space, 0, len(data), 0) == 0
    assert len(seen) == 7
