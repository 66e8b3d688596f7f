"""Planted bugs in the operations themselves, and in the device."""

from __future__ import annotations

from typing import Final

from ..planted import CONTRACT, KILLS, MODEL, Mutant

__all__ = ["DEVICE", "OPERATIONS"]

OPERATIONS: Final[tuple[Mutant, ...]] = (
    Mutant(
        "tombstone-overwritten-in-place",
        "FASTER ea38e00e: an upsert ignored the tombstone of the record it met",
        "powercut.engine.kernels.records",
        "    if link & w.TOMBSTONE:\n        return w.ROOM\n",
        "",
        "model",
        "WRONG_VALUE",
        around=("delete", "pages"),
    ),
    Mutant(
        "tombstone-taken-for-present",
        "oxifaster 2752475: conditional_insert gave up on a tombstone",
        "powercut.engine.kernels.operations",
        "    batch[w.OP_RESULT] = w.ABSENT if link & w.TOMBSTONE else w.FOUND\n",
        """    batch[w.OP_RESULT] = w.ABSENT if link & w.TOMBSTONE else w.FOUND
    if batch[w.OP_KIND] == w.INSERT:
        batch[w.OP_RESULT] = w.FOUND
""",
        "model",
        "WRONG_RESULT",
        search=MODEL,
        around=("delete", "insert"),
    ),
    Mutant(
        "cold-tombstone-ignored",
        "FASTER ea38e00e: one of several paths forgot the tombstone",
        "powercut.engine.sessions.driver",
        "        if record is None or record.link & w.TOMBSTONE:\n",
        "        if record is None:\n",
        "model",
        "WRONG_RESULT",
        around=("paired", "pages", "delete"),
    ),
    Mutant(
        "first-of-bucket-returned",
        "FASTER 8888c7df: the walk over colliding hashes stopped at another key",
        "powercut.engine.kernels.probe",
        "            if alike and same(log, at + w.RECORD_HEADER_WORDS, batch, key, key_words):\n",
        "            if alike:\n",
        "model",
        "WRONG_RESULT",
    ),
)

DEVICE: Final[tuple[Mutant, ...]] = (
    Mutant(
        "device-sync-does-nothing",
        "oxifaster 27f927e: nothing below the checkpoint ever synced",
        "powercut.engine.device.file",
        "        os.fsync(self._file_number(name))\n",
        "        self._file_number(name)\n",
        CONTRACT,
        "LOST_ACK",
        CONTRACT,
    ),
    Mutant(
        "device-names-never-synced",
        "oxifaster 046cfba: a new name was never made durable",
        "powercut.engine.device.file",
        "        self._check_open()\n        os.fsync(self._folder)\n",
        "        self._check_open()\n",
        CONTRACT,
        "LOST_ACK",
        CONTRACT,
    ),
    Mutant(
        "device-appends-wherever-it-writes",
        "pwrite(2), BUGS: on a file opened with O_APPEND Linux writes at the end, whatever the offset",
        "powercut.engine.device.file",
        "os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644",
        "os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644",
        "pagecache",
        "WRONG_VALUE",
        KILLS,
    ),
    Mutant(
        "device-write-behind",
        "constructed: a device with a buffer of its own, which dies with the process",
        "powercut.engine.device.file",
        "            return os.pwrite(number, buffer, offset)\n",
        """            late = self.__dict__.setdefault("_late", [])
            late.append((number, bytes(buffer), offset))
            if len(late) > 1:
                os.pwrite(*late.pop(0))
            return len(buffer)
""",
        "pagecache",
        "WRONG_VALUE",
        KILLS,
    ),
)
