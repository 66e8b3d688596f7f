"""Images of the index: an opening with one is that without it, whatever sessions did while it was taken."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest

from powercut.engine import (
    CheckpointError,
    CheckpointKind,
    CheckpointTicket,
    FasterKv,
    MemoryDevice,
    Settings,
    Version,
)
from powercut.engine.inspection import inspect_store

KINDS = list(CheckpointKind)


@pytest.mark.parametrize(("kind", "pages"), list(product(KINDS, [8, 2])))
def test_an_opening_with_an_image_is_one_without(at: Any, kind: CheckpointKind, pages: int) -> None:
    settings = replace(at.small, ring_pages=pages)
    device = MemoryDevice()
    kv = at.opened(device, settings)
    session = kv.session("s")
    content = at.fill(session, range(40))
    point = kv.checkpoint(kind, index=True)
    assert point.index == point.version
    assert kv.checkpoints() == [point]
    kv.close()
    assert at.check_same(device, settings) == content
    assert inspect_store(device).verdict == "sound"


@pytest.mark.parametrize(("first", "second"), list(product(KINDS, KINDS)))
def test_an_image_serves_checkpoints_after_its_own_and_later_lives(
    at: Any, first: CheckpointKind, second: CheckpointKind
) -> None:
    device = MemoryDevice()
    kv = at.opened(device)
    content = at.fill(kv.session("s"), range(30))
    taken = kv.checkpoint(first, index=True).version
    content |= at.fill(kv.session("t"), range(20, 35), b"other")
    assert kv.checkpoint(second).index == taken
    kv.close()
    assert at.check_same(device) == content
    with at.opened(device) as kv:
        content |= at.fill(kv.resume_session("t"), range(33, 36), b"third")
        kv.resume_session("s").delete(b"key-00")
        del content[b"key-00"]
        assert kv.checkpoint(second).index == taken
    assert at.check_same(device) == content
    assert inspect_store(device).is_sound


def test_only_the_log_behind_the_image_is_loaded(at: Any) -> None:
    device = MemoryDevice()
    kv = at.opened(device)
    session = kv.session("s")
    at.fill(session, range(60))
    kv.checkpoint()
    start = kv.stats().tail
    kv.checkpoint(index=True)
    at.fill(session, range(3))
    kv.checkpoint()
    kv.close()
    with at.opened(device, read_only=True) as kv:
        page = at.small.page_bytes
        assert kv.stats().head == start - start % page
        log = [each for each in kv.findings if each.file.startswith("segment-")]
        assert log
        below = (start - start % page) % at.small.segment_bytes
        assert log[0].offset == below


def stepped(ticket: CheckpointTicket) -> Iterator[int]:
    """Take steps, and say before each how many were taken."""
    for count in range(1_000):
        yield count
        if ticket.advance():
            return


@pytest.mark.parametrize(("kind", "pages"), list(product(KINDS, [8, 2])))
def test_what_sessions_do_while_it_is_taken_is_found(
    at: Any, kind: CheckpointKind, pages: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = replace(at.small, ring_pages=pages)
    device = MemoryDevice()
    kv = at.opened(device, settings)
    session = kv.session("s")
    content = at.fill(session, range(10))
    monkeypatch.setattr("powercut.engine.checkpoint.kinds.index.STEP_BYTES", 64)
    ticket = kv.start_checkpoint(kind, index=True)
    steps, held = 0, dict[bytes, bytes]()
    for count in stepped(ticket):
        if kv.phase.name == "REST":  # Of the version that is saved.
            content |= at.fill(session, range(count, count + 12), b"beside-%d" % count)
            steps += 1
        elif kv.phase.name in ("PREPARE", "WAIT_PENDING"):
            held = dict(content)
        else:
            at.fill(session, range(count, count + 2), b"later-%d" % count)
    assert steps == 8  # The first of nine is taken by who starts it.
    point = ticket.result()
    kv.close()
    assert at.check_same(device, settings) == held
    assert point.index == point.version


def test_entries_of_the_next_version_are_undone_beside_an_image(
    at: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = MemoryDevice()
    kv = at.opened(device)
    session = kv.session("s")
    content = at.fill(session, range(10))
    ticket = kv.start_checkpoint(index=True)
    while kv.phase.name != "IN_PROGRESS":
        ticket.advance()
    at.fill(session, range(5, 12), b"next")
    ticket.result()
    kv.close()
    assert at.check_same(device) == content
    with at.opened(device) as kv:  # And the void range that they leave stays beside the image.
        content |= at.fill(kv.resume_session("s"), range(8, 14), b"again")
        kv.checkpoint()
    assert at.check_same(device) == content


def test_nothing_new_is_a_checkpoint_where_an_image_is_asked_for(at: Any) -> None:
    device = MemoryDevice()
    kv = at.opened(device)
    at.fill(kv.session("s"), range(3))
    first = kv.checkpoint()
    assert first.index is None
    second = kv.checkpoint(index=True)
    assert second.version > first.version
    assert second.index == second.version
    assert kv.checkpoint(index=True) == kv.checkpoint() == second
    kv.close()
    with at.opened(device) as kv:
        assert kv.checkpoint(CheckpointKind.SNAPSHOT, index=True) == second
    at.check_same(device)


def test_an_image_of_fewer_buckets_is_left_alone_and_not_named_again(at: Any) -> None:
    device = MemoryDevice()
    kv = at.opened(device)
    content = at.fill(kv.session("s"), range(30))
    kv.checkpoint(index=True)
    kv.close()
    more = replace(at.small, index_buckets=256)
    with at.opened(device, more) as kv:
        kv.check()
        assert dict(kv.items()) == content
        kv.resume_session("s").upsert(b"new", b"1")
        assert kv.checkpoint().index is None
        assert kv.checkpoint(index=True).index is not None
    assert at.check_same(device, more) == content | {b"new": b"1"}


# -- large ones, which are read in parts ------------------------------------------------------------

LARGE = Settings(page_bytes=1 << 16, segment_bytes=1 << 20, extent_bytes=4096, index_buckets=1 << 14)


# A MiB of buckets, a quarter-thousand of which have all keys: in chains of four, behind that MiB, which is
# what the tests have read at once.
PARTS = replace(LARGE, hash_mask=0xFFFC_0000_0000_0FF0, write_bytes=1 << 16)
KEYS = 6_000


def filled(settings: Settings, keys: int, width: int = 8) -> MemoryDevice:
    """A store with an image, and chains of buckets in it; with values of this width."""
    device = MemoryDevice()
    with FasterKv.open(device, create=True, settings=settings) as kv, kv.session("s") as session:
        numbers = np.arange(keys, dtype="<u8")
        values = np.zeros((keys, width), np.uint8)
        values[:, :8] = numbers.view(np.uint8).reshape(keys, 8)
        session.upsert_many(numbers, values)
        kv.checkpoint(index=True)
        session.upsert_many(numbers[:9], numbers[:9] + 1)
        kv.checkpoint()
    return device


def listed(device: MemoryDevice, settings: Settings) -> tuple[dict[bytes, bytes], list[tuple[str, int, str]]]:
    with FasterKv.open(device, read_only=True, settings=settings) as kv:
        kv.check()
        found = [each for each in kv.findings if each.file.startswith("index-")]
        return dict(kv.items()), [(each.verdict, each.offset, each.file) for each in found]


@pytest.fixture
def in_parts(monkeypatch: pytest.MonkeyPatch) -> int:
    """The bytes that are read at once."""
    monkeypatch.setattr("powercut.engine.checkpoint.reading.READ_BYTES", 1 << 20)
    return 1 << 20


@pytest.mark.parametrize("write_bytes", [1 << 16, 1 << 20, 1 << 21])
def test_an_image_in_parts_is_read_by_two_at_once(at: Any, write_bytes: int, in_parts: int) -> None:
    settings = replace(PARTS, write_bytes=write_bytes)
    device = filled(settings, KEYS, 400)  # So that the log which an image spares is longer.
    content, found = listed(at.copy_of(device), settings)
    assert len(content) == KEYS
    assert content[bytes(8)] == (1).to_bytes(8, "little")
    assert {verdict for verdict, *_ in found} == {"accepted"}
    record, *parts = (offset for _, offset, _ in found)
    assert parts == list(range(0, record, max(in_parts, settings.piece_bytes)))
    assert len(parts) > 1 or write_bytes > in_parts
    assert parts == sorted(parts)
    other, found = listed(at.copy_of(device, without="index-"), settings)
    assert other == content
    assert [verdict for verdict, *_ in found] == ["absent"]


@pytest.mark.usefixtures("in_parts")
@pytest.mark.parametrize("part", [0, 1])
def test_a_part_that_is_wrong_is_told_whoever_read_it(at: Any, part: int) -> None:
    device = at.copy_of(filled(PARTS, KEYS, 400))
    (name,) = at.images(device)
    device.write(name, (part << 20) + 7_000, b"\xff\xfe\xff")
    content, found = listed(device, PARTS)
    assert len(content) == KEYS
    assert [offset for verdict, offset, _ in found if verdict == "rejected"] == [part << 20]


def test_an_image_longer_than_the_log_that_it_spares_is_left_alone(at: Any) -> None:
    settings = replace(LARGE, index_buckets=1 << 10)  # 64 KiB, which are always read,
    device = filled(settings, 100)
    assert {verdict for verdict, *_ in listed(at.copy_of(device), settings)[1]} == {"accepted"}
    settings = replace(LARGE, index_buckets=1 << 11)  # and 128.
    for keys, is_read in ((4_000, False), (4_500, True)):
        content, found = listed(filled(settings, keys), settings)
        assert len(content) == keys
        assert bool(found) == is_read
    with FasterKv.open(device := filled(settings, 100), settings=settings) as kv:
        kv.resume_session("s").upsert(b"more", b"1")
        assert kv.checkpoint().index is None  # It is not named again.
    assert len(listed(device, settings)[0]) == 101


# -- which stay --------------------------------------------------------------------------------------


def test_an_image_stays_as_long_as_a_checkpoint_names_it_and_goes_with_the_last(at: Any) -> None:
    device = MemoryDevice()
    kv = at.opened(device, keep=1)
    session = kv.session("s")
    at.fill(session, range(10))
    first = kv.checkpoint(index=True)
    kv.pin("first")
    for number in range(70):
        session.upsert(b"k", b"%d" % number)
        kv.checkpoint()
    assert len(at.images(device)) == 1  # All later ones name it.
    session.upsert(b"k", b"other")
    second = kv.checkpoint(index=True)
    for number in range(70):
        session.upsert(b"k", b"%d" % number)
        kv.checkpoint()
    assert len(at.images(device)) == 2
    kv.drop("first")
    if first.version in [point.version for point in kv.checkpoints()]:
        kv.drop(first.version)
    session.upsert(b"k", b"last")
    kv.checkpoint()
    assert at.images(device) == [f"index-{second.version.life:08d}-{second.version.counter:08d}"]
    kv.close()
    at.check_same(device)


def test_an_older_checkpoint_has_its_own_image(at: Any) -> None:
    device = MemoryDevice()
    kv = at.opened(device)
    session = kv.session("s")
    held: dict[Version, dict[bytes, bytes]] = {}
    content: dict[bytes, bytes] = {}
    for number in range(4):
        content |= at.fill(session, range(5 * number, 5 * number + 12), b"%d" % number)
        held[kv.checkpoint(KINDS[number % 3], index=number % 2 == 0).version] = dict(content)
    kv.close()
    for version, wanted in held.items():
        assert at.check_same(device, version=version) == wanted


def test_one_that_was_given_up_goes_and_can_be_taken_again(at: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    device = MemoryDevice()
    kv = at.opened(device)
    session = kv.session("s")
    content = at.fill(session, range(10))
    with monkeypatch.context() as patched:
        patched.setattr("powercut.engine.checkpoint.kinds.index.STEP_BYTES", 64)
        kv.start_checkpoint(index=True).abandon()
    (begun,) = at.images(device)
    assert kv.checkpoint(index=True).index == Version(1, 1)  # Under the very name.
    assert at.images(device) == [begun]
    content |= at.fill(session, range(4), b"more")
    with monkeypatch.context() as patched:
        patched.setattr("powercut.engine.checkpoint.kinds.index.STEP_BYTES", 64)
        kv.start_checkpoint(index=True).abandon()
    assert len(at.images(device)) == 2
    kv.checkpoint()
    assert at.images(device) == [begun]
    kv.close()
    assert at.check_same(device) == content


def test_one_that_cannot_be_written_leaves_the_checkpoint_before_it(
    at: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = MemoryDevice()
    kv = at.opened(device)
    at.fill(kv.session("s"), range(10))
    genuine = MemoryDevice.write

    def refuse(self: MemoryDevice, file: str, offset: int, data: bytes) -> int:
        if file.startswith("index-") and offset:
            raise OSError(28, "no space")
        return genuine(self, file, offset, data)

    with monkeypatch.context() as patched:
        patched.setattr(MemoryDevice, "write", refuse)
        with pytest.raises(CheckpointError, match="PREPARE"):
            kv.checkpoint(index=True)
    assert kv.phase.name == "REST"
    assert kv.newest is None
    kv.checkpoint(index=True)
    kv.close()
    at.check_same(device)
