"""Devices: one script of calls over each device of the engine, held against what a FaultDevice answers.

What a device is asked that it cannot be (no name, no offset, no buffer) is refused by each in the same words,
and nothing has happened. A folder has besides: a lock that its readers share, folders that it makes and takes
away again, and names that it only lists.

Threads: none. The folder is one of the system's for passing files, and gone afterwards.
"""

from __future__ import annotations

import errno
import os
from array import array
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from powercut.engine import (
    FasterKv,
    FileDevice,
    MemoryDevice,
    Settings,
    StoreLockedError,
)
from powercut.engine.errors import EngineError
from powercut.faultfs import FaultDevice

from .stepped import SteppedRuntime

__all__ = ["asked_folder", "asked_memory_device", "asked_paths"]

Asked = tuple[list[object], list[object]]  # What was expected, and what was found.
Call = Callable[[], object]
_INVALID: Final = ("error", errno.EINVAL)
_CLOSED: Final = ("error", errno.EBADF)
_NO_NAMES: Final[tuple[Any, ...]] = ("", ".", "..", "a/b", "/", "a\0b", 5, None, b"a")
_NO_OFFSETS: Final[tuple[Any, ...]] = (-1, 1 << 63, 1.0, "1", None)
_NO_BUFFERS: Final[tuple[Any, ...]] = (None, 5, "x", [1])


def _answer(call: Call) -> object:
    """The answer, or which error it was."""
    try:
        return call()
    except FileExistsError:
        return "exists"
    except FileNotFoundError:
        return "missing"
    except OSError as error:
        return "error", error.errno


def _read(device: Any, name: str, offset: int, count: int) -> object:
    """A read into a buffer that was not empty: its answer, and the buffer."""
    buffer = bytearray(b"\xff" * count)
    return device.read_into(name, offset, buffer), bytes(buffer)


def _read_words(device: Any, name: str) -> object:
    """The same of a buffer whose items are words."""
    buffer = array("Q", [7, 7])
    return device.read_into(name, 1, memoryview(buffer)), buffer.tobytes()


def _content(device: Any) -> object:
    return [(name, device.size(name), _read(device, name, 0, 64)) for name in device.list()]


def _script(device: Any) -> Iterator[Call]:
    """Calls that each device answers alike; behind each of them all that there is."""
    steps: tuple[Call, ...] = (
        device.list,
        partial(device.size, "a"),
        partial(_read, device, "a", 0, 1),
        partial(device.write, "a", 0, b"x"),
        partial(device.truncate, "a", 1),
        partial(device.sync, "a"),
        partial(device.remove, "a"),
        partial(device.create, "b"),
        partial(device.create, "a"),
        partial(device.create, "a"),
        partial(device.write, "a", 0, b"0123456789"),
        partial(device.create, "a"),
        partial(device.write, "a", 3, memoryview(b"abc")),
        partial(device.write, "a", 14, bytearray(b"end")),  # Behind a gap.
        partial(device.write, "a", 40, b""),  # Nothing, so no gap.
        partial(device.write, "b", 8, memoryview(array("Q", [1, 2 << 56]))),
        partial(device.write, "a", 17, b"!"),  # At its very end.
        *[partial(_read, device, "a", at, count) for at in (0, 1, 9, 17, 18, 30) for count in (0, 1, 5, 32)],
        partial(_read_words, device, "a"),
        partial(_read_words, device, "b"),
        partial(device.truncate, "a", 12),
        partial(device.truncate, "a", 12),
        partial(device.truncate, "b", 30),
        partial(device.truncate, "b", 0),
        partial(device.sync, "a"),
        device.sync_names,
        partial(device.remove, "a"),
        partial(device.remove, "a"),
        partial(_read, device, "a", 0, 4),
        partial(device.create, "a"),
        partial(device.write, "a", 2, b"new"),
        partial(device.create, "A name, with blanks"),
    )
    for step in steps:
        yield step
        yield partial(_content, device)


def _refusals(device: Any) -> Iterator[Call]:
    """Calls that a device of the engine refuses."""
    for name in _NO_NAMES:
        yield partial(device.create, name)
        yield partial(device.remove, name)
        yield partial(device.size, name)
        yield partial(device.write, name, 0, b"x")
        yield partial(device.read_into, name, 0, bytearray(1))
        yield partial(device.truncate, name, 0)
        yield partial(device.sync, name)
    for offset in _NO_OFFSETS:
        yield partial(device.write, "a", offset, b"x")
        yield partial(device.read_into, "a", offset, bytearray(1))
        yield partial(device.truncate, "a", offset)
    for buffer in _NO_BUFFERS:
        yield partial(device.write, "a", 0, buffer)
        yield partial(device.read_into, "a", 0, buffer)
    yield partial(device.read_into, "a", 0, b"read-only")


def _after_close(device: Any) -> Iterator[Call]:
    yield device.close
    calls: tuple[Call, ...] = (device.list, device.sync_names)
    named = (device.create, device.remove, device.size, device.sync)
    yield from calls
    yield from (partial(call, "a") for call in named)
    yield partial(device.write, "a", 0, b"x")
    yield partial(device.read_into, "a", 0, bytearray(1))
    yield partial(device.truncate, "a", 0)
    yield device.close


def _ask(device: Any) -> Asked:
    """The whole script of one device; a FaultDevice is asked the same."""
    model = FaultDevice()
    expected = [_answer(call) for call in _script(model)]
    found = [_answer(call) for call in _script(device)]
    before = _answer(partial(_content, device))
    for call in _refusals(device):
        expected.append(_INVALID)
        found.append(_answer(call))
    expected.append(before)
    found.append(_answer(partial(_content, device)))
    closed = list(_after_close(device))
    expected += [None, *[_CLOSED] * (len(closed) - 2), None]
    found += [_answer(call) for call in closed]
    return expected, found


def asked_memory_device() -> Asked:
    """A MemoryDevice, and who may have it."""
    device, owner, other = MemoryDevice(), object(), object()
    expected, found = _ask(device)
    expected += [True, False, "still there", None, False, None, True, "open again"]
    names = ["A name, with blanks", "a", "b"]
    found += [
        device.acquire(owner),  # Closed, it opens again for an owner.
        device.acquire(other),
        "still there" if device.list() == names else device.list(),
        _answer(partial(device.release, other)),  # Not his.
        device.acquire(other),
        _answer(partial(device.release, owner)),
    ]
    device.close()
    found += [device.acquire(other), "open again" if device.list() == names else device.list()]
    return expected, found


def asked_folder() -> Asked:
    """A FileDevice, what lies in its folder, and who else may open that."""
    with TemporaryDirectory(prefix="powercut-device-") as home:
        folder = Path(home) / "deep" / "store"
        device = FileDevice(folder, create=True)
        expected, found = _ask(device)
        expected += [["A name, with blanks", "a", "b"], True, [], []]
        found.append(sorted(os.listdir(folder)))
        with closing(FileDevice(str(folder))) as again:
            found.append(_answer(partial(_read, again, "a", 0, 8)) == (5, b"\0\0new\xff\xff\xff"))
            found.append([who for who in (True, False) if _opens(folder, read_only=who)])
        with closing(FileDevice(os.fsencode(folder), read_only=True)) as reader:
            found.append([who for who in (False,) if _opens(folder, read_only=who)])
            expected += [True, _CLOSED, (5, b"\0\0new\xff\xff\xff")]
            found.append(_opens(folder, read_only=True))
            found.append(_answer(partial(reader.write, "a", 0, b"x")))
            found.append(_answer(partial(_read, reader, "a", 0, 8)))
        (folder / "inner").mkdir()  # Names of folders are told like all others (D7).
        with closing(FileDevice(folder)) as again:
            expected += [["A name, with blanks", "a", "b", "inner"], "exists", None]
            found += [
                again.list(),
                _answer(partial(again.create, "inner")),
                _answer(partial(again.remove, "b")),
            ]
        expected.append(["A name, with blanks", "a", "inner"])
        found.append(sorted(os.listdir(folder)))
    return expected, found


def _opens(folder: Path, *, read_only: bool) -> bool:
    try:
        FileDevice(folder, read_only=read_only).close()
    except StoreLockedError:
        return False
    return True


def asked_paths() -> Asked:
    """Stores by paths: made, taken, refused; what was made for one that is refused goes again."""
    how: dict[str, Any] = {"runtime": SteppedRuntime(), "kernels": "interpreted"}
    settings = Settings(1024, 2048, 512, 512, ring_pages=2, index_buckets=1)
    expected: list[object] = []
    found: list[object] = []

    def ask(answer: object, call: Call) -> None:
        expected.append(answer)
        try:
            found.append(call())
        except EngineError as error:
            found.append(type(error).__name__)

    with TemporaryDirectory(prefix="powercut-device-") as home:
        root = Path(home)
        (root / "file").write_bytes(b"mine")

        def opens(where: Any, **more: Any) -> FasterKv:
            return FasterKv.open(where, settings=settings, **how, **more)

        ask("MissingStoreError", lambda: opens(root / "a"))
        ask("NotAStoreError", lambda: opens(root / "file", create=True))
        ask("DeviceError", lambda: opens(root / "file" / "new", create=True))
        ask("MissingStoreError", lambda: opens(root / "a" / "b", create=True, read_only=True))
        wrong: tuple[Any, ...] = ("", b"", "a\0b", "\ud800", None, 5, object(), FileDevice)
        for where in wrong:
            ask("SettingsError", partial(opens, where, create=True))
            with suppress(TypeError):
                os.fspath(where)
                ask("SettingsError", partial(FileDevice, where, create=True))
        ask("SettingsError", lambda: opens(root / "a" / "b", create=True, memory=0))
        (root / "empty").mkdir()
        ask("MissingStoreError", lambda: opens(root / "empty", create=True, read_only=True))
        ask([], lambda: os.listdir(root / "empty"))
        (root / "empty").rmdir()
        ask(["file"], lambda: sorted(os.listdir(root)))  # No folder is left of one that was refused.
        with opens(root / "a" / "b", create=True) as store:
            store.session("s").upsert(b"key", b"value")
            store.checkpoint()
            ask("StoreLockedError", lambda: opens(root / "a" / "b"))
            with opens(root / "a" / "b", read_only=True) as beside:
                ask([(b"key", b"value")], partial(_listed, beside))
            ask("StoreLockedError", lambda: store.backup(root / "a" / "b"))
            ask({"s": 1}, lambda: dict(store.backup(root / "copy" / "deep").serials))
            ask("StoreExistsError", lambda: store.backup(root / "copy" / "deep"))
        for where in (str(root / "a" / "b"), os.fsencode(root / "copy" / "deep")):
            with opens(where, read_only=True) as one, opens(where, read_only=True) as other:
                ask([(b"key", b"value")], partial(_listed, one))
                ask([(b"key", b"value")], partial(_listed, other))
                ask("StoreLockedError", partial(opens, where))
        ask(["a", "copy", "file"], lambda: sorted(os.listdir(root)))
    return expected, found


def _listed(store: FasterKv) -> list[tuple[bytes, bytes]]:
    return list(store.items())
