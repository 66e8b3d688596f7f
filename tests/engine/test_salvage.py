"""Salvage: every damage of a store, and what is kept of it is what was written, and counted."""

from __future__ import annotations

from pathlib import Path

import pytest

from powercut.engine import (
    CheckpointKind,
    CorruptionError,
    FasterKv,
    MemoryDevice,
    MissingStoreError,
    NotAStoreError,
    Settings,
    SettingsError,
    StoreExistsError,
)
from powercut.engine.inspection import inspect_store
from powercut.engine.salvage import salvage_store
from powercut.faultfs import FaultDevice, Image

KEYS = [b"key-%02d" % number for number in range(16)]


def made(tiny: Settings, last: CheckpointKind = CheckpointKind.FOLD_OVER) -> tuple[Image, dict[bytes, bytes]]:
    """A closed store of several segments, and its content; of its keys some have an older value below."""
    device = FaultDevice()
    with FasterKv.open(device, create=True, settings=tiny, kernels="interpreted") as store:
        session = store.session("s")
        for number in range(2):
            for key in KEYS:
                session.upsert(key, key * (3 + number))
            store.checkpoint()
        for key in KEYS[::4]:
            session.delete(key)
        session.upsert(KEYS[1], b"last")
        store.checkpoint(last)
        content = dict(store.items())
    return device.image(), content


def salvaged(image: Image, *, certain: bool = False) -> tuple[object, dict[bytes, bytes]]:
    source, out = FaultDevice(image), FaultDevice()
    told = salvage_store(source, out, certain=certain)
    assert source.image() == image
    copy = FaultDevice(out.image())
    assert inspect_store(FaultDevice(out.image())).is_sound
    with FasterKv.open(copy, kernels="interpreted", memory=1 << 24) as store:
        store.check()
        assert store.serials() == {}
        return told, dict(store.items())


def damaged(image: Image, name: str, at: int) -> Image:
    inode = image.names[name]
    data = bytearray(image.files[inode])
    data[at] ^= 0x40
    return Image(image.names, {**image.files, inode: bytes(data)})


@pytest.mark.parametrize("kind", list(CheckpointKind))
def test_of_a_sound_store_all_is_kept_but_for_its_sessions(tiny: Settings, kind: CheckpointKind) -> None:
    image, content = made(tiny, kind)
    told, found = salvaged(image)
    assert found == content
    assert (told.kept, told.doubtful, told.lost, told.damage) == (len(content), 0, 0, [])  # type: ignore[attr-defined]
    assert told.sessions == {"s": 37}  # type: ignore[attr-defined]


def test_a_record_of_the_next_version_is_none(tiny: Settings) -> None:
    device = FaultDevice()
    with FasterKv.open(device, create=True, settings=tiny, kernels="interpreted") as store:
        session = store.session("s")
        session.upsert(b"k", b"1")
        ticket = store.start_checkpoint()
        for _ in range(2):
            ticket.advance()
        session.upsert(b"k", b"2")
        session.upsert(b"l", b"2")
        ticket.result()
        store.close(checkpoint=False)
    _, found = salvaged(device.image())
    assert found == {b"k": b"1"}


@pytest.mark.parametrize("kind", list(CheckpointKind))
def test_of_every_damaged_extent_what_is_kept_was_written_and_the_rest_is_counted(
    tiny: Settings, kind: CheckpointKind
) -> None:
    image, content = made(tiny, kind)
    older = {key: {key * 3, key * 4, b"last"} for key in KEYS}
    doubts = 0
    for name in sorted(image.names):
        if not name.startswith(("segment", "snapshot")):
            continue
        for at in range(0, len(image.files[image.names[name]]), 512):
            told, found = salvaged(damaged(image, name, at))
            assert all(value in older[key] for key, value in found.items())
            if not told.damage:  # type: ignore[attr-defined]
                assert found == content  # No checkpoint needs the extent.
                continue
            assert told.lost > 0  # type: ignore[attr-defined]
            wrong = {key for key, value in found.items() if content.get(key) != value}
            assert len(wrong) <= told.doubtful  # type: ignore[attr-defined]
            doubts += len(wrong)
            if wrong:
                certain = salvaged(damaged(image, name, at), certain=True)[1]
                assert certain.items() <= content.items()
                assert len(certain) == told.kept - told.doubtful  # type: ignore[attr-defined]
    assert doubts > 0


@pytest.mark.parametrize("which", ["root", "tables", "segment"])
def test_of_a_store_that_lacks_a_file_the_rest_is_kept(tiny: Settings, which: str) -> None:
    image, content = made(tiny)
    for name in sorted(image.names):
        if not name.startswith(which):
            continue
        names = {other: inode for other, inode in image.names.items() if other != name}
        left = Image(names, {inode: image.files[inode] for inode in names.values()})
        if which == "tables":
            with pytest.raises(CorruptionError, match="tables"):
                salvage_store(FaultDevice(left), FaultDevice())
            continue
        told, found = salvaged(left)
        assert told.damage  # type: ignore[attr-defined]
        assert (told.lost > 0) == (which == "segment")  # type: ignore[attr-defined]
        assert found == content or which == "segment"


def test_a_newest_block_that_is_damaged_gives_up_its_checkpoint(tiny: Settings) -> None:
    """The third root may still name the one before; where none does, nothing can be read."""
    image, _ = made(tiny)
    head = inspect_store(FaultDevice(image)).chain[0].offset
    with pytest.raises(CorruptionError, match="tables"):
        salvage_store(FaultDevice(damaged(image, "tables", head + 8)), FaultDevice())


def test_what_is_no_store_or_stands_there_already_is_refused(tiny: Settings, tmp_path: Path) -> None:
    image, content = made(tiny)
    with pytest.raises(StoreExistsError):
        salvage_store(FaultDevice(image), FaultDevice(image))
    with pytest.raises(MissingStoreError):
        salvage_store(MemoryDevice(), MemoryDevice())
    (tmp_path / "notes").write_text("mine")
    with pytest.raises(NotAStoreError):
        salvage_store(tmp_path, MemoryDevice())
    with pytest.raises(SettingsError):
        salvage_store(1, MemoryDevice())  # type: ignore[arg-type]
    told = salvage_store(FaultDevice(image), tmp_path / "new")
    assert told.kept == len(content)
    with FasterKv.open(tmp_path / "new", read_only=True) as store:
        assert dict(store.items()) == content
