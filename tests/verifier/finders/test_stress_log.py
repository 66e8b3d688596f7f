"""A log under stress: what a life reaches, and what it finds."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from math import inf
from typing import Any

import pytest

from powercut.engine import FasterLog, MemoryDevice
from powercut.engine.fasterlog.groups import Commit, Groups
from powercut.verifier.finders.stress import campaign
from powercut.verifier.finders.stress.amounts import AMOUNTS, of_log
from powercut.verifier.finders.stress.campaign import run_log_stress
from powercut.verifier.finders.stress.logged import LogLife, entry_of, is_whole, live_log
from powercut.verifier.verdict import OK, Breach, Verdict, Violation


def breach_of(verdict: Verdict) -> Breach | None:
    return verdict.breach if isinstance(verdict, Violation) else None


def lived(device: MemoryDevice, before: LogLife | None = None, **changes: Any) -> LogLife:
    given = {} if before is None else {"kept": before.kept, "least": before.least}
    life = LogLife(device, "1", 400, inf, **{**given, **changes})
    assert live_log(life) is (life.verdict == OK)
    return life


def test_a_campaign_reaches_every_amount_of_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaign, "LOG_ENTRIES", 900)
    amounts = dict.fromkeys(filter(of_log, AMOUNTS), 1)
    found = run_log_stress(amounts, seed=3)
    assert found.verdict == OK
    assert not found.missing(amounts)


def test_a_torn_and_a_mixed_entry_are_told_from_a_whole_one() -> None:
    entry = entry_of(3, 17, 40)
    assert is_whole(entry)
    assert is_whole(entry_of(3, 17, 0))
    assert not is_whole(entry[:30] + entry_of(4, 18, 40)[30:])
    assert not is_whole(b"x" + entry)
    assert not is_whole(b"")


def test_what_an_earlier_life_committed_is_missed_and_what_it_did_not_is_taken_back() -> None:
    device = MemoryDevice()
    first = lived(device)
    assert first.least[1] > 0
    second = lived(device, first)
    assert second.verdict == OK
    assert second.reached["log taken back"] > 0
    third = lived(device, second, least=(second.least[0] + 8192, second.least[1]))
    assert breach_of(third.verdict) is Breach.LOST_ACK
    device = MemoryDevice()
    first = lived(device)
    first.kept[max(at for at in first.kept if at < first.least[0]) + 1] = b"nobody's"
    assert breach_of(lived(device, first).verdict) is Breach.HOLE


def test_an_append_that_is_lost_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    enqueue, calls = FasterLog.enqueue, count(1)

    def lose(log: FasterLog, entry: bytes) -> int:
        address = enqueue(log, entry)
        return address + 1 if next(calls) == 50 else address

    monkeypatch.setattr(FasterLog, "enqueue", lose)
    assert breach_of(lived(MemoryDevice()).verdict) in (Breach.PHANTOM, Breach.WRONG_RESULT)


def test_a_commit_that_says_too_little_or_too_much_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    commit: Callable[..., Commit] = Groups.commit
    monkeypatch.setattr(Groups, "commit", lambda *given: commit(*given)._replace(address=0))
    assert breach_of(lived(MemoryDevice()).verdict) is Breach.LOST_ACK
    numbers = count(10**6, -1)
    monkeypatch.setattr(Groups, "commit", lambda *given: commit(*given)._replace(number=next(numbers)))
    assert breach_of(lived(MemoryDevice()).verdict) is Breach.WRONG_SERIAL


def test_a_torn_entry_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    enqueue, calls = FasterLog.enqueue, count(1)
    monkeypatch.setattr(
        FasterLog, "enqueue", lambda log, entry: enqueue(log, entry[:-1] + b"!" * (next(calls) == 50))
    )
    assert breach_of(lived(MemoryDevice()).verdict) in (Breach.WRONG_VALUE, Breach.WRONG_RESULT)
