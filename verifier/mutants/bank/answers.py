"""Planted bugs in what a store answers, at the edges of sizes, and in what comes between two halves of an
operation: found among programs whose every answer is judged."""

from __future__ import annotations

from typing import Final

from ..planted import MODEL, Mutant

__all__ = ["ANSWERED"]

ANSWERED: Final[tuple[Mutant, ...]] = (
    Mutant(
        "long-key-takes-any-value",
        "powercut: an rmw of a long key took a value that was too long, and opened pages for ever",
        "powercut.engine.sessions.single",
        " or len(value) > self.value_bytes or len(key) > self.key_bytes:\n",
        " or len(value) > self.value_bytes:\n",
        "model",
        "WRONG_RESULT",
        MODEL,
        around=("rmw_odd",),
    ),
    Mutant(
        "copied-block-as-long-as-the-one-before",
        "constructed: the length of the wrong one of two pointers",
        "powercut.engine.checkpoint.backup",
        "            write_fully(self._target, TABLE_FILE, pointer.offset, data)\n",
        "            write_fully(self._target, TABLE_FILE, pointer.offset, data[: block.previous.length])\n",
        "prefix",
        "WRONG_VALUE",
        MODEL,
        around=("checkpoint", "of pending"),
    ),
    Mutant(
        "copy-told-before-it-is-durable",
        "powercut power: a sync left out; nothing cut the power behind a backup",
        "powercut.engine.checkpoint.backup",
        "            self._target.sync(name)\n",
        "            pass\n",
        "prefix",
        "WRONG_VALUE",
        MODEL,
        around=("checkpoint", "of pending"),
    ),
    Mutant(
        "longest-record-refused",
        "constructed: the edge of a comparison of sizes",
        "powercut.engine.sessions.single",
        "    if record_bytes(key_bytes, value_bytes) > driver.log.record_bytes_max:\n",
        "    if record_bytes(key_bytes, value_bytes) >= driver.log.record_bytes_max:\n",
        "model",
        "ERROR",
        MODEL,
        around=("put",),
    ),
    Mutant(
        "value-that-just-fits-is-copied",
        "constructed: the edge of a comparison of sizes, which costs a record an update",
        "powercut.engine.kernels.records",
        "    if is_spent or value + new_words > at + (sizes & w.ALLOCATED_MASK):\n",
        "    if is_spent or value + new_words >= at + (sizes & w.ALLOCATED_MASK):\n",
        "figures",
        "WRONG_RESULT",
        MODEL,
        around=("put",),
    ),
    Mutant(
        "done-counts-the-last-batch-alone",
        "constructed: of a call of several kernel batches the error tells of the last one",
        "powercut.engine.sessions.bulk",
        "                raise _with_done(error, before + done) from error.__cause__\n",
        "                raise _with_done(error, done) from error.__cause__\n",
        "model",
        "WRONG_RESULT",
        MODEL,
        around=("add_many", "of batches"),
    ),
    Mutant(
        "refused-batch-says-nothing-of-done",
        "powercut: a batch that was refused said None where 0 of its operations were done",
        "powercut.engine.sessions.session",
        "            error.done = error.done or 0\n",
        "",
        "model",
        "WRONG_RESULT",
        MODEL,
        around=("put_many", "of apart"),
    ),
    Mutant(
        "closed-session-never-saved",
        "constructed: what a checkpoint holds is taken in for open sessions alone, so close() tells a loss",
        "powercut.engine.sessions.registry",
        "                if state.saved != mark.serial:\n",
        "                if state.saved != mark.serial and state.is_live:\n",
        "figures",
        "WRONG_RESULT",
        MODEL,
        around=("leave", "checkpoint"),
    ),
    Mutant(
        "counts-of-closed-handles-forgotten",
        "constructed: counters went with the handle that counted",
        "powercut.engine.sessions.handles",
        "                self._past = _sums((self._past, session.counters()))\n",
        "                pass\n",
        "figures",
        "WRONG_RESULT",
        MODEL,
        around=("resume",),
    ),
    Mutant(
        "checkpoints-listed-oldest-first",
        "constructed: a list in the wrong order",
        "powercut.engine.checkpoints",
        "            return points_of(tables.chain(tables.head, []))\n",
        "            return points_of(tables.chain(tables.head, []))[::-1]\n",
        "figures",
        "WRONG_RESULT",
        MODEL,
        around=("checkpoint", "of pending"),
    ),
    Mutant(
        "closed-store-still-truncates",
        "constructed: of two checks at an entry the first is left out",
        "powercut.engine.checkpoints",
        "        self._check_open()\n        if self._read_only:\n",
        "        if self._read_only:\n",
        "model",
        "WRONG_RESULT",
        MODEL,
    ),
    Mutant(
        "raising-function-stays-pending",
        "constructed: what is counted under way is taken back only where all goes well",
        "powercut.engine.sessions.pending",
        """            return single.swap(each.key, each.function, found, is_cold=single.is_cold)
        finally:
            single.stage.batch[w.B_APPLY] = 1
            self._driver.release_pending(each.serial)
""",
        """            value = single.swap(each.key, each.function, found, is_cold=single.is_cold)
            self._driver.release_pending(each.serial)
            return value
        finally:
            single.stage.batch[w.B_APPLY] = 1
""",
        "model",
        "ERROR",
        MODEL,
        around=("start_odd",),
    ),
    Mutant(
        "begun-read-finds-what-came-later",
        "constructed: a read that was begun looks its key up again when it is completed",
        "powercut.engine.sessions.pending",
        """            record = _answer(each.answer)
            return None if""",
        """            record = _answer(each.answer)
            if self._single.peek_again(each.key) != (None if record is None else record.value):
                return self._single.found()
            return None if""",
        "model",
        "WRONG_RESULT",
        MODEL,
        around=("start_read", "of pending"),
    ),
    Mutant(
        "wait-with-a-deadline-is-over",
        "constructed: what a wait with a deadline returns is not asked for",
        "powercut.engine.sessions.pending",
        "        return not self._waiting\n",
        "        return not self._waiting or timeout is not None\n",
        "model",
        "WRONG_RESULT",
        MODEL,
        around=("complete",),
    ),
    Mutant(
        "read-only-stays-at-head",
        "constructed: nothing is frozen before its frame is needed, so every page waits for the device",
        "powercut.engine.log.ring",
        "                self.shift_read_only(max(head, start - self.mutable_bytes))\n",
        "                self.shift_read_only(head)\n",
        "figures",
        "WRONG_RESULT",
        MODEL,
        around=("roomy",),
    ),
    Mutant(
        "checkpoint-given-up-leaves-the-version-behind",
        "constructed: a checkpoint that is given up hands its version to the next one",
        "powercut.engine.checkpoint.driver",
        """        self._running = None
        self._system.set(self._system.version, Phase.REST)
""",
        """        version = self._system.version if self._running is None else self._running.version
        self._running = None
        self._system.set(version, Phase.REST)
""",
        "figures",
        "WRONG_RESULT",
        MODEL,
        around=("abandon",),
    ),
    Mutant(
        "batch-whose-reads-fail-has-ended-nowhere",
        "constructed: of a batch of reads that the device refuses the error tells none",
        "powercut.engine.sessions.bulk",
        """_with_done(DeviceError(error.errno, f"reading a record: {error}"), done)""",
        """DeviceError(error.errno, f"reading a record: {error}")""",
        "model",
        "WRONG_RESULT",
        MODEL,
        around=("failed",),
    ),
    Mutant(
        "foreign-byte-order-is-taken-as-it-stands",
        "constructed: an integer key is its bytes in memory, whatever their order",
        "powercut.engine.sessions.arrays",
        """        plain = plain.byteswap().view(plain.dtype.newbyteorder("<"))
""",
        """        plain = plain.view(plain.dtype.newbyteorder("<"))
""",
        "model",
        "WRONG_RESULT",
        MODEL,
        around=("put_many", "of forms"),
    ),
    Mutant(
        "store-opened-to-read-takes-a-session-away",
        "constructed: a refusal that one call of many lacks",
        "powercut.engine.store",
        """        self._check_writable()
        with self._lock:
            self._parts.sessions.forget(name)
""",
        """        self._check_open()
        with self._lock:
            self._parts.sessions.forget(name)
""",
        "prefix",
        "WRONG_RESULT",
        MODEL,
        around=("checkpoint", "of pending"),
    ),
    Mutant(
        "copy-leaves-the-file-whose-making-failed",
        "powercut: a copy that failed left a segment behind, whose name had been made before the error came",
        "powercut.engine.checkpoint.backup",
        """        self._made.append(name)  # First: a call that fails may have made it.
        self._target.create(name)
""",
        """        self._target.create(name)
        self._made.append(name)
""",
        "prefix",
        "WRONG_RESULT",
        MODEL,
        around=("checkpoint", "of lives"),
    ),
    Mutant(
        "counter-does-not-wrap-where-it-is-copied",
        "constructed: modulo 2**64 in place, and not in the copy",
        "powercut.engine.kernels.records",
        "        total = (total + load(log, value_word(at, sizes))) & w.MASK64\n",
        "        total = total + load(log, value_word(at, sizes))\n",
        "model",
        "ERROR",
        MODEL,
        around=("add_many", "of states"),
    ),
    Mutant(
        "cold-values-of-the-second-batch-in-the-rows-of-the-first",
        "constructed: a place within the batch taken for one within the call",
        "powercut.engine.sessions.bulk",
        "                    values[start + number] = np.frombuffer(value, np.uint8)\n",
        "                    values[number] = np.frombuffer(value, np.uint8)\n",
        "model",
        "WRONG_RESULT",
        MODEL,
        around=("get_many",),
    ),
    Mutant(
        "ticket-takes-the-next-checkpoint-on",
        "FASTER: a token of a checkpoint that was aborted is taken for the one under way",
        "powercut.engine.checkpoint.driver",
        "        running = running or self._running\n",
        "        running = self._running\n",
        "figures",
        "WRONG_RESULT",
        MODEL,
        around=("abandon",),
    ),
    Mutant(
        "narrow-keys-staged-on-wide-ones",
        "constructed: a buffer that is used again is not cleared, and a key's last word has bytes of another",
        "powercut.engine.sessions.bulk",
        "    area[:] = 0\n",
        "",
        "model",
        "WRONG_RESULT",
        MODEL,
        around=("put_many", "of forms"),
    ),
    Mutant(
        "refusal-names-less-than-is-enough",
        "constructed: of two bounds on memory the message tells the smaller one",
        "powercut.engine.settings",
        "    needed = max(needed, 2 * ring_least)\n",
        "    needed = max(needed, ring_least)\n",
        "model",
        "WRONG_RESULT",
        MODEL,
        around=("ground",),
    ),
    Mutant(
        "longer-list-of-values-is-cut-off",
        "constructed: arguments that do not fit each other are paired as far as they go",
        "powercut.engine.sessions.bulk",
        """        if len(all_keys) != len(all_values):
            raise _unequal(len(all_keys), len(all_values))
        run = """,
        """        all_keys, all_values = all_keys[: len(all_values)], all_values[: len(all_keys)]
        run = """,
        "model",
        "WRONG_RESULT",
        MODEL,
        around=("wrong",),
    ),
)
