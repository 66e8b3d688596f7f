#!/usr/bin/env bash
# An item that was acknowledged once can never be put into the queue again, and is dropped in silence.
#
# Guess:   A queue without duplicates holds an item once at a time: after it was taken and acknowledged, or
#          given up as failed, the same item can be put again, and is delivered.
# Seen:    persist-queue's UniqueAckQ keeps the rows of what was acknowledged, and the uniqueness is that
#          of the table: put() returns None instead of a number, raises nothing, and the item is gone;
#          so every day's "refresh" is done on the first day only, also after a restart.
#          clear_acked_data() does not help below a thousand rows, which it keeps; with keep_latest=0 it
#          does, and for failed ones with clear_ack_failed=True. UniqueQ,
#          which has no acknowledgement, is as guessed.
# Version: persist-queue 1.1.0, CPython 3.11 to 3.13
# Source:  persistqueue/sqlackqueue.py: UniqueAckQ._SQL_CREATE has UNIQUE (data), put passes IntegrityError
# Output:
#   | UniqueQ, taken                   put again: 2    delivered: refresh
#   | SQLiteAckQueue, acknowledged     put again: 2    delivered: refresh
#   | UniqueAckQ, acknowledged         put again: None delivered: nothing
#   | UniqueAckQ, failed               put again: None delivered: nothing
#   | UniqueAckQ, cleared              put again: None delivered: nothing
#   | UniqueAckQ, cleared to the last  put again: 2    delivered: refresh
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check persist-queue==1.1.0
cd "$folder"
venv/bin/python -W ignore - >seen.txt <<'PROGRAM'
import tempfile

import persistqueue


def delivered(queue):
    try:
        return queue.get(block=False)
    except persistqueue.Empty:
        return "nothing"


def again(label, make, act):
    path = tempfile.mkdtemp(dir=".")
    queue = make(path)
    queue.put("refresh")
    act(queue, queue.get(block=False))
    queue.close()
    queue = make(path)
    number = queue.put("refresh")
    print(f"{label:32} put again: {number!s:4} delivered: {delivered(queue)}")


def cleared(**options):
    def act(queue, item):
        queue.ack(item)
        queue.clear_acked_data(**options)

    return act


again("UniqueQ, taken", persistqueue.UniqueQ, lambda queue, item: None)
again("SQLiteAckQueue, acknowledged", persistqueue.SQLiteAckQueue, lambda queue, item: queue.ack(item))
again("UniqueAckQ, acknowledged", persistqueue.UniqueAckQ, lambda queue, item: queue.ack(item))
again("UniqueAckQ, failed", persistqueue.UniqueAckQ, lambda queue, item: queue.ack_failed(item))
again("UniqueAckQ, cleared", persistqueue.UniqueAckQ, cleared())
again("UniqueAckQ, cleared to the last", persistqueue.UniqueAckQ, cleared(keep_latest=0))
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
