#!/usr/bin/env bash
# A queue delivers the item that it refused, and keeps back the last one that it took.
#
# Guess:   If put() raises because the disk is full, the item is not in the queue; the queue
#          afterwards holds just the items whose put() returned.
# Seen:    The refused item stays in the buffer of the open file and goes out with the next flush,
#          ahead of the item that this put() stored; the count knows nothing of it. So the refused
#          item is delivered (a caller that tried again has it twice), and the last item that was
#          taken stays behind: the queue says it is empty.
# Version: persist-queue 1.1.0, CPython 3.11 and 3.12, Linux
# Source:  persistqueue/queue.py: Queue._put dumps into self.headf, then flush(); an exception
#          leaves self.info as it was and the bytes in the buffer of headf
# Output:
#   | put on a full disk: OSError
#   | size: 6
#   | got: taken 0
#   | got: taken 1
#   | got: taken 2
#   | got: refused
#   | got: taken 3
#   | got: taken 4
#   | empty
#   | opened again, size: 0
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check persist-queue==1.1.0
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import logging
import os
import resource

from persistqueue import Empty, Queue

logging.disable(logging.CRITICAL)
queue = Queue("queue", autosave=True)
for number in range(3):
    queue.put(f"taken {number} " + "x" * 600)
# A limit on the size of files stands for a full disk.
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (os.path.getsize("queue/q00000") + 250, hard))
try:
    queue.put("refused " + "x" * 600)
    print("put on a full disk: no error")
except OSError as error:
    print(f"put on a full disk: {type(error).__name__}")
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
for number in range(3, 6):
    queue.put(f"taken {number} " + "x" * 600)
print("size:", queue.qsize())
try:
    while True:
        print("got:", queue.get(block=False).rstrip("x "))
except Empty:
    print("empty")
del queue
print("opened again, size:", Queue("queue").qsize())
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
