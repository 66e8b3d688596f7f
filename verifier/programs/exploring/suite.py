"""Small programs of ours, of which is known what a power cut may leave: the search is held to that.

A program is a line of calls, played by an interpreter of Python on a real folder, where it is recorded, and
over a FaultDevice. What is found has to be what is written beside it, and both ways must come to the same
crash states.

    create P · write P OFFSET CHAR*COUNT · truncate P SIZE · fsync P · fdatasync P · rename P Q · link P Q ·
    unlink P · mkdir P
    through P OFFSET CHAR*COUNT     a write of a file opened with O_DSYNC
    save P OFFSET CHAR*COUNT        stored into a shared mapping, which is synced (msync)
    empty P                         opened with O_TRUNC
    tell WORD                       a line of standard output

Invariants
  1  a recording of the real calls and the trace of the device have the same crash states
  2  where nothing can be traced the device's trace is explored, and the tally says so
  3  a recording that is refused is an objection: each of these calls can be recorded

Sources of the programs: docs/durable-files.md; a folder's sync that is taken for another's.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from powercut.faultfs import FaultDevice, Image, Law, crash_states

from ...verdict import Breach, Violation
from ..reading.readers import Command
from ..reading.syscalls import why_not
from ..record import record
from ..recording import Inode, Recording, Step
from ..tree import NotRecordedError
from .asked import Readings
from .search import Wanted, explore
from .verdicts import Verdict

__all__ = ["PROGRAMS", "Outcome", "Program", "try_program"]

_OLD: Final = {"f": b"O" * 900, "sub/x": b"X" * 900}
_FOLDERS: Final = ("sub",)
LIMIT: Final = 4096


@dataclass(frozen=True, slots=True)
class Program:
    """A line of calls, the file that is read, the verdicts that it must have, and lines that acknowledge."""

    calls: str
    file: str = "f"
    verdicts: frozenset[Verdict] = frozenset()
    acknowledgement: str = ""


def _wrong(calls: str, *verdicts: Verdict, file: str = "f", acknowledgement: str = "") -> Program:
    return Program(calls, file, frozenset(verdicts), acknowledgement)


_LOST, _MIXED, _UNREADABLE = Verdict.LOST, Verdict.MIXED, Verdict.UNREADABLE
PROGRAMS: Final = {
    "replace": Program("create t; write t 0 N*900; fsync t; rename t f; fsync ."),
    "replace-file-only": _wrong("create t; write t 0 N*900; fsync t; rename t f", _LOST),
    "replace-folder-only": _wrong("create t; write t 0 N*900; rename t f; fsync .", _MIXED),
    "rewrite": _wrong("truncate f 0; write f 0 N*900; fsync f", _MIXED),
    "in-place": Program("write f 0 N*512; fdatasync f"),
    "in-place-unsynced": _wrong("write f 0 N*512", _LOST),
    "folder": Program(
        "create sub/t; write sub/t 0 N*900; fsync sub/t; rename sub/t sub/x; fsync sub", file="sub/x"
    ),
    "other-folder": _wrong(
        "create sub/t; write sub/t 0 N*900; fsync sub/t; rename sub/t sub/x; fsync .", _LOST, file="sub/x"
    ),
    "new-folder": _wrong(
        "mkdir new; create new/f; write new/f 0 N*900; fsync new/f; fsync new", _LOST, _MIXED, file="new/f"
    ),
    "linked": _wrong("create t; write t 0 N*900; fsync t; unlink f; link t f; fsync .", _UNREADABLE),
    "through": Program("through f 0 N*512"),
    "mapped": Program("save f 0 N*512"),
    "emptied": _wrong("empty f; write f 0 N*900; fsync f", _MIXED),
    "told": _wrong("write f 0 N*512; tell ok; fsync f", _LOST, acknowledgement="^ok$"),
}
_PLAYER: Final = """
import mmap, os, sys
os.chdir(sys.argv[1])
for call in sys.argv[2].split(";"):
    what, path, *rest = call.split()
    if what == "create":
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
    elif what in ("write", "through", "save"):
        file = os.open(path, os.O_RDWR | (os.O_DSYNC if what == "through" else 0))
        char, count = rest[1].split("*")
        data, start = char.encode() * int(count), int(rest[0])
        if what == "save":
            with mmap.mmap(file, 0) as shared:
                shared[start : start + len(data)] = data
                shared.flush()
        else:
            os.pwrite(file, data, start)
        os.close(file)
    elif what == "empty":
        os.close(os.open(path, os.O_WRONLY | os.O_TRUNC))
    elif what == "tell":
        os.write(1, path.encode() + b"\\n")
    elif what == "truncate":
        os.truncate(path, int(rest[0]))
    elif what in ("fsync", "fdatasync"):
        file = os.open(path, os.O_RDONLY)
        getattr(os, what)(file)
        os.close(file)
    else:
        getattr(os, what)(path, *rest)
"""


@dataclass(slots=True)
class Outcome:
    """The figures of one program; `why` is what is wrong with the search, "" if nothing is."""

    states: int = 0
    judged: int = 0
    read: int = 0
    verdicts: frozenset[Verdict] = field(default_factory=frozenset)
    why: str = ""
    is_refused: bool = False  # There is no recording, and `why` says so.
    untraced: str = ""  # The reason why the device's trace was explored.

    def objection(self, name: str) -> Violation | None:
        """The fault of the search or the recorder, as it is told of a program; None if there is none."""
        breach = Breach.ERROR if self.is_refused else Breach.BROKEN_INVARIANT
        return Violation("programs", breach, f"the program {name}: {self.why}") if self.why else None


def try_program(program: Program) -> Outcome:
    """Record, explore and compare."""
    with tempfile.TemporaryDirectory(prefix="powercut-") as home:
        root = os.path.realpath(home)
        made = _of_device(program, root)
        untraced = why_not()
        try:
            recording = made if untraced else _of_calls(program, root)
        except NotRecordedError as error:
            return Outcome(why=f"not recorded: {error}".replace(root, "."), is_refused=True)
        command = Command(("cat", f"{root}/{program.file}"), "/")
        with Readings(recording, command) as readings:
            wanted = Wanted(Law.POSIX, program.acknowledgement, limit=LIMIT)
            found = explore(recording, readings, wanted)
            outcome = Outcome(found.states, found.judged, readings.made, frozenset(found.first))
        outcome.untraced = untraced
        if found.is_bounded:
            outcome.why = f"{found.completeness}, expected exhaustive"
        elif outcome.verdicts != program.verdicts:
            outcome.why = f"found {_told(outcome.verdicts)}, expected {_told(program.verdicts)}"
        elif _keys(recording) != _keys(made):
            outcome.why = "the recorded calls and those of the device have other crash states"
        return outcome


def _told(verdicts: frozenset[Verdict]) -> str:
    return ", ".join(sorted(verdicts)) or "nothing"


def _keys(recording: Recording) -> set[int]:
    return {state.key for state in crash_states(recording.trace(), Law.POSIX, limit=LIMIT)}


def _of_calls(program: Program, root: str) -> Recording:
    for folder in _FOLDERS:
        Path(root, folder).mkdir()
    for name, data in _OLD.items():
        Path(root, name).write_bytes(data)
    return record([(sys.executable, "-S", "-E", "-c", _PLAYER, root, program.calls)], root)


def _of_device(program: Program, root: str) -> Recording:
    start = FaultDevice(record_reads=False)
    for folder in _FOLDERS:
        start.make_folder(folder)
    for name, data in _OLD.items():
        start.create(name)
        start.write(name, 0, data)
    device = FaultDevice(start.image(), record_reads=False)
    device.mark("step", b"0")
    for call in program.calls.split(";"):
        what, path, *rest = call.split()
        _CALLS[what](device, path, *rest)
    device.mark("done", b"0")
    return _recording(device.trace.initial, device, root)


def _recording(image: Image, device: FaultDevice, root: str) -> Recording:
    inodes = {number: Inode(0o100644, -1, -1, 0, data) for number, data in image.files.items()}
    inodes |= {number: Inode(0o40755, -1, -1, 0) for number in image.folders}
    return Recording(root, dict(image.names), inodes, device.trace.events, [], [], [Step(("calls",), 0)])


def _fsync(device: FaultDevice, path: str) -> None:
    if path in (".", *_FOLDERS, "new"):
        device.sync_names("" if path == "." else path)
    else:
        device.sync(path)


def _write(device: FaultDevice, path: str, offset: str, data: str, *, is_through: bool = False) -> None:
    char, _, count = data.partition("*")
    write = device.write_through if is_through else device.write
    write(path, int(offset), char.encode() * int(count))


_CALLS: Final[dict[str, Callable[..., None]]] = {
    "create": FaultDevice.create,
    "through": lambda device, path, *rest: _write(device, path, *rest, is_through=True),
    "save": lambda device, path, *rest: _write(device, path, *rest, is_through=True),
    "empty": lambda device, path: device.truncate(path, 0),
    "tell": lambda device, word: device.mark("out", word.encode() + b"\n"),
    "write": _write,
    "truncate": lambda device, path, size: device.truncate(path, int(size)),
    "fsync": _fsync,
    "fdatasync": FaultDevice.datasync,
    "rename": FaultDevice.rename,
    "link": FaultDevice.link,
    "unlink": FaultDevice.remove,
    "mkdir": FaultDevice.make_folder,
}
