#!/usr/bin/env bash
# A save that was refused succeeds when it is tried again, and stores nothing.
#
# Guess:   A save that lost against another writer (optimistic concurrency) raises; tried again it
#          raises again, or stores the events. What it returned from without an error is stored.
# Seen:    eventsourcing takes the events out of the aggregate before it stores them. After
#          the IntegrityError they are in neither: the retry returns an empty list and no error, while
#          the object goes on showing the deposit. The next event has a number that is free by then, so it
#          is stored, and the account is read with the other writer's deposit, without the one whose
#          retry had succeeded. A retry after a database that was locked loses them likewise.
# Version: eventsourcing 9.5.6, CPython 3.11 to 3.13
# Source:  eventsourcing/domain.py: collect_events() pops each pending event; application.py: save()
#          collects first, then calls the recorder
# Output:
#   | the other writer:        stored 1
#   | deposit of 10, save:     IntegrityError
#   | the same save again:     stored 0
#   | the object says:         10
#   | next deposit of 100:     stored 1
#   | the object says:         110
#   | read from the store:     101
#   | locked, save:            OperationalError
#   | unlocked, saved again:   stored 0
#   | read from the store:     101
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check eventsourcing==9.5.6
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import sqlite3

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event


class Account(Aggregate):
    @event("Opened")
    def __init__(self):
        self.balance = 0

    @event("Deposited")
    def deposit(self, amount):
        self.balance += amount


def say(what, value):
    print(f"{what + ':':24} {value}")


def save(what, account):
    try:
        say(what, f"stored {len(application.save(account))}")
    except Exception as error:
        say(what, type(error).__name__)


settings = {"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": "events.db", "SQLITE_LOCK_TIMEOUT": "1"}
application = Application(env=settings)
opened = Account()
application.save(opened)
theirs, ours = (application.repository.get(opened.id) for _ in range(2))

theirs.deposit(1)
save("the other writer", theirs)
ours.deposit(10)
save("deposit of 10, save", ours)
save("the same save again", ours)
say("the object says", ours.balance)
ours.deposit(100)
save("next deposit of 100", ours)
say("the object says", ours.balance)
say("read from the store", application.repository.get(opened.id).balance)

fresh = application.repository.get(opened.id)
fresh.deposit(1000)
other = sqlite3.connect("events.db", isolation_level=None)
other.execute("BEGIN IMMEDIATE")
save("locked, save", fresh)
other.execute("ROLLBACK")
save("unlocked, saved again", fresh)
say("read from the store", application.repository.get(opened.id).balance)
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
