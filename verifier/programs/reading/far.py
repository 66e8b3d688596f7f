"""Far readers: scenes that are read by a process of an executor, perhaps on another machine.

That process keeps a reader of its own for the recording that it was asked about last. A scene crosses with
its bytes; a recording only where a process does not have it, which is asked again with it.

Invariants
  1  what is read is what a Reader here would have read: the command and all it needs are there, at the
     same paths
  2  a reading is a function of recording, command and scene: one whose process is lost may be made again

Threads: one caller for each object; one call at a time in each process of the executor.
"""

from __future__ import annotations

import atexit
import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import Executor, Future
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from ..recording import load
from .readers import Command, Reader, Reading
from .scene import Entry, Scene
from .spaces import missing_folders

__all__ = ["FarReader"]

_Entries = Sequence[tuple[str, Entry]]
_Told = tuple[Reading | None, str]  # None: the recording is not there.


class FarReader:
    """A Reader's like, whose scenes are read elsewhere."""

    def __init__(self, executor: Executor, recording: bytes, command: Command) -> None:
        self._executor = executor
        self._recording = recording
        self._command = msgspec.msgpack.encode(command)
        self._key = hashlib.blake2b(recording + self._command, digest_size=16).digest()
        self._asked: tuple[_Entries, bool] = ((), False)
        self._future: Future[_Told] | None = None
        self.note = ""

    def begin(self, scene: Scene, *, is_fresh: bool = False) -> None:
        """Have a scene read."""
        self._asked = list(scene.items()), is_fresh
        self._future = self._submit(b"")

    def end(self) -> Reading:
        """The reading of the scene that was begun. Raises HarnessError, and what the executor raises."""
        assert self._future is not None
        reading, note = self._future.result()
        while reading is None:
            reading, note = self._submit(self._recording).result()
        self.note = self.note or note
        return reading

    def close(self) -> None:
        """Nothing is held here."""

    def _submit(self, recording: bytes) -> Future[_Told]:
        return self._executor.submit(_read, self._key, recording, self._command, *self._asked)


# -- in a process of the executor --------------------------------------------------------------------


class _Kept:
    """The reader of a process, and the folders that were made for it."""

    def __init__(self, key: bytes, recording: bytes, command: Command) -> None:
        root = load(recording).root
        self.key = key
        self._missing = missing_folders(root)
        Path(root).mkdir(parents=True, exist_ok=True)
        self.reader = Reader(recording, command)

    def close(self) -> None:
        self.reader.close()
        for each in self._missing:
            with suppress(OSError):
                os.rmdir(each)


_kept: Final[list[_Kept]] = []


def _read(key: bytes, recording: bytes, command: bytes, entries: _Entries, is_fresh: bool) -> _Told:
    if not _kept or _kept[0].key != key:
        if not recording:
            return None, ""
        _close()
        _kept.append(_Kept(key, recording, msgspec.msgpack.decode(command, type=Command)))
    reader = _kept[0].reader
    try:
        reader.begin(dict(entries), is_fresh=is_fresh)
        return reader.end(), reader.note
    except BaseException:
        _close()  # It may be in the middle of something.
        raise


@atexit.register
def _close() -> None:
    while _kept:
        _kept.pop().close()
