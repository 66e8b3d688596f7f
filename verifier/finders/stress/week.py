"""A week of one store: a skewed load on a disk with a budget, and a power cut at the end of each day.

    an hour    a session writes and deletes keys by Zipf's law, reads, and is closed; then a checkpoint
    a day      hours; half way the store is closed and opened again; compaction, growth of the index, names
               that nobody needs are forgotten; then the power goes, and the next day begins with what is left

The clock is simulated: an hour is so many operations. The disk is recorded, so that what a power cut leaves
is drawn under a law, at crash indices of the whole day; each is opened and judged by value.

Invariants
  1  a week without threads is a function of its seed
  2  the files never have more bytes than the budget, looked at before each batch
  3  what every drawn state is opened to is a prefix of each session: all that was acknowledged, and what else
     it holds were operations that had been issued (`oracles.prefix`)

Threads: the caller's; with the engine's own threads where the runtime that is handed in has some.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import accumulate
from math import inf
from random import Random
from time import monotonic
from typing import Final

from powercut.engine import (
    Device,
    DiskFullError,
    EngineError,
    FasterKv,
    InvariantError,
    OperationError,
    Runtime,
    Session,
)
from powercut.faultfs import FaultDevice, Image

from ...oracles.prefix import judge_recovery, judge_report
from ...spec.history import Life, Segment
from ...spec.model import Issued, Model, Result, session_name
from ...tapes.tape import Kind, Operation
from ...verdict import OK, Breach, Verdict, Violation
from .limited import SIZE, WeekSize, drawn, numbered, used_bytes

__all__ = ["HOURS", "Week"]

HOURS: Final = 24
STEADY: Final = 0  # The session that lasts all week; others come and go.
SHIFTS: Final = 4  # Sessions of a day besides.
KEPT: Final = 6  # Names of closed sessions that are kept; older ones are forgotten.
BATCH: Final = 16
GROWTHS: Final = 3


@dataclass(slots=True)
class Week:
    """A week that is played day by day.

    ground    makes the device of a day, from what the last one left
    runtime   makes the runtime of an opening
    put       has a session write many keys, for who measures it
    hourly    is called at the end of each hour, with the store and its device
    """

    size: WeekSize
    seed: str
    ground: Callable[[Image | None], tuple[Device, FaultDevice]]
    runtime: Callable[[], Runtime]
    put: Callable[[Session, list[bytes], list[bytes]], object] = Session.upsert_many
    hourly: Callable[[int, FasterKv, FaultDevice], None] | None = None
    deadline: float = inf
    verdict: Verdict = OK
    reached: Counter[str] = field(default_factory=Counter)
    model: Model = field(default_factory=Model)
    _random: Random = field(init=False)
    _weights: list[float] = field(init=False)
    _hour: int = 0
    _image: Image | None = None
    _floor: dict[int, int] = field(default_factory=dict)  # What is acknowledged when a day begins.
    _acked: dict[int, int] = field(default_factory=dict)
    _names: int = 1  # Sessions that there have been.
    _closed: list[int] = field(default_factory=list)  # Numbers of closed ones, oldest first.
    _forgotten: dict[int, int] = field(default_factory=dict)  # Since which index of the trace.

    def __post_init__(self) -> None:
        self._random = Random(self.seed)
        ranks = range(1, self.size.keys + 1)
        self._weights = list(accumulate(rank**-self.size.skew for rank in ranks))

    def play(self) -> None:
        """Play the days, up to a violation or the deadline."""
        for _ in range(self.size.days):
            if self.verdict != OK or monotonic() >= self.deadline:
                return
            self.day()

    # -- a day -------------------------------------------------------------------------------------

    def day(self) -> None:
        """Play the next day, and let it end in a power cut."""
        device, disk = self.ground(self._image)
        segment = Segment(disk.trace, dict(self._floor))
        try:
            store = self._play_hours(device, disk, segment)
        except EngineError as error:
            breach = Breach.BROKEN_INVARIANT if isinstance(error, InvariantError) else Breach.ERROR
            self._object("week", breach, f"{type(error).__name__}: {error}")
            return
        if self.verdict != OK or monotonic() >= self.deadline:
            return
        end = len(disk.trace)
        self._leave(store, disk)
        self._cut(segment, end)
        self.reached["week days"] += 1

    def _play_hours(self, device: Device, disk: FaultDevice, segment: Segment) -> FasterKv:
        store = self._open(device, disk, segment)
        for hour in range(HOURS):
            if self.verdict != OK or monotonic() >= self.deadline:
                break
            if hour == HOURS // 2:
                store = self._restart(store, device, disk, segment)
            self._play_hour(store, disk, segment)
            if self.hourly is not None:
                self.hourly(self._hour, store, disk)
            self._hour += 1
        return store

    def _leave(self, store: FasterKv, disk: FaultDevice) -> None:
        """The power is gone: what the store does from now on reaches nothing."""
        disk.die()
        with suppress(EngineError):
            store.close()

    def _object(self, oracle: str, breach: Breach, detail: str) -> None:
        day, hour = divmod(self._hour, HOURS)
        if self.verdict != OK:
            return  # The first is the one that the others follow from.
        self.verdict = Violation(oracle, breach, f"day {day}, hour {hour}, seed {self.seed!r}: {detail}")

    def _take(self, verdict: Verdict) -> None:
        if isinstance(verdict, Violation):
            self._object(verdict.oracle, verdict.breach, verdict.detail)

    def _open(self, device: Device, disk: FaultDevice, segment: Segment) -> FasterKv:
        life = Life(len(disk.trace), list(self.model.history))
        segment.lives.append(life)
        store = self.size.open(device, self.runtime())
        found = numbered(store.serials())
        life.opened, life.recovered = len(disk.trace), found
        life.history, life.base = self.model.history, len(self.model.history)
        segment.acks.append((life.opened, found))
        if found != self._known():
            self._object("serials", Breach.WRONG_SERIAL, f"opened with {found}, expected {self._known()}")
        return store

    def _known(self) -> dict[int, int]:
        """The serial of each session that the store should know, by number."""
        return {
            number: serial for number, serial in self.model.issued.items() if number not in self._forgotten
        }

    def _restart(self, store: FasterKv, device: Device, disk: FaultDevice, segment: Segment) -> FasterKv:
        lost = store.close(checkpoint=True)
        if lost:
            self._object("serials", Breach.WRONG_SERIAL, f"closed with a checkpoint, and lost {lost}")
        self.reached["week restarts"] += 1
        return self._open(device, disk, segment)

    # -- an hour -----------------------------------------------------------------------------------

    def _play_hour(self, store: FasterKv, disk: FaultDevice, segment: Segment) -> None:
        of_day = self._hour % HOURS
        number = STEADY
        if of_day % (HOURS // SHIFTS):
            number, self._names = self._names, self._names + 1
        with store.session(session_name(number)) as session:
            left = self.size.operations
            while left and self.verdict == OK:
                count = min(BATCH, left)
                self._look(store, disk, segment)
                self._batch(session, number, count, disk, segment)
                left -= count
        if number != STEADY:
            self._closed.append(number)
        self._read_unnamed(store)
        if of_day == 5 and self._hour // HOURS % 2:
            self._compact(store)
        if of_day == 9 and self._hour // HOURS < GROWTHS:
            store.grow_index()
            self.reached["week growths"] += 1
        if of_day == 16:
            self._forget(store, disk)
        if not of_day % 2:
            self._checkpoint(store, disk, segment)

    def _compact(self, store: FasterKv) -> None:
        """Compact all that can be; where there is no room beside what is there, or the store is at it by
        itself, it says so and goes on.
        """
        try:
            self.reached["week moved"] += store.compact().moved
            self.reached["week compactions"] += 1
        except (DiskFullError, OperationError):
            self.reached["week compactions refused"] += 1

    def _checkpoint(self, store: FasterKv, disk: FaultDevice, segment: Segment) -> None:
        before = {session: self.model.issued[session] for session in numbered(store.serials())}
        bound = numbered(store.checkpoint().serials)
        self._take(judge_report(self.model.history, self._acked, bound, before))
        self._ack(segment, disk, bound)
        self.reached["week checkpoints"] += 1

    def _ack(self, segment: Segment, disk: FaultDevice, bound: dict[int, int]) -> None:
        self._acked = bound
        segment.acks.append((len(disk.trace), bound))

    def _forget(self, store: FasterKv, disk: FaultDevice) -> None:
        """Forget the oldest closed sessions: what they did stays."""
        while len(self._closed) > KEPT and self._acked.get(self._closed[0]) == self._issued(self._closed[0]):
            number = self._closed.pop(0)
            store.forget_session(session_name(number))
            self._forgotten[number] = len(disk.trace)
            self.reached["week forgotten"] += 1

    def _issued(self, number: int) -> int:
        return self.model.issued.get(number, 0)

    def _look(self, store: FasterKv, disk: FaultDevice, segment: Segment) -> None:
        """Look at what the files have, and take in what the store has made durable by itself."""
        used = used_bytes(disk)
        self.reached["week looks"] += 1
        if used > self.size.disk:
            self._object("week", Breach.BROKEN_INVARIANT, f"{used} of {self.size.disk} bytes are used")
        newest = store.newest
        if newest is not None and (bound := numbered(newest.serials)) != self._acked:
            self._ack(segment, disk, bound)
            self.reached["week by itself"] += 1

    def _read_unnamed(self, store: FasterKv) -> None:
        """Read keys in a session without a name."""
        with store.session() as session:
            keys = [b"key-%d" % self._random.randrange(self.size.keys) for _ in range(BATCH)]
            found = session.read_many(keys)
        self.reached["week judged"] += len(keys)
        expected = [self.model.content.get(key) for key in keys]
        if found != expected:
            at = next(at for at, each in enumerate(found) if each != expected[at])
            detail = f"{keys[at]!r} is {found[at]!r}, expected {expected[at]!r}"
            self._object("results", Breach.WRONG_RESULT, detail)

    def _batch(self, session: Session, number: int, count: int, disk: FaultDevice, segment: Segment) -> None:
        """Upserts at once, or one by one with a delete or a read among them."""
        self.reached["week operations"] += count
        if self._random.randrange(4):
            given = [self._issue(Kind.UPSERT, number, disk, segment)[0] for _ in range(count)]
            self.put(session, [each.key for each in given], [each.value for each in given])
            return
        for _ in range(count):
            kind = self._random.choice((Kind.READ, Kind.DELETE, *(Kind.UPSERT,) * 6))
            issued, expected = self._issue(kind, number, disk, segment)
            if kind is Kind.UPSERT:
                session.upsert(issued.key, issued.value)
                continue
            found = session.read(issued.key) if kind is Kind.READ else session.delete(issued.key)
            self.reached["week judged"] += 1
            if found != expected:
                detail = f"{issued.told} returned {found!r}, expected {expected!r}"
                self._object("results", Breach.WRONG_RESULT, detail)

    def _issue(self, kind: Kind, number: int, disk: FaultDevice, segment: Segment) -> tuple[Issued, Result]:
        """An operation on a key by Zipf's law, as the model takes it; what it should return."""
        segment.lives[-1].issued_at.append(len(disk.trace))
        key = self._random.choices(range(self.size.keys), cum_weights=self._weights)[0]
        issued = self.model.next(Operation(kind, number, key, SIZE))
        return issued, self.model.apply(issued)

    # -- the power cut -----------------------------------------------------------------------------

    def _cut(self, segment: Segment, end: int) -> None:
        """Judge states all over the day, then one of its end, with which the week goes on."""
        for _ in range(self.size.states):
            index = self._random.randrange(segment.lives[0].opened or 0, end)
            self._judge(segment, index)
        self._image, found, bound = self._judge(segment, end)
        self.reached["week cuts"] += 1
        if self.verdict == OK:
            self.reached["week taken back"] += sum(self.model.issued.values()) - sum(bound.values())
            self.model.recover(bound)
            self._floor = self._acked = found
            self._forgotten = dict.fromkeys(bound.keys() - found.keys(), 0)
            self._closed = sorted(found.keys() - {STEADY})

    def _judge(self, segment: Segment, index: int) -> tuple[Image, dict[int, int], dict[int, int]]:
        """Draw what a power cut at this index leaves, open it, and judge it by value; what it is then, the
        serials that it tells, and with them those of sessions that were forgotten.
        """
        image = drawn(segment.trace, index, self.size.law, self._random)
        opened = FaultDevice(image, record_reads=False)
        try:
            store = self.size.open(opened, self.runtime())
            found, content = numbered(store.serials()), dict(store.items())
            store.check()
            store.close()
        except EngineError as error:
            detail = f"after a power cut at {index}: {type(error).__name__}: {error}"
            self._object("openable", Breach.UNOPENABLE, detail)
            return image, {}, {}
        issued = segment.issued_by(index)
        bound = self._with_forgotten(issued, found, index)
        self._take(judge_recovery(issued, segment.acked_by(index), bound, content))
        self.reached["week states"] += 1
        return opened.image(), found, bound

    def _with_forgotten(self, issued: list[Issued], found: dict[int, int], index: int) -> dict[int, int]:
        """The serials recovered, and of the sessions that were forgotten by then their last ones."""
        away = {
            number: self._forgotten[number]
            for number in self._forgotten.keys() - found.keys()
            if self._forgotten[number] <= index
        }
        last = {each.session: each.serial for each in issued if each.session in away}
        return found | last
