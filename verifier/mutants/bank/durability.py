"""Planted bugs in the order of durable steps: acknowledged, and not there after a power cut."""

from __future__ import annotations

from typing import Final

from ..planted import Mutant

__all__ = ["DURABILITY"]

DURABILITY: Final[tuple[Mutant, ...]] = (
    Mutant(
        "data-never-synced",
        "oxifaster 27f927e: flush_until wrote pages and never called device.flush()",
        "powercut.engine.checkpoint.kinds.fold_over",
        "    return log.segments.sync(STEP_BYTES - (log.extents.end - before))\n",
        "    return True\n",
        "openable",
        "UNOPENABLE",
    ),
    Mutant(
        "root-before-data",
        "FASTER C++ faster.h: checkpoint metadata was written before the flush that it counts on had ended",
        "powercut.engine.checkpoint.kinds.fold_over",
        """    return log.segments.sync(STEP_BYTES - (log.extents.end - before))


FOLD_OVER: Final = Cpr(_write)
""",
        """    return True


class _Late(Cpr):
    def enter(self, phase, parts, running):
        is_last = Cpr.enter(self, phase, parts, running)
        if phase.name == "PERSIST":
            parts.log.segments.sync()
        return is_last


FOLD_OVER: Final = _Late(_write)
""",
        "openable",
        "UNOPENABLE",
    ),
    Mutant(
        "root-written-while-another-is-in-flight",
        "FASTER 1c2a26d6: completions out of order, where the last to end was taken for the newest",
        "powercut.engine.metadata.roots",
        """            self.settle()
            first, second, third = sorted(ROOT_FILES, key=lambda file: (self._sequences[file], file))
            self._write(first, root, self._last + 1)
            self._write(second, root, self._last + 1)
            sequence = self._last + 1
            self._third = self._runtime.submit(lambda: self._write(third, root, sequence, may_wait=True))
""",
        """            before = self._third
            first, second, third = sorted(ROOT_FILES, key=lambda file: (self._sequences[file], file))
            self._write(first, root, self._last + 1)
            self._write(second, root, self._last + 1)
            if before is not None:
                self._runtime.wait([before])
            self._third = self._runtime.submit(lambda: self._write(third, root, self._last + 1))
""",
        "prefix",
        "LOST_ACK",
    ),
    Mutant(
        "table-synced-after-root",
        "oxifaster 046cfba: delta metadata was written before its delta data",
        "powercut.engine.metadata.tables",
        """        try:
            self._device.sync(TABLE_FILE)
        except OSError as error:
            raise self._poison.failed(f"syncing {TABLE_FILE}", error) from error

    def accept(self, head: Pointer, is_full: bool) -> None:
        \"\"\"Take in that a root that names `head` is durable.\"\"\"
""",
        """
    def accept(self, head: Pointer, is_full: bool) -> None:
        self._device.sync(TABLE_FILE)
""",
        "openable",
        "UNOPENABLE",
    ),
    Mutant(
        "names-synced-after-root",
        "oxifaster 046cfba: the snapshot was renamed before it was synced",
        "powercut.engine.checkpoint.kinds.cpr",
        """    if tables.has_new_name or segments.has_new_names:
        segments.sync_names()
        tables.has_new_name = False
    _commit(parts, head, running.begin)
""",
        """    _commit(parts, head, running.begin)
    if tables.has_new_name or segments.has_new_names:
        segments.sync_names()
        tables.has_new_name = False
""",
        "openable",
        "UNOPENABLE",
    ),
    Mutant(
        "segment-name-never-synced",
        "oxifaster 284b129: the background worker wrote and did not make durable",
        "powercut.engine.checkpoint.kinds.cpr",
        "    if tables.has_new_name or segments.has_new_names:\n",
        "    if tables.has_new_name:\n",
        "openable",
        "UNOPENABLE",
        around=("paired", "lives"),
    ),
    Mutant(
        "segment-dirty-only-at-its-start",
        "oxifaster 2b62a49: the dirty bit was set at page offset 0 only, so a page was flushed once",
        "powercut.engine.log.segments",
        "        self._written[name] = self._written.get(name, 0) + len(data)\n",
        "        self._written[name] = self._written.get(name, 0) + (0 if offset else len(data))\n",
        "openable",
        "UNOPENABLE",
        around=("lives",),
    ),
    Mutant(
        "acknowledged-before-any-root",
        "FASTER 0774c41b: CompleteCheckpoint returned before the checkpoint had ended",
        "powercut.engine.metadata.roots",
        """            self._write(first, root, self._last + 1)
            self._write(second, root, self._last + 1)
            sequence = self._last + 1
            self._third = self._runtime.submit(lambda: self._write(third, root, sequence, may_wait=True))
""",
        """            writes = (first, second, third)
            self._third = self._runtime.submit(
                lambda: [self._write(file, root, self._last + 1) for file in writes]
            )
""",
        "prefix",
        "LOST_ACK",
    ),
    Mutant(
        "root-never-synced",
        "oxifaster 27f927e: a completed checkpoint that no sync stood behind",
        "powercut.engine.metadata.roots",
        """            write_fully(self._device, file, 0, encode_root(root.numbered(sequence)))
            may_wait = False
            self._device.sync(file)
""",
        """            write_fully(self._device, file, 0, encode_root(root.numbered(sequence)))
""",
        "prefix",
        "LOST_ACK",
    ),
    Mutant(
        "table-block-overwritten",
        "FASTER 5bee94bb: an incremental snapshot overwrote where its base lay",
        "powercut.engine.metadata.tables",
        """        offset = self._rounded(self.head.offset + self.head.length)
        data = encode_block(block)
""",
        """        offset = 0
        data = encode_block(block)
""",
        "openable",
        "UNOPENABLE",
    ),
    Mutant(
        "oldest-root-recovered",
        "garnet #2150: a start that took an older checkpoint without a word",
        "powercut.engine.metadata.roots",
        "        if newest is None or root.sequence > newest.sequence:\n",
        "        if newest is None or root.sequence < newest.sequence:\n",
        "prefix",
        "LOST_ACK",
    ),
    Mutant(
        "last-unit-never-flushed",
        "oxifaster 93c2274: a partly filled page did not reach the device",
        "powercut.engine.log.ring",
        "            final = (tail + unit - 1) // unit * unit\n",
        "            final = tail\n",
        "openable",
        "UNOPENABLE",
    ),
    Mutant(
        "evicted-before-flushed",
        "FASTER 1c2a26d6: the flushed boundary ran ahead of the writes",
        "powercut.engine.log.ring",
        "            self._flushing.flush(load(control, w.SAFE_READ_ONLY), head)\n",
        "            store(control, w.FLUSHED, load(control, w.SAFE_READ_ONLY))\n",
        "model",
        "ERROR",
        around=("paired", "pages"),
    ),
)
