"""The meter: what it counts, where a count begins anew, and when it raises."""

import sys
from pathlib import Path
from types import FunctionType

import pytest

from powercut.verifier.mutants.meter import Meter, SpentError
from powercut.verifier.reach.monitor import IS_WATCHING

pytestmark = pytest.mark.skipif(not IS_WATCHING, reason="there is no monitor before Python 3.12")

STORE = """\
def go(rounds):
    at = 0
    while at < rounds:
        at += 1
    return at

def swallow(rounds):
    for at in range(rounds):
        try:
            go(2)
        except BaseException:
            pass
"""
SUBJECT = """\
class Subject:
    def apply(self, go, rounds):
        def inner():
            return go(rounds)
        return inner()

def helper(go, rounds):
    return go(rounds)
"""


def loaded(file: str, source: str) -> dict[str, FunctionType]:
    names: dict[str, FunctionType] = {}
    exec(compile(source, file, "exec"), names)
    return names


GO = loaded("/store/loops.py", STORE)["go"]
SWALLOW = loaded("/store/loops.py", STORE)["swallow"]
OTHER = loaded("/harness/loops.py", STORE)["go"]
SUBJECT_NAMES = loaded("/harness/subject.py", SUBJECT)
APPLY = SUBJECT_NAMES["Subject"]().apply
HELPER = SUBJECT_NAMES["helper"]


def meter(limit: int, *, is_seen: bool = False) -> Meter:
    return Meter("/store", limit, ("/harness/subject.py", "Subject."), is_seen=is_seen)


def test_loops_of_the_folder_are_counted_and_others_are_not() -> None:
    with meter(1_000) as counted:
        GO(10)
        OTHER(500)
    assert 9 <= counted.most <= 11
    assert sys.monitoring.get_tool(3) is None


def test_what_goes_round_for_ever_raises_and_as_often_as_it_goes_on() -> None:
    with meter(100), pytest.raises(SpentError, match="100"):
        GO(10**9)
    with meter(100) as counted, pytest.raises(SpentError):
        SWALLOW(10**9)  # Its own loop is one of the store as well: it raises where nothing is swallowed.
    assert counted.most == 102


def test_each_operation_begins_anew_and_nothing_inside_it_does() -> None:
    with meter(100) as counted:
        for _ in range(5):
            APPLY(GO, 60)
    assert counted.most < 100
    with meter(100):
        HELPER(GO, 60)
        with pytest.raises(SpentError):
            HELPER(GO, 60)


def test_lines_that_were_run_are_seen() -> None:
    with meter(100, is_seen=True) as seen:
        GO(1)
    assert seen.lines == {"/store/loops.py": {2, 3, 4, 5}}
    with meter(100) as seen:
        GO(1)
    assert seen.lines == {}
    assert not Path("/store/loops.py").exists()
