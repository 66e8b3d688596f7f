#!/usr/bin/env bash
# Keeping the newest two logs removes files that rotation never made.
#
# Guess:   A retention of n files counts and removes the files that rotation has made: they carry its
#          number or its time in their names. What else begins with the log's name is somebody's own.
# Seen:    loguru with retention=2 on app.log removes app.important.log, app.log.old and
#          app.important.log.gz, and counts them among its two. logbook's timed handler removes
#          app-important.log. Two handlers of the standard library, and two of
#          concurrent-log-handler, remove nothing that is not theirs.
# Version: loguru 0.7.3, logbook 1.10.1, concurrent-log-handler 0.9.31, CPython 3.11 to 3.13
# Source:  loguru/_file_sink.py makes glob patterns: root, ".*", extension, and all of it again with
#          ".*" behind; logbook/handlers.py takes what begins with the root and ends in the extension;
#          logging/handlers.py holds the suffix against a pattern of the time
# Output:
#   | four files of somebody's own beside app.log, two logs to keep; removed:
#   | loguru                             app.important.log app.important.log.gz app.log.old
#   | logbook TimedRotating              app-important.log
#   | logging Rotating
#   | logging TimedRotating
#   | concurrent Rotating
#   | concurrent TimedRotating
set -euo pipefail
self=$(realpath "$0")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check loguru==0.7.3 logbook==1.10.1 concurrent-log-handler==0.9.31
cd "$folder"
venv/bin/python - >seen.txt <<'PROGRAM'
import logging
import os
from logging.handlers import RotatingFileHandler, TimedRotatingFileHandler

import logbook
import loguru
from concurrent_log_handler import ConcurrentRotatingFileHandler, ConcurrentTimedRotatingFileHandler

OWN = {"app.important.log", "app.important.log.gz", "app.log.old", "app-important.log"}
HOME = os.getcwd()


def of_loguru():
    logger = loguru.logger
    logger.remove()
    number = logger.add("app.log", rotation=100, retention=2)
    for _ in range(9):
        logger.info("a line of some length, which makes a file of its own")
    logger.remove(number)


def of_logbook():
    handler = logbook.TimedRotatingFileHandler("app.log", backup_count=2)
    with handler.applicationbound():
        for day in range(1, 5):
            handler.perform_rollover(f"2031-01-0{day}")


def of_logging(handler):
    def run():
        made = handler()
        for _ in range(9):
            made.doRollover()
            made.emit(logging.makeLogRecord({"msg": "a line"}))
            made.rolloverAt = 0
        made.close()

    return run


print("four files of somebody's own beside app.log, two logs to keep; removed:")
for label, run in (
    ("loguru", of_loguru),
    ("logbook TimedRotating", of_logbook),
    ("logging Rotating", of_logging(lambda: RotatingFileHandler("app.log", maxBytes=9, backupCount=2))),
    ("logging TimedRotating", of_logging(lambda: TimedRotatingFileHandler("app.log", when="S", backupCount=2))),
    ("concurrent Rotating", of_logging(lambda: ConcurrentRotatingFileHandler("app.log", maxBytes=9, backupCount=2))),
    ("concurrent TimedRotating", of_logging(lambda: ConcurrentTimedRotatingFileHandler("app.log", when="S", backupCount=2))),
):
    os.mkdir(label)
    os.chdir(label)
    for name in OWN:
        open(name, "w").close()
    run()
    print(f"{label:34}", *sorted(OWN - set(os.listdir()))) if OWN - set(os.listdir()) else print(label)
    os.chdir(HOME)
PROGRAM
cat seen.txt
diff <(sed -n 's/^#   | //p' "$self") seen.txt || { echo "$(basename "$self"): no longer as stated" >&2; exit 1; }
