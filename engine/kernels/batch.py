"""Batches: the one kernel that a session calls. It enters, works staged operations off, and leaves.

A batch is a header in the session's batch space (`words`, B_), and keys, values and results where
the header says. `run_batch` returns why it stopped: `words.DONE`, or the slow path that operation
B_START needs; the caller does the slow thing in ordinary Python and calls again from there.

Invariants
  E1  entering is a CAS of the session's row from IDLE to the epoch, leaving a store of IDLE: what is
      read of boundaries and phase in between holds until the epoch has drained
  S5  serials are taken and the mark of what has ended is set while the row is entered: whoever claims
      an idle row sees a whole number of operations
  S6  a batch runs in one version: where the system has moved on, not one operation of it is begun

Threads: any number; a row lets one batch in. The source is the one that is compiled (`compilation`),
so every number is an unsigned 64-bit word.
"""

from __future__ import annotations

from . import words as w
from .atomics import Space, cas, load, store
from .near import is_near, run_near
from .operations import run_one
from .probe import fetch_records, hash_keys

__all__ = ["run_batch"]


def take(batch: Space, number: int) -> None:
    """Put operation `number` into the frame."""
    table = batch[w.B_TABLE]
    batch[w.OP_HASH] = batch[batch[w.B_HASHES] + number]
    batch[w.OP_SLOT] = batch[batch[w.B_SLOTS] + number]
    if batch[w.OP_KIND] == w.MOVE:
        batch[w.B_MOVED] = batch[batch[w.B_RESULTS] + number]  # Until there is a result.
    if table == 0:
        batch[w.OP_KEY] = batch[w.B_KEYS] + number * batch[w.B_KEY_STRIDE]
        batch[w.OP_KEY_BYTES] = batch[w.B_KEY_BYTES]
        batch[w.OP_VALUE] = batch[w.B_VALUES] + number * batch[w.B_VALUE_STRIDE]
        batch[w.OP_VALUE_BYTES] = batch[w.B_VALUE_BYTES]
        if batch[w.OP_KIND] == w.READ:
            batch[w.OP_VALUE_BYTES] = batch[w.B_ROOM]
        elif batch[w.OP_KIND] == w.PEEK:
            batch[w.OP_VALUE] = batch[w.B_EXPECTED]
            batch[w.OP_VALUE_BYTES] = batch[w.B_ROOM]
        return
    row = table + number * w.T_WORDS
    batch[w.OP_KEY] = batch[row + w.T_KEY]
    batch[w.OP_KEY_BYTES] = batch[row + w.T_KEY_BYTES]
    batch[w.OP_VALUE] = batch[row + w.T_VALUE]
    batch[w.OP_VALUE_BYTES] = batch[row + w.T_VALUE_BYTES]
    if batch[w.OP_KIND] == w.READ:
        batch[w.OP_VALUE] = batch[w.B_CURSOR]
        batch[w.OP_VALUE_BYTES] = (batch[w.B_LIMIT] - batch[w.B_CURSOR]) << 3


def put(control: Space, batch: Space, number: int) -> None:
    """Take the result of operation `number` out of the frame, and count where its key was."""
    result = batch[w.OP_RESULT]
    place = batch[w.OP_PLACE]
    told = result
    if batch[w.OP_KIND] == w.READ:
        if result == w.LEFT:
            told = result | batch[w.OP_ADDRESS] << w.RESULT_BITS
        elif result == w.FOUND and place != w.COLD:
            told = result | batch[w.OP_VALUE_BYTES] << w.RESULT_BITS
            if batch[w.B_TABLE] != 0:
                batch[batch[w.B_TABLE] + number * w.T_WORDS + w.T_VALUE] = batch[w.B_CURSOR]
                batch[w.B_CURSOR] += (batch[w.OP_VALUE_BYTES] + 7) >> 3
    elif batch[w.OP_KIND] == w.PEEK:
        batch[w.B_EXPECTED_BYTES] = batch[w.OP_VALUE_BYTES] if result == w.FOUND else w.EXPECT_ABSENT
    batch[batch[w.B_RESULTS] + number] = told
    if place == w.WARM:
        if batch[w.OP_ADDRESS] >= load(control, w.READ_ONLY):
            batch[w.N_MUTABLE] += 1
        else:
            batch[w.N_FROZEN] += 1
    elif place != w.NOWHERE:
        batch[w.N_COLD] += 1
    else:
        batch[w.N_ABSENT] += 1


def work_off(
    control: Space, index: Space, log: Space, batch: Space, version: int, fuzzy: int, shifted: int
) -> int:
    """Run operations B_START to B_COUNT - 1, in order; why it stopped, at B_START."""
    number = batch[w.B_START]
    count = batch[w.B_COUNT]
    batch[w.OP_KIND] = batch[w.B_KIND]
    # Three groups are under way: of one the buckets are fetched, of the one before it the records, and the
    # first is worked off. So a line is asked for a whole group before it is needed.
    stop = number + w.GROUP if number + w.GROUP < count else count
    behind = stop + w.GROUP if stop + w.GROUP < count else count
    hash_keys(control, index, batch, number, behind)
    slots = batch[w.B_SLOTS]
    is_short = stop - number > 1 and is_near(batch, fuzzy)
    if stop - number > 1:
        fetch_records(control, index, log, batch, number, stop)
    while number < count:
        if behind < count:
            start = behind
            behind = start + w.GROUP if start + w.GROUP < count else count
            hash_keys(control, index, batch, start, behind)
        if stop < count:
            start = stop
            stop = start + w.GROUP if start + w.GROUP < count else count
            fetch_records(control, index, log, batch, start, stop)
        else:
            start = count
        while number < start:
            if is_short and batch[slots + number] < w.REFUSED:
                number = run_near(control, index, log, batch, number, start)
            if number < start:
                take(batch, number)
                why = run_one(control, index, log, batch, version, fuzzy, shifted)
                if why != w.DONE:
                    batch[w.B_START] = number
                    return why
                put(control, batch, number)
                batch[w.B_COLD_STATE] = w.COLD_UNKNOWN
                number += 1
    batch[w.B_START] = number
    return w.DONE


def run_entered(control: Space, index: Space, log: Space, epochs: Space, batch: Space, row: int) -> int:
    """Run the batch of a session that has entered; `run_batch` enters and leaves around it."""
    system = load(control, w.SYSTEM)
    version = load(epochs, row + w.ROW_VERSION)
    if system >> w.PHASE_BITS != version:
        return w.SHIFT
    if batch[w.B_ISSUE] != 0 and batch[w.B_KIND] != w.SWAP:
        first = load(epochs, row + w.ROW_SERIAL)
        store(epochs, row + w.ROW_SERIAL, first + batch[w.B_COUNT] - batch[w.B_START])
        batch[w.B_FIRST] = first
        # What the device said to an operation that did not come to its end is no answer for this one.
        batch[w.B_COLD_STATE] = w.COLD_UNKNOWN
    batch[w.B_ISSUE] = 0
    fuzzy = load(control, w.FUZZY_START)
    phase = system & w.PHASE_MASK
    shifted = fuzzy if phase >= w.PHASE_SHIFTED else 0
    why = work_off(control, index, log, batch, version, fuzzy, shifted)
    if batch[w.B_APPLY] != 0 and batch[w.B_KIND] != w.PEEK and batch[w.B_START] > 0:
        store(epochs, row + w.ROW_APPLIED, batch[w.B_FIRST] + batch[w.B_START])
    if why == w.ON_DEVICE and batch[w.B_PEND] != 0 and phase == 0:
        store(epochs, row + w.ROW_PENDING, load(epochs, row + w.ROW_PENDING) + 1)
        return w.PENDING
    return why


def run_batch(control: Space, index: Space, log: Space, epochs: Space, batch: Space) -> int:
    """Enter, run the batch from B_START on, and leave; why it stopped (`words`)."""
    row = batch[w.B_ROW]
    if not cas(epochs, row + w.ROW_STATE, w.IDLE, load(control, w.EPOCH)):
        return w.TAKEN
    why = run_entered(control, index, log, epochs, batch, row)
    store(epochs, row + w.ROW_STATE, w.IDLE)
    if why != w.DONE:
        batch[w.N_LEFT] += 1
        if why == w.RETRY:
            batch[w.N_RETRY] += 1
    return why
