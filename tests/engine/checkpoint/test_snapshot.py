"""SNAPSHOT: nothing is frozen, the file holds the log as it was at L_f, and goes when nobody lists it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from powercut.engine import (
    CheckpointError,
    CheckpointKind,
    CorruptionError,
    FasterKv,
    MemoryDevice,
    Session,
    Settings,
    Version,
)
from powercut.engine.inspection import inspect_store
from powercut.engine.kernels import words as w
from powercut.engine.kernels.atomics import load, store
from powercut.engine.shared.spaces import Spaces
from powercut.verifier.faster.stepped import SteppedRuntime

SMALL = Settings(
    page_bytes=1024,
    segment_bytes=2048,
    write_unit=512,
    extent_bytes=512,
    ring_pages=8,
    index_buckets=64,
    write_bytes=512,
)
NARROW = replace(SMALL, ring_pages=2)
SNAPSHOT = CheckpointKind.SNAPSHOT


def opened(device: MemoryDevice, settings: Settings = SMALL, **how: object) -> FasterKv:
    return FasterKv.open(
        device,
        create=True,
        settings=settings,
        runtime=SteppedRuntime(),
        kernels="interpreted",
        **how,  # type: ignore[arg-type]
    )


def fill(session: Session, count: int, value: bytes = b"value") -> dict[bytes, bytes]:
    content = {b"key-%02d" % number: b"%s-%d" % (value, number) for number in range(count)}
    for key, each in content.items():
        session.upsert(key, each)
    return content


@contextmanager
def owned(device: MemoryDevice) -> Iterator[None]:
    """A context in which a closed device can be looked at and harmed."""
    owner = object()
    assert device.acquire(owner)
    yield
    device.release(owner)


def snapshots(device: MemoryDevice) -> list[str]:
    return [name for name in device.list() if name.startswith("snapshot-")]


def test_after_a_snapshot_what_is_in_memory_is_written_in_place() -> None:
    kv = opened(MemoryDevice())
    session = kv.session("s")
    fill(session, 20)
    read_only = load(kv.spaces[0], w.READ_ONLY)
    kv.checkpoint(SNAPSHOT)
    tail, before = load(kv.spaces[0], w.TAIL), kv.counters()["in_place"]
    fill(session, 20, b"other")
    assert load(kv.spaces[0], w.TAIL) == tail
    assert kv.counters()["in_place"] == before + 20
    assert load(kv.spaces[0], w.READ_ONLY) == read_only
    kv.checkpoint(CheckpointKind.FOLD_OVER)
    fill(session, 20, b"third")
    assert load(kv.spaces[0], w.TAIL) > tail  # As it must after the other kind.
    kv.close(checkpoint=False)


def test_what_is_written_in_place_after_a_snapshot_is_not_in_it() -> None:
    device = MemoryDevice()
    kv = opened(device)
    session = kv.session("s")
    content = fill(session, 30)
    point = kv.checkpoint(SNAPSHOT)
    assert (point.kind, point.serials) == (SNAPSHOT, {"s": 30})
    fill(session, 30, b"later")
    kv.close(checkpoint=False)
    for settings in (SMALL, NARROW):  # Of which the second has not room for all of the snapshot.
        with opened(device, settings, read_only=True) as again:
            again.check()
            assert dict(again.items()) == content
            assert again.newest == point


def test_a_snapshot_and_the_log_behind_it_are_one_log_after_a_recovery() -> None:
    device = MemoryDevice()
    kv = opened(device)
    content = fill(kv.session("s"), 30)
    kv.checkpoint(SNAPSHOT)
    kv.close(checkpoint=False)
    for life in range(3):
        kv = opened(device, NARROW)
        content |= fill(kv.resume_session("s"), 12, b"life %d" % life)
        kv.checkpoint((CheckpointKind.FOLD_OVER, SNAPSHOT)[life % 2])
        kv.close(checkpoint=False)
    with opened(device, NARROW) as kv:
        kv.check()
        assert dict(kv.items()) == content
        kinds = [point.kind.name for point in kv.checkpoints()]
        assert kinds == ["FOLD_OVER", "SNAPSHOT", "FOLD_OVER", "SNAPSHOT"]
        kv.close(checkpoint=False)
    assert inspect_store(device).is_sound


def test_pages_that_turn_while_a_snapshot_is_copied_are_left_to_the_log(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    device = MemoryDevice()
    kv = opened(device, NARROW)
    session = kv.session("s")
    content = fill(session, 20)
    genuine = Spaces.copy_log
    turned: list[int] = []

    def copy_log(spaces: Spaces, start: int, size: int) -> memoryview:
        data = genuine(spaces, start, size)
        if not turned:
            turned.append(start)
            for number in range(8):
                session.upsert(b"large-%d" % number, bytes(400))
        return data

    monkeypatch.setattr(Spaces, "copy_log", copy_log)
    assert kv.checkpoint(SNAPSHOT).serials == {"s": 20}
    assert turned
    kv.close(checkpoint=False)
    with opened(device, NARROW, read_only=True) as kv:
        kv.check()
        assert dict(kv.items()) == content
    assert inspect_store(device).is_sound


@pytest.mark.parametrize("kind", [SNAPSHOT, CheckpointKind.INCREMENTAL])
def test_a_step_copies_a_bounded_part_and_sessions_go_on_between(
    kind: CheckpointKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("powercut.engine.checkpoint.kinds.snapshot.STEP_BYTES", 1024)
    device = MemoryDevice()
    kv = opened(device)
    session = kv.session("s")
    content = fill(session, 90)
    kv.checkpoint(kind)
    content |= fill(session, 90, b"again")
    ticket, steps = kv.start_checkpoint(kind), 0
    while not ticket.advance():
        steps += kv.entering is None and kv.phase.name == "IN_PROGRESS"
        if steps:  # Of the next version, from the cut on.
            session.upsert(b"key-%02d" % (steps % 90), b"of the next version %d" % steps)
    assert steps > 3
    assert ticket.result().serials["s"] >= 180
    kv.close(checkpoint=False)
    with opened(device, NARROW, read_only=True) as kv:
        kv.check()
        assert dict(kv.items()) == content


class _Full(MemoryDevice):
    """No room for snapshots, as long as `is_full`."""

    is_full = False

    def write(self, name: str, offset: int, buffer: bytes | bytearray | memoryview) -> int:
        if self.is_full and name.startswith("snapshot-") and offset:
            raise OSError(28, "no space")
        return super().write(name, offset, buffer)


def test_a_snapshot_that_finds_no_room_can_be_tried_again_and_leaves_nothing() -> None:
    device = _Full()
    kv = opened(device)
    session = kv.session("s")
    content = fill(session, 30)
    device.is_full = True
    with pytest.raises(CheckpointError, match="no space"):
        kv.checkpoint(SNAPSHOT)
    assert len(snapshots(device)) == 1
    device.is_full = False
    content |= fill(session, 3, b"meanwhile")
    kv.checkpoint(SNAPSHOT)
    assert snapshots(device) == ["snapshot-00000001-00000002"]
    kv.close(checkpoint=False)
    with opened(device, read_only=True) as kv:
        assert dict(kv.items()) == content


def test_what_a_power_cut_left_of_a_snapshot_goes_with_the_next_checkpoint() -> None:
    device = MemoryDevice()
    kv = opened(device)
    fill(kv.session("s"), 5)
    kv.checkpoint(SNAPSHOT)
    kv.close(checkpoint=False)
    with owned(device):
        device.create("snapshot-00000001-00000002")  # Of a checkpoint that no root names.
    kv = opened(device)
    kv.session("t").upsert(b"k", b"v")
    assert len(snapshots(device)) == 2
    kv.checkpoint()
    assert snapshots(device) == ["snapshot-00000001-00000001"]  # Part of the log.
    kv.close(checkpoint=False)


def test_once_older_checkpoints_are_listed_no_more_their_snapshots_go() -> None:
    device = MemoryDevice()
    kv = opened(device)
    session = kv.session("s")
    fill(session, 30)
    kv.checkpoint(SNAPSHOT)
    for number in range(60):
        session.upsert(b"large-%02d" % number, bytes(200))
    newest = kv.checkpoint(SNAPSHOT)
    kv.truncate_before(load(kv.spaces[0], w.HEAD))
    assert len(snapshots(device)) == 2
    with kv._parts.log.pins.hold_all():
        session.upsert(b"more", b"more")
        kv.checkpoint()
        assert len(snapshots(device)) == 2  # Whoever reads there goes on.
    session.upsert(b"more", b"most")
    kv.checkpoint()
    assert snapshots(device) == []
    assert newest.version not in [point.version for point in kv.checkpoints()]
    content = dict(kv.items())
    kv.close(checkpoint=False)
    with opened(device, read_only=True) as kv:
        assert dict(kv.items()) == content


@pytest.mark.parametrize("settings", [SMALL, NARROW])
def test_a_damaged_snapshot_is_refused_by_name(settings: Settings) -> None:
    device = MemoryDevice()
    kv = opened(device)
    fill(kv.session("s"), 30)
    kv.checkpoint(SNAPSHOT)
    kv.close(checkpoint=False)
    with owned(device):
        device.write("snapshot-00000001-00000001", 700, b"?")
    with pytest.raises(CorruptionError, match="snapshot-00000001-00000001"):
        opened(device, settings)
    (damage,) = inspect_store(device).damage
    assert (damage.file, damage.offset) == ("snapshot-00000001-00000001", 512)


def test_older_snapshots_open_to_read_and_go_into_a_copy(tmp_path: object) -> None:
    device, copy = MemoryDevice(), MemoryDevice()
    kv = opened(device)
    session = kv.session("s")
    contents: dict[Version, dict[bytes, bytes]] = {}
    for number in range(4):
        content = fill(session, 25, b"value %d" % number)
        point = kv.checkpoint((SNAPSHOT, SNAPSHOT, CheckpointKind.FOLD_OVER)[number % 3])
        contents[point.version] = content
    kv.backup(copy)
    kv.close(checkpoint=False)
    for each in (device, copy):
        for version, content in contents.items():
            with opened(each, read_only=True, version=version) as kv:
                assert dict(kv.items()) == content


def test_the_cut_waits_for_whoever_appends_below_it(monkeypatch: pytest.MonkeyPatch) -> None:
    kv = opened(MemoryDevice())
    session = kv.session("s")
    fill(session, 3)
    parts = kv._parts
    epochs = parts.log.spaces.epochs
    row = 0
    store(epochs, row + w.ROW_STATE, load(parts.log.spaces.control, w.EPOCH))  # In a batch.
    waited: list[str] = []

    def until(what: str, condition: Callable[[], bool], deadline: float | None = None) -> bool:
        waited.append(what)
        store(epochs, row + w.ROW_STATE, w.IDLE)
        assert condition()
        return True

    monkeypatch.setattr(parts.disk.runtime, "until", until)
    final = parts.log.ring.cut()
    assert waited == ["batches that may still append below the cut"]
    assert final % 512 == 0
    monkeypatch.undo()
    kv.close(checkpoint=False)
