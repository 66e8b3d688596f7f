"""A log in segments, written over `os`: a folder of files, each begun aside and renamed into place.

It imports `os` for a real disk, and is handed another module for the bench. Three syncs are of folders: a new
segment's name must be durable before anything in it counts, and the folder's own name before that.
"""

from __future__ import annotations

import json
import os
from typing import Any
from zlib import crc32

from powercut import FaultDevice, StoreMachine
from powercut.faultfs import filesystem
from powercut.verifier import Issued, Result, apply

ROOM = 100  # Bytes of a segment; the record that comes past them is its last.


class SegmentedLog:
    """A dict whose changes stand in `log/00000001`, `log/00000002` and so on; `os` may be any such module."""

    def __init__(self, os: Any = os, folder: str = "log") -> None:
        self.os = os
        self.folder = folder
        self.content: dict[bytes, bytes] = {}
        self.number = 0
        self.fd = -1
        if not os.path.isdir(folder):
            os.mkdir(folder)
        self._sync_folder(".")
        for name in sorted(os.listdir(folder)):
            if name.isdigit():
                self._read(name)
        if self.fd < 0:
            self._begin()

    def apply(self, operation: Issued) -> Result:
        """Carry it out, and log what became of its key."""
        result = apply(self.content, operation)
        value = self.content.get(operation.key, b"")
        body = json.dumps([operation.key.decode(), value.decode()]).encode() + b"\n"
        self._write(b"%08x %s" % (crc32(body), body))
        if self.os.fstat(self.fd).st_size > ROOM:
            self._begin()
        return result

    def checkpoint(self) -> None:
        """Make durable what was done so far."""
        self.os.fdatasync(self.fd)

    def read_all(self) -> dict[bytes, bytes]:
        """Every key with its value."""
        return dict(self.content)

    def close(self) -> None:
        """Let go of the segment that is written."""
        self.os.close(self.fd)

    def _begin(self) -> None:
        """End the segment that is written, and begin the next."""
        if self.fd >= 0:
            self.os.fsync(self.fd)
            self.os.close(self.fd)
        self.number += 1
        aside, name = f"{self.folder}/aside", f"{self.folder}/{self.number:08}"
        self.fd = self.os.open(aside, self.os.O_RDWR | self.os.O_CREAT | self.os.O_TRUNC)
        self._write(b"%08x\n" % self.number)
        self.os.fsync(self.fd)
        self.os.replace(aside, name)
        self._sync_folder(self.folder)

    def _read(self, name: str) -> None:
        """Take in one segment, and go on behind its last whole record."""
        if self.fd >= 0:
            self.os.close(self.fd)
        self.number = int(name)
        self.fd = self.os.open(f"{self.folder}/{name}", self.os.O_RDWR)
        head, *lines = self.os.read(self.fd, self.os.fstat(self.fd).st_size).splitlines(keepends=True)
        end = len(head)
        for line in lines:
            checksum, _, body = line.partition(b" ")
            if checksum != b"%08x" % crc32(body):
                break
            key, value = json.loads(body)
            self.content[key.encode()] = value.encode()
            if not value:
                del self.content[key.encode()]
            end += len(line)
        self.os.ftruncate(self.fd, end)
        self.os.fsync(self.fd)
        self.os.lseek(self.fd, end, self.os.SEEK_SET)

    def _write(self, data: bytes) -> None:
        while data:
            data = data[self.os.write(self.fd, data) :]

    def _sync_folder(self, folder: str) -> None:
        fd = self.os.open(folder, self.os.O_RDONLY | self.os.O_DIRECTORY)
        self.os.fsync(fd)
        self.os.close(fd)


class Segmented(SegmentedLog):
    """The same on a device."""

    def __init__(self, device: FaultDevice) -> None:
        super().__init__(filesystem(device))


class SegmentedMachine(StoreMachine):
    """The bench for it."""

    def make_store(self, device: FaultDevice) -> Segmented:
        return Segmented(device)


TestSegmented = SegmentedMachine.TestCase
