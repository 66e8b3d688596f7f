"""The device's contract: the calls that FileDevice must have made to the operating system.

A page cache hides a dropped sync from everything but a power cut, so the device is run under a
recording layer in the place of the module `os`, and the calls themselves are judged.

    sync(name)     fsync or fdatasync of that very file
    sync_names()   fsync of the folder

It does not look at content, errors or other calls; the tests of the contract do. Needs a system
on which a descriptor tells its path (Linux).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import powercut.engine.device.file
from powercut.engine import FileDevice

from ...verdict import Breach, Violation
from ..planted import CONTRACT

__all__ = ["judge_device"]

_SYNCS: Final = ("fsync", "fdatasync")
_DESCRIPTORS: Final = Path("/proc/self/fd")


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
