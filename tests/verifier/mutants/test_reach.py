"""Reach: an edit touches no less than it can change, and who does not run that is not searched."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from powercut.verifier.concurrency.ends import Kept
from powercut.verifier.concurrency.grounds import repeated
from powercut.verifier.concurrency.lanes import SessionsProgram
from powercut.verifier.concurrency.schedule import STEPS_MAX, Replay
from powercut.verifier.mutants.bank import BANK, find
from powercut.verifier.mutants.hook import read_source
from powercut.verifier.mutants.hunts.preempt import programs
from powercut.verifier.mutants.hunts.schedule import hunt_schedules
from powercut.verifier.mutants.planted import SCHEDULES, Mutant
from powercut.verifier.mutants.reach import Watch, region
from powercut.verifier.reach.monitor import IS_WATCHING
from powercut.verifier.verdict import Breach, Violation

SOURCE = """\
LIMIT = 3

class Thing:
    size = 1

    def first(self, a):
        if a:
            b = [
                1,
                2,
            ]
            return b
        # A remark.
        try:
            c = 4
            d = 5
        except OSError:
            return 6
        for e in f:
            g = 7
        return lambda: 8
"""


def lines(old: str, new: str) -> tuple[int, int] | None:
    found = region(SOURCE, Mutant("m", "", "", old, new, "", ""))
    return None if found is None else (found.start, found.stop - 1)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("c = 4", "c = 5", (15, 15)),
        ("                2,\n", "                3,\n", (8, 11)),  # A part of a statement is all of it.
        ("            c = 4\n            d = 5\n", "            c = 4\n            d = 6\n", (16, 16)),
        ("            c = 4\n            d = 5\n", "            d = 5\n", (15, 15)),
        (
            "            c = 4\n            d = 5\n",
            "            c = 4\n            x\n            d = 5\n",
            (15, 16),
        ),
        # At the end of a block what is added may run without the line before it.
        ("            d = 5\n        except", "            d = 5\n        x\n        except", (14, 18)),
        ("            g = 7\n        return", "            g = 7\n        h = 1\n        return", (19, 21)),
        ("        # A remark.\n        try:\n", "        # A remark.\n        x\n        try:\n", (14, 18)),
        ("except OSError", "except ValueError", (14, 18)),
        ("if a:", "if not a:", (7, 12)),
        ("lambda: 8", "lambda: 9", (21, 21)),
        ("def first(self, a)", "def first(self, a=1)", None),
        ("size = 1", "size = 2", None),
        ("LIMIT = 3", "LIMIT = 4", None),
        ("# A remark.", "# Another.", None),
    ],
)
def test_an_edit_touches_the_whole_statements_it_is_in(
    old: str, new: str, expected: tuple[int, int] | None
) -> None:
    assert lines(old, new) == expected


SURVEYED = [each for each in BANK if each.search == SCHEDULES and not each.is_of_log]


@pytest.mark.parametrize("mutant", SURVEYED, ids=lambda m: m.name)
def test_every_bug_among_schedules_has_a_region_that_holds_its_edit(mutant: Mutant) -> None:
    source = read_source(mutant)
    touched = region(source, mutant)
    assert touched is not None
    before = source.splitlines()
    after = source.replace(mutant.old, mutant.new).splitlines()
    above = next(at for at, (old, new) in enumerate(zip(before, after, strict=False)) if old != new)
    assert touched.start <= above + 1 < touched.stop or touched.start == above + 2  # Added in front of it.


def run(number: int) -> None:
    tape = list(programs(0, ""))[number]
    _, scheduler, calls = repeated(tape, Kept()).start(Replay(), STEPS_MAX)
    scheduler.run(calls)


@pytest.mark.skipif(not IS_WATCHING, reason="there is no monitor before Python 3.12")
def test_a_watch_tells_what_ran_since_it_was_asked() -> None:
    every, seldom = find("applied-marked-after-leaving"), find("scan-does-not-wait-for-batches")
    always = Mutant("always", "", every.module, "from __future__", "from  __future__", "", "")
    with Watch([every, seldom, always]) as watch:
        run(0)
        watch.take()
        assert watch.take() == {"always"}
        for _ in range(2):
            run(0)
            assert watch.take() == {every.name, "always"}
    assert sys.monitoring.get_tool(4) is None


@pytest.mark.skipif(not IS_WATCHING, reason="there is no monitor before Python 3.12")
def test_a_hunt_that_knows_the_survey_finds_and_counts_the_same(eighth: Any) -> None:
    bug = find("scan-does-not-wait-for-batches")
    assert eighth.survey(bug.name, 90) is None  # For one bug it would not pay.
    survey = eighth.survey(bug.name, 90)
    total = len(range(0, len(list(programs(0, ""))), 8))
    assert 10 < len(survey["reaching"]) < total // 4
    assert not survey["ends"]  # A scan is no kernel.
    assert eighth.survey("no such bug", 90) is None
    kernel = eighth.survey("copier-does-not-seal", 90)
    assert 10 < len(kernel["reaching"]) < total // 2
    assert {int(number) for number in kernel["ends"]} == set(kernel["reaching"])
    assert len(eighth.survey("applied-marked-after-leaving", 90)["reaching"]) == total
    request = {"task": "hunt", "bug": bug.name, "seed": 0, "oracle": bug.oracle, "breach": bug.breach}
    request |= {
        "search": bug.search,
        "preemptions": bug.preemptions,
        "around": bug.around,
        "limit_seconds": 90,
    }
    answers = [eighth.ask({**request, "survey": known}) for known in (None, survey)]
    assert answers[0] == answers[1]
    assert answers[0][1]["programs"] > total


def test_what_the_survey_names_is_searched_and_the_rest_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Violation("linearizable", Breach.WRONG_VALUE, "planted in the judge")
    monkeypatch.setattr(SessionsProgram, "_judge", lambda self, state: found)
    request = {"bug": "", "seed": 0, "oracle": "linearizable", "breach": "WRONG_VALUE"}
    request |= {"preemptions": 0, "around": (), "survey": {"reaching": [5, 7], "ends": {}}}
    answer = hunt_schedules(request)
    assert answer["tape"]
    assert (answer["programs"], answer["distinct"], answer["checked"]) == (6, 6, 6)
