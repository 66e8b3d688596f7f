"""An append-only log: records in one file, and a name of another that says where they begin.

A record has a checksum that covers its length; a batch is one record, so that a crash leaves all of it or
nothing. Entries go from the front by a new name, and only when that is durable may their bytes go. Those at
the end go by a shorter file, and its size is synced before the call returns: no crash brings them back.
"""

from __future__ import annotations

from zlib import crc32

from powercut import FaultDevice
from powercut.verifier import LogMachine


class Ledger:
    """A log of entries: the file `entries` holds records, from N on if there is a file `from-N`."""

    def __init__(self, device: FaultDevice) -> None:
        self.device = device
        names = device.list()
        self.head = max((int(name[5:]) for name in names if name.startswith("from-")), default=0)
        if "entries" not in names:
            device.create("entries")
        data = device.read("entries")
        self.records: list[tuple[int, list[bytes]]] = []  # Where each begins, and its entries.
        self.end = self.head
        while (size := int.from_bytes(data[self.end + 4 : self.end + 8], "little")) > 0:
            body = data[self.end + 4 : self.end + 8 + size]
            if len(body) < 4 + size or crc32(body) != int.from_bytes(data[self.end :][:4], "little"):
                break  # Torn, or never written: here the log ends.
            self.records.append((self.end, body[4:].split(b"\n")))
            self.end += 8 + size
        device.truncate("entries", self.end)
        device.sync("entries")
        device.sync_names()

    def append(self, entry: bytes) -> None:
        """Take an entry."""
        self.append_many([entry])

    def append_many(self, entries: list[bytes]) -> None:
        """Take some, all or none of which a crash leaves."""
        text = b"\n".join(entries)
        body = len(text).to_bytes(4, "little") + text
        self.device.write("entries", self.end, crc32(body).to_bytes(4, "little") + body)
        self.records.append((self.end, entries))
        self.end += 4 + len(body)

    def commit(self) -> None:
        """Make durable what was done so far."""
        self.device.sync("entries")

    def drop_oldest(self, count: int) -> None:
        """Have so many entries go from the front: whole records, as they were appended."""
        while count > 0:
            count -= len(self.records.pop(0)[1])
        before, self.head = self.head, self.records[0][0] if self.records else self.end
        self.device.create(f"from-{self.head}")
        self.device.sync_names()
        self.device.write("entries", before, bytes(self.head - before))  # Read no more.
        if before:
            self.device.remove(f"from-{before}")

    def drop_newest(self, count: int) -> None:
        """Have so many entries go from the end, for good."""
        while count > 0:
            self.end, entries = self.records.pop()
            count -= len(entries)
        self.device.truncate("entries", self.end)
        self.device.sync("entries")

    def entries(self) -> list[bytes]:
        """All entries, oldest first."""
        return [entry for _, entries in self.records for entry in entries]

    def close(self) -> None:
        """Do nothing: there is nothing to let go of."""


class LedgerMachine(LogMachine):
    """The bench for it."""

    def make_log(self, device: FaultDevice) -> Ledger:
        return Ledger(device)


TestLedger = LedgerMachine.TestCase
