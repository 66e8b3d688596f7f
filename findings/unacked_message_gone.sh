#!/usr/bin/env bash
# A message that its consumer did not acknowledge before it died is never delivered again.
#
# Guess:   A queue with acknowledgement delivers a message again if the process that took it ends without
#          ack(): that is what acknowledgement is for, and kombu and Celery (acks_late) are built on it.
# Seen:    kombu's filesystem transport moves the file of a message out of the queue when it is taken, and
#          removes it; its SQLAlchemy transport makes the row invisible for good. ack() does no
#          more than forget it in the process. After the death of a consumer the message that it held is
#          gone, for every later process; the row of SQL is left and never read again. A consumer
#          that closes its connection puts it back. persist-queue delivers it again.
# Version: kombu 5.7.0, sqlalchemy 2.1.9, persist-queue 1.1.0, CPython 3.11 to 3.13, Linux
# Source:  kombu/transport/filesystem.py and sqlalchemy/__init__.py, Channel._get; virtual/base.py, QoS
# Output:
#   | a consumer takes job 1 and job 2; the next process is given
#   | kombu, filesystem  closed  ['job 1', 'job 2']
#   | kombu, filesystem  ended   []
#   | kombu, sqlalchemy  closed  ['job 1', 'job 2']
#   | kombu, sqlalchemy  ended   []
#   | persist-queue      closed  ['job 1', 'job 2']
#   | persist-queue      ended   ['job 1', 'job 2']
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check kombu==5.7.0 sqlalchemy==2.1.9 persist-queue==1.1.0
cd "$folder"
venv/bin/python -W ignore - >seen.txt <<'PROGRAM'
import os
import tempfile

import kombu
import persistqueue

FOLDERS = ("data_folder_in", "data_folder_out", "control_folder")


class Kombu:
    def __init__(self, url, **options):
        self.connection = kombu.Connection(url, transport_options=options)
        self.queue = self.connection.SimpleQueue("jobs")
        self.put, self.close = self.queue.put, self.connection.close

    def take(self):
        try:
            return self.queue.get(block=False).payload
        except self.queue.Empty:
            return None


class PersistQueue:
    def __init__(self, path):
        self.queue = persistqueue.SQLiteAckQueue(path)
        self.put, self.close = self.queue.put, self.queue.close

    def take(self):
        try:
            return self.queue.get(block=False)
        except persistqueue.Empty:
            return None


def in_child(work):
    if os.fork() == 0:
        work()
        os._exit(0)
    os.wait()


def produce(queue):
    queue.put("job 1")
    queue.put("job 2")
    queue.close()


def consume(queue, end):
    assert {queue.take(), queue.take()} == {"job 1", "job 2"}
    end == "closed" and queue.close()


print("a consumer takes job 1 and job 2; the next process is given", flush=True)
QUEUES = {
    "kombu, filesystem": lambda path: Kombu("filesystem://", **dict.fromkeys(FOLDERS, path)),
    "kombu, sqlalchemy": lambda path: Kombu(f"sqla+sqlite:///{path}/kombu.db"),
    "persist-queue": PersistQueue,
}
for label, make in QUEUES.items():
    for end in ("closed", "ended"):
        path = tempfile.mkdtemp(dir=".")
        in_child(lambda: produce(make(path)))
        in_child(lambda: consume(make(path), end))
        in_child(lambda: print(f"{label:18} {end:7}", sorted(iter(make(path).take, None)), flush=True))
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
