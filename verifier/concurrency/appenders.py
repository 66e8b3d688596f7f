"""Appenders side by side: a program of a log whose lanes run as tasks, under a schedule, and its judgement.

The operations before FORK run one after another; those after it run in a task for each session, in their
order, whatever they are. `appending` says what each of them does.

    committed   addresses stand in the order of the calls; commits rise and have all that was appended before
                them; whatever is read is what was appended; nobody who waits for a commit misses it; and what
                a power cut leaves holds exactly [begin, c) of one of the commits
    openable    what a power cut leaves opens, and every way of reading it says the same
    progress    of the scheduler: no deadlock, no hang

Every access to what the log's threads share is a point (`watched`), as is the return of a sync.

Invariants
  1  equal tapes, equal runs
  2  a tape plays again under the ints of its schedule, `Era.switches`; none: no preemption
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from powercut.faultfs import FaultDevice, Image, Trace, survivor_image

from ..faster.fasterlog.seams import LOG_GEOMETRIES, LogIterator, SettingsError, open_log
from ..faster.fasterlog.watched import watch_iterator, watch_log
from ..faster.stepped import SteppedRuntime
from ..oracles.committed import ORACLE, Appends, Left, judge_left
from ..reach.collector import anew
from ..tapes.tape import Kind, Operation, Tape
from ..verdict import OK, Breach, Verdict, Violation
from .announced import AnnouncedDevice
from .appending import Appending, LogCall
from .calls import Listing
from .cuts import judge_crash, tell_cut
from .ends import Kept
from .lanes import split
from .schedule import Record, Scheduler

__all__ = ["AppendersProgram", "LogRan", "lanes_of_log"]

_STRICT: Final = "strict"
_BY_ITSELF: Final = (1.0, 2)  # A commit is due after so many seconds, or entries.
_RECOVERIES: Final = 4_096


def lanes_of_log(beside: list[Operation]) -> dict[int, list[Operation]]:
    """The operations of each task, in the order of the tasks."""
    lanes: dict[int, list[Operation]] = {}
    for operation in beside:
        lanes.setdefault(operation.session, []).append(operation)
    return dict(sorted(lanes.items()))


class LogRan(NamedTuple):
    """A run that has ended: its trace, where in that the tasks began, and what was done and told."""

    trace: Trace
    begun: int
    appends: Appends
    geometry: str

    def owes(self, index: int) -> bool:
        """True if anything was acknowledged by this index."""
        return any(each.at <= index for each in self.appends.told)

    def recovered(self, image: Image) -> Left | Violation:
        """Open a crash state, and tell all that it holds."""
        return recover_log(image, self.geometry)

    def judge(self, recovery: Left | Violation, index: int) -> Verdict:
        """The verdict on what was found in a content that is legal at this index."""
        return recovery if isinstance(recovery, Violation) else judge_left(self.appends, index, recovery)

    def told(self) -> Hashable:
        """All that is judged beside the trace."""
        told = tuple((*each[:4], tuple(each.progress.items())) for each in self.appends.told)
        return tuple(self.appends.appended), told, tuple(self.appends.asked), tuple(self.appends.said)


class AppendersProgram:
    """A tape's last program as tasks of a scheduler. For one run."""

    def __init__(self, tape: Tape, kept: Kept | None = None) -> None:
        self._tape = tape
        self._kept = Kept() if kept is None else kept
        self.alone = 0  # So many calls came before FORK.

    @property
    def calls(self) -> list[LogCall]:
        return self._appending.calls

    @property
    def listings(self) -> Sequence[Listing]:
        return ()

    def setup(self, scheduler: Scheduler) -> list[_Lane]:
        """Build the log, run what comes before, and hand out the tasks."""
        self.open(scheduler)
        return self.fork(scheduler)

    def open(self, scheduler: Scheduler) -> None:
        """Build the log, and run what comes before."""
        geometry = self._tape.geometry
        device = self._device = AnnouncedDevice(_created(geometry), scheduler.touch)
        log = open_log(device, geometry, scheduler)
        watch_log(log, scheduler.share)

        def watch(iterator: LogIterator) -> None:
            watch_iterator(iterator, scheduler.share)

        self._appending = Appending(log, scheduler.tick, device, watch)
        before, _ = split(self._tape.eras[-1].program)
        for operation in before:
            self.step(operation)
        log._source.parts.roots.await_third()  # Else who truncates first waits for it, and gives way.

    def stand_on(self, ground: AppendersProgram) -> None:
        """Go on from what another of the same geometry has opened, with the same operations before."""
        self._device, self._appending = ground._device, ground._appending

    def fork(self, scheduler: Scheduler) -> list[_Lane]:
        """Hand out the tasks."""
        beside = split(self._tape.eras[-1].program)[1]
        self.alone = len(self.calls)
        anew(f"appenders {sorted({int(each.kind) for each in beside})}")
        self._begun = len(self._device.trace)
        self._device.turn = scheduler.turn
        if any(each.kind == Kind.FLUSH for each in beside):
            seconds, entries = _BY_ITSELF
            self._appending.log.commit_every(seconds=seconds, entries=entries)
        for operation in beside:
            if operation.kind == Kind.ITERATE:
                self._appending.iterator_of(operation)
        return [_Lane(self, operations) for operations in lanes_of_log(beside).values()]

    def step(self, operation: Operation) -> None:
        """Carry one operation out."""
        self._appending.carry_out(operation)

    def judge(self, record: Record) -> Verdict:
        """The oracles' verdict on a run whose tasks all ended."""
        kept, appending = self._kept, self._appending
        for what in sorted(appending.reached):
            kept.reached[what] = kept.reached.get(what, 0) + 1
        trace = self._device.trace
        ran = LogRan(
            Trace(trace.initial, list(trace.events), sector_bytes=trace.sector_bytes),
            self._begun,
            appending.heard.appends,
            self._tape.geometry,
        )
        asked = (tuple(ran.trace.events[self._begun :]), appending.told())
        verdict = kept.verdicts.get(asked)
        if verdict is None:
            verdict = kept.verdicts[asked] = self._judge(ran)
        return verdict

    def _judge(self, ran: LogRan) -> Verdict:
        try:
            verdict = self._appending.judge()
        except Exception as error:  # noqa: BLE001 (whatever a log raises is a finding)
            return Violation("model", Breach.ERROR, f"{type(error).__name__}: {error}")
        if verdict != OK:
            return verdict
        if self._kept.cuts is not None:
            return self._kept.cuts.judge(ran)
        crash = self._tape.eras[-1].crash
        if crash is not None:
            return judge_crash(ran, crash, self._tape.law)
        end = len(ran.trace)
        verdict = ran.judge(ran.recovered(survivor_image(ran.trace, end, (), _STRICT)), end)
        return tell_cut(ran.trace, end, verdict) if isinstance(verdict, Violation) else verdict


class _Lane:
    """The operations of one task, in order."""

    def __init__(self, program: AppendersProgram, operations: list[Operation]) -> None:
        self._program = program
        self._operations = operations

    def __call__(self) -> None:
        for operation in self._operations:
            self._program.step(operation)


@lru_cache(maxsize=len(LOG_GEOMETRIES))
def _created(geometry: str) -> Image:
    """The files of a device on which a log was just made."""
    device = FaultDevice()
    open_log(device, geometry, SteppedRuntime()).close()
    return device.image()


@lru_cache(maxsize=_RECOVERIES)
def recover_log(image: Image, geometry: str) -> Left | Violation:
    """Open a crash state: all that it holds, where every way of reading it says the same."""
    try:
        with open_log(FaultDevice(image), geometry, SteppedRuntime()) as log:
            entries = tuple((address, data) for address, data in log.scan())
            for address, data in entries:
                if log.read(address) != data:
                    return Violation(
                        ORACLE, Breach.WRONG_VALUE, f"a read of {address} is not what a scan has"
                    )
            committed = log.committed
            left = Left(log.begin, committed.address, committed.number, entries, log.progress)
        return _judge_older(image, geometry, left) or left
    except Exception as error:  # noqa: BLE001
        return Violation("openable", Breach.UNOPENABLE, f"{type(error).__name__}: {error}")


def _judge_older(image: Image, geometry: str, left: Left) -> Violation | None:
    """Hold that the log comes back to the commit before, exactly, and to none that there never was.

    Only what is truncated may have taken the commit before with it.
    """
    for number in (left.number - 1, left.number + 1):
        try:
            older = open_log(
                FaultDevice(image, record_reads=False), geometry, SteppedRuntime(), commit=number
            )
        except SettingsError as error:
            if 0 < number < left.number and not left.begin:
                return Violation(ORACLE, Breach.WRONG_SERIAL, f"asked for commit {number}: {error}")
            continue
        with older:
            found = older.committed
            held = tuple((address, data) for address, data in older.scan())
        expected = tuple(entry for entry in left.entries if entry[0] < found.address)
        if found.number != number or found.address > left.end or held != expected:
            detail = f"asked for commit {number} of {left.number}, came back to {found}"
            return Violation(ORACLE, Breach.WRONG_SERIAL, detail)
    return None
