"""A log of slots: each operation fills one slot of a sector, in place of a file that grows line by line.

What its recovery must do is to take away all that lies behind the first bad slot. If it does not, all is well
until the next write: that fills the bad slot, and a stale one behind it is in the log again.
"""

from __future__ import annotations

import json
from zlib import crc32

from powercut import FaultDevice, StoreMachine
from powercut.verifier import Issued, Result, apply

SLOT = 512


class Slotted:
    """A dict; slot n holds the checksum, the key and the new value of operation n."""

    def __init__(self, device: FaultDevice) -> None:
        self.device = device
        self.content: dict[bytes, bytes] = {}
        self.count = 0
        if "slots" not in device.list():
            device.create("slots")
        slot = bytearray(SLOT)
        while device.read_into("slots", self.count * SLOT, slot) == SLOT:
            if slot[:8] != b"%08x" % crc32(slot[8:]):
                break  # Torn, or never written: here the log ends.
            key, value = json.loads(slot[8:])
            self.content[key.encode()] = value.encode()
            self.count += 1
        self.content = {key: value for key, value in self.content.items() if value}
        device.truncate("slots", self.count * SLOT)
        device.sync("slots")
        device.sync_names()

    def apply(self, operation: Issued) -> Result:
        """Carry it out, and write what became of its key."""
        result = apply(self.content, operation)
        value = self.content.get(operation.key, b"")
        body = json.dumps([operation.key.decode(), value.decode()]).encode().ljust(SLOT - 8)
        self.device.write("slots", self.count * SLOT, b"%08x" % crc32(body) + body)
        self.count += 1
        return result

    def checkpoint(self) -> None:
        """Make durable what was done so far."""
        self.device.sync("slots")

    def read_all(self) -> dict[bytes, bytes]:
        """Every key with its value."""
        return dict(self.content)

    def close(self) -> None:
        """Do nothing: there is nothing to let go of."""


class SlottedMachine(StoreMachine):
    """The bench for it."""

    sizes = 2  # A value of 380 bytes more does not go into a slot.
    states_max = 16

    def make_store(self, device: FaultDevice) -> Slotted:
        return Slotted(device)


TestSlotted = SlottedMachine.TestCase
