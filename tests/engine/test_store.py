"""Opening and closing: what is refused, what is written, what is lost and said to be."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from powercut.engine import (
    ClosedError,
    CorruptionError,
    Device,
    EngineError,
    FasterKv,
    MemoryDevice,
    MissingStoreError,
    NotAStoreError,
    PoisonedError,
    ReadOnlyError,
    Settings,
    SettingsError,
    StoreLockedError,
    Version,
)
from powercut.engine.inspection import inspect_store

Contents = Callable[[Device], dict[str, bytes]]


def look(device: MemoryDevice, contents: Contents) -> dict[str, bytes]:
    """The content of a device that no store has."""
    owner = object()
    assert device.acquire(owner)
    try:
        return contents(device)
    finally:
        device.release(owner)


def fill(device: MemoryDevice, settings: Settings) -> None:
    opened = closing(FasterKv.open(device, create=True, settings=settings))
    with opened as store, store.session("s") as session:
        for number in range(50):
            session.upsert(b"%d" % number, b"v")
            if number in (20, 40):
                store.checkpoint()


def test_close_says_what_no_checkpoint_holds(device: MemoryDevice, tiny: Settings) -> None:
    store = FasterKv.open(device, create=True, settings=tiny)
    a, b, c = (store.session(name) for name in "abc")
    a.upsert(b"k", b"1")
    b.upsert(b"k", b"2")
    store.checkpoint()
    b.upsert(b"k", b"3")
    c.read(b"k")
    assert store.close() == {"b": 1, "c": 1}
    assert store.close() == {}
    with pytest.raises(ClosedError):
        a.read(b"k")
    with pytest.raises(ClosedError):
        store.session("d")


def test_close_with_a_checkpoint_leaves_nothing_unsaved(device: MemoryDevice, tiny: Settings) -> None:
    store = FasterKv.open(device, create=True, settings=tiny)
    store.session("s").upsert(b"k", b"1")
    assert store.close(checkpoint=True) == {}
    with FasterKv.open(device, memory=1 << 20) as store:
        assert dict(store.items()) == {b"k": b"1"}


def test_a_recovered_store_owes_nothing(device: MemoryDevice, tiny: Settings) -> None:
    fill(device, tiny)
    assert FasterKv.open(device, memory=1 << 20).close() == {}


def test_nothing_there_is_made_only_where_asked(device: MemoryDevice, contents: Contents) -> None:
    with pytest.raises(MissingStoreError, match="create=True"):
        FasterKv.open(device, memory=1 << 20)
    with pytest.raises(MissingStoreError):
        FasterKv.open(device, create=True, read_only=True)
    assert look(device, contents) == {}


FOREIGN = {"notes.txt", "lost+found", "segment-notes", "segment-1", "root-d", "tables.bak", "a\udcff"}


def make_foreign(folder: Path) -> None:
    """Files and folders of other names than a store's, one of them hard to print."""
    for name in FOREIGN - {"lost+found", "segment-1"}:
        (folder / name).write_text("mine")
    (folder / "lost+found").mkdir(0)
    (folder / "segment-1").mkdir()


def test_a_folder_of_other_files_is_no_store(tmp_path: Path) -> None:
    make_foreign(tmp_path)
    for call in (FasterKv.open, inspect_store):
        with pytest.raises(NotAStoreError, match="found"):
            call(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == FOREIGN


def test_a_store_is_made_beside_other_files_and_folders_and_leaves_them_alone(
    tmp_path: Path, tiny: Settings
) -> None:
    make_foreign(tmp_path)
    with FasterKv.open(tmp_path, create=True, settings=tiny) as store:
        for number in range(50):
            store.session(f"s-{number}").upsert(b"%d" % number, bytes(100))
        store.truncate_before(store.stats().tail)
        store.checkpoint()
    with FasterKv.open(tmp_path, settings=tiny) as store:
        store.check()
        assert len(store.serials()) == 50
    found = inspect_store(tmp_path)
    assert (found.is_sound, set(found.strangers)) == (True, FOREIGN)
    assert {path.name for path in tmp_path.iterdir()} > FOREIGN
    assert (tmp_path / "notes.txt").read_text() == (tmp_path / "segment-notes").read_text() == "mine"


def test_a_refused_creation_writes_nothing(device: MemoryDevice, contents: Contents) -> None:
    with pytest.raises(SettingsError, match="memory"):
        FasterKv.open(device, create=True, memory=1000)
    assert look(device, contents) == {}


def test_other_settings_than_the_stores_are_refused_by_name(
    device: MemoryDevice, tiny: Settings, contents: Contents
) -> None:
    fill(device, tiny)
    before = look(device, contents)
    with pytest.raises(SettingsError, match="hash_mask 0 "):
        FasterKv.open(device, settings=replace(tiny, hash_mask=0))
    with pytest.raises(SettingsError, match="segment_bytes"):
        FasterKv.open(device, settings=replace(tiny, segment_bytes=4096))
    assert look(device, contents) == before


def test_a_store_is_opened_by_one_at_a_time(device: MemoryDevice, tiny: Settings, tmp_path: Path) -> None:
    with FasterKv.open(device, create=True, settings=tiny), pytest.raises(StoreLockedError):
        FasterKv.open(device, memory=1 << 20)
    with FasterKv.open(tmp_path / "s", create=True, settings=tiny):
        with pytest.raises(StoreLockedError):
            FasterKv.open(tmp_path / "s")
        FasterKv.open(tmp_path / "s", read_only=True).close()  # Beside the writer.
    with FasterKv.open(tmp_path / "s", read_only=True):
        FasterKv.open(tmp_path / "s", read_only=True).close()


def test_reading_only_writes_nothing(device: MemoryDevice, tiny: Settings, contents: Contents) -> None:
    fill(device, tiny)
    before = look(device, contents)
    with FasterKv.open(device, read_only=True, memory=1 << 20) as store:
        with store.session("s") as session:
            assert session.read(b"7") == b"v"
            changes: list[Callable[[], object]] = [
                lambda: session.upsert(b"k", b"v"),
                lambda: session.insert(b"k", b"v"),
                lambda: session.delete(b"7"),
                lambda: session.rmw(b"7", lambda old: old),
            ]
            for change in changes:
                with pytest.raises(ReadOnlyError):
                    change()
        for call in (store.checkpoint, store.start_checkpoint, lambda: store.forget_session("s")):
            with pytest.raises(ReadOnlyError):
                call()
        store.check()
    assert look(device, contents) == before


def test_opening_for_writing_begins_a_life_and_rewrites_only_the_roots(
    device: MemoryDevice, tiny: Settings, contents: Contents
) -> None:
    fill(device, tiny)
    before = look(device, contents)
    FasterKv.open(device, memory=1 << 20).close()
    after = look(device, contents)
    assert {name for name in after if after[name] != before[name]} == {"root-a", "root-b", "root-c"}
    assert before.keys() == after.keys()
    with closing(FasterKv.open(device, memory=1 << 20)) as store, store.session("s") as session:
        session.upsert(b"k", b"v")
        assert store.checkpoint().version == Version(3, 3)


def test_an_older_checkpoint_opens_read_only_alone(device: MemoryDevice, tiny: Settings) -> None:
    fill(device, tiny)
    with pytest.raises(SettingsError, match="read_only"):
        FasterKv.open(device, version=Version(1, 1))
    with FasterKv.open(device, read_only=True, version=Version(1, 1)) as store:
        assert len(dict(store.items())) == 21
        assert store.serials() == {"s": 21}
    with pytest.raises(EngineError, match="no such checkpoint"):
        FasterKv.open(device, read_only=True, version=Version(1, 9))


def test_a_creation_that_was_cut_short_is_made_afresh(device: MemoryDevice, tiny: Settings) -> None:
    device.create("root-a")
    device.write("root-a", 0, b"half a root")
    with pytest.raises(MissingStoreError, match="cut short"):
        FasterKv.open(device, memory=1 << 20)
    with FasterKv.open(device, create=True, settings=tiny) as store:
        store.session("s").upsert(b"k", b"v")
        store.checkpoint()
    assert "segment-00000000" in look_names(device)


def look_names(device: MemoryDevice) -> list[str]:
    owner = object()
    device.acquire(owner)
    names = device.list()
    device.release(owner)
    return names


def test_segments_without_a_valid_root_are_never_an_empty_store(device: MemoryDevice, tiny: Settings) -> None:
    FasterKv.open(device, create=True, settings=tiny).close()
    owner = object()
    device.acquire(owner)
    for file in ("root-a", "root-b", "root-c"):
        device.remove(file)
    device.release(owner)
    for create in (False, True):
        with pytest.raises(CorruptionError, match="segments"):
            FasterKv.open(device, create=create, settings=tiny)


def test_a_sync_that_fails_while_opening_refuses_and_the_next_opening_succeeds(
    failing: MemoryDevice, tiny: Settings, fail_once: Callable[[str, str], object]
) -> None:
    fill(failing, tiny)
    for call, name in (("sync", "root"), ("sync_names", ""), ("write", "root-b")):
        failing.fails = fail_once(call, name)  # type: ignore[attr-defined]
        with pytest.raises(PoisonedError):
            FasterKv.open(failing, memory=1 << 20)
    with closing(FasterKv.open(failing, memory=1 << 20)) as store:
        assert len(dict(store.items())) == 41


def test_void_records_stay_void_over_several_recoveries(device: MemoryDevice, tiny: Settings) -> None:
    with closing(FasterKv.open(device, create=True, settings=tiny)) as store, store.session("s") as s:
        s.upsert(b"k", b"kept")
        ticket = store.start_checkpoint()
        ticket.advance()
        ticket.advance()
        s.upsert(b"k", b"void")
        s.upsert(b"only-void", b"void")
        ticket.result()
    for number in range(5):
        with closing(FasterKv.open(device, memory=1 << 20)) as store, store.session("s") as s:
            store.check()
            assert s.read(b"k") == b"kept"
            assert s.read(b"only-void") is None
            s.upsert(b"other", bytes(300))
            if number % 2:
                store.checkpoint()
    with (
        closing(FasterKv.open(device, settings=replace(tiny, ring_pages=16))) as store,
        store.session("s") as s,
    ):
        assert s.read(b"k") == b"kept"
        assert s.insert(b"only-void", b"now") is True


def test_the_index_never_shrinks_below_what_an_earlier_opening_had(
    device: MemoryDevice, tiny: Settings
) -> None:
    with FasterKv.open(device, create=True, settings=replace(tiny, index_buckets=8)) as store:
        with store.session("s") as session:
            session.upsert(b"k", b"v")
        store.checkpoint()
    for asked, had in ((1, 8), (32, 32), (2, 32)):
        with FasterKv.open(device, settings=replace(tiny, index_buckets=asked)) as store:
            assert store._parts.root.index_buckets == had
            store.check()
