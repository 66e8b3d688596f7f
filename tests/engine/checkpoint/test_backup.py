"""A copy of a live store is a store with the same checkpoints, or none at all.

Method: copies are broken off at every call of the device that they go to; what is there already
is left alone.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from powercut.engine import (
    CheckpointError,
    CorruptionError,
    Device,
    DeviceError,
    EngineError,
    FasterKv,
    MemoryDevice,
    PoisonedError,
    Settings,
    SettingsError,
    StoreExistsError,
    StoreLockedError,
)
from powercut.engine.checkpoint.backup import backup_store
from powercut.engine.inspection import inspect_store
from powercut.engine.metadata.extents import segment_name

Contents = Callable[[Device], dict[str, bytes]]
Content = dict[bytes, bytes]


# -- a copy ------------------------------------------------------------------------------------------


def test_a_copy_has_every_checkpoint_and_goes_on_by_itself(filled: Any, tmp_path: Path) -> None:
    place = tmp_path / "new" / "copy"
    point = filled.store.backup(place)
    assert point == filled.store.newest
    assert inspect_store(place).is_sound
    assert filled.seen_in(place) == filled.held
    with FasterKv.open(place, memory=1 << 17) as copy:
        session = copy.resume_session("s")
        assert session.serial == point.serials["s"]
        session.upsert(b"mine", b"alone")
        copy.checkpoint()
        copy.check()
    with FasterKv.open(place, memory=1 << 17) as copy:
        assert dict(copy.items()) == {**filled.held[0][1], b"mine": b"alone"}
    assert dict(filled.store.items())[b"key-0"] == b"in no checkpoint"
    assert b"mine" not in dict(filled.store.items())


def test_a_copy_of_a_copy_is_the_same(filled: Any, tmp_path: Path) -> None:
    filled.store.backup(tmp_path / "a")
    with FasterKv.open(tmp_path / "a", read_only=True, memory=1 << 17) as first:
        first.backup(tmp_path / "b")
    assert filled.seen_in(tmp_path / "b") == filled.held
    for file in (tmp_path / "a").glob("segment*"):
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes()


def test_strangers_are_left_alone(filled: Any, tmp_path: Path) -> None:
    (tmp_path / "lost+found").mkdir()
    (tmp_path / "notes").write_text("mine")
    filled.store.backup(tmp_path)
    assert (tmp_path / "notes").read_text() == "mine"
    assert filled.seen_in(tmp_path) == filled.held


def test_a_store_that_nobody_has_open_is_copied_without_opening_it(tmp_path: Path, tiny: Settings) -> None:
    with FasterKv.open(tmp_path / "store", create=True, settings=tiny) as store:
        store.session("s").upsert(b"k", b"v")
        point = store.checkpoint()
        assert backup_store(tmp_path / "store", tmp_path / "beside") == point  # Beside its writer.
    before = {file.name: file.read_bytes() for file in (tmp_path / "store").iterdir()}
    assert backup_store(tmp_path / "store", tmp_path / "copy") == point
    assert {file.name: file.read_bytes() for file in (tmp_path / "store").iterdir()} == before
    with FasterKv.open(tmp_path / "copy", memory=1 << 17) as copy:
        assert dict(copy.items()) == {b"k": b"v"}


@pytest.mark.parametrize("names", [[], ["notes"], ["root-a"], ["tables"]])
def test_where_there_is_no_store_the_copier_says_what_opening_says(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(EngineError) as opened:
        FasterKv.open(tmp_path)
    with pytest.raises(type(opened.value)) as copied:
        backup_store(tmp_path, tmp_path / "copy")
    assert str(copied.value) == str(opened.value)
    assert sorted(file.name for file in tmp_path.iterdir()) == names


# -- refused -----------------------------------------------------------------------------------------


def test_no_checkpoint_no_copy(store: FasterKv, tmp_path: Path) -> None:
    store.session("s").upsert(b"k", b"v")
    with pytest.raises(CheckpointError, match="no checkpoint"):
        store.backup(tmp_path / "copy")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["root-b", "tables", segment_name(0)])
def test_where_files_of_a_store_are_nothing_is_put(filled: Any, name: str, contents: Contents) -> None:
    target = MemoryDevice()
    target.create(name)
    with pytest.raises(StoreExistsError, match=name):
        filled.store.backup(target)
    assert contents(target) == {name: b""}


def test_not_onto_itself_and_not_onto_a_store_that_is_open(tmp_path: Path, tiny: Settings) -> None:
    with FasterKv.open(tmp_path, create=True, settings=tiny) as store:
        store.session("s").upsert(b"k", b"v")
        store.checkpoint()
        with pytest.raises(StoreLockedError):
            store.backup(tmp_path)
        with pytest.raises(SettingsError):
            store.backup("")
        assert dict(store.items()) == {b"k": b"v"}
    with FasterKv.open(tmp_path) as store:
        assert dict(store.items()) == {b"k": b"v"}


# -- broken off --------------------------------------------------------------------------------------


class Counting(MemoryDevice):
    """Raises before call number `at` of those that `calls` names."""

    def __init__(self, at: int, error: BaseException) -> None:
        super().__init__()
        self.left = at
        self.error = error

    def _count(self) -> None:
        self.left -= 1
        if self.left == -1:
            raise self.error

    def create(self, name: str) -> None:
        self._count()
        super().create(name)

    def write(self, name: str, offset: int, buffer: bytes | bytearray | memoryview) -> int:
        self._count()
        return super().write(name, offset, buffer)

    def sync(self, name: str) -> None:
        self._count()
        super().sync(name)

    def sync_names(self) -> None:
        self._count()
        super().sync_names()


@pytest.mark.parametrize("error", [OSError(28, "no space"), KeyboardInterrupt()])
def test_broken_off_at_any_call_it_leaves_nothing(filled: Any, error: BaseException) -> None:
    calls = made_up = 0
    while True:
        target = Counting(calls, error)
        try:
            filled.store.backup(target)
        except (DeviceError, KeyboardInterrupt):
            assert target.list() == []
        else:
            if target.left >= 0:
                break
            made_up += 1  # The third copy of the root found no room, and was written again.
            with FasterKv.open(target, read_only=True, memory=1 << 17) as copy:
                assert dict(copy.items()) == filled.held[0][1]
        calls += 1
    assert calls > 12
    assert made_up == isinstance(error, OSError)
    assert filled.store.checkpoint().version.counter == len(filled.held) + 1  # The source goes on.


class Late(Counting):
    """Raises behind a call that made a file."""

    def create(self, name: str) -> None:
        MemoryDevice.create(self, name)
        self._count()


def test_a_file_that_was_made_before_its_making_failed_goes_too(filled: Any) -> None:
    for calls in range(8):
        target = Late(calls, OSError(5, "after all"))
        with pytest.raises(DeviceError):
            filled.store.backup(target)
        assert target.list() == []


def test_a_copy_whose_root_could_not_be_written_does_not_poison_the_source(filled: Any) -> None:
    class Full(MemoryDevice):
        def write(self, name: str, offset: int, buffer: bytes | bytearray | memoryview) -> int:
            if name == "root-b":
                raise OSError(28, "no space")
            return super().write(name, offset, buffer)

    with pytest.raises(DeviceError) as caught:
        filled.store.backup(Full())
    assert not isinstance(caught.value, PoisonedError)
    filled.store.checkpoint()


def test_a_damaged_source_is_not_copied(tiny: Settings) -> None:
    source, target = MemoryDevice(), MemoryDevice()
    with FasterKv.open(source, create=True, settings=tiny) as store:
        store.session("s").upsert(b"k", b"v" * 99)
        store.checkpoint()
        byte = bytearray(1)
        source.read_into(segment_name(0), 100, byte)
        source.write(segment_name(0), 100, bytes([byte[0] ^ 1]))
        with pytest.raises(CorruptionError):
            store.backup(target)
    assert target.list() == []
