"""INCREMENTAL: only changed extents are written, to a chain of few files, and each delta is a whole store."""

from dataclasses import replace

import pytest

from powercut.engine import CheckpointError, CheckpointKind, CorruptionError, FasterKv, MemoryDevice, Settings
from powercut.engine.inspection import inspect_store
from powercut.engine.metadata.layout import Place, Pointer, Version
from powercut.engine.metadata.places import CHAIN_FILES_MAX
from powercut.engine.metadata.tables import check_places
from powercut.verifier.faster.stepped import SteppedRuntime

SMALL = Settings(
    page_bytes=1024,
    segment_bytes=4096,
    write_unit=512,
    extent_bytes=512,
    ring_pages=16,
    index_buckets=64,
    write_bytes=512,
)
KEYS = [b"key-%02d" % number for number in range(20)]
INCREMENTAL = CheckpointKind.INCREMENTAL


class Counted(MemoryDevice):
    """Counts the bytes written to each snapshot, and has no room for them while it `is_full`."""

    def __init__(self) -> None:
        super().__init__()
        self.written: dict[str, int] = {}
        self.is_full = False

    def write(self, name: str, offset: int, buffer: bytes | bytearray | memoryview) -> int:
        if name.startswith("snapshot-"):
            if self.is_full:
                raise OSError(28, "no space")
            self.written[name] = self.written.get(name, 0) + len(buffer)
        return super().write(name, offset, buffer)


def opened(device: MemoryDevice, settings: Settings = SMALL, **how: object) -> FasterKv:
    return FasterKv.open(
        device,
        create=True,
        settings=settings,
        runtime=SteppedRuntime(),
        kernels="interpreted",
        **how,  # type: ignore[arg-type]
    )


def filled(device: MemoryDevice) -> FasterKv:
    """A store with a value of 400 bytes, most of an extent, under each key."""
    kv = opened(device)
    session = kv.session("s")
    for key in KEYS:
        session.upsert(key, key * 66)
    return kv


def names(*counters: int) -> list[str]:
    return [f"snapshot-00000001-{counter:08d}" for counter in counters]


def test_a_delta_writes_the_extents_that_changed_and_names_its_base() -> None:
    device = Counted()
    kv = filled(device)
    whole = kv.checkpoint(INCREMENTAL)
    assert whole.base is None
    full = device.written[names(1)[0]]
    assert full > 8000
    session = kv.session("t")
    session.upsert(KEYS[7], KEYS[8] * 66)
    delta = kv.checkpoint(INCREMENTAL)
    assert (delta.kind, delta.base) == (INCREMENTAL, whole.version)
    assert 512 <= device.written[names(2)[0]] <= 1024
    session.read(KEYS[7])
    assert kv.checkpoint(INCREMENTAL).base == delta.version  # A serial alone is new.
    assert names(3)[0] not in device.written
    content = dict(kv.items())
    kv.close(checkpoint=False)
    for settings in (SMALL, replace(SMALL, ring_pages=2)):
        with opened(device, settings, read_only=True) as kv:
            kv.check()
            assert dict(kv.items()) == content
        with opened(device, settings, read_only=True, version=whole.version) as kv:
            assert kv.newest is not None
            assert dict(kv.items())[KEYS[7]] == KEYS[7] * 66
    assert inspect_store(device).is_sound


def test_what_changed_and_changed_back_is_not_written() -> None:
    device = Counted()
    kv = filled(device)
    kv.checkpoint(INCREMENTAL)
    session = kv.session("t")
    for value in (KEYS[4] * 66, KEYS[3] * 66):
        session.upsert(KEYS[3], value)
    kv.checkpoint(INCREMENTAL)
    # Only its sequence, which means nothing there, has moved.
    assert device.written.get(names(2)[0], 0) <= 512
    kv.close(checkpoint=False)


def test_a_chain_has_so_many_files_and_then_one_is_written_in_full() -> None:
    device = Counted()
    kv = filled(device)
    session = kv.session("t")
    bases = []
    for number in range(2 * CHAIN_FILES_MAX + 1):
        session.upsert(KEYS[2 * number], b"%02d" % number * 200)  # Of no extent that another one changes.
        bases.append(kv.checkpoint(INCREMENTAL).base)
    is_full = [base is None for base in bases]
    assert is_full == [not number % CHAIN_FILES_MAX for number in range(2 * CHAIN_FILES_MAX + 1)]
    full, delta = device.written[names(1)[0]], device.written[names(2)[0]]
    assert device.written[names(CHAIN_FILES_MAX + 1)[0]] >= full > 4 * delta
    content = dict(kv.items())
    kv.close(checkpoint=False)
    with opened(device, read_only=True) as kv:
        assert dict(kv.items()) == content


@pytest.mark.parametrize("kind", [CheckpointKind.FOLD_OVER, CheckpointKind.SNAPSHOT])
def test_behind_a_checkpoint_of_another_kind_there_is_no_base(kind: CheckpointKind) -> None:
    device = Counted()
    kv = filled(device)
    session = kv.session("t")
    kv.checkpoint(INCREMENTAL)
    session.upsert(KEYS[0], b"x" * 400)
    kv.checkpoint(kind)
    session.upsert(KEYS[1], b"y" * 400)
    assert kv.checkpoint(INCREMENTAL).base is None
    content = dict(kv.items())
    kv.close(checkpoint=False)
    with opened(device) as kv:
        assert dict(kv.items()) == content
        kv.session("t").upsert(KEYS[2], b"z" * 400)
        assert kv.checkpoint(INCREMENTAL).base is None  # The recovered one was of another life.


def test_a_delta_that_failed_is_no_base() -> None:
    device = Counted()
    kv = filled(device)
    whole = kv.checkpoint(INCREMENTAL)
    session = kv.session("t")
    session.upsert(KEYS[5], b"lost in a delta that fails".ljust(400))
    device.is_full = True
    with pytest.raises(CheckpointError, match="no space"):
        kv.checkpoint(INCREMENTAL)
    device.is_full = False
    assert kv.checkpoint(INCREMENTAL).base == whole.version
    content = dict(kv.items())
    kv.close(checkpoint=False)
    with opened(device, read_only=True) as kv:
        assert dict(kv.items()) == content


def test_files_of_a_chain_go_with_the_last_checkpoint_that_needs_them() -> None:
    device = Counted()
    kv = filled(device)
    session = kv.session("t")
    for number in range(90):
        session.upsert(KEYS[number % 20], b"%02d" % number * 200)
        kv.checkpoint(INCREMENTAL)
    kept = [name for name in device.list() if name.startswith("snapshot-")]
    assert len(kept) < 80
    points = kv.checkpoints()
    kv.close(checkpoint=False)
    for point in points:
        with opened(device, read_only=True, version=point.version) as kv:
            assert len(dict(kv.items())) == len(KEYS)


def test_places_in_more_files_than_a_chain_has_or_in_later_ones_are_refused() -> None:
    device = Counted()
    kv = filled(device)
    kv.checkpoint(INCREMENTAL)
    tables = kv._parts.tables
    (block,) = tables.chain(tables.head, [])
    check_places(block, Pointer(0, 1, 0))
    low, high = block.places[0].low, block.places[0].high
    many = [
        Place(Version(1, 1 - number), low, low + 512 * number, low + 512 * (number + 1))
        for number in range(CHAIN_FILES_MAX + 1)
    ]
    later = [Place(Version(1, 2), low, low, high)]
    for places in (many, later):
        with pytest.raises(CorruptionError, match="in the files of"):
            check_places(block._replace(places=places), Pointer(0, 1, 0))
    check_places(block._replace(places=many[1:]), Pointer(0, 1, 0))
    kv.close(checkpoint=False)
