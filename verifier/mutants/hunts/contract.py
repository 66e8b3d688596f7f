"""The contract with the operating system: what FileDevice must ask of it, and whose memory is whose.

A page cache hides a dropped sync from everything but a power cut, so the device is run under a
recording layer in the place of the module `os`, and the calls themselves are judged.

    sync(name)     fsync or fdatasync of that very file
    sync_names()   fsync of the folder

No stage forks a process that has a store open. Here one does, and its child ends by a number:

    a mapped space   nothing that the child writes is seen by the parent
    an open store    refuses the child

Nor does one send a signal. Here a device raises KeyboardInterrupt in the thread that signals reach, if the
metadata of a checkpoint comes from there; afterwards the store must go on.

Nor does one read a folder beside its writer. Here a reader does; nothing that his checkpoint needs may go
before he does.

Nor does one damage the newest checkpoint in a store that goes on to where older ones are given up. Here one
is damaged, and later mended; the good one before it must be there still.

It does not look at content, errors or other calls; the tests of the contract do. Needs a system
on which a descriptor tells its path (Linux).

Threads: one, since it forks.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import powercut.engine.device.file
from powercut.engine import (
    CheckpointPoint,
    FasterKv,
    FileDevice,
    MemoryDevice,
    PoisonedError,
    Session,
    Settings,
)
from powercut.engine.device import Buffer

from ...verdict import Breach, Violation
from ..planted import CONTRACT

__all__ = ["judge_contract", "judge_device"]

_SYNCS: Final = ("fsync", "fdatasync")
_DESCRIPTORS: Final = Path("/proc/self/fd")
# Ring and index that are mapped, and in huge pages where there are any.
_LARGE: Final = Settings(page_bytes=1 << 16, ring_pages=64, index_buckets=1 << 15)
_SMALL: Final = Settings(
    page_bytes=512, segment_bytes=1024, write_unit=512, extent_bytes=512, ring_pages=2, index_buckets=8
)
_BLOCK: Final = b"PWRCUTTB"  # So a block of the tables begins.
_REFUSED, _WENT_ON = 40, 41  # Numbers that nothing else ends with.


class _Recorder:
    """Stands for the module `os`: passes every call on, and notes the path of each one synced."""

    def __init__(self) -> None:
        self.synced: list[Path] = []

    def __getattr__(self, name: str) -> Any:
        genuine = getattr(os, name)
        if name not in _SYNCS:
            return genuine

        def call(descriptor: int) -> None:
            self.synced.append(Path(os.readlink(_DESCRIPTORS / str(descriptor))))
            genuine(descriptor)

        return call


def judge_contract(most: int | None = None) -> tuple[Violation | None, int]:
    """The first thing that is wrong with the device or after a fork, if any; and how many calls it took.

    most   so many are made at most
    """
    violation, calls = judge_device(most)
    if violation is not None or calls == most:
        return violation, calls
    with FasterKv.open(MemoryDevice(), create=True, settings=_LARGE, kernels="interpreted") as store:
        violation = _judge_child(store)
    return violation or _judge_interrupted() or _judge_reader() or _judge_kept(), calls + 2


def _judge_child(store: FasterKv) -> Violation | None:
    session = store.session("parent")
    _, index, log, _ = store.spaces
    child = os.fork()
    if child == 0:
        try:
            index[-1] = log[-1] = 1  # Words that nothing has come to yet.
            session.upsert(b"key", b"child")
        except PoisonedError:
            os._exit(_REFUSED)
        finally:
            os._exit(_WENT_ON)
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if index[-1] or log[-1]:
        return Violation(CONTRACT, Breach.WRONG_VALUE, "the parent's memory has what its child wrote")
    if ended != _REFUSED:
        return Violation(
            CONTRACT, Breach.PHANTOM, f"a child went on with its parent's store, and ended with {ended}"
        )
    return None


class _Reached(MemoryDevice):
    """Ctrl-C in the main thread at each write of a root or a table."""

    is_armed = False

    def write(self, name: str, offset: int, buffer: Buffer) -> int:
        is_reached = threading.current_thread() is threading.main_thread()
        if self.is_armed and is_reached and not name.startswith("segment"):
            raise KeyboardInterrupt
        return super().write(name, offset, buffer)


def _judge_interrupted() -> Violation | None:
    device = _Reached()
    store = FasterKv.open(device, create=True, kernels="interpreted")
    try:
        store.session("s").upsert(b"key", b"value")
        device.is_armed = True
        try:
            store.checkpoint()
        except KeyboardInterrupt:
            device.is_armed = False
        try:
            store.checkpoint()
        except PoisonedError as error:
            return Violation(CONTRACT, Breach.ERROR, f"a checkpoint after Ctrl-C in one: {error}")
    finally:
        store.close()
    return None


def _judge_reader() -> Violation | None:
    """A reader comes beside a writer, who then has no use any more for what the reader's checkpoint needs."""
    with TemporaryDirectory(prefix="powercut-") as place:
        folder = Path(place)
        writer = FasterKv.open(folder, create=True, settings=_SMALL, kernels="interpreted")
        try:
            return _judge_lease(writer, folder)
        finally:
            writer.close()


def _judge_lease(writer: FasterKv, folder: Path) -> Violation | None:
    session = writer.session("s")
    for number in range(8):
        session.upsert(b"%d" % number, bytes(400))
    writer.checkpoint()
    with FasterKv.open(folder, read_only=True, settings=_SMALL, kernels="interpreted"):
        needed = {each.name for each in folder.iterdir()}
        writer.truncate_before(writer.stats().tail)
        writer.checkpoint()
        gone = sorted(needed - {each.name for each in folder.iterdir()})
    if gone:
        return Violation(CONTRACT, Breach.UNOPENABLE, f"{gone} went while a reader needed them")
    writer.checkpoint()
    if needed <= {each.name for each in folder.iterdir()}:
        return Violation(CONTRACT, Breach.PHANTOM, "a reader has gone, and what he needed has not")
    return None


def _judge_kept() -> Violation | None:
    """The newest checkpoint cannot be read where the tables are rewritten, for the log's sake."""
    device = MemoryDevice()
    with FasterKv.open(device, create=True, settings=_SMALL, kernels="interpreted", keep=2) as store:
        session = store.session("s")
        good = _filled(store, session, b"1")
        _filled(store, session, b"2")
        data = bytearray(device.size("tables"))
        device.read_into("tables", 0, data)
        at = data.rfind(_BLOCK) + len(_BLOCK)
        device.write("tables", at, bytes([data[at] ^ 1]))
        store.truncate_before(store.stats().tail)
        _filled(store, session, b"3")
        device.write("tables", at, data[at : at + 1])
        listed = [point.version for point in store.checkpoints()]
        if good.version in listed:
            return None
        detail = (
            f"checkpoint {tuple(good.version)} went before the one that could not be read: {listed} are left"
        )
        return Violation(CONTRACT, Breach.UNOPENABLE, detail)


def _filled(store: FasterKv, session: Session, value: bytes) -> CheckpointPoint:
    for number in range(4):
        session.upsert(b"%d" % number, value * 400)
    return store.checkpoint()


def judge_device(calls: int | None = None) -> tuple[Violation | None, int]:
    """The first thing that the device did not ask for, if any; and how many of its calls it took.

    calls   so many are made at most
    """
    recorder = _Recorder()
    seam = vars(powercut.engine.device.file)
    genuine, seam["os"] = seam["os"], recorder
    try:
        with TemporaryDirectory(prefix="powercut-") as folder:
            return _judge(recorder, Path(folder).resolve(), calls)
    finally:
        seam["os"] = genuine


def _judge(recorder: _Recorder, folder: Path, most: int | None) -> tuple[Violation | None, int]:
    device = FileDevice(folder)
    calls = 0
    steps: tuple[tuple[Callable[[], object], Path | None], ...] = (
        (lambda: device.create("a"), None),
        (lambda: device.write("a", 0, b"data"), None),
        (lambda: device.sync("a"), folder / "a"),
        (device.sync_names, folder),
    )
    try:
        for step, expected in steps[:most]:
            calls += 1
            recorder.synced.clear()
            step()
            if expected is not None and expected not in recorder.synced:
                what = "the folder" if expected == folder else expected.name
                detail = f"call {calls} returned, and {what} was not synced"
                return Violation(CONTRACT, Breach.LOST_ACK, detail), calls
        return None, calls
    finally:
        device.close()
