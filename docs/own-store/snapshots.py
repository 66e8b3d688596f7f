"""A write-ahead log with snapshots: each is written aside, renamed into place, and ends the log before it.

Three orders matter: the snapshot's bytes before its name, its name before the old log goes, and the new log's
name before anything in it counts.
"""

from __future__ import annotations

import json
from zlib import crc32

from powercut import FaultDevice, StoreMachine
from powercut.verifier import Issued, Result, apply

EVERY = 3  # Operations between two snapshots.


class Snapshots:
    """A dict; `snapshot-N` holds all of it, `log-N` what was done since."""

    def __init__(self, device: FaultDevice) -> None:
        self.device = device
        self.content: dict[bytes, bytes] = {}
        names = device.list()
        whole = [int(name[9:]) for name in names if name.startswith("snapshot-")]
        self.number = max(whole, default=0)
        if whole:
            texts = json.loads(device.read(f"snapshot-{self.number}"))
            self.content = {key.encode(): value.encode() for key, value in texts.items()}
        self.end = 0
        self.log = f"log-{self.number}"
        if self.log not in names:
            device.create(self.log)
        for line in device.read(self.log).splitlines(keepends=True):
            checksum, _, body = line.partition(b" ")
            if checksum != b"%08x" % crc32(body):
                break
            key, value = json.loads(body)
            self.content[key.encode()] = value.encode()
            self.end += len(line)
        self.content = {key: value for key, value in self.content.items() if value}
        device.truncate(self.log, self.end)
        device.sync(self.log)
        device.sync_names()
        self._clean()

    def apply(self, operation: Issued) -> Result:
        """Carry it out, and log what became of its key; now and then begin a new log."""
        result = apply(self.content, operation)
        value = self.content.get(operation.key, b"")
        body = json.dumps([operation.key.decode(), value.decode()]).encode() + b"\n"
        line = b"%08x %s" % (crc32(body), body)
        self.device.write(self.log, self.end, line)
        self.end += len(line)
        if operation.serial % EVERY == 0:
            self._snapshot()
        return result

    def _snapshot(self) -> None:
        self.number += 1
        texts = {key.decode(): value.decode() for key, value in self.content.items()}
        self.device.create("aside")
        self.device.write("aside", 0, json.dumps(texts).encode())
        self.device.sync("aside")
        self.device.rename("aside", f"snapshot-{self.number}")
        self.log, self.end = f"log-{self.number}", 0
        self.device.create(self.log)
        self.device.sync_names()
        self._clean()

    def _clean(self) -> None:
        """Remove what the newest snapshot makes needless."""
        kept = {f"snapshot-{self.number}", self.log}
        for name in self.device.list():
            if name not in kept:
                self.device.remove(name)

    def checkpoint(self) -> None:
        """Make durable what was done so far."""
        self.device.sync(self.log)

    def read_all(self) -> dict[bytes, bytes]:
        """Every key with its value."""
        return dict(self.content)

    def close(self) -> None:
        """Do nothing: there is nothing to let go of."""


class SnapshotsMachine(StoreMachine):
    """The bench for it."""

    def make_store(self, device: FaultDevice) -> Snapshots:
        return Snapshots(device)


TestSnapshots = SnapshotsMachine.TestCase
