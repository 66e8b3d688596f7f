"""Planted bugs in the log: what it acknowledged, took back or truncated, and what a crash makes of it."""

from __future__ import annotations

from typing import Final

from ..planted import CRASHES, DAMAGE, FAULTS, Mutant

__all__ = ["LOGGED"]

_LOG: Final = "powercut.engine.fasterlog."

LOGGED: Final[tuple[Mutant, ...]] = (
    Mutant(
        "log-commit-never-synced",
        "oxifaster 27f927e: flush_until wrote pages and never called device.flush()",
        _LOG + "groups",
        """                    self._write(blocks)
                    self._parts.files.sync()
""",
        """                    self._write(blocks)
""",
        "prefix",
        "LOST_ACK",
        around=("enqueue",),
    ),
    Mutant(
        "log-segment-name-never-synced",
        "oxifaster 284b129: what was written was not made durable",
        _LOG + "files",
        "            if self._has_new_names:\n",
        "            if self._has_new_names and len(self._known) < 2:\n",
        "openable",
        "UNOPENABLE",
        around=("enqueue",),
    ),
    Mutant(
        "log-takes-what-a-crash-dropped",
        "oxifaster faster_log.rs: after a truncated recovery, old bytes behind the tail were entries again",
        _LOG + "recovery",
        """    if block.header.life != life:
        return f"a block of life {block.header.life}"
    return "" if block.header.link == link else "a block that follows another one"
""",
        """    return ""
""",
        "openable",
        "UNOPENABLE",
        around=("enqueue", "lives"),
    ),
    Mutant(
        "log-takes-blocks-without-their-commit",
        "oxifaster faster_log.rs: recovery without metadata took the uncommitted tail for committed",
        _LOG + "recovery",
        "        if found.header.is_commit:\n",
        "        if found.header.entry_count:\n",
        "prefix",
        "LOST_ACK",
        around=("enqueue_many",),
    ),
    Mutant(
        "log-file-gone-before-the-begin-is-durable",
        "oxifaster faster_log.rs: begin was changed in memory before its metadata were persisted",
        _LOG + "groups",
        "                self.confirm(address)\n",
        """                self._parts.files.free_below(min(address, self.last.start))
                self.confirm(address)
""",
        "openable",
        "UNOPENABLE",
        around=("enqueue", "truncate_at"),
    ),
    Mutant(
        "log-begins-inside-an-entry",
        "oxifaster faster_log.rs: truncate_before took any address, and the next opening emptied the log",
        _LOG + "log",
        "            if block is not None and address not in self._source.tail.boundaries(block):\n",
        "            if block is not None and address < block.header.address:\n",
        "structure",
        "BROKEN_INVARIANT",
        around=("enqueue", "truncate_at"),
    ),
    Mutant(
        "log-begins-past-the-last-commit",
        "oxifaster faster_log.rs: truncate_until did not look at the committed bound",
        _LOG + "log",
        "        if address > end:\n",
        "        if address > self._source.tail.at:\n",
        "structure",
        "BROKEN_INVARIANT",
        around=("enqueue", "truncate_at"),
    ),
    Mutant(
        "log-damage-taken-for-a-torn-tail",
        "oxifaster faster_log.rs: a zeroed header inside the committed range ended the scan without an error",
        _LOG + "recovery",
        "    if later:\n",
        "    if later and not why:\n",
        "prefix",
        "LOST_ACK",
        FAULTS,
        around=("logged", "rot", "cut"),
    ),
    Mutant(
        "log-torn-tail-taken-for-damage",
        "oxifaster faster_log.rs: truncate_on_corruption did not tell the tail from the middle",
        _LOG + "tail",
        "        before = self.confirmed, self._link,",
        "        before = self.start, self._link,",
        "openable",
        "UNOPENABLE",
        around=("enqueue_many",),
    ),
    Mutant(
        "log-rolled-back-in-memory-only",
        "FASTER #583: what was given up stood on the disk, and a later recovery found it",
        _LOG + "groups",
        "            if sealed is not None and sealed.is_tried:\n",
        "            if sealed is not None and sealed.is_tried and not self._parts.files:\n",
        "serials",
        "WRONG_SERIAL",
        FAULTS,
        around=("logged ahead", "error", "write"),
    ),
    Mutant(
        "log-failed-write-taken-for-written",
        "oxifaster faster_log.rs: a page slot was used again before its page had been flushed",
        _LOG + "groups",
        """                block.is_tried = True
                self._parts.files.write(block.header.address, block.image)
                with self.lock:
                    self._tail.wrote(block)
""",
        """                image, block.is_tried = block.image, True
                with self.lock:
                    self._tail.wrote(block)
                self._parts.files.write(block.header.address, image)
""",
        "model",
        "ERROR",
        FAULTS,
        around=("logged", "error", "write"),
    ),
    Mutant(
        "log-older-block-in-the-place-of-a-newer",
        "oxifaster faster_log.rs: an XOR over an entry said nothing of where and when it was written",
        _LOG + "reading",
        "            if before is not None and header.link != before:\n",
        "            if before is not None and header.link != before and not header.number:\n",
        DAMAGE,
        "SILENT",
        DAMAGE,
        around=("log", "segment", "stale"),
    ),
    Mutant(
        "log-counts-commits-anew",
        "FASTER 6e0bea0d: the persisted commit number was 0 after a recovery",
        _LOG + "tail",
        "        self.confirmed, self._number, self._link = end, number, link\n",
        "        self.confirmed, self._number, self._link = end, 0 * number, link\n",
        "structure",
        "BROKEN_INVARIANT",
        around=("enqueue", "lives"),
    ),
    Mutant(
        "log-reads-the-entry-beside",
        "FASTER 74327613: a position that was asked for by another field",
        _LOG + "reading",
        "        start = sum(lengths[:place])\n",
        "        start = sum(lengths[: place // 2])\n",
        "structure",
        "BROKEN_INVARIANT",
        CRASHES,
        around=("enqueue_many",),
    ),
    Mutant(
        "log-keeps-what-was-handed-out-for-done",
        "FASTER 74327613: the persisted position of an iterator was read from the wrong field",
        _LOG + "iterator",
        "            self.position = onward\n",
        """            self.position = onward
            if self.name is not None:
                self._source.advance(self.name, onward)
""",
        "structure",
        "BROKEN_INVARIANT",
        around=("iterate",),
    ),
    Mutant(
        "log-progress-is-forgotten-by-the-next-life",
        "FASTER #770: the position of an iterator that nobody had open was left out of later commits",
        _LOG + "groups",
        "        self.progress = dict(parts.last.progress)",
        "        self.progress = dict[str, int]()",
        "prefix",
        "LOST_ACK",
        around=("iterate", "lives"),
    ),
    Mutant(
        "log-iterator-below-the-begin-stays",
        "FASTER 78aff2b7: an iterator below the begin did not move its shared next address",
        _LOG + "iterator",
        """                self._pass_to(begin)
                self._ready.clear()
""",
        """                before = begin
""",
        "structure",
        "BROKEN_INVARIANT",
        around=("iterate", "truncate_at"),
    ),
    Mutant(
        "log-iterator-does-not-say-what-it-missed",
        "FASTER 78aff2b7: an iterator that a truncation had overtaken went on as if nothing were missing",
        _LOG + "iterator",
        "        self.skipped += address - self.position\n",
        "        self.skipped += 0 * address\n",
        "structure",
        "BROKEN_INVARIANT",
        around=("iterate", "truncate_at"),
    ),
    Mutant(
        "log-hole-past-the-begin",
        "FASTER #308: space was given back by whole pieces, whoever still needed a part of one",
        _LOG + "files",
        "        self._punch(address & -self.settings.page_bytes)\n",
        "        self._punch((address & -self.settings.page_bytes) + self.settings.page_bytes)\n",
        "openable",
        "UNOPENABLE",
        around=("enqueue_many", "truncate_at"),
    ),
    Mutant(
        "log-uncommitted-entries-on-the-device-are-not-seen",
        "oxifaster faster_log.rs: more than memory_pages of entries, and the oldest were not there any more",
        _LOG + "source",
        "                if block is not None:\n",
        "                if block is not None and image is not None:\n",
        "model",
        "WRONG_VALUE",
        around=("enqueue_many",),
    ),
)
