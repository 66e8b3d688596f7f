"""One life of a log under stress: threads that append, commit, wait, follow, scan and truncate.

    open, judge what was recovered  →  the threads  →  at rest: judge  →  left as it is, with entries that no
    commit holds, so that the next opening has something to take back

An entry says who appended it, and how often he had: its bytes follow from that and from its length. So a
torn, a mixed or a foreign entry shows wherever it is read.

    log       every entry once, at the address that its append returned; appends that did not overlap in the
              order of their calls; an iterator that threads share hands out each entry to one of them
    commits   rise, and hold what was appended before them; after the life no less than was acknowledged

Invariant: a life ends after so much work; the clock is a cap.

Threads: `live_log` makes them all, and ends them all unless one hangs.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, count, pairwise
from random import Random
from time import monotonic
from typing import Final

import numpy as np

from powercut.engine import Device, EngineError, FasterLog, LogIterator, LogSettings

from ...oracles.committed import ORACLE, Appended, judge_addresses, judge_entries
from ...verdict import OK, Breach, Unknown, Verdict, Violation
from .crew import Crew, blame
from .writer import ObjectionError

__all__ = ["LogLife", "entry_of", "live_log"]

SETTINGS: Final = LogSettings(page_bytes=1 << 13, segment_bytes=1 << 16, write_unit=512)
MEMORY_BYTES: Final = 1 << 16  # Eight pages: whoever appends often has to write first.
APPENDERS: Final = 6
COROUTINES: Final = 4
ENTRIES_MAX: Final = 12  # Of a batch.
SIZES: Final = (1, 40, 40, 200, 3000)  # Bytes beyond the stamp, at most.
LEFT: Final = 60  # Appends at the end of a life, of which half are rolled back.
TICK_SECONDS: Final = 0.02
PATIENCE_SECONDS: Final = 120.0
_Entry = tuple[int, bytes]


@dataclass(slots=True)
class LogLife:
    """The input of a life, and its result.

    kept   entries that the lives before have committed, by address
    least  where the newest commit ended that anybody was told of, and its number
    """

    device: Device
    seed: str
    entries: int
    deadline: float
    kept: dict[int, bytes] = field(default_factory=dict)
    least: tuple[int, int] = (0, 0)
    verdict: Verdict = OK
    reached: Counter[str] = field(default_factory=Counter)


def entry_of(who: int, serial: int, size: int) -> bytes:
    """The entry with that stamp, so many bytes longer."""
    stamp = b"%d:%d:" % (who, serial)
    return stamp + (stamp * (size // len(stamp) + 1))[:size]


def is_whole(data: bytes) -> bool:
    """True if these are the bytes of an entry, all of them."""
    who, _, rest = data.partition(b":")
    serial, _, filled = rest.partition(b":")
    return who.isdigit() and serial.isdigit() and data == entry_of(int(who), int(serial), len(filled))


class _Work:
    """The threads of one life, and what they were told."""

    def __init__(self, life: LogLife, log: FasterLog) -> None:
        self.life, self.log = life, log
        self.tick: Callable[[], int] = count(1).__next__
        self.appended: list[list[Appended]] = [[] for _ in range(APPENDERS + COROUTINES)]
        self.commits: list[tuple[int, int, int, int]] = []  # Invoked, returned, number, end.
        self.told: list[int] = []  # Addresses that are durable, as somebody was told.
        self.taken: dict[str, list[_Entry]] = {"shared": [], "alone": []}
        self.starts: dict[str, int] = {}  # Where iterators went on.
        self.asked = [log.begin]
        self.counts: Counter[str] = Counter()
        self._serials = [life.reached["log entries"]] * (APPENDERS + COROUTINES)  # None of an earlier life.

    def entries(self) -> int:
        return sum(len(batch.entries) for each in self.appended for batch in each)

    # -- who appends -------------------------------------------------------------------------------

    def append(self, who: int, is_over: Callable[[], bool]) -> None:
        random, log = Random(f"{self.life.seed}:{who}"), self.log
        while not is_over():
            address = self._enqueue(who, random)
            choice = random.random()
            if choice < 0.05:
                self._commit()
            elif choice < 0.15:
                if not log.wait(address, timeout=PATIENCE_SECONDS):
                    raise _objection(Breach.HANG, f"nobody told of a commit of {address}")
                self.told.append(address)
                self.counts["log waits"] += 1

    def _entry(self, who: int, random: Random) -> bytes:
        self._serials[who] += 1
        return entry_of(who, self._serials[who], random.randrange(random.choice(SIZES)))

    def _enqueue(self, who: int, random: Random) -> int:
        """Append one entry or several; the address of the last."""
        invoked = self.tick()
        if random.random() < 0.7:
            entries = [self._entry(who, random)]
            addresses = [self.log.enqueue(entries[0])]
        else:
            entries = [self._entry(who, random) for _ in range(random.randint(2, ENTRIES_MAX))]
            width = len(entries[0])
            if all(len(entry) == width for entry in entries):
                rows = np.frombuffer(b"".join(entries), np.uint8).reshape(len(entries), width)
                addresses = self.log.enqueue_many(rows).tolist()
            else:
                addresses = self.log.enqueue_many(entries).tolist()
            self.counts["log batches"] += 1
        both = tuple(zip(addresses, entries, strict=True))
        self.appended[who].append(Appended(both, 0, invoked, self.tick()))
        return addresses[-1]

    def _commit(self) -> None:
        invoked = self.tick()
        commit = self.log.commit()
        self.commits.append((invoked, self.tick(), commit.number, commit.address))

    def await_many(self, is_over: Callable[[], bool]) -> None:
        """Coroutines that append, and wait in turns."""

        async def one(who: int) -> None:
            random = Random(f"{self.life.seed}:{who}")
            while not is_over():
                address = self._enqueue(who, random)
                await asyncio.wait_for(self.log.wait_async(address), PATIENCE_SECONDS)
                self.told.append(address)
                self.counts["log awaits"] += 1

        async def every() -> None:
            await asyncio.gather(*(one(APPENDERS + number) for number in range(COROUTINES)))

        asyncio.run(every())

    # -- who reads ---------------------------------------------------------------------------------

    def follow(self, iterator: LogIterator, is_over: Callable[[], bool]) -> None:
        name, is_alone = iterator.name or "", iterator.name == "alone"
        taken = self.taken[name]
        while not is_over():
            entry = iterator.take(timeout=TICK_SECONDS)
            if entry is None:
                continue
            if not is_whole(entry.data):
                raise _objection(Breach.WRONG_VALUE, f"{name} was handed {entry.data[:40]!r}")
            taken.append((entry.address, entry.data))
            if is_alone and len(taken) % 50 == 0:
                iterator.complete_until(entry.address)

    def scan(self, is_over: Callable[[], bool]) -> None:
        while not is_over():
            last = -1
            for part in self.log.scan_arrays():
                addresses, offsets, data = part
                if addresses[0] <= last or np.any(np.diff(addresses) <= 0):
                    raise _objection(Breach.WRONG_RESULT, f"a scan goes back behind {last}")
                last = int(addresses[-1])
                for low, high in zip(offsets[:20].tolist(), offsets[1:21].tolist(), strict=False):
                    if not is_whole(data[low:high].tobytes()):
                        raise _objection(Breach.WRONG_VALUE, f"a scan has {data[low:high].tobytes()[:40]!r}")
            self.counts["log scans"] += 1

    def truncate(self, is_over: Callable[[], bool]) -> None:
        """Give up what the iterator that is alone has handed out, now and then."""
        done, random = 0, Random(f"{self.life.seed}:truncate")
        while not is_over():
            taken = self.taken["alone"]
            if len(taken) < done + 500:
                self.log.wait(1 << 46, timeout=TICK_SECONDS)
                continue
            done = len(taken)
            address = taken[random.randrange(done - 400, done)][0]
            self.asked.append(address)
            if self.log.truncate_before(address) < address:
                raise _objection(Breach.WRONG_RESULT, f"truncated at {address}, begin is {self.log.begin}")
            self.counts["log truncations"] += 1

    def leave(self) -> None:
        """Append what no commit will hold, more than the memory has room for; drop some of it."""
        random = Random(f"{self.life.seed}:left")
        left = [self._enqueue(random.randrange(APPENDERS), random) for _ in range(LEFT)]
        self.log.rollback(left[LEFT // 2])
        for each in self.appended:
            each[:] = [batch for batch in each if batch.entries[-1][0] < left[LEFT // 2]]

    # -- judgement ---------------------------------------------------------------------------------

    def judge(self) -> Verdict:
        """The verdict on the log at rest."""
        log, batches = self.log, list(chain.from_iterable(self.appended))
        verdict = judge_addresses(batches)
        kept = Appended(tuple(sorted(self.life.kept.items())))
        begin, committed = log.begin, log.committed
        if verdict == OK:
            found = [(entry.address, entry.data) for entry in log.scan(uncommitted=True)]
            verdict = judge_entries([kept, *batches], begin, log.tail, found)
        if verdict == OK and (begin < max(self.asked) or max(self.told, default=-1) >= committed.address):
            detail = f"begin {begin}, committed {committed.address}: told {max(self.asked)}, {max(self.told)}"
            verdict = Violation(ORACLE, Breach.LOST_ACK, detail)
        return self._judge_taken() if verdict == OK else verdict

    def judge_commits(self) -> Verdict:
        """The verdict on the commits: they rise, and hold what had been appended."""
        numbered = sorted((number, end) for _, _, number, end in self.commits)
        for before, after in pairwise(numbered):
            if after[1] < before[1] or (after[0] == before[0] and after != before):
                return Violation(ORACLE, Breach.WRONG_SERIAL, f"commit {after} behind {before}")
        ended = sorted((batch.returned, batch.entries[-1][0]) for each in self.appended for batch in each)
        times, highest = [at for at, _ in ended], [0]
        for _, address in ended:
            highest.append(max(highest[-1], address))
        for invoked, _, number, end in self.commits:
            if highest[bisect_left(times, invoked)] >= end:
                return Violation(
                    ORACLE, Breach.LOST_ACK, f"commit {number} to {end} lacks what was before it"
                )
        return OK

    def _judge_taken(self) -> Verdict:
        appended = {
            address: data for each in self.appended for batch in each for address, data in batch.entries
        }
        known = {**self.life.kept, **appended}
        for name, taken in self.taken.items():
            addresses = [address for address, _ in taken]
            if len(set(addresses)) < len(addresses) or any(known.get(at) != data for at, data in taken):
                detail = f"{name} was handed an entry twice, or a foreign one"
                return Violation(ORACLE, Breach.WRONG_RESULT, detail)
            low, high = max(*self.asked, self.starts[name]), max(addresses, default=-1)
            missing = {at for at in known if low <= at <= high} - set(addresses)
            if missing:
                return Violation(ORACLE, Breach.HOLE, f"{name} was not handed the entry at {min(missing)}")
        return OK


def live_log(life: LogLife) -> bool:
    """Run the life; whether the next one can follow. `life.verdict` and `life.reached` say how it was."""
    try:
        log = FasterLog.open(life.device, create=True, settings=SETTINGS, memory=MEMORY_BYTES)
    except EngineError as error:
        life.verdict = Violation(ORACLE, Breach.UNOPENABLE, f"{type(error).__name__}: {error}")
        return False
    life.verdict = _take_back(life, log)
    work = _Work(life, log)
    if life.verdict == OK:
        life.verdict = _run(life, work)
    if isinstance(life.verdict, Unknown):
        return False  # Somebody still hangs in the log.
    if life.verdict == OK:
        life.verdict = work.judge()
    if life.verdict == OK:
        life.verdict = work.judge_commits()
    if life.verdict == OK:
        work.leave()
    life.reached.update(work.counts)
    life.reached["log entries"] += work.entries()
    life.reached["log commits"] += log.committed.number - life.least[1]
    life.reached["log lives"] += 1
    batches = list(chain.from_iterable(work.appended))
    life.kept |= {address: data for batch in batches for address, data in batch.entries}
    life.least = log.committed.address, log.committed.number
    log._lease.release()  # As a process that is killed leaves it: what no commit holds is given up.
    return life.verdict == OK


def _take_back(life: LogLife, log: FasterLog) -> Verdict:
    """Judge what was recovered; what it does not hold is forgotten."""
    end, number = log.committed.address, log.committed.number
    if end < life.least[0] or number < life.least[1]:
        return Violation(ORACLE, Breach.LOST_ACK, f"recovered {log.committed}, acknowledged {life.least}")
    life.reached["log taken back"] += sum(address >= end for address in life.kept)
    life.kept = {address: data for address, data in life.kept.items() if log.begin <= address < end}
    found = [(entry.address, entry.data) for entry in log.scan()]
    return judge_entries([Appended(tuple(life.kept.items()))], log.begin, end, found)


def _run(life: LogLife, work: _Work) -> Verdict:
    """Run all threads until there was enough."""
    log, crew = work.log, Crew()
    log.commit_every(seconds=0.002, entries=200)
    shared, alone = (log.follow(name, begin=log.tail) for name in work.taken)
    work.starts |= {"shared": shared.position, "alone": alone.position}
    for who in range(APPENDERS):
        crew.start(f"appender {who}", partial(work.append, who))
    crew.start("coroutines", work.await_many)
    for number, iterator in enumerate((shared, shared, alone)):
        crew.start(f"follower {number}", partial(work.follow, iterator))
    crew.start("scans", work.scan)
    crew.start("truncations", work.truncate)
    before, since = 0, monotonic()
    try:
        while not crew.wait(TICK_SECONDS):
            done, now = work.entries(), monotonic()
            if done >= life.entries or now >= life.deadline:
                break
            before, since = (done, now) if done > before else (before, since)
            if now - since > PATIENCE_SECONDS:
                break
    finally:
        crew.stop()
    hung = crew.join(PATIENCE_SECONDS)
    log.commit_every()
    work.counts["log followed"] = sum(map(len, work.taken.values()))
    if crew.errors:
        return blame(crew.errors[0])
    return Unknown(f"nobody gets on: {hung}") if hung else OK


def _objection(breach: Breach, detail: str) -> ObjectionError:
    return ObjectionError(breach, detail)
