"""Recordings: what a program did to a folder, with what it told the world, as a file.

The events are those of a `faultfs` trace, so every law can say which states a power cut leaves; the rest is
for whoever tells or judges them.

    MARK label   payload                     put where
    "out"        bytes                       a process wrote them to the standard output of the command
    "err"        bytes                       ... to its standard error
    "sent"       bytes                       ... to a socket, a pipe or a terminal outside
    "step"       number, decimal             the command of that step is about to start
    "done"       number, decimal             it has ended, and whoever started it knows

Invariants
  1  load(dump(recording)) == recording, and a file of another format, or damaged, is RecordingError
  2  calls are in the order of their first events; every event but those of "step" and "done" is of one call
"""

import stat
import zlib
from typing import Final

import msgspec

from powercut.faultfs import Event, Image, Trace
from powercut.faultfs.disk.places import ROOT

from ..errors import VerifierError

__all__ = ["FORMAT", "Call", "Inode", "Process", "Recording", "RecordingError", "Step", "dump", "load"]

FORMAT: Final = 1
_MAGIC: Final = b"powercut recording\n"


class RecordingError(VerifierError):
    """A file is no recording that can be read."""


class Call(msgspec.Struct, frozen=True, array_like=True):
    """One system call, and the events that it made."""

    first: int  # The index of its first event; of its last, `stop - 1`.
    stop: int
    process: int  # The place in `Recording.processes`.
    thread: int  # From 0, in the order in which the process started them.
    name: str  # "pwrite64"
    text: str  # As it is told, with paths: 'pwrite64(data/wal, 4096 bytes, at 8192) = 4096'
    site: str = ""  # The line of the user's program, where it is known: "app.py:12 save"


class Process(msgspec.Struct, frozen=True, array_like=True):
    """One process below the recorded command."""

    parent: int  # The place of its parent, -1 of the first of a step.
    command: str  # Its command line, as it was started or as it executed itself last.
    step: int


class Step(msgspec.Struct, frozen=True, array_like=True):
    """One command that was recorded, and how it ended."""

    command: tuple[str, ...]
    status: int  # The exit status; negative: the signal that ended it.


class Inode(msgspec.Struct, frozen=True, array_like=True):
    """The attributes of a file, link or folder at the start."""

    mode: int  # st_mode, type and permission bits.
    uid: int
    gid: int
    modified: int  # Nanoseconds since the epoch.
    data: bytes = b""  # Of a file its bytes, of a symbolic link its target.


class Recording(msgspec.Struct, frozen=True):
    """A folder at the start, every call on it since, and what was told outside."""

    root: str  # The absolute path of the folder.
    names: dict[str, int]  # Keys of faultfs.disk.places to inodes.
    inodes: dict[int, Inode]
    events: list[Event]
    calls: list[Call]
    processes: list[Process]
    steps: list[Step]
    sector_bytes: int = 512

    def trace(self) -> Trace:
        """The trace as laws take it."""
        files, folders, links = dict[int, bytes](), set[int](), dict[int, str]()
        for number, inode in self.inodes.items():
            if stat.S_ISDIR(inode.mode):
                folders.add(number)
            elif stat.S_ISLNK(inode.mode):
                links[number] = inode.data.decode("utf-8", "surrogateescape")
            else:
                files[number] = inode.data
        initial = Image(self.names, files, folders - {ROOT}, links)
        return Trace(initial, list(self.events), sector_bytes=self.sector_bytes)


def dump(recording: Recording) -> bytes:
    """The recording as the bytes of a file."""
    return _MAGIC + bytes([FORMAT]) + zlib.compress(msgspec.msgpack.encode(recording), 6)


def load(data: bytes) -> Recording:
    """The recording in these bytes; RecordingError if there is none."""
    head = len(_MAGIC)
    if not data.startswith(_MAGIC) or len(data) <= head:
        raise RecordingError("this is no recording of powercut")
    if data[head] != FORMAT:
        raise RecordingError(f"a recording of format {data[head]}; this powercut reads format {FORMAT}")
    try:
        return msgspec.msgpack.decode(zlib.decompress(data[head + 1 :]), type=Recording)
    except (zlib.error, msgspec.MsgspecError) as error:
        raise RecordingError(f"the recording is damaged: {error}") from error
