"""A log-structured merge tree: a log of records, sorted runs, and a manifest that names both.

    manifest     the numbers of the runs, oldest first, and of the log; replaced whole, by a rename
    run-N        sorted pairs; None is a tombstone
    log-N        records since the last run, `length checksum body`, the checksum over length and body

It computes its results by itself, and asks nobody's model. What is damaged, and was durable, is refused with
CorruptError; the end of a log that a power cut tore is cut off.
"""

import json
from typing import Any
from zlib import crc32

from powercut import FaultDevice
from powercut.verifier import Issued, Kind, Own, StoreMachine

MEMORY = 3  # Keys in memory, until they go into a run.
RUNS = 2  # Runs, until they are merged into one.
HEADER = 17


class CorruptError(Exception):
    """Bytes that were durable are not what was written."""


class Lsm:
    """A dict on a device: a tree of few levels."""

    refusals = (CorruptError,)

    def __init__(self, device: FaultDevice) -> None:
        self.device = device
        self.memory: dict[str, str | None] = {}
        self.runs: list[tuple[int, dict[str, str | None]]] = []
        names, number = device.list(), 0
        if "manifest" in names:
            runs, number = self._sealed("manifest")
            self.runs = [(each, self._sealed(f"run-{each}")) for each in runs]
            if f"log-{number}" not in names:
                raise CorruptError(f"log-{number} is missing")
        self.log, self.end = number, 0
        if f"log-{number}" not in names:
            device.create(f"log-{number}")
        self._replay(device.read(f"log-{number}"))
        device.truncate(f"log-{number}", self.end)
        device.sync(f"log-{number}")
        device.sync_names()
        self._clean()

    def _replay(self, data: bytes) -> None:
        while len(data) >= self.end + HEADER:
            header = data[self.end : self.end + HEADER]
            try:
                length, checksum = int(header[:8], 16), int(header[8:16], 16)
            except ValueError:
                return  # Torn, or never written: here the log ends.
            body = data[self.end + HEADER : self.end + HEADER + length]
            if len(body) < length or checksum != crc32(header[:8] + body):
                return
            key, value = json.loads(body)
            self.memory[key] = value
            self.end += HEADER + length

    # What it is asked.

    def apply(self, operation: Issued) -> bytes | bool | None:
        """Carry it out; a table in docs/own-store.md says what each kind means."""
        key = operation.key.decode()
        old = self._get(key)
        match operation.kind:
            case Kind.UPSERT:
                self._put(key, operation.value.decode())
                return None
            case Kind.INSERT:
                if old is None:
                    self._put(key, operation.value.decode())
                return old is None
            case Kind.DELETE:
                if old is not None:
                    self._put(key, None)
                return old is not None
            case Kind.RMW:
                new = operation.appended(None if old is None else old.encode())
                self._put(key, new.decode())
                return new
            case _:
                return None if old is None else old.encode()

    def checkpoint(self) -> None:
        """Make durable what was done so far."""
        self.device.sync(f"log-{self.log}")

    def compact(self) -> None:
        """Merge all runs into one; tombstones have nothing left to hide."""
        if len(self.runs) > 1:
            merged: dict[str, str | None] = {}
            for _, run in self.runs:
                merged |= run
            self._install([], {key: value for key, value in merged.items() if value is not None}, self.log)

    def read_all(self) -> dict[bytes, bytes]:
        """Every key with its value."""
        content: dict[str, str | None] = {}
        for _, run in self.runs:
            content |= run
        content |= self.memory
        return {key.encode(): value.encode() for key, value in content.items() if value is not None}

    def close(self) -> None:
        """Do nothing: there is nothing to let go of."""

    # How it does it.

    def _get(self, key: str) -> str | None:
        for level in (self.memory, *(run for _, run in reversed(self.runs))):
            if key in level:
                return level[key]
        return None

    def _put(self, key: str, value: str | None) -> None:
        body = json.dumps([key, value]).encode()
        length = b"%08x" % len(body)
        record = b"%s%08x %s" % (length, crc32(length + body), body)
        self.device.write(f"log-{self.log}", self.end, record)
        self.end += len(record)
        self.memory[key] = value
        if len(self.memory) >= MEMORY:
            self._flush()

    def _flush(self) -> None:
        """Write the memory as a run, and begin a new log."""
        self.device.create(f"log-{self.log + 1}")
        self._install(self.runs, self.memory, self.log + 1)
        self.memory = {}
        if len(self.runs) > RUNS:
            self.compact()

    def _install(
        self, runs: list[tuple[int, dict[str, str | None]]], run: dict[str, str | None], log: int
    ) -> None:
        """Make these runs, a new one and this log the tree."""
        number = max((each for each, _ in self.runs), default=0) + 1
        self._seal(f"run-{number}", run)
        numbers = [*(each for each, _ in runs), number]
        self._seal("manifest-new", [numbers, log])
        # The names of what the manifest names, before the manifest.
        self.device.sync_names()
        self.device.rename("manifest-new", "manifest")
        # And its own, before the old files go.
        self.device.sync_names()
        self.runs = [*runs, (number, dict(sorted(run.items())))]
        if log != self.log:
            self.log, self.end = log, 0
        self._clean()

    def _clean(self) -> None:
        """Take away what the tree does not name."""
        named = {"manifest", f"log-{self.log}", *(f"run-{number}" for number, _ in self.runs)}
        left = [name for name in self.device.list() if name not in named]
        for name in left:
            self.device.remove(name)
        if left:  # Else a rename from one of these names may come apart (F12).
            self.device.sync_names()

    def _seal(self, name: str, value: object) -> None:
        """Write a file whole, with a checksum, and make it durable."""
        body = json.dumps(value).encode()
        self.device.create(name)
        self.device.write(name, 0, b"%08x %s" % (crc32(body), body))
        self.device.sync(name)

    def _sealed(self, name: str) -> Any:
        """Read such a file. Raises CorruptError."""
        data = self.device.read(name) if name in self.device.list() else b""
        if data[:8] != b"%08x" % crc32(data[9:]):
            raise CorruptError(name)
        return json.loads(data[9:])


class LsmMachine(StoreMachine):
    """The bench for it."""

    operations = (Own("compact"),)
    refusals = (CorruptError,)
    states_max, examples = 8, 30  # It changes many names: each example has thousands of crash states.

    def make_store(self, device: FaultDevice) -> Lsm:
        return Lsm(device)


TestLsm = LsmMachine.TestCase
