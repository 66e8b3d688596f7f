"""Messages between a search and the processes that read for it.

length  msgpack     Start, once; then a Show for each scene
length  msgpack     Started; then a Shown for each
"""

from __future__ import annotations

from typing import IO, Final, NamedTuple

import msgspec

from .asking import Question
from .deeds import Deed

__all__ = ["Answer", "Command", "Reading", "Show", "Shown", "Start", "Started", "receive", "send"]

_HEAD: Final = 8  # Bytes of a length.


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
    deeds: tuple[Deed, ...] | None = None  # What the first did, so that the second is known by what is left:
    asked_again: tuple[Question, ...] = ()  # then what it asked of that is here, and else in `asked` too.


class Command(msgspec.Struct, frozen=True):
    """The command that reads, and how."""

    read: tuple[str, ...]
    cwd: str
    check: tuple[str, ...] = ()  # Run after it, in the same folder; its exit status is a verdict.
    calls: int = 200_000  # Bounds of a reading.
    processor: int = 20
    clock: float = 60.0
    is_pruned: bool = True  # A reading that would be as one before is not made.
    is_plain: bool = False  # Each reading a start, each scene written whole: the way to measure against.


class Start(msgspec.Struct):
    """The first message."""

    recording: bytes
    command: Command


class Started(msgspec.Struct):
    """The answer to it."""

    note: str  # In one line, what could not be had.
    error: str = ""


class Show(msgspec.Struct):
    """A scene that is to be read."""

    entries: list[tuple[str, int, int, int, int, int, int]]  # Path, inode, mode, uid, gid, modified, blob.
    blobs: dict[int, bytes]  # Those that were not sent yet.
    is_fresh: bool = False  # Start the command anew.


class Shown(msgspec.Struct):
    """The answer to it."""

    reading: Reading
    starts: int
    error: str = ""


def send(file: IO[bytes], message: object) -> None:
    """Write a message. Raises BrokenPipeError."""
    data = msgspec.msgpack.encode(message)
    file.write(len(data).to_bytes(_HEAD, "little") + data)
    file.flush()


def receive(file: IO[bytes]) -> bytes | None:
    """The bytes of the next message; None if there is none."""
    head = file.read(_HEAD)
    if len(head) < _HEAD:
        return None
    return file.read(int.from_bytes(head, "little"))
