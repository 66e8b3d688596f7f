"""Watching: a plugin of pytest that tells which tests fail, and ends one whose loops go round too often.

Stands in a copy of a checkout, beside the package with mutants in it, and imports nothing of ours. In the
file that POWERCUT_TOLD names it writes a line at each beginning and each failure of a test, at once: a test
that takes the process with it is the last that was begun. POWERCUT_WORK holds how many rounds one test may
take, and the folder whose loops are counted; past that the process ends.
"""

import os
import sys
from typing import Any

EXIT_SPENT = 70


class _Work:
    def __init__(self, limit: int, folder: str) -> None:
        self.rounds = 0
        self._limit = limit
        self._folder = folder

    def watch(self) -> None:
        monitoring = sys.monitoring
        monitoring.use_tool_id(monitoring.PROFILER_ID, "powercut-watching")
        monitoring.register_callback(monitoring.PROFILER_ID, monitoring.events.JUMP, self._jump)
        monitoring.set_events(monitoring.PROFILER_ID, monitoring.events.JUMP)

    def _jump(self, code: Any, source: int, target: int) -> object:
        if target > source or not code.co_filename.startswith(self._folder):
            return sys.monitoring.DISABLE
        self.rounds += 1
        if self.rounds > self._limit:
            os._exit(EXIT_SPENT)
        return None


def _tell(what: str, test: str) -> None:
    with open(os.environ["POWERCUT_TOLD"], "a", encoding="utf-8") as told:
        told.write(f"{what} {test}\n")


_limit, _, _folder = os.environ["POWERCUT_WORK"].partition(" ")
_work = _Work(int(_limit), _folder)
if sys.version_info >= (3, 12):
    _work.watch()


def pytest_runtest_logstart(nodeid: str) -> None:
    """A test begins."""
    _work.rounds = 0
    _tell("begun", nodeid)


def pytest_runtest_logreport(report: Any) -> None:
    """A part of a test has ended."""
    if report.failed:
        _tell("failed", report.nodeid)


def pytest_collectreport(report: Any) -> None:
    """A file has been collected."""
    if report.failed:
        _tell("failed", report.nodeid)
