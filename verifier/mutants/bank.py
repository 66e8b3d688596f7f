"""The bank of planted bugs: each a source edit with its ancestor and the objection it must meet.

    ancestor   where this bug, or this shape of bug, really happened: a commit of FASTER, oxifaster
               or garnet, or powercut's own history
    oracle     who must object, breach: to what kind of thing; the worst kind that it can show
    CONTROL    an edit that changes nothing: the matrix must say that it survives

Invariants
  1  the old text stands exactly once in its module; a refactoring that moves it fails a test
  2  names are unique; at most two bugs are in the device
  3  nothing here imports the engine, or a module that does
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["BANK", "CONTRACT", "CONTROL", "Mutant", "find"]

CONTRACT: Final = "contract"  # The oracle of the device's own bugs.


@dataclass(frozen=True, slots=True)
class Mutant:
    """One planted bug; `breach` is the name of a member of `verdict.Breach`."""

    name: str
    ancestor: str
    module: str
    old: str
    new: str
    oracle: str
    breach: str


def find(name: str) -> Mutant:
    """The planted bug of that name, or the control. Raises KeyError."""
    for mutant in (*BANK, CONTROL):
        if mutant.name == name:
            return mutant
    raise KeyError(f"no planted bug {name!r}: expected one of {[mutant.name for mutant in BANK]}")


_DURABILITY: Final = (
    Mutant(
        "data-never-synced",
        "oxifaster 27f927e: flush_until wrote pages and never called device.flush()",
        "engine.checkpoint",
        "        self._log.flush(running.final)\n        self._log.sync()\n",
        "        self._log.flush(running.final)\n",
        "openable",
        "UNOPENABLE",
    ),
    Mutant(
        "table-synced-after-root",
        "oxifaster 046cfba: delta metadata was written before its delta data",
        "engine.tables",
        """        with self._poison.guard(f"syncing {TABLE_FILE}"):
            self._device.sync(TABLE_FILE)
        return Pointer(offset, len(data), checksum(data, self._store_id, TABLE_FILE, offset, 0))

    def accept(self, head: Pointer, is_full: bool) -> None:
        \"\"\"A root that names `head` is durable.\"\"\"
""",
        """        return Pointer(offset, len(data), checksum(data, self._store_id, TABLE_FILE, offset, 0))

    def accept(self, head: Pointer, is_full: bool) -> None:
        self._device.sync(TABLE_FILE)
""",
        "openable",
        "UNOPENABLE",
    ),
    Mutant(
        "names-synced-after-root",
        "oxifaster 046cfba: the snapshot was renamed before it was synced",
        "engine.checkpoint",
        """        if tables.has_new_name or self._log.has_new_names:
            self._log.sync_names()
            tables.has_new_name = False
        self._commit(head, running.begin)
""",
        """        self._commit(head, running.begin)
        if tables.has_new_name or self._log.has_new_names:
            self._log.sync_names()
            tables.has_new_name = False
""",
        "openable",
        "UNOPENABLE",
    ),
    Mutant(
        "segment-name-never-synced",
        "oxifaster 284b129: the background worker left a part of the flush out",
        "engine.checkpoint",
        "        if tables.has_new_name or self._log.has_new_names:\n",
        "        if tables.has_new_name:\n",
        "openable",
        "UNOPENABLE",
    ),
    Mutant(
        "segment-dirty-only-at-its-start",
        "oxifaster 2b62a49: the dirty bit was set at page offset 0 only, a page was flushed once and never again",
        "engine.hybridlog",
        "        if name not in self.unsynced:\n",
        "        if offset == 0:\n",
        "openable",
        "UNOPENABLE",
    ),
    Mutant(
        "acknowledged-before-any-root",
        "FASTER #197-#227 family: completion reported by the caller and not by the device",
        "engine.roots",
        """            self._write(first, root, self._last + 1)
            self._write(second, root, self._last + 1)
            sequence = self._last + 1
            self._owed = self._runtime.submit(lambda: self._write(third, root, sequence))
""",
        """            writes = (first, second, third)
            self._owed = self._runtime.submit(
                lambda: [self._write(file, root, self._last + 1) for file in writes]
            )
""",
        "prefix",
        "LOST_ACK",
    ),
    Mutant(
        "root-never-synced",
        "oxifaster 27f927e: a completed checkpoint that no sync stood behind",
        "engine.roots",
        """            write_fully(self._device, file, 0, encode_root(replace(root, sequence=sequence)))
            self._device.sync(file)
""",
        """            write_fully(self._device, file, 0, encode_root(replace(root, sequence=sequence)))
""",
        "prefix",
        "LOST_ACK",
    ),
    Mutant(
        "table-block-overwritten",
        "FASTER 5bee94bb: an incremental snapshot wrote over the base that it counted on",
        "engine.tables",
        "        offset = (end + self._unit - 1) // self._unit * self._unit\n",
        "        offset = 0 * end\n",
        "openable",
        "UNOPENABLE",
    ),
    Mutant(
        "oldest-root-recovered",
        "garnet #2150: a start that took an older checkpoint without a word",
        "engine.roots",
        "        if newest is None or root.sequence > newest.sequence:\n",
        "        if newest is None or root.sequence < newest.sequence:\n",
        "prefix",
        "LOST_ACK",
    ),
    Mutant(
        "last-unit-never-flushed",
        "oxifaster 93c2274: a partly filled page did not reach the device",
        "engine.hybridlog",
        "            final: int = (control[w.TAIL] + unit - 1) // unit * unit\n",
        "            final: int = control[w.TAIL]\n",
        "openable",
        "UNOPENABLE",
    ),
    Mutant(
        "evicted-before-flushed",
        "FASTER 1c2a26d6: the flushed boundary ran ahead of the writes",
        "engine.hybridlog",
        "            self.flush(control[w.SAFE_READ_ONLY])\n",
        "",
        "structure",
        "BROKEN_INVARIANT",
    ),
)

_PREFIX: Final = (
    Mutant(
        "serial-captured-late",
        "FASTER 06178520: a session's commit point was looked up after the machine had gone on",
        "engine.sessions",
        "            SessionMark(state.name, state.number, state.commit_serial)\n",
        "            SessionMark(state.name, state.number, state.serial)\n",
        "prefix",
        "HOLE",
    ),
    Mutant(
        "closed-session-dropped",
        "FASTER #874: a session could not be continued after a restart",
        "engine.sessions",
        "            if state.commit_version == version\n",
        "            if state.commit_version == version and state.is_live\n",
        "serials",
        "WRONG_SERIAL",
    ),
    Mutant(
        "serial-not-restored",
        "FASTER 1eab86ff: ContinueSession did not restore the serial",
        "engine.sessions",
        "                mark.name, mark.number, mark.serial, system.version, mark.serial, mark.serial\n",
        "                mark.name, mark.number, 0, system.version, mark.serial, mark.serial\n",
        "prefix",
        "LOST_ACK",
    ),
    Mutant(
        "old-record-updated-in-place",
        "FASTER e987115f: a record of version v was overwritten in place during the checkpoint of v",
        "engine.kernels",
        "    if cut == 0:\n        return False\n",
        "    if cut >= 0:\n        return False\n",
        "prefix",
        "PHANTOM",
    ),
    Mutant(
        "fuzzy-start-stale",
        "FASTER d383dcab: the start of the fuzzy region was captured at the wrong moment",
        "engine.checkpoint",
        "            fuzzy_start=running.fuzzy_start,\n",
        "            fuzzy_start=running.final,\n",
        "prefix",
        "PHANTOM",
    ),
    Mutant(
        "void-record-re-linked",
        "oxifaster recover(): the index was not built from what the checkpoint holds",
        "engine.probe",
        "        if not link & w.INVALID and not is_void(control, address, link):\n",
        "        if not link & w.INVALID:\n",
        "structure",
        "BROKEN_INVARIANT",
    ),
    Mutant(
        "void-record-read",
        "FASTER 60e162f0: recovery made a record valid that had never become so",
        "engine.probe",
        "        if not is_void(control, address, link):\n            sizes",
        "        if True:\n            sizes",
        "structure",
        "WRONG_VALUE",
    ),
    Mutant(
        "void-range-forgotten",
        "oxifaster dcb63c8: version v was taken up again after stamps of v + 1 existed",
        "engine.checkpoint",
        "            voids=[void for void in self._voids if void.high > running.begin],\n",
        "            voids=[],\n",
        "prefix",
        "PHANTOM",
    ),
    Mutant(
        "seal-kept-on-reload",
        "FASTER 60e162f0: recovery and the Sealed bit",
        "engine.probe",
        "                store(log, at + w.LINK, link & ~w.TRANSIENT)\n",
        "                pass\n",
        "structure",
        "BROKEN_INVARIANT",
    ),
    Mutant(
        "flushed-at-head-after-recovery",
        "FASTER 8e9e449e: FlushedUntil was set to head instead of the tail on recovery",
        "engine.hybridlog",
        "        flushed = max(w.FIRST_ADDRESS, self.extents.end)\n",
        "        flushed = head\n",
        "prefix",
        "HOLE",
    ),
    Mutant(
        "page-after-tail-not-opened",
        "FASTER 293162e8: the page after the recovered tail was not allocated",
        "engine.hybridlog",
        "        control[w.PAGE_END] = (tail + page - 1) // page * page\n",
        "        control[w.PAGE_END] = (tail // page + 1) * page\n",
        "structure",
        "BROKEN_INVARIANT",
    ),
    Mutant(
        "scan-ends-at-padding",
        "FASTER e874a180: the recovery scan stopped at a zeroed range inside a page",
        "engine.probe",
        "        address = (address | unit) + 1\n",
        "        return end\n",
        "structure",
        "BROKEN_INVARIANT",
    ),
    Mutant(
        "index-not-re-linked",
        "oxifaster recover(): a recovery from the log left the index empty",
        "engine.recovery",
        "            address = _relink(log, index, address, end)\n",
        "            address = end\n",
        "structure",
        "BROKEN_INVARIANT",
    ),
)

_OPERATIONS: Final = (
    Mutant(
        "tombstone-overwritten-in-place",
        "FASTER ea38e00e: an upsert ignored the tombstone of the record it met",
        "engine.kernels",
        "    if link & w.TOMBSTONE:\n        return w.ROOM\n",
        "",
        "model",
        "WRONG_VALUE",
    ),
    Mutant(
        "tombstone-taken-for-present",
        "oxifaster 2752475: conditional_insert gave up on a tombstone",
        "engine.kernels",
        "    batch[op + w.OP_RESULT] = w.ABSENT if link & w.TOMBSTONE else w.FOUND\n",
        "    batch[op + w.OP_RESULT] = w.FOUND\n",
        "model",
        "WRONG_RESULT",
    ),
    Mutant(
        "cold-tombstone-ignored",
        "FASTER ea38e00e: one of several paths forgot the tombstone",
        "engine.session",
        "        if record is None or record.link & w.TOMBSTONE:\n",
        "        if record is None:\n",
        "model",
        "WRONG_RESULT",
    ),
    Mutant(
        "first-of-bucket-returned",
        "FASTER 8888c7df: the walk over colliding hashes stopped at another key",
        "engine.probe",
        "            if alike and same(log, at + w.RECORD_HEADER_WORDS, batch, key, key_words):\n",
        "            if alike:\n",
        "model",
        "WRONG_RESULT",
    ),
)

_DEVICE: Final = (
    Mutant(
        "device-sync-does-nothing",
        "oxifaster 27f927e: nothing below the checkpoint ever synced",
        "engine.device",
        "        os.fdatasync(self._file_number(name))\n",
        "        self._file_number(name)\n",
        CONTRACT,
        "LOST_ACK",
    ),
    Mutant(
        "device-names-never-synced",
        "oxifaster 046cfba: a new name was never made durable",
        "engine.device",
        '        self._file_number("")\n        os.fsync(self._folder)\n',
        '        self._file_number("")\n',
        CONTRACT,
        "LOST_ACK",
    ),
)

BANK: Final[tuple[Mutant, ...]] = (*_DURABILITY, *_PREFIX, *_OPERATIONS, *_DEVICE)

CONTROL: Final = Mutant(
    "control-changes-nothing",
    "none: an edit without a meaning",
    "engine.checkpoint",
    '"""PERSIST acknowledged; nothing is left to do."""',
    '"""Nothing is left to do."""',
    "prefix",
    "LOST_ACK",
)
