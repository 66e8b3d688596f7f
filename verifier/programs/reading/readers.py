"""Readers: processes that are shown scene after scene, and tell what the `--read` command answers there.

Each has the folder for itself: a mount of its own at the path at which the program left it. It is a program
of its own (`python -m powercut.verifier.programs.reading.readers`), for a process with threads may not fork.

    length  msgpack     Start, once; then a Show for each scene
    length  msgpack     Started; then a Shown for each

Invariants
  1  a reading begins in exactly the scene that was asked for, whatever the one before did to the folder
  2  where the reader changed something it is asked again, and both answers are told
  3  where nothing can be traced a reading is a start of the command, and tells that it may have asked for all

Threads: one caller for each object.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Final, NamedTuple

import msgspec

from ...errors import HarnessError
from ...tracing.requests import die_with_parent
from ..recording import load
from .asking import TREE, Question
from .placing import Placed
from .scene import Entry, Scene, Setting
from .spaces import enter_space
from .syscalls import why_not
from .tracing import Ending, Limits, Output, TracedReader

__all__ = ["Answer", "Command", "Reader", "Reading"]

_HEAD: Final = 8  # Bytes of a length.
_ERROR_BYTES: Final = 2000


class Answer(NamedTuple):
    """Exit status (negative: the signal that ended it) and standard output."""

    status: int
    output: bytes


class Reading(msgspec.Struct, frozen=True):
    """The answers to one scene: `again` is the second where the first reading changed the folder."""

    answer: Answer
    again: Answer | None = None
    why: str = ""  # It was ended, and why.
    error: bytes = b""  # The end of what it wrote to standard error.
    check: int = 0  # The exit status of the checker.
    asked: tuple[Question, ...] = ()


class Command(msgspec.Struct, frozen=True):
    """The command that reads, and how."""

    read: tuple[str, ...]
    cwd: str
    check: tuple[str, ...] = ()  # Run after it, in the same folder; its exit status is a verdict.
    calls: int = 200_000  # Bounds of a reading.
    processor: int = 20
    clock: float = 60.0
    is_plain: bool = False  # Each reading a start, each scene written whole: the way to measure against.


class _Start(msgspec.Struct):
    recording: bytes
    command: Command


class _Started(msgspec.Struct):
    note: str  # In one line, what could not be had.
    error: str = ""


class _Show(msgspec.Struct):
    entries: list[tuple[str, int, int, int, int, int, int]]  # Path, inode, mode, uid, gid, modified, blob.
    blobs: dict[int, bytes]  # Those that were not sent yet.
    is_fresh: bool = False  # Start the command anew.


class _Shown(msgspec.Struct):
    reading: Reading
    starts: int
    error: str = ""


class Reader:
    """One process that reads scenes. Raises HarnessError where it cannot be started or breaks."""

    def __init__(self, recording: bytes, command: Command) -> None:
        root = str(Path(__file__).parents[4])  # Where the package powercut is found.
        paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", __name__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={
                    **os.environ,
                    "PYTHONPATH": os.pathsep.join(paths),
                    "POWERCUT_PATHS": str(len(paths) - 1),
                },
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        self._blobs: dict[bytes, int] = {}
        self.starts = 0
        try:
            self._send(_Start(recording, command))
            started = msgspec.msgpack.decode(self._receive(), type=_Started)
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
        self._send(_Show(entries, blobs, is_fresh))

    def end(self) -> Reading:
        """The reading of the scene that was begun."""
        shown = msgspec.msgpack.decode(self._receive(), type=_Shown)
        if shown.error:
            raise HarnessError(shown.error)
        self.starts = shown.starts
        return shown.reading

    def close(self) -> None:
        """End the process."""
        with suppress(BrokenPipeError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _send(self, message: object) -> None:
        assert self._process.stdin is not None
        try:
            _write(self._process.stdin, message)
        except BrokenPipeError:
            raise HarnessError(f"a reader's process ended with status {self._process.wait()}") from None

    def _receive(self) -> bytes:
        assert self._process.stdout is not None
        data = _read(self._process.stdout)
        if data is None:
            raise HarnessError(f"a reader's process ended with status {self._process.wait()}")
        return data


def _write(file: IO[bytes], message: object) -> None:
    data = msgspec.msgpack.encode(message)
    file.write(len(data).to_bytes(_HEAD, "little") + data)
    file.flush()


def _read(file: IO[bytes]) -> bytes | None:
    head = file.read(_HEAD)
    if len(head) < _HEAD:
        return None
    return file.read(int.from_bytes(head, "little"))


# -- in the process ----------------------------------------------------------------------------------


class _Plain:
    """A reader that starts its command for each reading, and sees nothing of it."""

    def __init__(self, command: Sequence[str], cwd: str, limits: Limits) -> None:
        self._command = list(command)
        self._cwd = cwd
        self._limits = limits
        self._output = Output()
        self.starts = 0

    def read(self) -> Ending:
        self.starts += 1
        why, status = "", 127
        out, err = self._output.ends
        try:
            process = subprocess.Popen(
                self._command, cwd=self._cwd, stdin=subprocess.DEVNULL, stdout=out, stderr=err
            )
            try:
                status = process.wait(self._limits.clock)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                why = f"it did not end within {self._limits.clock:g} s"
        except OSError as error:
            os.write(err, f"{self._command[0]}: {error.strerror}\n".encode())
        ending = Ending(status, why, self._output.read())
        self._output.cut()
        ending.asked[TREE, "", 0, 0] = None
        ending.soiled[""] = None
        return ending

    def close(self) -> None:
        """Nothing is left."""


class _Room:
    """The folder, the command, and the bytes that were sent."""

    def __init__(self, start: _Start, scratch: str) -> None:
        recording, command = load(start.recording), start.command
        setting = Setting(recording)
        root, self.note = recording.root, ""
        reason = enter_space(root)
        if reason:
            is_free = Path(root).is_dir() and not any(Path(root).iterdir())
            if not is_free:
                root = scratch
                read = tuple(part.replace(recording.root, root) for part in command.read)
                check = tuple(part.replace(recording.root, root) for part in command.check)
                cwd = command.cwd.replace(recording.root, root)
                command = msgspec.structs.replace(command, read=read, check=check, cwd=cwd)
            self.note = f"the folder is shown at {root}, without a mount of its own ({reason})"
        self.placed = Placed(root)
        limits = Limits(command.calls, command.processor, command.clock)
        cannot = "" if command.is_plain else why_not()
        if cannot:
            note = f"the reader is started anew for each state ({cannot})"
            self.note = f"{self.note}; {note}" if self.note else note
        is_plain = command.is_plain or bool(cannot)
        self.reader: TracedReader | _Plain
        if is_plain:
            self.reader = _Plain(command.read, command.cwd, limits)
        else:
            self.reader = TracedReader(command.read, command.cwd, self.placed, setting, limits)
        self._checker = _Plain(command.check, command.cwd, limits) if command.check else None
        self._blobs: dict[int, bytes] = {}

    def show(self, show: _Show) -> Reading:
        self._blobs.update(show.blobs)
        scene = {each[0]: Entry(*each[1:6], self._blobs[each[6]]) for each in show.entries}
        if show.is_fresh:
            self.reader.close()
        self.placed.place(scene)
        first = self.reader.read()
        soiled, asked = dict(first.soiled), dict(first.asked)
        answer, again, why = Answer(first.status, first.out), None, first.why
        if soiled and not why:
            second = self.reader.read()
            asked |= second.asked
            soiled |= second.soiled
            again, why = Answer(second.status, second.out), second.why
        check = 0
        if self._checker is not None and not why:
            check = self._checker.read().status
            asked[TREE, "", 0, 0] = None
            soiled[""] = None
        self.placed.soiled(soiled)
        return Reading(answer, again, why, first.err[-_ERROR_BYTES:], check, tuple(asked))


def _serve() -> None:
    for key in ("POWERCUT_PATHS",):
        inherited = os.environ.pop(key, "0")
        if inherited == "0":
            os.environ.pop("PYTHONPATH", None)
        else:
            os.environ["PYTHONPATH"] = os.environ["PYTHONPATH"].partition(os.pathsep)[2]
    source, sink = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    die_with_parent(os.getppid())
    data = _read(source)
    if data is None:
        return
    with tempfile.TemporaryDirectory(prefix="powercut-") as scratch:
        try:
            room = _Room(msgspec.msgpack.decode(data, type=_Start), scratch)
        except (OSError, HarnessError) as error:
            _write(sink, _Started("", str(error)))
            return
        _write(sink, _Started(room.note))
        while (data := _read(source)) is not None:
            try:
                reading = room.show(msgspec.msgpack.decode(data, type=_Show))
                _write(sink, _Shown(reading, room.reader.starts))
            except OSError as error:
                _write(sink, _Shown(Reading(Answer(0, b"")), 0, f"a state cannot be shown: {error}"))
        room.reader.close()


if __name__ == "__main__":
    _serve()
