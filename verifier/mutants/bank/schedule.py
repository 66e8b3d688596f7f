"""Planted bugs that take two sessions, or a checkpoint beside one: found among schedules.

Families: index insert, publication, seal and lock, torn value, region shift, eviction, epoch drain,
the prefix. Each is looked for without a preemption in a few programs first, and must not be found; then with
as many as it is said to take, and fewer.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from ..planted import SCHEDULES, Mutant

__all__ = ["CONCURRENCY"]

_planted: Final = partial(Mutant, search=SCHEDULES, preemptions=1)
_INDEX: Final = (
    _planted(
        "tentative-entry-not-looked-at-again",
        "FASTER 7a141861: an entry was taken although another thread had made one for the tag",
        "powercut.engine.kernels.probe",
        "    if is_tag_elsewhere(control, index, hashed, free):\n"
        "        store(index, free, 0)\n"
        "        return w.REFUSED | w.RETRY\n",
        "",
        "structure",
        "BROKEN_INVARIANT",
        around=("absent",),
    ),
    _planted(
        "free-entry-taken-without-cas",
        "FASTER 7a141861: the outcome of the CAS on a free entry was not looked at",
        "powercut.engine.kernels.probe",
        "    if not cas(index, free, 0, w.TENTATIVE | (tag << w.TAG_SHIFT)):\n"
        "        return w.REFUSED | w.RETRY\n",
        "    store(index, free, w.TENTATIVE | (tag << w.TAG_SHIFT))\n",
        "linearizable",
        "WRONG_RESULT",
        around=("absent",),
    ),
    _planted(
        "record-published-without-cas",
        "oxifaster 1c388c4: after lost races a read-modify-write became a blind upsert",
        "powercut.engine.kernels.records",
        "    if not cas(index, slot, entry, (entry & ~w.ADDRESS_MASK) | address):\n        return w.RETRY\n",
        "    store(index, slot, (entry & ~w.ADDRESS_MASK) | address)\n",
        "structure",
        "BROKEN_INVARIANT",
        around=("frozen",),
    ),
    _planted(
        "lost-publication-taken-for-done",
        "FASTER 39b76103: a failed CAS was treated as a success",
        "powercut.engine.kernels.records",
        "    if not cas(index, slot, entry, (entry & ~w.ADDRESS_MASK) | address):\n        return w.RETRY\n",
        "    if not cas(index, slot, entry, (entry & ~w.ADDRESS_MASK) | address):\n        return w.DONE\n",
        "linearizable",
        "WRONG_VALUE",
        around=("frozen",),
    ),
    _planted(
        "tail-moved-without-cas",
        "constructed: two sessions are given the same bytes of the log",
        "powercut.engine.kernels.records",
        "        if cas(control, w.TAIL, address, address + (words << 3)):\n            return address\n",
        "        store(control, w.TAIL, address + (words << 3))\n        return address\n",
        "progress",
        "HANG",
        around=("frozen",),
    ),
)

_LOCKS: Final = (
    _planted(
        "copier-does-not-seal",
        "constructed: an update in place slips in while the record is copied",
        "powercut.engine.kernels.operations",
        "    store(log, at + w.LINK, link | w.SEALED)\n",
        "    store(log, at + w.LINK, link)\n",
        "linearizable",
        "WRONG_VALUE",
        around=("full",),
    ),
    _planted(
        "sealed-record-updated-in-place",
        "FASTER issue 779: an operation went on with a sealed record",
        "powercut.engine.kernels.operations",
        "    if link & (w.LOCK | w.SEALED | w.INVALID):\n        return w.RETRY\n    if is_ahead",
        "    if link & (w.LOCK | w.INVALID):\n        return w.RETRY\n    if is_ahead",
        "linearizable",
        "WRONG_VALUE",
        around=("full",),
    ),
    _planted(
        "lock-taken-without-cas",
        "oxifaster dcb63c8: check, then act, in two steps",
        "powercut.engine.kernels.operations",
        "    if not cas(log, at + w.LINK, link, link | w.LOCK):\n        return w.RETRY\n",
        "    store(log, at + w.LINK, link | w.LOCK)\n",
        "linearizable",
        "WRONG_VALUE",
        around=("full",),
    ),
    _planted(
        "swap-compared-before-the-lock",
        "FASTER ad10d509: what was checked had changed when it was acted on",
        "powercut.engine.kernels.operations",
        "    if not cas(log, at + w.LINK, link, link | w.LOCK):\n"
        "        return w.RETRY\n"
        "    if kind == w.SWAP and not is_expected(log, batch, at, link):\n"
        "        store(log, at + w.LINK, link)\n"
        "        return w.CHANGED\n",
        "    if kind == w.SWAP and not is_expected(log, batch, at, link):\n"
        "        return w.CHANGED\n"
        "    link = load(log, at + w.LINK)\n"
        "    if link & w.LOCK or not cas(log, at + w.LINK, link, link | w.LOCK):\n"
        "        return w.RETRY\n",
        "linearizable",
        "WRONG_RESULT",
    ),
    _planted(
        "tombstone-decided-before-the-lock",
        "FASTER ad10d509: a tombstone was set between the check and the write",
        "powercut.engine.kernels.operations",
        "    if kind != w.UPSERT and (link & w.TOMBSTONE != 0) != (batch[w.OP_RESULT] == w.ABSENT):\n"
        "        return w.RETRY  # Deleted, or written again, since it was found.\n",
        "",
        "linearizable",
        "WRONG_RESULT",
        around=("mutable", "delete"),
    ),
    _planted(
        "lock-left-where-the-swap-failed",
        "FASTER 54b92c99: a latch was kept on one of several ways out",
        "powercut.engine.kernels.operations",
        "        store(log, at + w.LINK, link)\n        return w.CHANGED\n",
        "        return w.CHANGED\n",
        "progress",
        "HANG",
        around=("mutable", "rmw"),
    ),
    _planted(
        "torn-value-not-noticed",
        "FASTER issue 823: readers under concurrency saw values that nobody wrote",
        "powercut.engine.kernels.records",
        "            if load(log, at + w.LINK) == link:\n",
        "            if link == link:\n",
        "linearizable",
        "WRONG_RESULT",
        around=("mutable", "read"),
    ),
    _planted(
        "sequence-not-moved",
        "constructed: two equal link words, and another value between them",
        "powercut.engine.kernels.records",
        "    store(log, at + w.LINK, link + w.SEQUENCE_UNIT)\n",
        "    store(log, at + w.LINK, link)\n",
        "linearizable",
        "WRONG_RESULT",
        around=("mutable", "read"),
    ),
)

_REGIONS: Final = (
    _planted(
        "fuzzy-region-copied",
        "FASTER, SIGMOD 2018, section 5.3: the lost-update anomaly",
        "powercut.engine.kernels.operations",
        "        if address >= load(control, w.SAFE_READ_ONLY):\n            return w.RETRY",
        "        if address >= w.ADDRESS_LIMIT:\n            return w.RETRY",
        "linearizable",
        "WRONG_RESULT",
        preemptions=2,
    ),
    _planted(
        "frozen-before-all-have-seen-it",
        "oxifaster: safe_read_only followed read_only without an epoch",
        "powercut.engine.log.ring",
        "                self._epochs.defer(lambda: self._raise(w.SAFE_READ_ONLY, address))\n",
        "                self._raise(w.SAFE_READ_ONLY, address)\n",
        "linearizable",
        "WRONG_RESULT",
    ),
    _planted(
        "frame-reused-before-all-have-seen-it",
        "FASTER 0774c41b: memory was read that had been evicted",
        "powercut.engine.log.ring",
        "            self._epochs.defer(lambda: self._raise(w.SAFE_HEAD, address))\n",
        "            self._raise(w.SAFE_HEAD, address)\n",
        "progress",
        "HANG",
        preemptions=2,
    ),
    _planted(
        "page-opened-before-the-tail-moves",
        "FASTER 1f8b5b02: two lines in the wrong order at a page's end",
        "powercut.engine.log.ring",
        """                store(control, w.TAIL, start)
                store(control, w.PAGE_END, start + page)
""",
        """                store(control, w.PAGE_END, start + page)
                store(control, w.TAIL, start)
""",
        "model",
        "ERROR",
        around=("on the last mutable page", "upsert"),
    ),
    _planted(
        "flushed-up-to-read-only",
        "constructed: bytes go to the device that a session with an older view may still write",
        "powercut.engine.log.ring",
        "            self._flushing.flush(load(control, w.SAFE_READ_ONLY), head)\n",
        "            self._flushing.flush(load(control, w.READ_ONLY), head)\n",
        "linearizable",
        "WRONG_VALUE",
        around=("roomy",),
    ),
    _planted(
        "scan-does-not-wait-for-batches",
        "constructed: an allocated record whose sizes are not written yet passes for padding",
        "powercut.engine.sessions.walks",
        '        self._epochs.drain("batches that may still write below the end of a scan")\n        with',
        "        with",
        "linearizable",
        "WRONG_RESULT",
        around=("scan",),
    ),
)

_EPOCHS: Final = (
    _planted(
        "drained-one-epoch-too-early",
        "FASTER 02331783: an equal value passed for a greater one",
        "powercut.engine.shared.epoch",
        "    due = [each for each in deferred if each[0] < safe]\n"
        "    rest = [each for each in deferred if each[0] >= safe]\n",
        "    due = [each for each in deferred if each[0] <= safe]\n"
        "    rest = [each for each in deferred if each[0] > safe]\n",
        "linearizable",
        "WRONG_RESULT",
    ),
    _planted(
        "row-of-another-session-not-looked-at",
        "oxifaster c90a9ac: all sessions used one slot of the epoch table",
        "powercut.engine.shared.epoch",
        "            if w.CLAIMED < state < oldest:\n",
        "            if row == 0 and w.CLAIMED < state < oldest:\n",
        "linearizable",
        "WRONG_VALUE",
    ),
    _planted(
        "epoch-read-after-the-rows",
        "constructed: who enters after its row was passed is not known of",
        "powercut.engine.shared.epoch",
        "        oldest = load(self._spaces.control, w.EPOCH)\n"
        "        epochs = self._spaces.epochs\n"
        "        for row in range(0, self._spaces.rows_used * w.ROW_WORDS, w.ROW_WORDS):\n"
        "            state = load(epochs, row + w.ROW_STATE)\n"
        "            if w.CLAIMED < state < oldest:\n"
        "                oldest = state\n"
        "        return oldest\n",
        "        rows = range(0, self._spaces.rows_used * w.ROW_WORDS, w.ROW_WORDS)\n"
        "        states = [load(self._spaces.epochs, row + w.ROW_STATE) for row in rows]\n"
        "        oldest = load(self._spaces.control, w.EPOCH)\n"
        "        return min([oldest, *(state for state in states if state > w.CLAIMED)])\n",
        "linearizable",
        "WRONG_RESULT",
        preemptions=2,
        around=("paired", "scan"),
    ),
)

_CUT: Final = (
    _planted(
        "no-longer-pending-before-it-has-ended",
        "constructed: the mark is lowered before the number that it guards is raised",
        "powercut.engine.sessions.driver",
        "        if load(epochs, row + w.ROW_APPLIED) < serial:\n"
        "            store(epochs, row + w.ROW_APPLIED, serial)\n"
        "        store(epochs, row + w.ROW_PENDING, load(epochs, row + w.ROW_PENDING) - 1)\n",
        "        store(epochs, row + w.ROW_PENDING, load(epochs, row + w.ROW_PENDING) - 1)\n"
        "        if load(epochs, row + w.ROW_APPLIED) < serial:\n"
        "            store(epochs, row + w.ROW_APPLIED, serial)\n",
        "prefix",
        "WRONG_VALUE",
        around=("start_rmw", "checkpoint"),
    ),
    _planted(
        "applied-marked-after-leaving",
        "oxifaster 93c2274: the captured serial was lower than what the snapshot held",
        "powercut.engine.kernels.batch",
        "    why = run_entered(control, index, log, epochs, batch, row)\n"
        "    store(epochs, row + w.ROW_STATE, w.IDLE)\n",
        "    before = load(epochs, row + w.ROW_APPLIED)\n"
        "    why = run_entered(control, index, log, epochs, batch, row)\n"
        "    after = load(epochs, row + w.ROW_APPLIED)\n"
        "    store(epochs, row + w.ROW_APPLIED, before)\n"
        "    store(epochs, row + w.ROW_STATE, w.IDLE)\n"
        "    store(epochs, row + w.ROW_APPLIED, after)\n",
        "prefix",
        "WRONG_VALUE",
    ),
    _planted(
        "batches-from-before-the-checkpoint-not-awaited",
        "CPR, SIGMOD 2019: a session of v must know of the checkpoint before v + 1 begins",
        "powercut.engine.checkpoint.kinds.cpr",
        '    epochs.drain("batches that began before the checkpoint")\n',
        "",
        "prefix",
        "WRONG_VALUE",
        preemptions=2,
    ),
    _planted(
        "old-version-updated-in-place",
        "FASTER e987115f: a record of v was overwritten by v + 1",
        "powercut.engine.kernels.records",
        "    if shifted == 0:\n        return False\n    return address < fuzzy or",
        "    if shifted == 0 or address >= 0:\n        return False\n    return address < fuzzy or",
        "prefix",
        "WRONG_VALUE",
        preemptions=2,
    ),
)

CONCURRENCY: Final[tuple[Mutant, ...]] = (*_INDEX, *_LOCKS, *_REGIONS, *_EPOCHS, *_CUT)
