"""Arguments: for every parameter of every public call, what it cannot take is one typed error at once.

No bare TypeError, ValueError or OSError, no half-done call. The table is held against the engine's names.
"""

import asyncio
import inspect
import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from powercut.engine import (
    CheckpointError,
    CheckpointKind,
    DeviceError,
    EngineError,
    FasterKv,
    FileDevice,
    FlushSettings,
    MemoryDevice,
    OperationError,
    SessionError,
    Settings,
    SettingsError,
    ThreadRuntime,
    Version,
)
from powercut.engine.inspection import inspect_store

Contents = Callable[[Any], dict[str, bytes]]
Bad = tuple[Any, ...]


class NoPath:
    """An `os.PathLike` that is none."""

    def __fspath__(self) -> Any:
        return 5


class Unhashable:
    __hash__ = None  # type: ignore[assignment]


ODD: Bad = (None, 5, 1.5, "x", b"x", [], {}, object(), Unhashable(), int)
PATHS: Bad = ("", b"", "a\0b", b"a\0b", "\ud800", NoPath(), None, 5, object(), MemoryDevice, [], Path("a\0b"))
FLAGS: Bad = (None, 0, 1, "yes", [], np.True_)
SECONDS: Bad = ("x", -1, -0.5, math.nan, -math.inf, 10**400, True, [], 1j, "5")
KEYS: Bad = (None, 5, "k", [b"k"], b"", bytearray(), bytes(1 << 17), np.array([b"k"]), np.str_("k"), object())
VALUES: Bad = (*(each for each in KEYS if not isinstance(each, bytes | bytearray)), bytes(1000))
FUNCTIONS: Bad = (None, 5, b"v", [])
MANY: Bad = (None, 5, b"ab", "ab", bytearray(b"ab"), {b"a"}, {b"a": 1}, iter([b"a"]))
MANY += ([5], ["a"], [b"a", None])
DELTAS: Bad = (None, "1", 1.5, [1.5], [1, 2], ["a"], [[1], [2, 3]], 1 << 64, object())
DTYPES: Bad = (5, object, "S0", "no such type", "(2,)u4", [], "V1000", "V2000000000")
NAMES: Bad = (None, 5, b"s", "", "x" * 256, "\ud800", [], Unhashable())
ADDRESSES: Bad = ("x", b"x", 1.5, -1, 1 << 60, [], True)

# Of each public call, the class of the error, and for each parameter what it cannot take.
OPEN: dict[str, Bad] = {
    "where": PATHS,
    **dict.fromkeys(("create", "read_only"), FLAGS),
    "memory": ("x", None, 0, -1, 1.5, True, 1000, 1 << 50, 1 << 62, 1 << 200, []),
    "settings": (5, "x", {}, Settings, Settings(index_buckets=1 << 60), Settings(ring_pages=1 << 50)),
    "runtime": (0, "", 5, object(), ThreadRuntime),
    "version": (5, "1.1", (1,), (1, 2, 3), Version(1, 1), [1, 1]),
    "kernels": (5, "", "fast", [], b"auto"),
    "flush": (5, "on", {}, True, FlushSettings),
    "keep": (0, -1, 33, 1.0, "2", None, True),
    "forget_after": (0, -1, 1, 2.0, "3", [], True),
    "compact_at": (0, 1, 0.0, 1.0, -0.5, 2.0, float("nan"), "half", [], True),
    "read_cache": (-1, 1, 1023, 64 << 20, 1e6, "1 MB", None, True),
    "disk": (0, -1, 65_535, 1e9, "10 MB", [], True),
}
KINDS: Bad = (*ODD, "FOLD_OVER", 1, Unhashable())
STORE: dict[str, tuple[type[EngineError], dict[str, Bad]]] = {
    "session": (SessionError, {"name": NAMES[1:]}),
    "resume_session": (SessionError, {"name": NAMES}),
    "forget_session": (SessionError, {"name": NAMES}),
    "items_many": (OperationError, {"key_dtype": DTYPES, "dtype": DTYPES}),
    "scan": (OperationError, {"begin": ADDRESSES, "end": ADDRESSES}),
    "truncate_before": (OperationError, {"address": (None, *ADDRESSES)}),
    "compact": (OperationError, {"until": ADDRESSES}),
    "close": (OperationError, {"checkpoint": FLAGS, "index": (*FLAGS, True)}),
    "backup": (SettingsError, {"where": PATHS}),
    "pin": (CheckpointError, {"name": NAMES, "version": (5, "1.1", (1,), (9, 9), [1, 1], {})}),
    "drop": (CheckpointError, {"which": (None, 5, "", "x", (9, 9), [], {}, b"x", Version(1, 1))}),
    "on_durable": (OperationError, {"function": FUNCTIONS}),
}
CHECKPOINTS: dict[str, tuple[type[EngineError], Bad]] = {
    "kind": (CheckpointError, KINDS),
    "index": (OperationError, FLAGS),
    "timeout": (OperationError, SECONDS),
}
EVERY: dict[str, tuple[type[EngineError], Bad]] = {
    "seconds": (OperationError, (*SECONDS, 0, math.inf)),
    "bytes": (OperationError, (0, -1, 1.5, "1", True, [], math.inf)),
    "kind": (CheckpointError, KINDS),
    "index": (OperationError, FLAGS),
}
SERIALS: Bad = ("1", -1, 1 << 40, 0.5, True, [], math.nan)
FINE: dict[str, Any] = {
    "key": b"k",
    "value": b"v",
    "function": lambda old: b"v",
    "keys": [b"a"],
    "values": [b"1"],
    "deltas": 1,
}
SESSION: dict[str, dict[str, Bad]] = {
    "read": {"key": KEYS},
    "upsert": {"key": KEYS, "value": VALUES},
    "insert": {"key": KEYS, "value": VALUES},
    "delete": {"key": KEYS},
    "rmw": {"key": KEYS, "function": FUNCTIONS},
    "start_read": {"key": KEYS},
    "start_rmw": {"key": KEYS, "function": FUNCTIONS},
    "upsert_many": {"keys": MANY, "values": MANY},
    "append_many": {"keys": MANY, "values": MANY},
    "add_many": {"keys": MANY, "deltas": DELTAS},
    "read_many": {"keys": MANY, "dtype": DTYPES},
    "complete_pending": {"wait": FLAGS, "timeout": SECONDS},
    "wait_durable": {"serial": SERIALS, "timeout": SECONDS},
    "durable": {"serial": SERIALS},
}


def each(table: dict[str, dict[str, Bad]]) -> list[tuple[str, str, int]]:
    """(call, parameter, number of the bad value)."""
    return [
        (call, name, n) for call, of in table.items() for name, bad in of.items() for n in range(len(bad))
    ]


def left(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


# -- the table is whole ----------------------------------------------------------------------------------


# What the engine makes itself, values of the user's own, and what test_ground_arguments.py has.
NOT_THE_USERS = {
    *("FasterKv", "Session", "Ticket.end", "Ticket.ended", "CheckpointTicket", "CheckpointPoint", "Stats"),
    *("Flusher", "Flusher.takes_over", "Flusher.drive", "Flusher.over", "FlushMetrics"),
}
GROUND = {"FileDevice", "MemoryDevice", "ThreadRuntime", "Settings"}
# And what flush/test_worker.py, fasterlog/test_refusals.py and fasterlog/test_appending.py have.
GROUND |= {"FlushSettings", "BehindTail", "OlderThan", "FasterLog", "LogIterator", "LogSettings"}


def test_every_parameter_of_every_public_call_has_an_entry(surface: dict[str, set[str]]) -> None:
    table = {
        "inspect_store": {"where"},
        "FasterKv.open": {*OPEN},
        "FasterKv.checkpoint": {*CHECKPOINTS},
        "FasterKv.start_checkpoint": {*CHECKPOINTS},
        "FasterKv.checkpoint_every": {*EVERY},
        "Flusher.stop": {"final"},
        **{f"FasterKv.{call}": {*of} for call, (_, of) in STORE.items()},
        **{f"Session.{call}": {*of} for call, of in SESSION.items()},
    }
    found = {
        call: names
        for call, names in surface.items()
        if call not in NOT_THE_USERS and call.partition(".")[0] not in GROUND
    }
    assert found == table


# -- opening ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("_", "name", "number"), each({"open": OPEN}))
def test_an_opening_that_is_refused_changes_nothing_on_disk(
    tmp_path: Path, tiny: Settings, contents: Contents, _: str, name: str, number: int
) -> None:
    """Of a new folder, deep in others; of an empty one; of a store; of a device in memory."""
    given = {name: OPEN[name][number]}
    (tmp_path / "empty").mkdir()
    FasterKv.open(tmp_path / "store", create=True, settings=tiny).close()
    before = {file.name: file.read_bytes() for file in (tmp_path / "store").iterdir()}
    devices = MemoryDevice(), MemoryDevice()
    FasterKv.open(devices[1], create=True, settings=tiny).close()
    device_before = [looked_at(device, contents) for device in devices]
    for where in (tmp_path / "new" / "deep", tmp_path / "empty", tmp_path / "store", *devices):
        arguments: dict[str, Any] = {"where": where, "create": True} | given
        with pytest.raises(SettingsError):
            FasterKv.open(**arguments)
    assert left(tmp_path) == ["empty", "store"]
    assert left(tmp_path / "empty") == []
    assert {file.name: file.read_bytes() for file in (tmp_path / "store").iterdir()} == before
    assert [looked_at(device, contents) for device in devices] == device_before
    FasterKv.open(tmp_path / "store").close()
    FasterKv.open(devices[0], create=True, settings=tiny).close()


def looked_at(device: MemoryDevice, contents: Contents) -> dict[str, bytes]:
    owner = object()
    assert device.acquire(owner)
    try:
        return contents(device)
    finally:
        device.release(owner)


@pytest.mark.parametrize("number", range(len(PATHS)))
def test_what_is_no_path_is_refused_wherever_a_path_is_taken(number: int) -> None:
    with pytest.raises(SettingsError):
        inspect_store(PATHS[number])
    with pytest.raises(SettingsError):
        FileDevice(PATHS[number], create=True)


@pytest.mark.parametrize("path", ["file/new", "file/new/deep", "x" * 300, "new/" + "x" * 300, "link"])
def test_a_folder_that_cannot_be_made_is_a_typed_error_and_none_is_left(tmp_path: Path, path: str) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to("nowhere")
    with pytest.raises(DeviceError) as caught:
        FasterKv.open(tmp_path / path, create=True)
    assert caught.value.errno
    assert left(tmp_path) == ["file", "link"]


def test_folders_that_a_creation_made_go_again_where_the_device_refuses_it(
    tmp_path: Path, tiny: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only those that it made, and only while they are empty."""
    (tmp_path / "there").mkdir()

    def refuse(self: FileDevice) -> list[str]:
        raise PermissionError(13, "not for you")

    with monkeypatch.context() as patched:
        patched.setattr(FileDevice, "list", refuse)
        for name in ("there", "there/new", "a/b/c"):
            with pytest.raises(DeviceError):
                FasterKv.open(tmp_path / name, create=True, settings=tiny)
    assert left(tmp_path) == ["there"]
    assert left(tmp_path / "there") == []


PATH_KINDS: list[Callable[[Path], Any]] = [str, os.fsencode, Path, lambda path: Bytes(path), np.str_]


class Bytes:
    """An `os.PathLike` of bytes."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __fspath__(self) -> bytes:
        return os.fsencode(self._path)


@pytest.mark.parametrize("kind", range(len(PATH_KINDS)))
def test_a_path_may_be_text_bytes_or_anything_like_a_path(tmp_path: Path, tiny: Settings, kind: int) -> None:
    where = PATH_KINDS[kind](tmp_path / "störe\udcff")
    with FasterKv.open(where, create=True, settings=tiny) as store:
        store.checkpoint()
    assert inspect_store(where).is_sound
    device = FileDevice(where)
    assert "root-a" in device.list()
    device.close()


# -- an open store ---------------------------------------------------------------------------------------


@pytest.fixture
def used(store: FasterKv) -> Iterator[FasterKv]:
    """A store with something in it; afterwards it is as it was, and goes on."""
    with store.session("s") as s:
        s.upsert(b"old", b"value")
        store.checkpoint()
        before, stats = dict(store.items()), store.stats()
        yield store
        assert (dict(store.items()), s.serial, s.pending) == (before, 1, 0)
        assert store.serials() == {"s": 1}
        assert (store.stats().tail, store.phase.name) == (stats.tail, "REST")
        store.check()
        s.upsert(b"k", b"v")
        assert store.checkpoint().serials == {"s": 2}


@pytest.mark.parametrize(("call", "name", "number"), each({call: of for call, (_, of) in STORE.items()}))
def test_a_call_of_a_store_that_is_refused_does_nothing(
    used: FasterKv, call: str, name: str, number: int
) -> None:
    error, of = STORE[call]
    given = {"name": "pinned"} if (call, name) == ("pin", "version") else {}
    with pytest.raises(error):
        getattr(used, call)(**given | {name: of[name][number]})


@pytest.mark.parametrize("call", ["checkpoint", "start_checkpoint"])
@pytest.mark.parametrize("name", list(CHECKPOINTS))
def test_a_checkpoint_that_is_refused_is_not_begun(used: FasterKv, call: str, name: str) -> None:
    error, bad = CHECKPOINTS[name]
    for given in bad:
        with pytest.raises(error):
            getattr(used, call)(**{name: given})
        assert used.phase.name == "REST"


@pytest.mark.parametrize("name", list(EVERY))
def test_checkpoints_by_themselves_that_are_refused_do_not_begin(used: FasterKv, name: str) -> None:
    error, bad = EVERY[name]
    every: dict[str, Any] = {"seconds": 60.0}
    for given in bad:
        with pytest.raises(error, match=rf"\b{name}\b"):
            used.checkpoint_every(**every | {name: given})
        assert used.automatic.state == "off"


def test_an_image_with_each_checkpoint_of_which_none_is_due_is_refused(used: FasterKv) -> None:
    with pytest.raises(OperationError, match="expected seconds or bytes"):
        used.checkpoint_every(index=True)
    assert used.automatic.state == "off"


@pytest.mark.parametrize(("call", "name", "number"), each(SESSION))
def test_a_call_of_a_session_that_is_refused_takes_no_serial_and_does_nothing(
    used: FasterKv, call: str, name: str, number: int
) -> None:
    bad = SESSION[call][name][number]
    given = {each: FINE[each] for each in SESSION[call] if each in FINE} | {name: bad}
    (s,) = used._handles.live()
    with pytest.raises(OperationError) as caught:
        awaited(getattr(s, call)(**given))
    assert caught.value.done == (0 if call.endswith("_many") else None)


def awaited(answer: Any) -> None:
    if inspect.iscoroutine(answer):
        asyncio.run(answer)


@pytest.mark.parametrize("timeout", [0, 0.0, 1, 2.5, math.inf, 1e300, np.float32(3), np.int64(2), None])
def test_any_number_of_seconds_is_a_timeout(used: FasterKv, timeout: Any) -> None:
    (s,) = used._handles.live()
    assert s.complete_pending(timeout=timeout) is True
    assert used.checkpoint(CheckpointKind.FOLD_OVER, timeout=timeout).serials == {"s": 1}
