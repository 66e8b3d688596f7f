"""Loads whose process is killed: every life dies where it should, and each judge says no."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any

import msgspec
import numpy as np
import pytest

from powercut.verifier.errors import HarnessError
from powercut.verifier.finders.cpr import killed
from powercut.verifier.finders.cpr.dying import keys_of
from powercut.verifier.finders.cpr.killed import Kills, KillsTally, judge_left, run_kills
from powercut.verifier.finders.cpr.load import WRITERS, Words, stamps_of
from powercut.verifier.verdict import OK, Breach, Violation

COUNT = 40
# In a process of its own, since it forks: with something planted, so many kills of interpreted kernels.
_KILLS = """
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
import msgspec
from powercut.engine.sessions.registry import SessionRegistry
from powercut.verifier.finders.cpr import dying
from powercut.verifier.finders.cpr.killed import Kills, KillsTally, kill_loads

def late(self, version, genuine=SessionRegistry.marks):
    return [mark._replace(serial=max(0, mark.serial - 1)) for mark in genuine(self, version)]

def early(self, genuine=dying.Memory.strike):
    genuine(self)
    self.told.fill(1 << 40)
    self.waited.fill(1 << 40)

def twice(stamp):
    return lambda found: (found or b"") + stamp * 2

if sys.argv[1] == "late":
    SessionRegistry.marks = late
elif sys.argv[1] == "early":
    dying.Memory.strike = early
elif sys.argv[1] == "twice":
    dying.appending = twice
elif sys.argv[1] == "capped":
    dying.CAP = 0
tally = KillsTally()
with TemporaryDirectory() as home:
    try:
        kill_loads(Kills(sys.argv[1], 1, int(sys.argv[2]), "interpreted"), Path(home), tally)
    except Exception as error:
        tally.error = repr(error)
print(msgspec.json.encode(tally).decode())
"""


@pytest.fixture(scope="module")
def planted(forked_kills: Callable[..., Any]) -> Callable[[str, int], KillsTally]:
    def run(what: str, lives: int) -> KillsTally:
        done = forked_kills(_KILLS, what, str(lives))
        assert done.returncode == 0, done.stderr
        return msgspec.json.decode(done.stdout, type=KillsTally)

    return run


def test_lives_of_one_folder_are_killed_and_proved_one_after_the_other(
    planted: Callable[[str, int], KillsTally],
) -> None:
    tally = planted("whole", 3)
    assert (tally.violation, tally.unknown, tally.error) == (None, "", "")
    assert tally.reached["kills"] == 3
    assert [tally.reached[f"killed at {call}"] for call in ("write", "sync", "create")] == [1, 1, 1]
    assert tally.reached["operations proved after a kill"] > 0
    assert tally.reached["in a later life"] == 2


@pytest.mark.parametrize(("what", "oracle"), [("late", "prefix"), ("early", "prefix"), ("twice", "prefix")])
def test_store_or_load_with_a_bug_is_told(
    what: str, oracle: str, planted: Callable[[str, int], KillsTally]
) -> None:
    tally = planted(what, 6)
    assert tally.error == ""
    assert tally.violation is not None
    assert tally.violation.oracle == oracle
    assert "of a folder, killed at Death(call=" in tally.violation.detail


def test_life_that_does_not_come_to_its_call_decides_nothing(
    planted: Callable[[str, int], KillsTally],
) -> None:
    tally = planted("capped", 1)
    assert tally.violation is None
    assert "a life to be killed at" in tally.unknown
    assert "kills" not in tally.reached


def _left() -> tuple[list[Words], dict[int, int], list[bytes | None]]:
    """The keys of all writers, so many of which are recovered, and what their store then holds."""
    taken = [keys_of(1, 1, number, 1, COUNT) for number in range(WRITERS)]
    recovered = {number: COUNT - number for number in range(WRITERS)}
    values: list[bytes | None] = [None] * (1 + max(int(keys.max()) for keys in taken))
    for number, keys in enumerate(taken):
        for key, stamp in zip(keys[: recovered[number]], stamps_of(number, 1, COUNT), strict=False):
            values[int(key)] = (values[int(key)] or b"") + stamp.tobytes()
    return taken, recovered, values


def _verdict_on(change: Callable[[bytes], bytes], **other: Any) -> object:
    taken, recovered, values = _left()
    at = next(key for key, value in enumerate(values) if value and len(value) >= 16)
    before = [*values]
    values[at] = change(values[at] or b"")
    least = {number: other.get("least", 0) for number in range(WRITERS)}
    serials = recovered | other.get("serials", {})
    return judge_left(taken, least, serials, before if other.get("is_later") else [], values)


def test_what_is_whole_is_right_and_a_stamp_lost_or_twice_or_wrong_is_told() -> None:
    assert _verdict_on(lambda value: value) == OK
    assert _verdict_on(lambda value: value, is_later=True) == OK
    for change in (
        lambda value: value[:-8],  # A lost append,
        lambda value: value + value[-8:],  # one that is there twice,
        lambda value: value + stamps_of(WRITERS - 1, COUNT, 1).tobytes(),  # one behind N(s),
        lambda value: value + stamps_of(3, 1, 1).tobytes() + value[:0],  # one of another key,
        lambda value: value[:-3],  # and what is no stamp.
    ):
        verdict = _verdict_on(change)
        assert isinstance(verdict, Violation)
        assert verdict.oracle == "prefix"


def test_session_that_is_one_short_or_one_long_is_told() -> None:
    for serials in ({0: COUNT - 1}, {5: COUNT - 6}, {5: COUNT - 4}, {0: COUNT + 1}):
        assert isinstance(_verdict_on(lambda value: value, serials=serials), Violation)
    lost = _verdict_on(lambda value: value, least=COUNT)
    assert isinstance(lost, Violation)
    assert lost.breach is Breach.LOST_ACK


def test_what_an_earlier_life_left_stands_first_and_stamps_of_a_writer_ascend() -> None:
    swapped = _verdict_on(lambda value: value[8:16] + value[:8] + value[16:], is_later=True)
    assert isinstance(swapped, Violation)
    assert "an earlier life" in swapped.detail
    keys = [np.full(2, 5, np.uint64)] + [np.empty(0, np.uint64)] * (WRITERS - 1)
    both = [each.tobytes() for each in stamps_of(0, 1, 2)]
    for order, is_right in ((both, True), (both[::-1], False)):
        content: list[bytes | None] = [None] * 5 + [b"".join(order)]
        verdict = judge_left(keys, {}, {0: 2}, [], content)
        assert (verdict == OK) is is_right


def test_keys_are_a_function_of_life_and_serial_and_no_batch() -> None:
    whole = keys_of(3, 2, 5, 1, 60)
    assert np.concatenate([keys_of(3, 2, 5, 1, 25), keys_of(3, 2, 5, 26, 35)]).tolist() == whole.tolist()
    others = [keys_of(3, 1, 5, 1, 60), keys_of(3, 2, 4, 1, 60), keys_of(4, 2, 5, 1, 60)]
    assert all((whole != other).sum() > 50 for other in others)


def test_worker_answers_and_what_breaks_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told = msgspec.json.encode(KillsTally(error="no room"))
    monkeypatch.setattr(killed, "ask", lambda *_: told)
    with pytest.raises(HarnessError, match="no room"):
        run_kills(Kills("0", 1, 1), inf)
    monkeypatch.undo()
    tally = run_kills(Kills("0", 1, 1, "interpreted"), inf)
    assert (tally.violation, tally.reached["kills"]) == (None, 1)
    assert run_kills(Kills("0", 1, 1, "interpreted"), 0.0).is_cut
