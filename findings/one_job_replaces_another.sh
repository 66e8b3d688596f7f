#!/usr/bin/env bash
# Two jobs with one id: the second runs twice, the first never, and a cancelled one runs.
#
# Guess:   An id that is given to a job makes it unique: to enqueue it again changes nothing, or is refused,
#          as with a key of a queue in a database; and a job that was cancelled does not run.
# Seen:    The queue of rq is a list of ids, and the job a record under its id. The second call replaces
#          the record and puts the id into the list again: the argument of the first is gone, that of
#          the second is handled twice, and both are reported as finished. cancel() takes one of the two
#          entries out, and the worker runs the other. A job that waits for its time gets the arguments
#          of one that is enqueued now, and its own are lost. With unique=True the second is refused.
# Version: rq 3.0.0, fakeredis 2.41.0, CPython 3.11 to 3.13
# Source:  rq/queue.py: enqueue_job() saves the job, then pushes its id; `unique` is False by default
# Output:
#   | different ids:         ran [10, 20]
#   | one id:                ran [20, 20]
#   | states:                finished finished
#   | second one cancelled:  ran [20]
#   | its state before that: canceled
#   | first one in an hour:  ran [20], an hour later [20]
#   | unique=True:           ran [10] and DuplicateJobError
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check rq==3.0.0 fakeredis==2.41.0 lupa==2.8
cd "$folder"
cat >payments.py <<'MODULE'
ran = []


def pay(amount):
    ran.append(amount)
MODULE
PYTHONPATH=. venv/bin/python - >seen.txt <<'PROGRAM'
from datetime import timedelta

import fakeredis
import payments
import rq
from rq.registry import ScheduledJobRegistry


def fresh():
    return rq.Queue("payments", connection=fakeredis.FakeStrictRedis(server=fakeredis.FakeServer()))


def ran(queue):
    payments.ran.clear()
    rq.SimpleWorker([queue], connection=queue.connection).work(burst=True, logging_level="CRITICAL")
    return list(payments.ran)


def say(label, *values):
    print(f"{label + ':':22}", *values)


queue = fresh()
queue.enqueue(payments.pay, 10, job_id="order-1")
queue.enqueue(payments.pay, 20, job_id="order-2")
say("different ids", "ran", ran(queue))

queue = fresh()
jobs = [queue.enqueue(payments.pay, amount, job_id="order-1") for amount in (10, 20)]
say("one id", "ran", ran(queue))
say("states", *(job.get_status().value for job in jobs))

queue = fresh()
jobs = [queue.enqueue(payments.pay, amount, job_id="order-1") for amount in (10, 20)]
jobs[1].cancel()
state = jobs[1].get_status().value
say("second one cancelled", "ran", ran(queue))
say("its state before that", state)

queue = fresh()
queue.enqueue_in(timedelta(hours=1), payments.pay, 10, job_id="order-1")
queue.enqueue(payments.pay, 20, job_id="order-1")
now = ran(queue)
for job_id in ScheduledJobRegistry(queue=queue).get_job_ids():
    queue.enqueue_job(rq.job.Job.fetch(job_id, connection=queue.connection))
say("first one in an hour", f"ran {now}, an hour later", ran(queue))

queue = fresh()
try:
    for amount in (10, 20):
        queue.enqueue(payments.pay, amount, job_id="order-1", unique=True)
except Exception as error:
    say("unique=True", "ran", ran(queue), "and", type(error).__name__)
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
