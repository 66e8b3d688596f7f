"""The room of a reader: the folder for itself, at the path at which the program left it, and the command.

It is a process of its own, in which nothing else runs: for what it mounts, and for the children it hears of.

Invariants
  1  a reading begins in exactly the scene that was asked for, whatever the one before did to the folder
  2  where the reader changed something it is asked again, and both answers are told
  3  a second reading is not made where one was that asked for nothing in which what is left differs: readers
     of many states leave the same behind
  4  where nothing can be traced a reading is a start of the command, and tells that it may have asked for all
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from ...errors import HarnessError
from ...tracing.requests import die_with_parent
from ..recording import load
from .asking import TREE, Answers
from .deeds import ATTRIBUTES, Deed, done, is_same
from .messages import Answer, Reading, Show, Shown, Start, Started, receive, send
from .placing import Placed
from .scene import Entry, Scene, Setting
from .spaces import enter_space
from .syscalls import why_not
from .tracing import Ending, Limits, Output, TracedReader

__all__ = ["serve"]

_ERROR_BYTES: Final = 2000


class _Plain:
    """A reader that starts its command for each reading, and sees nothing of it."""

    def __init__(self, command: Sequence[str], cwd: str, limits: Limits) -> None:
        self._command = list(command)
        self._cwd = cwd
        self._limits = limits
        self._output = Output()
        self.starts = 0

    def read(self, *, is_changed: bool = False) -> Ending:
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

    def __init__(self, start: Start, scratch: str) -> None:
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
        self._again: Answers[Ending] = Answers()
        self._soiled_again: dict[str, None] = {}
        self._is_pruned = command.is_pruned and not is_plain

    def show(self, show: Show) -> Reading:
        self._blobs.update(show.blobs)
        scene = {each[0]: Entry(*each[1:6], self._blobs[each[6]]) for each in show.entries}
        if show.is_fresh:
            self.reader.close()
        self.placed.place(scene)
        first = self.reader.read()
        soiled = dict(first.soiled)
        reading = Reading(
            Answer(first.status, first.out),
            None,
            first.why,
            first.err[-_ERROR_BYTES:],
            asked=tuple(first.asked),
        )
        if soiled and not first.why:
            reading = self._read_again(reading, first, is_known=self._is_pruned and not show.is_fresh)
            soiled |= self._soiled_again
        if self._checker is not None and not reading.why:
            check = self._checker.read().status
            asked = *reading.asked, *reading.asked_again, (TREE, "", 0, 0)
            reading = msgspec.structs.replace(reading, check=check, asked=asked, deeds=None)
            soiled[""] = None
        self.placed.soiled(soiled)
        return reading

    def _read_again(self, reading: Reading, first: Ending, *, is_known: bool) -> Reading:
        """With the second reading. Invariant 3."""
        left: Scene | None = None
        deeds: list[Deed] | None = None
        if is_known and "" not in first.soiled:
            scene = self.placed.scene
            left = self.placed.left(first.soiled)
            deeds = _with_attributes(first.deeds, left)
            if deeds is not None and not is_same(done(scene, deeds), left):
                deeds = None
        second = self._again.find(left) if left is not None else None
        self._soiled_again = {}
        if second is None:
            second = self.reader.read(is_changed=True)
            self._soiled_again = second.soiled
            if left is not None and not second.why:
                self._again.add(left, second.asked, second)
        again, why = Answer(second.status, second.out), second.why
        if deeds is None or why:
            asked = tuple(first.asked | second.asked)
            return msgspec.structs.replace(reading, again=again, why=why, asked=asked)
        asked_again = tuple(second.asked)
        return msgspec.structs.replace(reading, again=again, deeds=tuple(deeds), asked_again=asked_again)


def _with_attributes(deeds: list[Deed] | None, left: Scene) -> list[Deed] | None:
    """Deeds with the attributes that files have now."""
    if deeds is None:
        return None
    told = []
    for what, path, number, data in deeds:
        entry = left.get(path)
        if what == ATTRIBUTES and entry is not None:
            told.append((what, path, entry.mode, b"%d %d" % (entry.uid, entry.gid)))
        elif what != ATTRIBUTES:
            told.append((what, path, number, data))
    return told


def serve(parent: int) -> None:
    """Answer messages of the parent process, from standard input on standard output, until the last."""
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    die_with_parent(parent)
    data = receive(source)
    if data is None:
        return
    with tempfile.TemporaryDirectory(prefix="powercut-") as scratch:
        try:
            room = _Room(msgspec.msgpack.decode(data, type=Start), scratch)
        except (OSError, HarnessError) as error:
            send(sink, Started("", str(error)))
            return
        send(sink, Started(room.note))
        while (data := receive(source)) is not None:
            try:
                reading = room.show(msgspec.msgpack.decode(data, type=Show))
                send(sink, Shown(reading, room.reader.starts))
            except OSError as error:
                send(sink, Shown(Reading(Answer(0, b"")), 0, f"a state cannot be shown: {error}"))
        room.reader.close()


if __name__ == "__main__":
    if os.environ.pop("POWERCUT_PATHS", "0") == "0":  # Those of the caller, behind ours.
        os.environ.pop("PYTHONPATH", None)
    else:
        os.environ["PYTHONPATH"] = os.environ["PYTHONPATH"].partition(os.pathsep)[2]
    serve(os.getppid())
