"""One life of a store under stress: writers and a checkpointer on threads of their own, then the judgement.

    open, judge what was recovered  →  writers, checkpoints, growths and compactions  →  at rest: audit,
    judge  →  left without a checkpoint, so that the next opening has something to take back

Invariants
  1  N(s) of a checkpoint is no less than what session s had ended when it began, and no more than it had
     issued when it was reported
  2  who has ended nothing for HANG_SECONDS while others wait for it hangs: that is undecided, never a pass

Threads: `live` makes them all and ends them all, unless one hangs.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from time import monotonic
from typing import Final

from powercut.engine import (
    CheckpointKind,
    Device,
    EngineError,
    FasterKv,
    IndexFullError,
    InvariantError,
    Settings,
)

from ...spec.model import session_name
from ...verdict import OK, Breach, Unknown, Verdict, Violation
from .crew import Crew, blame
from .judge import ORACLE, judge_content, key_of
from .ledger import Ledger
from .writer import Mix, ObjectionError, Writer

__all__ = ["COUNTERS", "HANG_SECONDS", "Life", "live"]

HANG_SECONDS: Final = 300.0
TICK_SECONDS: Final = 0.05
LOOK_SECONDS: Final = 0.002
CHECKPOINTS: Final = 20  # Of a life, on average: they come by operations, not by time.
UPKEEPS: Final = 8  # Growths and compactions, likewise.
AUDIT_BYTES_MAX: Final = 1 << 23  # Of log: the audit walks it in Python.
# What Session.counters gives, in its order.
COUNTERS: Final = (
    *("in place", "copied", "appended", "left", "retries"),
    *("found mutable", "found read-only", "found cold", "found nowhere"),
    *("cache hits", "cache misses", "device reads"),
)

_KINDS: Final = tuple(CheckpointKind)


@dataclass(slots=True)
class Life:
    """The input of a life, and its result."""

    device: Device
    settings: Settings
    kernels: str
    mix: Mix
    seed: str
    ledgers: Sequence[Ledger]
    appends: int  # It is over after so many, or after the mix's operations;
    deadline: float  # or, whatever is done, at this moment of the monotonic clock.
    hang_seconds: float = HANG_SECONDS
    verdict: Verdict = OK
    reached: Counter[str] = field(default_factory=Counter)
    log_bytes: int = 0  # On the device, when it ended.


class _Checkpointer:
    """Checkpoints one after another while others write."""

    def __init__(self, life: Life, store: FasterKv) -> None:
        self._store = store
        self._ledgers = life.ledgers
        self._random = Random(f"{life.seed}:checkpoints")
        self._operations = life.mix.operations
        self.count = 0

    def run(self, is_over: Callable[[], bool]) -> None:
        while not is_over():
            least = {session_name(each.session): each.ended for each in self._ledgers}
            kind = self._random.choice(_KINDS)
            point = self._store.checkpoint(kind, timeout=None)  # Who hangs is noticed by `_watch`.
            self.count += 1
            for name, issued in self._store.serials().items():
                reported = point.serials.get(name, 0)
                if not least[name] <= reported <= issued:
                    detail = f"{name}: reported {reported}, expected {least[name]} to {issued}"
                    raise ObjectionError(
                        Breach.WRONG_SERIAL, f"checkpoint of version {point.version.counter}: {detail}"
                    )
            self._pause(is_over)

    def _pause(self, is_over: Callable[[], bool]) -> None:
        _pause(self._ledgers, 2 * self._random.random() * self._operations / CHECKPOINTS, is_over)


class _Keeper:
    """Growths and compactions one after another while others write; what each did is what it said."""

    def __init__(self, life: Life, store: FasterKv) -> None:
        self._store = store
        self._ledgers = life.ledgers
        self._random = Random(f"{life.seed}:upkeep")
        self._operations = life.mix.operations
        self.reached: Counter[str] = Counter()
        self.count = 0

    def run(self, is_over: Callable[[], bool]) -> None:
        while not is_over():
            _pause(self._ledgers, 2 * self._random.random() * self._operations / UPKEEPS, is_over)
            if self._random.random() < 0.5:
                self._grow()
            else:
                self._compact()
            self.count += 1

    def _grow(self) -> None:
        before = self._store.stats().buckets
        try:
            after = self._store.grow_index()
        except IndexFullError:
            return
        if after not in (before, 2 * before):  # It may have gone on with what had stopped in the middle.
            raise ObjectionError(Breach.WRONG_RESULT, f"{before} buckets grew to {after}")
        self.reached["grown"] += 1

    def _compact(self) -> None:
        stats = self._store.stats()
        middle = (stats.begin + stats.safe_read_only) // 2
        done = self._store.compact(self._random.choice((None, middle, middle)))
        if done.begin < stats.begin:
            raise ObjectionError(
                Breach.WRONG_RESULT, f"a compaction took begin from {stats.begin} to {done.begin}"
            )
        self.reached["compacted"] += 1
        self.reached["moved"] += done.moved


def _pause(ledgers: Sequence[Ledger], more: float, is_over: Callable[[], bool]) -> None:
    """Let the writers do so many operations more."""
    never, start = threading.Event(), sum(each.ended for each in ledgers)
    while not is_over() and sum(each.ended for each in ledgers) < start + more:
        never.wait(LOOK_SECONDS)


def live(life: Life) -> bool:
    """Run the life; whether the next one can follow. `life.verdict` and `life.reached` say how it was."""
    try:
        store = FasterKv.open(life.device, create=True, settings=life.settings, kernels=life.kernels)
    except EngineError as error:
        life.verdict = Violation(ORACLE, Breach.UNOPENABLE, f"{type(error).__name__}: {error}")
        return False
    _take_back(life, store)
    if life.verdict == OK:
        life.verdict = _work(life, store)
    if isinstance(life.verdict, Unknown):
        return False  # Somebody still hangs in the store: it cannot be closed.
    if life.verdict == OK:
        life.verdict = _judge(life, store, "at rest")
    store.close()
    return life.verdict == OK


def _take_back(life: Life, store: FasterKv) -> None:
    """Require that exactly 1 .. N(s) of each session was recovered; forget the rest of the ledgers."""
    if not any(ledger.serial for ledger in life.ledgers):
        return
    serials, point = store.serials(), store.newest
    reported = point.serials if point is not None else {}
    for ledger in life.ledgers:
        name = session_name(ledger.session)
        serial = serials.get(name, 0)
        if serial != reported.get(name, 0):
            detail = f"{name} resumes at {serial}, the checkpoint reports {reported.get(name, 0)}"
            life.verdict = Violation(ORACLE, Breach.WRONG_SERIAL, detail)
            return
        life.reached["taken back"] += ledger.serial - serial
        ledger.cut(serial)
    life.reached["recoveries"] += 1
    life.verdict = _judge(life, store, "recovered")


def _judge(life: Life, store: FasterKv, state: str) -> Verdict:
    """Judge the content as sessions read it; where the log is small, by the engine's audit too."""
    life.reached["judged"] += 1
    try:
        with store.session("judge") as session:
            keys = [key_of(kind, number) for kind, count in life.mix.keys.items() for number in range(count)]
            found = zip(keys, session.read_many(keys), strict=True)
            content = {key: value for key, value in found if value is not None}
        store.forget_session("judge")
        life.log_bytes = sum(
            life.device.size(name) for name in life.device.list() if name.startswith("segment")
        )
        audited = content
        if life.log_bytes <= AUDIT_BYTES_MAX:
            life.reached["audited"] += 1
            store.check()
            audited = dict(store.items())
    except InvariantError as error:
        return Violation(ORACLE, Breach.BROKEN_INVARIANT, f"{state}: {error}")
    except EngineError as error:
        return Violation(ORACLE, Breach.ERROR, f"{state}: {type(error).__name__}: {error}")
    if audited != content:
        key = min(key for key in content.keys() | audited.keys() if content.get(key) != audited.get(key))
        return Violation(
            ORACLE, Breach.WRONG_RESULT, f"{state}: {key!r} reads otherwise than the log holds it"
        )
    verdict = judge_content(content, life.ledgers, life.mix.keys)
    if isinstance(verdict, Violation):
        return Violation(verdict.oracle, verdict.breach, f"{state}: {verdict.detail}")
    return verdict


def _work(life: Life, store: FasterKv) -> Verdict:
    """Run all threads until the life is over."""
    sessions = [store.session(session_name(ledger.session)) for ledger in life.ledgers]
    writers = [
        Writer(session, ledger, life.mix, f"{life.seed}:{ledger.session}")
        for session, ledger in zip(sessions, life.ledgers, strict=True)
    ]
    checkpointer, keeper = _Checkpointer(life, store), _Keeper(life, store)
    crew = Crew()
    for ledger, writer in zip(life.ledgers, writers, strict=True):
        crew.start(session_name(ledger.session), writer.run)
    crew.start("checkpoints", checkpointer.run)
    crew.start("upkeep", keeper.run)
    try:
        hung = _watch(life, crew, writers, (checkpointer, keeper))
    finally:
        crew.stop()
    hung = crew.join(life.hang_seconds) or hung
    life.reached["checkpoints"] += checkpointer.count
    life.reached.update(keeper.reached)
    for session, writer in zip(sessions, writers, strict=True):
        life.reached.update(writer.counts)
        life.reached.update(dict(zip(COUNTERS, session.counters(), strict=True)))
    if crew.errors:
        return blame(crew.errors[0])
    return Unknown(f"nobody gets on: {hung}") if hung else OK


def _watch(
    life: Life, crew: Crew, writers: Sequence[Writer], others: Sequence[_Checkpointer | _Keeper]
) -> str:
    """Wait until the life is over; the stacks of the threads if one of them does not get on."""
    past: list[int] = []
    since: list[float] = []
    start = sum(ledger.serial for ledger in life.ledgers)
    while not crew.wait(TICK_SECONDS):
        now = monotonic()
        ended = [*(ledger.ended for ledger in life.ledgers), *(other.count for other in others)]
        if not past:
            past, since = list(ended), [now] * len(ended)
        for place, count in enumerate(ended):
            if count != past[place]:
                past[place], since[place] = count, now
            elif now - since[place] > life.hang_seconds:
                return crew.where()
        done = sum(ledger.ended for ledger in life.ledgers) - start
        appends = sum(writer.counts["appends"] for writer in writers)
        if done >= life.mix.operations or appends >= life.appends or now >= life.deadline:
            break
    return ""
