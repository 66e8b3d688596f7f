"""Checkpoints of a store that is not opened: listed, verified, dropped; and what is read beside a writer."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from powercut.engine import (
    CheckpointError,
    CorruptionError,
    FasterKv,
    FasterLog,
    FileDevice,
    MemoryDevice,
    MissingStoreError,
    NotAStoreError,
    ReadOnlyError,
    Settings,
    SettingsError,
    StoreLockedError,
    Version,
)
from powercut.engine.checkpoint.backup import backup_store
from powercut.engine.inspection import inspect_store
from powercut.engine.management import drop_checkpoint, list_checkpoints, verify_checkpoints
from powercut.verifier.faster.stepped import SteppedRuntime


def take(store: FasterKv, count: int) -> list[Version]:
    versions = []
    with store.session("s") as session:
        for _ in range(count):
            session.upsert(b"n", b"%d" % (session.serial + 1))
            session.upsert(b"filler", bytes(300))
            versions.append(store.checkpoint().version)
    return versions


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in folder.iterdir()}


def test_the_list_is_the_stores_own_and_nothing_is_written(tmp_path: Path, tiny: Settings) -> None:
    with FasterKv.open(tmp_path / "s", create=True, settings=tiny, keep=3) as store:
        take(store, 5)
        store.pin("mine")
        listed = store.checkpoints()
    before = bytes_of(tmp_path / "s")
    assert list_checkpoints(tmp_path / "s") == listed
    verified = verify_checkpoints(tmp_path / "s")
    assert [each.point for each in verified] == listed
    assert all(each.error is None and each.bytes >= each.point.bytes > 0 for each in verified)
    assert bytes_of(tmp_path / "s") == before


@pytest.mark.parametrize(
    "call", [list_checkpoints, verify_checkpoints, lambda path: drop_checkpoint(path, "x")]
)
def test_what_is_no_store_is_refused_and_nothing_is_made(tmp_path: Path, call: object) -> None:
    assert callable(call)
    with pytest.raises(MissingStoreError):
        call(tmp_path / "none")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("mine")
    with pytest.raises(NotAStoreError):
        call(tmp_path / "notes")
    with pytest.raises(SettingsError):
        call(5)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["notes"]


def test_every_byte_that_a_checkpoint_needs_is_verified_and_no_other(tmp_path: Path, tiny: Settings) -> None:
    """Method: flip each sector's first byte in turn; opening and verifying must agree."""
    folder = tmp_path / "s"
    with FasterKv.open(folder, create=True, settings=tiny) as store:
        take(store, 4)
    whole, seen = bytes_of(folder), set()
    for name, data in whole.items():
        if name.startswith("root"):
            continue
        for at in range(0, len(data), 512):
            (folder / name).write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
            try:
                told: object = [each.error is None for each in verify_checkpoints(folder)]
            except CorruptionError:
                told = None
            try:
                FasterKv.open(folder, read_only=True).close()
                opened: object = True
            except CorruptionError:
                opened = False
            assert opened == (isinstance(told, list) and told[0]) or told is None
            seen.add(str(told))
            (folder / name).write_bytes(data)
    assert len(seen) > 3


def test_dropping_gives_up_one_by_version_or_name(tmp_path: Path, tiny: Settings) -> None:
    folder = tmp_path / "s"
    with FasterKv.open(folder, create=True, settings=tiny, keep=4) as store:
        versions = take(store, 4)
        store.pin("mine", versions[0])
    assert [each.version for each in drop_checkpoint(folder, versions[1], keep=4)] == [
        *versions[:1:-1],
        versions[0],
    ]
    assert [each.name for each in drop_checkpoint(folder, "mine", keep=4)] == ["", "", ""]
    for wrong in (versions[3], versions[1], "mine"):
        with pytest.raises(CheckpointError):
            drop_checkpoint(folder, wrong, keep=4)
    assert all(each.error is None for each in verify_checkpoints(folder))
    with FasterKv.open(folder) as store:
        assert dict(store.items())[b"n"] == b"7"
        assert take(store, 1)[0].life == 4
        with pytest.raises(StoreLockedError):
            drop_checkpoint(folder, versions[2])


# -- beside a writer -------------------------------------------------------------------------------------


def test_a_reader_beside_a_writer_has_the_newest_durable_checkpoint_as_long_as_he_likes(
    tmp_path: Path, tiny: Settings
) -> None:
    folder = tmp_path / "s"
    with closing(FasterKv.open(folder, create=True, settings=tiny)) as writer:
        first = take(writer, 2)
        reader = FasterKv.open(folder, read_only=True, settings=tiny)
        assert reader.newest is not None
        assert reader.newest.version == first[1]
        assert inspect_store(folder).newest == first[1]
        assert inspect_store(folder).is_sound
        take(writer, 70)
        writer.truncate_before(max(record.address for record in writer.scan()))
        take(writer, 70)  # Segments would go, and tables be written anew, more than once.
        assert dict(reader.items())[b"n"] == b"3"
        assert [each.version for each in reader.checkpoints()] == first[::-1]
        with reader.session("r") as session, pytest.raises(ReadOnlyError):
            session.upsert(b"n", b"x")
        assert (folder / "segment-00000000").exists()
        with pytest.raises(StoreLockedError):
            FasterKv.open(folder)
        backup_store(folder, tmp_path / "copy")
        reader.close()
        take(writer, 70)
        assert not (folder / "segment-00000000").exists()
    with FasterKv.open(tmp_path / "copy") as copy:
        copy.check()


def test_a_lease_ends_with_the_readers_process(tmp_path: Path, tiny: Settings) -> None:
    folder = tmp_path / "s"
    program = (
        "import sys; from powercut.engine import FasterKv\n"
        f"store = FasterKv.open({str(folder)!r}, read_only=True, kernels='interpreted')\n"
        "print(store.serials(), flush=True); sys.stdin.read()\n"
    )
    with closing(FasterKv.open(folder, create=True, settings=tiny)) as writer:
        take(writer, 2)
        writer._parts.roots.settle()
        has_readers = writer._parts.log.pins._has_readers
        child = subprocess.Popen(
            [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        assert child.stdin is not None
        assert child.stdout.readline() == "{'s': 4}\n"
        assert has_readers()
        child.kill()
        child.wait()
        child.stdout.close()
        child.stdin.close()
        assert not has_readers()


def test_a_root_that_is_being_written_is_not_what_a_reader_takes(tiny: Settings) -> None:
    """Method: the writer's device stops before each write and sync of a root; a reader opens there."""

    class Beside(MemoryDevice):
        is_beside = True

    class Watched(MemoryDevice):
        is_watched = False

        def write(self, name: str, offset: int, buffer: bytes | bytearray | memoryview) -> int:
            count = super().write(name, offset, buffer)
            if self.is_watched and name.startswith("root"):
                look()
            return count

    def look() -> None:
        copy = Beside()
        copy._files = {name: bytearray(data) for name, data in device._files.items()}
        with FasterKv.open(copy, read_only=True, settings=tiny) as reader:
            assert reader.newest is not None
            seen.append(reader.newest.version.counter)

    seen: list[int] = []
    device = Watched()
    with closing(FasterKv.open(device, create=True, settings=tiny, runtime=SteppedRuntime())) as writer:
        take(writer, 1)
        writer._parts.roots.settle()
        device.is_watched = True
        take(writer, 1)
        assert seen == [1, 2]  # Of the first copy nobody is told; with the second the first is durable.


def test_without_a_root_there_is_nothing_to_be_leased(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    device = FileDevice(tmp_path / "s")
    with pytest.raises(StoreLockedError):
        FileDevice(tmp_path / "s", read_only=True)
    device.close()


@pytest.mark.parametrize("kind", [FasterKv, FasterLog])
def test_who_opens_to_read_is_told_that_only_a_writer_makes_one(kind: Any, tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(MissingStoreError, match="opened to write, create=True makes"):
            kind.open(folder, create=True, read_only=True)
        assert list(tmp_path.iterdir()) == []
