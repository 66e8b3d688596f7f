"""Stress: what is judged, what is not missed, and that a campaign ends, also where somebody hangs."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import verifier
from engine import FasterKv, MemoryDevice
from engine.compilation import available
from verifier.gate import run_gate
from verifier.profiles import ProfileError, parse_profile
from verifier.stress import Campaign, campaign, life, run_stress
from verifier.stress.judge import LIST, REGISTER, SUM, judge_content, judge_piece, key_of
from verifier.stress.ledger import Batch, Carried, Ledger
from verifier.stress.stamps import CHECK_BITS, check_of, find_torn, identity, mixed, registers
from verifier.stress.writer import Writer
from verifier.verdict import OK, Breach, Unknown, Verdict, Violation

KEYS = {LIST: 2, SUM: 2, REGISTER: 2}
needs_compiled = pytest.mark.skipif(not available(), reason="compiled kernels need numba")


class Made:
    """A store's content and the ledgers of two sessions, made without a store."""

    def __init__(self) -> None:
        self.ledgers = [Ledger(0), Ledger(1)]
        self.content: dict[bytes, bytes] = {}
        self.lists: dict[int, list[int]] = {}
        for session, number in ((0, 0), (1, 0), (0, 1), (0, 0), (1, 0)):
            self.append(session, number)
        self.carry(1, 0)
        self.append(0, 0)
        for session in (0, 1):
            self.add(session, [0, 1, 0])
            self.write(session, [0, 1], 3)

    def next(self, session: int) -> int:
        self.ledgers[session].serial += 1
        return self.ledgers[session].serial

    def append(self, session: int, number: int) -> None:
        ledger = self.ledgers[session]
        name = identity(session, ledger.era, self.next(session))
        words = self.lists.setdefault(number, [number << 32])
        before = words[-1] if len(words) > 1 else getattr(self, "last", 0) if number == 0 else 0
        words.append(name << CHECK_BITS | (check_of(before) if before else 0))
        ledger.appends.append(name)
        ledger.append_keys.append(number)
        self.put(number)

    def carry(self, session: int, number: int) -> None:
        words = self.lists[number]
        self.last = words[-1]
        self.ledgers[session].carried.append(Carried(self.ledgers[session].serial + 1, piece_of(words)))
        self.lists[number] = [words[0] + 1]
        self.append(session, number)

    def put(self, number: int) -> None:
        self.content[key_of(LIST, number)] = piece_of(self.lists[number])

    def add(self, session: int, numbers: list[int]) -> None:
        ledger = self.ledgers[session]
        batch = Batch(ledger.serial + 1, ledger.era, np.array(numbers, np.uint64))
        ledger.serial += len(numbers)
        ledger.additions.append(batch)
        for number, stamp in zip(numbers, mixed(batch.identities(session)).tolist(), strict=True):
            self.change_sum(number, stamp)

    def change_sum(self, number: int, delta: int) -> None:
        key = key_of(SUM, number)
        before = int.from_bytes(self.content.get(key, b""), "little")
        self.content[key] = ((before + delta) % 2**64).to_bytes(8, "little")

    def write(self, session: int, numbers: list[int], width: int) -> None:
        ledger = self.ledgers[session]
        batch = Batch(ledger.serial + 1, ledger.era, np.array(numbers, np.uint64))
        ledger.serial += len(numbers)
        ledger.upserts.append(batch)
        for number, value in zip(numbers, registers(batch.identities(session), width), strict=True):
            self.content[key_of(REGISTER, number)] = value.tobytes()

    def judge(self) -> Verdict:
        return judge_content(self.content, self.ledgers, KEYS)


def piece_of(words: list[int]) -> bytes:
    return b"".join(word.to_bytes(8, "little") for word in words)


def breach_of(verdict: Verdict) -> Breach | None:
    return verdict.breach if isinstance(verdict, Violation) else None


# ---- the judge


def test_content_that_is_what_the_sessions_did_is_accepted() -> None:
    assert Made().judge() == OK


def swap_stamps(made: Made) -> None:
    words = made.lists[0]
    words[1], words[2] = words[2], words[1]
    made.put(0)


def move_stamp(made: Made) -> None:
    """The last stamp of list 0 stands at the end of list 1, with the check that it would have there."""
    name = made.lists[0].pop() >> CHECK_BITS
    made.lists[1].append(name << CHECK_BITS | check_of(made.lists[1][-1]))
    made.put(0)
    made.put(1)


def turn_serials(made: Made) -> None:
    """Two stamps of one session change places, and every check is made to fit."""
    words, before = made.lists[0], made.last
    names = [word >> CHECK_BITS for word in words[1:]]
    made.append(0, 0)
    names = [word >> CHECK_BITS for word in made.lists[0][1:]]
    names[-1], names[-2] = names[-2], names[-1]
    chained = [made.lists[0][0]]
    for name in names:
        chained.append(name << CHECK_BITS | check_of(before))
        before = chained[-1]
    made.lists[0] = chained
    made.put(0)


def double_stamp(made: Made) -> None:
    words = made.lists[1]
    words.append(words[-1] >> CHECK_BITS << CHECK_BITS | check_of(words[-1]))
    made.put(1)


def lose_stamp(made: Made) -> None:
    made.lists[0].pop()
    made.put(0)


def lose_piece(made: Made) -> None:
    made.ledgers[1].carried.clear()


def set_content(kind: bytes, number: int, value: bytes) -> Callable[[Made], None]:
    return lambda made: made.content.__setitem__(key_of(kind, number), value)


def lose_addition(made: Made) -> None:
    made.change_sum(1, -int(mixed(np.array([identity(0, 0, 6)], np.uint64))[0]))


def double_addition(made: Made) -> None:
    made.change_sum(1, int(mixed(np.array([identity(0, 0, 6)], np.uint64))[0]))


def older_register(made: Made) -> None:
    made.write(0, [0], 1)
    value = made.content[key_of(REGISTER, 0)]
    made.write(0, [0], 2)
    made.content[key_of(REGISTER, 0)] = value


def mixed_register(made: Made) -> None:
    key = key_of(REGISTER, 0)
    made.content[key] = made.content[key][:-8] + bytes(8)


@pytest.mark.parametrize(
    ("damage", "breach", "detail"),
    [
        (lose_stamp, Breach.HOLE, "1 stamps are in no list, the first of operation 4 of session 0"),
        (lose_piece, Breach.HOLE, "4 stamps are in no list"),
        (double_stamp, Breach.PHANTOM, "1 stamps stand twice, the first of operation 2 of session 0"),
        (swap_stamps, Breach.WRONG_VALUE, "follows a stamp that it did not find"),
        (move_stamp, Breach.WRONG_VALUE, "was appended to list 0, and stands in list 1"),
        (turn_serials, Breach.WRONG_VALUE, "stands before a stamp that its session gave earlier"),
        (set_content(LIST, 0, bytes(8)), Breach.WRONG_VALUE, "a list of 8 bytes"),
        (lose_addition, Breach.HOLE, "sum 1: operation 6 of session 0 is not in it"),
        (double_addition, Breach.PHANTOM, "sum 1: operation 6 of session 0 is in it twice"),
        (set_content(SUM, 0, bytes(9)), Breach.WRONG_VALUE, "sum 0 has 9 bytes"),
        (older_register, Breach.WRONG_VALUE, "which is no session's last"),
        (mixed_register, Breach.WRONG_VALUE, "torn"),
        (lambda made: made.content.pop(key_of(REGISTER, 1)), Breach.HOLE, "register 1 is gone"),
        (set_content(b"odd-", 0, b""), Breach.PHANTOM, "was never written"),
    ],
)
def test_content_that_is_not_is_refused(
    damage: Callable[[Made], object], breach: Breach, detail: str
) -> None:
    made = Made()
    damage(made)
    verdict = made.judge()
    assert breach_of(verdict) == breach
    assert detail in str(verdict)


def test_recovered_content_holds_exactly_the_prefix() -> None:
    made = Made()
    before = dict(made.content)
    serial = made.ledgers[0].serial
    made.append(0, 1)
    made.add(0, [1])
    assert made.judge() == OK
    made.ledgers[0].cut(serial)
    assert breach_of(made.judge()) == Breach.PHANTOM
    made.content = before
    assert made.judge() == OK
    assert (made.ledgers[0].serial, made.ledgers[0].era) == (serial, 1)
    made.ledgers[0].cut(serial - 3)
    assert made.judge() != OK, "an operation that was taken back has an effect"


def test_torn_register_and_torn_list_are_seen_where_they_are_read() -> None:
    whole = [value.tobytes() for value in registers(np.array([5, 6], np.uint64), 4)]
    assert find_torn(whole) is None
    assert find_torn([whole[0], whole[0][:16] + whole[1][16:]]) == 1
    assert find_torn([whole[0][:24]]) == 0
    made = Made()
    assert judge_piece(piece_of(made.lists[0])) == ""
    assert judge_piece(piece_of([*made.lists[0][:2], 7])) == "stamp 1 of 2 does not follow the one before it"


# ---- campaigns


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lives that end with their appends, soon."""
    mixes = [mix.__class__(**{name: getattr(mix, name) for name in mix.__slots__}) for mix in campaign.MIXES]
    monkeypatch.setattr(campaign, "MIXES", tuple(mixes[:1]))


@pytest.mark.usefixtures("small")
def test_interpreted_campaign_reaches_what_it_is_for_and_leaves_the_switch_interval() -> None:
    before = sys.getswitchinterval()
    found = run_stress(appends=6000, sessions=4, seed=3, kernels="interpreted")
    assert found.verdict == OK
    assert sys.getswitchinterval() == before
    reached = found.reached
    assert reached["appends"] >= 6000
    assert (reached["rounds"], reached["lives"], reached["recoveries"]) == (1, 3, 2)
    for what in ("carried off", "copied", "in place", "device reads", "checkpoints", "audited"):
        assert reached[what] > 0, what
    assert reached["percent copied"] >= 20


@needs_compiled
def test_compiled_campaign_is_consistent() -> None:
    found = run_stress(seconds=2, seed=4)
    assert found.verdict == OK
    assert found.reached["appends"] > 0
    assert found.reached["pages written"] > 0


def test_without_compiled_kernels_nothing_is_decided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaign, "available", lambda: False)
    found = run_stress(appends=1)
    assert isinstance(found.verdict, Unknown)
    assert "no compiled kernels" in found.verdict.why


@pytest.mark.usefixtures("small")
def test_session_that_hangs_is_undecided_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()

    def wait_for_ever(writer: Any, is_over: Callable[[], bool]) -> None:
        gate.wait()

    monkeypatch.setattr(Writer, "run", wait_for_ever)
    monkeypatch.setattr(life._Checkpointer, "run", wait_for_ever)
    found = run_stress(seconds=60, sessions=2, kernels="interpreted", hang_seconds=0.2)
    gate.set()
    assert isinstance(found.verdict, Unknown)
    assert "s0: wait" in found.verdict.why
    assert "wait_for_ever" in found.verdict.why


@pytest.mark.usefixtures("small")
def test_checkpoint_that_reports_less_than_had_ended_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint = FasterKv.checkpoint

    def forget(store: FasterKv) -> Any:
        point = checkpoint(store)
        return type(point)(point.version, dict.fromkeys(point.serials, 0), point.kind)

    monkeypatch.setattr(FasterKv, "checkpoint", forget)
    verdict = run_stress(seconds=60, sessions=2, kernels="interpreted").verdict
    assert breach_of(verdict) == Breach.WRONG_SERIAL


@pytest.mark.usefixtures("small")
def test_lost_append_is_found_at_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """One rmw in a thousand writes nothing, and says that it has."""
    from engine import Session

    rmw, counts = Session.rmw, {"calls": 0}

    def lose(session: Session, key: bytes, function: Any) -> Any:
        counts["calls"] += 1
        if counts["calls"] % 1000:
            return rmw(session, key, function)
        seen: list[bytes] = []
        rmw(session, key, lambda found: seen.append(function(found)))
        return seen[-1]

    monkeypatch.setattr(Session, "rmw", lose)
    verdict = run_stress(appends=6000, sessions=4, kernels="interpreted").verdict
    assert breach_of(verdict) in (Breach.HOLE, Breach.WRONG_RESULT)


# ---- planted bugs in compiled kernels

PLANT = """
import importlib.machinery, sys
from importlib.machinery import PathFinder, SourceFileLoader

class Loader(SourceFileLoader):
    def get_source(self, fullname):
        text = super().get_source(fullname)
        assert text.count(OLD) == 1, text.count(OLD)
        return text.replace(OLD, NEW)
    def get_code(self, fullname):
        return compile(self.get_source(fullname), self.path, "exec", dont_inherit=True)

class Finder:
    def find_spec(self, name, path, target=None):
        if name != MODULE:
            return None
        spec = PathFinder.find_spec(name, path, target)
        spec.loader = Loader(name, spec.origin)
        return spec

MODULE, OLD, NEW = sys.argv[1:4]
sys.meta_path.insert(0, Finder())
from verifier.stress import campaign
campaign.MIXES = campaign.MIXES[1:]  # The rounds in which kernels meet most.
found = campaign.run_stress(seconds=120, seed=1)
print(type(found.verdict).__name__, getattr(found.verdict, "detail", ""))
"""
BUGS = {
    "sealing-removed": (
        "engine.kernels",
        "store(log, at + w.LINK, link | w.SEALED)",
        "store(log, at + w.LINK, link)",
    ),
    "lock-not-taken": (
        "engine.kernels",
        "cas(log, at + w.LINK, link, link | w.LOCK)",
        "cas(log, at + w.LINK, link, link)",
    ),
    "torn-read-not-noticed": (
        "engine.records",
        "if load(log, at + w.LINK) == link:",
        "if load(log, at + w.LINK) != 0:",
    ),
}


@needs_compiled
@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="on one core kernels do not meet")
@pytest.mark.parametrize("bug", BUGS)
def test_planted_bug_in_the_kernels_is_found(bug: str, tmp_path: Path) -> None:
    home = Path(verifier.__file__).resolve().parents[1]
    answer = subprocess.run(
        [sys.executable, "-P", "-c", PLANT, *BUGS[bug]],
        env={**os.environ, "PYTHONPATH": str(home), "POWERCUT_CACHE": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert answer.stdout.startswith("Violation "), answer.stdout + answer.stderr


# ---- in the gate

PROFILE = """
name = "test"
[stress]
{bound}
sessions = 2
kernels = "interpreted"
[stress.floor.reached]
appends = 200
recoveries = 2
"""


@pytest.mark.usefixtures("small")
def test_stage_of_the_gate_counts_lives_and_owes_what_was_reached() -> None:
    report = run_gate(parse_profile(PROFILE.format(bound="appends = 200"), "test"))
    stage = report.stages["stress"]
    assert (report.exit, stage.programs, stage.unknown) == (0, 3, [])
    assert stage.checked == 5
    assert stage.reached["appends"] >= 200
    assert report.summary.startswith("proved: ")
    assert report.summary.endswith("appends of sessions side by side, each exactly once; 0 violations")


def test_violation_without_a_tape_fails_the_gate_and_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from verifier.gate import stressed

    verdict = Violation("stress", Breach.HOLE, "planted")
    monkeypatch.setattr(stressed, "run_stress", lambda **_: Campaign(verdict))
    text = PROFILE.format(bound="appends = 200") + "[mutants]\n[mutants.floor]\nkilled = 1\n"
    report = run_gate(parse_profile(text, "test"), seed=9)
    assert (report.exit, list(report.stages)) == (1, ["stress"])
    (violation,) = report.stages["stress"].violations
    assert (violation.kind, violation.detail, violation.file) == (Breach.HOLE.value, "planted", "")
    assert violation.repeat == "powercut gate --profile test --seed 9"


def test_campaign_that_decided_nothing_is_inconclusive(monkeypatch: pytest.MonkeyPatch) -> None:
    from verifier.gate import stressed

    monkeypatch.setattr(stressed, "run_stress", lambda **_: Campaign(Unknown("nobody gets on")))
    report = run_gate(parse_profile(PROFILE.format(bound="appends = 200"), "test"))
    assert (report.exit, report.summary) == (4, "inconclusive: stress: nobody gets on")


def test_profile_of_a_stress_that_would_not_end_is_refused() -> None:
    with pytest.raises(ProfileError, match="it would not end"):
        parse_profile(PROFILE.format(bound=""), "test")


def test_store_that_cannot_be_opened_again_is_a_violation(monkeypatch: pytest.MonkeyPatch) -> None:
    class Forgetful(MemoryDevice):
        """Truncates every segment while it is closed."""

        def close(self) -> None:
            for name in self.list():
                if name.startswith("segment"):
                    self.truncate(name, 0)
            super().close()

    monkeypatch.setattr(campaign, "MemoryDevice", Forgetful)
    verdict = run_stress(appends=300, sessions=2, kernels="interpreted").verdict
    assert breach_of(verdict) == Breach.UNOPENABLE
