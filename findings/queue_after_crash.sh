#!/usr/bin/env bash
# A disk queue that was not closed once drops the items that are pushed afterwards.
#
# Guess:   After a crash the items that were pushed since the queue was opened are there, or they are
#          not; what is pushed from then on is delivered.
# Seen:    The items are on the disk, but their number is stored by close() only. The next process
#          counts from the old number, and appends behind the items that nobody has counted: the FIFO
#          delivers the old ones in place of as many new ones, which are never delivered, and at the
#          end says that it is empty; the LIFO drops as many of the oldest. Neither gives an error.
# Version: queuelib 1.10.0, CPython 3.11 to 3.13
# Source:  queuelib/queue.py: FifoDiskQueue.push changes self.info, and close() alone writes
#          info.json; LifoDiskQueue.close() alone writes the size at the start of the file
# Output:
#   | FifoDiskQueue: 2 items after the crash, 3 more are pushed
#   |   got closed 1
#   |   got closed 2
#   |   got crashed 1
#   |   got crashed 2
#   |   got later 1
#   |   size 0; opened again: None
#   | LifoDiskQueue: 2 items after the crash, 3 more are pushed
#   |   got later 3
#   |   got later 2
#   |   got later 1
#   |   got crashed 2
#   |   got crashed 1
#   |   size 0; opened again: None
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check queuelib==1.10.0
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import os

from queuelib import FifoDiskQueue, LifoDiskQueue

for kind in (FifoDiskQueue, LifoDiskQueue):
    path = kind.__name__
    queue = kind(path)
    queue.push(b"closed 1")
    queue.push(b"closed 2")
    queue.close()
    if os.fork() == 0:
        queue = kind(path)
        for number in (1, 2):
            queue.push(f"crashed {number}".encode())
        queue.peek()
        os._exit(0)  # Stands for a crash: nothing is closed.
    os.wait()
    queue = kind(path)
    print(f"{kind.__name__}: {len(queue)} items after the crash, 3 more are pushed")
    for number in (1, 2, 3):
        queue.push(f"later {number}".encode())
    while (item := queue.pop()) is not None:
        print("  got", item.decode())
    queue.close()
    print(f"  size {len(queue)}; opened again:", kind(path).pop())
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
