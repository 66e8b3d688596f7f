"""Readers: processes that are shown scene after scene, and tell what the `--read` command answers there.

Each has the folder for itself (room.py): a copy of this process; a new Python where that has a second thread.

Threads: one caller for each object.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from ...errors import HarnessError
from ..starting import copied, is_alone
from . import room
from .messages import Answer, Command, Reading, Show, Shown, Start, Started, receive, send
from .room import serve
from .scene import Scene

__all__ = ["Answer", "Command", "Reader", "Reading"]

_PATIENCE: Final = 5.0  # Seconds in which it ends when it is asked nothing more.


class Reader:
    """One process that reads scenes. Raises HarnessError where it cannot be started or breaks."""

    def __init__(self, recording: bytes, command: Command) -> None:
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        ask, answer = os.pipe(), os.pipe()
        try:
            self._wait = (_copied if is_alone() else _spawned)(ask[0], answer[1])
        finally:
            os.close(ask[0])
            os.close(answer[1])
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        self._to = open(ask[1], "wb")  # noqa: SIM115 (closed in `close`)
        self._from = open(answer[0], "rb")  # noqa: SIM115
        self._blobs: dict[bytes, int] = {}
        self.starts = 0
        try:
            self._send(Start(recording, command))
            started = msgspec.msgpack.decode(self._receive(), type=Started)
            if started.error:
                raise HarnessError(started.error)
        except BaseException:
            self.close()
            raise
        self.note = started.note

    def begin(self, scene: Scene, *, is_fresh: bool = False) -> None:
        """Have a scene read."""
        entries, blobs = [], {}
        for path, entry in scene.items():
            blob = self._blobs.get(entry.data)
            if blob is None:
                blob = self._blobs[entry.data] = len(self._blobs)
                blobs[blob] = entry.data
            entries.append((path, *entry[:5], blob))
        self._send(Show(entries, blobs, is_fresh))

    def end(self) -> Reading:
        """The reading of the scene that was begun."""
        shown = msgspec.msgpack.decode(self._receive(), type=Shown)
        if shown.error:
            raise HarnessError(shown.error)
        self.starts = shown.starts
        return shown.reading

    def close(self) -> None:
        """End the process."""
        with suppress(BrokenPipeError):
            self._to.close()
        self._wait(_PATIENCE)
        self._from.close()

    def _send(self, message: object) -> None:
        try:
            send(self._to, message)
        except BrokenPipeError:
            raise HarnessError(f"a reader's process ended with status {self._wait(None)}") from None

    def _receive(self) -> bytes:
        data = receive(self._from)
        if data is None:
            raise HarnessError(f"a reader's process ended with status {self._wait(None)}")
        return data


_Wait = Callable[
    [float | None], int
]  # Until it has ended, or is ended for want of patience: its exit status.


def _copied(source: int, sink: int) -> _Wait:
    """Start it as a copy of this process."""
    parent = os.getpid()
    pid = copied(lambda _: serve(parent), (source, sink, 2))
    status: list[int] = []

    def wait(patience: float | None) -> int:
        if not status:
            if patience is not None:
                handle = os.pidfd_open(pid)
                if not select.select([handle], [], [], patience)[0]:
                    os.kill(pid, signal.SIGKILL)
                os.close(handle)
            status.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        return status[0]

    return wait


def _spawned(source: int, sink: int) -> _Wait:
    """Start it as a new Python."""
    root = str(Path(__file__).parents[4])  # Where the package powercut is found.
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    more = {"PYTHONPATH": os.pathsep.join(paths), "POWERCUT_PATHS": str(len(paths) - 1)}
    command = [sys.executable, "-P", "-m", room.__name__]
    process = subprocess.Popen(command, stdin=source, stdout=sink, env=os.environ | more)

    def wait(patience: float | None) -> int:
        try:
            return process.wait(patience)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    return wait
