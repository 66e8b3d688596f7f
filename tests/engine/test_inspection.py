"""Inspection tells what opening would refuse, and changes nothing."""

from collections.abc import Callable
from pathlib import Path

import pytest

from powercut.engine import (
    Device,
    FasterKv,
    MemoryDevice,
    MissingStoreError,
    NotAStoreError,
    Settings,
    StoreLockedError,
    UnsupportedVersionError,
    Version,
)
from powercut.engine.inspection import inspect_store
from powercut.engine.metadata.layout import Root, decode_root, encode_root

Contents = Callable[[Device], dict[str, bytes]]


@pytest.fixture
def filled(device: MemoryDevice, tiny: Settings) -> MemoryDevice:
    """Three checkpoints over several segments; closed."""
    with FasterKv.open(device, create=True, settings=tiny) as store:
        session = store.session("s")
        for number in range(120):
            session.upsert(b"key-%d" % (number % 30), bytes(number % 60))
            if number % 40 == 39:
                store.checkpoint()
    # Open as a device, though no store has it.
    owner = object()
    assert device.acquire(owner)
    device.release(owner)
    return device


def flip(device: MemoryDevice, name: str, offset: int) -> None:
    byte = bytearray(1)
    device.read_into(name, offset, byte)
    device.write(name, offset, bytes([byte[0] ^ 1]))


def test_a_sound_store_is_told_in_full_and_left_alone(
    filled: MemoryDevice, contents: Contents, tiny: Settings
) -> None:
    before = contents(filled)
    seen = inspect_store(filled)
    assert seen.is_sound
    assert seen.damage == []
    assert [copy.complaint for copy in seen.roots] == [None] * 3
    assert max(copy.sequence for copy in seen.roots) == seen.sequence
    assert seen.newest == Version(1, 3)
    assert [block.version.counter for block in seen.chain] == [3, 2, 1]
    assert [(mark.name, mark.serial) for mark in seen.sessions] == [("s", 120)]
    assert seen.settings is not None
    assert seen.settings.persisted() == tiny.persisted()
    assert sum(file.extents for file in seen.segments) * 512 == seen.tail
    assert all(file.size and not file.first_bad for file in seen.segments)
    assert contents(filled) == before


def test_a_damaged_extent_is_told_with_its_place_and_the_others_are_looked_at(filled: MemoryDevice) -> None:
    flip(filled, "segment-00000000", 600)
    flip(filled, "segment-00000001", 10)
    seen = inspect_store(filled)
    assert not seen.is_sound
    assert [(harm.file, harm.offset) for harm in seen.damage] == [
        ("segment-00000000", 512),
        ("segment-00000001", 0),
    ]
    assert seen.damage[0].found.startswith("CRC-32C")
    bad = seen.segments[0].first_bad
    assert bad is not None
    assert bad.start == 512
    assert seen.segments[2].first_bad is None


def test_a_missing_segment_is_told_once_for_each_extent(filled: MemoryDevice) -> None:
    filled.remove("segment-00000001")
    seen = inspect_store(filled)
    assert [harm.found for harm in seen.damage] == ["no file"] * 4
    assert seen.segments[1].size is None


def test_a_damaged_block_ends_the_chain_and_is_told(filled: MemoryDevice) -> None:
    offset = inspect_store(filled).chain[1].offset
    flip(filled, "tables", offset + 3)
    seen = inspect_store(filled)
    assert [(harm.file, harm.offset) for harm in seen.damage] == [("tables", offset)]
    assert [block.version.counter for block in seen.chain] == [3]
    assert not seen.is_sound


def test_one_damaged_root_is_told_and_the_store_is_sound(filled: MemoryDevice) -> None:
    flip(filled, "root-b", 77)
    seen = inspect_store(filled)
    assert seen.roots[1].complaint == "a wrong checksum"
    assert [(harm.file, harm.is_mended) for harm in seen.damage] == [("root-b", True)]
    assert seen.is_sound
    assert seen.verdict == "sound, but for 1 of 3 roots (root-b): the next opening for writing mends it"
    FasterKv.open(filled).close()
    assert inspect_store(filled).damage == []
    assert inspect_store(filled).verdict == "sound"


def test_no_valid_root_beside_segments_is_damage(filled: MemoryDevice) -> None:
    for file in ("root-a", "root-b", "root-c"):
        flip(filled, file, 100)
    seen = inspect_store(filled)
    assert len(seen.damage) == 3
    assert not seen.is_sound
    assert seen.verdict == "DAMAGED"
    assert seen.newest is None


def test_a_root_of_another_store_is_damage(filled: MemoryDevice) -> None:
    data = bytearray(512)
    filled.read_into("root-a", 0, data)
    root = decode_root(bytes(data), "root-a")
    assert isinstance(root, Root)
    filled.write("root-a", 0, encode_root(root._replace(store_id=b"?" * 16)))
    assert not inspect_store(filled).is_sound


def test_files_that_are_not_ours_are_named(filled: MemoryDevice) -> None:
    filled.create("notes.txt")
    assert inspect_store(filled).strangers == ["notes.txt"]


def test_what_is_no_store_is_an_error_of_its_own(tmp_path: Path, filled: MemoryDevice) -> None:
    with pytest.raises(MissingStoreError):
        inspect_store(tmp_path / "nowhere")
    with pytest.raises(MissingStoreError):
        inspect_store(tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(NotAStoreError):
        inspect_store(tmp_path)
    with pytest.raises(NotAStoreError):
        inspect_store(tmp_path / "notes.txt")
    with FasterKv.open(filled), pytest.raises(StoreLockedError):
        inspect_store(filled)


def test_a_creation_that_was_cut_short_is_no_store(device: MemoryDevice) -> None:
    device.create("root-a")
    with pytest.raises(MissingStoreError):
        inspect_store(device)


def test_a_store_that_is_open_for_writing_is_looked_at_beside_its_writer(
    tmp_path: Path, tiny: Settings
) -> None:
    with FasterKv.open(tmp_path / "s", create=True, settings=tiny) as store:
        point = store.checkpoint()
        found = inspect_store(tmp_path / "s")
        assert (found.is_sound, found.newest) == (True, point.version)
    device = MemoryDevice()
    with FasterKv.open(device, create=True, settings=tiny), pytest.raises(StoreLockedError):
        inspect_store(device)


def test_another_format_is_refused(filled: MemoryDevice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("powercut.engine.metadata.layout.FORMAT_VERSION", 2)
    with pytest.raises(UnsupportedVersionError):
        inspect_store(filled)
