"""Planted bugs in the handling of a device call that fails, or does less than it was asked for."""

from __future__ import annotations

from typing import Final

from ..planted import FAULTS, Mutant

__all__ = ["FAULTED"]

_FSYNCGATE: Final = "PostgreSQL before 11.2: a checkpoint whose fsync had failed was tried again, and passed"

FAULTED: Final[tuple[Mutant, ...]] = (
    Mutant(
        "failed-sync-does-not-poison",
        _FSYNCGATE,
        "powercut.engine.poison",
        '        self.set(f"{what} failed: {error}")\n        return PoisonedError(',
        "        return PoisonedError(",
        FAULTS,
        "UNPOISONED",
        FAULTS,
        around=("sync", "error"),
    ),
    Mutant(
        "failed-sync-tried-again",
        _FSYNCGATE,
        "powercut.engine.log.segments",
        """        try:
            self._device.sync(name)
        except OSError as error:
""",
        """        try:
            try:
                self._device.sync(name)
            except OSError:
                self._device.sync(name)
        except OSError as error:
""",
        FAULTS,
        "SWALLOWED",
        FAULTS,
        around=("sync", "error"),
    ),
    Mutant(
        "failed-sync-of-a-root-not-told",
        "constructed: two copies are thought to be enough, whichever two",
        "powercut.engine.metadata.roots",
        """            self._device.sync(file)
        except OSError as error:
            if may_wait:
                self._again = lambda: self._write(file, root, sequence)
                return
            raise self._poison.failed(f"writing {file}", error) from error
""",
        """            try:
                self._device.sync(file)
            except OSError:
                pass
        except OSError as error:
            if may_wait:
                self._again = lambda: self._write(file, root, sequence)
                return
            raise self._poison.failed(f"writing {file}", error) from error
""",
        FAULTS,
        "SWALLOWED",
        FAULTS,
    ),
    Mutant(
        "owed-root-failed-and-nobody-asks",
        "constructed: the write that is owed is waited for, and its error is dropped",
        "powercut.engine.metadata.roots",
        """            if ticket is not None:
                ticket.result()
            self._poison.check()
""",
        "",
        FAULTS,
        "SWALLOWED",
        FAULTS,
    ),
    Mutant(
        "short-write-taken-for-whole",
        "constructed: the count that a write returns is not looked at",
        "powercut.engine.device.seam",
        "    while at < len(data):\n        count = device.write(",
        "    while at < len(data) and not at:\n        count = device.write(",
        "openable",
        "UNOPENABLE",
        FAULTS,
        around=("write", "short"),
    ),
    Mutant(
        "short-read-taken-for-whole",
        "constructed: the count that a read returns is taken for the end of the file",
        "powercut.engine.device.seam",
        "    while 0 < at < len(buffer):\n        count = device.read_into(",
        "    while False:\n        count = device.read_into(",
        "openable",
        "UNOPENABLE",
        FAULTS,
        around=("read", "short"),
    ),
    Mutant(
        "full-disk-taken-for-done",
        "constructed: a flush that the next one is trusted to make good",
        "powercut.engine.log.segments",
        "        write_fully(self._device, name, offset, data)\n",
        """        try:
            write_fully(self._device, name, offset, data)
        except OSError as error:
            if error.errno != 28:
                raise
""",
        "openable",
        "UNOPENABLE",
        FAULTS,
        around=("write", "full"),
    ),
    Mutant(
        "extent-listed-before-it-is-written",
        "FASTER 1c2a26d6: the flushed boundary ran ahead of the writes",
        "powercut.engine.log.segments",
        """        self._write(name, offset, data)
        self.extents.extend(self._extents_of(start, name, offset, data))
""",
        """        self.extents.extend(self._extents_of(start, name, offset, data))
        self._write(name, offset, data)
""",
        "openable",
        "UNOPENABLE",
        FAULTS,
        around=("write", "error"),
    ),
    Mutant(
        "failed-checkpoint-keeps-its-place",
        "constructed: a checkpoint that ran out of space stands in the way of all later ones",
        "powercut.engine.checkpoint.driver",
        "        except OSError as error:\n            self._rest()\n",
        "        except OSError as error:\n",
        "model",
        "ERROR",
        FAULTS,
        around=("write", "error"),
    ),
    Mutant(
        "creation-taken-up-where-it-failed",
        "powercut's own: a root whose sync had failed read well, and a segment was made beside it",
        "powercut.engine.checkpoint.recovery",
        "    if is_unmade and not read_only:\n",
        "    if reading.newest is None:\n",
        "openable",
        "UNOPENABLE",
        FAULTS,
        around=("sync", "error", "cut"),
    ),
    Mutant(
        "error-of-the-device-as-it-came",
        "powercut's own: opening raised what the operating system raised",
        "powercut.engine.device.seam",
        "    except OSError as error:\n        raise DeviceError(error.errno, f",
        "    except InterruptedError as error:\n        raise DeviceError(error.errno, f",
        "openable",
        "UNOPENABLE",
        FAULTS,
        around=("read", "error", "torn"),
    ),
    Mutant(
        "failed-sync-of-a-root-that-is-mended-not-told",
        "constructed: what an opening mends is thought to be of no consequence",
        "powercut.engine.metadata.roots",
        """            write_fully(self._device, file, 0, encode_root(root.numbered(sequence)))
            may_wait = False
            self._device.sync(file)
""",
        """            write_fully(self._device, file, 0, encode_root(root.numbered(sequence)))
            may_wait = False
            try:
                self._device.sync(file)
            except OSError:
                if len({each >> LIFE_SHIFT for each in self._sequences.values()} - {root.life}) < 2:
                    raise  # Else an opening was cut off before this one.
""",
        FAULTS,
        "SWALLOWED",
        FAULTS,
        around=("sync", "error", "torn"),
    ),
    # The run itself goes well: what is wrong shows in a power cut behind the fault alone.
    Mutant(
        "root-that-was-written-in-pieces-not-synced",
        "constructed: what follows a short write is done on another path, and that one ends without the sync",
        "powercut.engine.metadata.roots",
        """            write_fully(self._device, file, 0, encode_root(root.numbered(sequence)))
            may_wait = False
            self._device.sync(file)
""",
        """            data = encode_root(root.numbered(sequence))
            taken = self._device.write(file, 0, data)
            if taken < len(data):
                write_fully(self._device, file, taken, data[taken:])
            if taken == len(data) or min(self._sequences.values()) <= root.life << LIFE_SHIFT:
                self._device.sync(file)  # An opening is done by the book.
""",
        "prefix",
        "LOST_ACK",
        FAULTS,
        around=("write", "short", "cut"),
    ),
    Mutant(
        "failed-removal-forgotten",
        "constructed: a segment whose removal failed is taken for gone, and stays for ever",
        "powercut.engine.log.segments",
        "                    continue  # Nothing depends on it",
        "                    pass  # Nothing depends on it",
        "structure",
        "BROKEN_INVARIANT",
        FAULTS,
        around=("remove", "error", "shrunk"),
    ),
    # After a failed append ext4 has no place for the page: it is lost, though it is written again and synced.
    *(
        Mutant(
            name,
            "measured: an append whose write-back failed, on ext4 of Linux 6.18, written again and synced",
            module,
            before,
            after,
            "openable",
            "UNOPENABLE",
            FAULTS,
            around=("ext4", "sync", "cut", *more),
        )
        for name, module, before, after, more in (
            (
                "segment-of-a-failed-life-written-over",
                "powercut.engine.log.segments",
                "        if name not in self._written and name in self._found:\n",
                "        if False:\n",
                (),
            ),
            (
                "tables-of-a-failed-life-written-over",
                "powercut.engine.metadata.tables",
                "            give_up_behind(self._device, TABLE_FILE, offset)\n",
                "",
                (),
            ),
            (
                "blocks-left-behind-a-failed-sync",
                "powercut.engine.fasterlog.files",
                "            self._give_up()\n",
                "",
                ("logged",),
            ),
        )
    ),
)
