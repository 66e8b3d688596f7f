"""Names of sessions in checkpoints: written where something is new, and known to every one of them."""

import shutil
from pathlib import Path

import pytest

from powercut.engine import CheckpointPoint, FasterKv, MemoryDevice, Settings
from powercut.engine.inspection import inspect_store
from powercut.engine.management import list_checkpoints, verify_checkpoints
from powercut.engine.metadata.tables import CHAIN_BLOCKS_MAX
from powercut.engine.salvage import salvage_store

NAMES = [f"name-{number:04d}" for number in range(400)]
EXTENT = 24  # One more or less, as the log comes to the end of one.
GOLDEN = Path(__file__).parents[2] / "format" / "golden"


class Counting(MemoryDevice):
    """Counts the bytes of metadata that are written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = 0

    def write(self, name: str, offset: int, buffer: bytes | bytearray | memoryview) -> int:
        self.written += len(buffer) * (name == "tables")
        return super().write(name, offset, buffer)


def use(store: FasterKv, *names: str) -> None:
    for name in names:
        with store.session(name) as session:
            session.read(b"k")


def cost(store: FasterKv, device: Counting) -> int:
    """The bytes of metadata of a checkpoint of one update."""
    with store.session("writer") as session:
        session.upsert(b"k", b"v")
    before = device.written
    store.checkpoint()
    return device.written - before


def test_a_checkpoint_writes_the_names_in_which_something_is_new_and_no_others() -> None:
    device = Counting()
    with FasterKv.open(device, create=True) as store:
        cost(store, device)
        alone = cost(store, device)
        use(store, *NAMES)
        assert cost(store, device) == pytest.approx(alone + 27 * len(NAMES), abs=EXTENT)
        assert cost(store, device) == pytest.approx(alone, abs=EXTENT)
        use(store, NAMES[7])
        assert cost(store, device) == pytest.approx(alone + 27, abs=EXTENT)
        store.forget_session(NAMES[7])
        assert cost(store, device) == pytest.approx(alone + 27, abs=EXTENT)
        assert cost(store, device) == pytest.approx(alone, abs=EXTENT)
    with FasterKv.open(device) as store:
        assert cost(store, device) == pytest.approx(alone, abs=EXTENT)
        assert len(store.serials()) == len(NAMES)


def written(device: MemoryDevice, settings: Settings, count: int) -> list[CheckpointPoint]:
    """So many checkpoints, in which sessions come, go on, rest, go and come again; as they were told."""
    points = []
    with FasterKv.open(device, create=True, settings=settings, keep=32) as store:
        use(store, "resting", *NAMES[:3])
        for number in range(count):
            use(store, NAMES[number % 5])
            if number % 3 == 2:
                store.forget_session(NAMES[number % 5])
            if number % 6 == 5:
                use(store, NAMES[number % 5])
            points.append(store.checkpoint())
            if number in (1, 40):
                store.pin(f"of {number}")
    return points


@pytest.mark.parametrize("count", [5, CHAIN_BLOCKS_MAX + 7])
def test_every_checkpoint_that_is_kept_has_the_sessions_that_it_was_told_with(
    tiny: Settings, tmp_path: Path, count: int
) -> None:
    device = MemoryDevice()
    told = {point.version: point.serials for point in written(device, tiny, count)}
    listed = list_checkpoints(device)
    assert len(listed) >= min(count, 32)
    assert {point.version: point.serials for point in listed} == {
        point.version: told[point.version] for point in listed
    }
    assert [each.point for each in verify_checkpoints(device)] == listed
    assert not any(each.error for each in verify_checkpoints(device))
    for point in listed:
        with FasterKv.open(device, read_only=True, version=point.version, settings=tiny) as store:
            assert store.serials() == point.serials
    newest = listed[0].serials
    assert {mark.name: mark.serial for mark in inspect_store(device).sessions} == newest
    assert salvage_store(device, tmp_path / "salvaged").sessions == newest
    with FasterKv.open(device, settings=tiny) as store:
        assert store.serials() == newest
        assert store.backup(tmp_path / "copy").serials == newest
        assert store.resume_session("resting").serial == 1
    assert list_checkpoints(tmp_path / "copy") == listed


def test_sessions_go_on_from_a_store_of_the_first_version(tmp_path: Path) -> None:
    shutil.copytree(GOLDEN / "two-checkpoints", tmp_path / "store")
    before = list_checkpoints(tmp_path / "store")
    with FasterKv.open(tmp_path / "store", memory=1 << 20) as store:
        use(store, "east", "late")
        east = store.serials()["east"]
        point = store.checkpoint()
        assert point.serials == before[0].serials | {"east": east, "late": 1}
    assert list_checkpoints(tmp_path / "store") == [point, *before]
    assert inspect_store(tmp_path / "store").is_sound
    with FasterKv.open(tmp_path / "store", memory=1 << 20) as store:
        assert store.serials() == point.serials
        store.pin("rewritten")
    assert [each.serials for each in list_checkpoints(tmp_path / "store")] == [
        point.serials,
        before[0].serials,
    ]


def test_of_a_chain_that_is_cut_salvage_and_inspection_tell_what_is_listed(
    tiny: Settings, tmp_path: Path
) -> None:
    device = MemoryDevice()
    with FasterKv.open(device, create=True, settings=tiny) as store:
        for name in ("first", "second"):
            use(store, name)
            with store.session("writer") as session:
                session.upsert(name.encode(), bytes(900))
            store.checkpoint()
    owner = object()
    assert device.acquire(owner)
    device.write("tables", 0, b"damaged")
    device.release(owner)
    found = inspect_store(device)
    assert not found.is_sound
    assert {mark.name for mark in found.sessions} == {"second", "writer"}
    assert salvage_store(device, tmp_path / "out").sessions == {"second": 1, "writer": 2}
