"""Threads of one's own: a store that takes locks, threads and clock from a Runtime, under every schedule.

    class Race:
        def start(self, runtime, device):       # opens the store; the calls that run side by side
            self.log = Log(device, runtime)
            return [lambda: self.add(b"a"), lambda: self.add(b"b")]

        def check(self, device, acked):         # what is wrong with what is on this device; "" if nothing is
            return ...

    explore_threads(Race)

Each call is a task, and so is each call that the store hands to `runtime.submit`. Another task may go on
before each call of the device, at each lock, wait and submitted call, and at each `runtime.turn(what)` that
the store names; between two of these a task is alone. What is acknowledged goes into the trace,
`device.mark("acked", payload)`: `check` is asked of every content that a power cut can leave, with the
payloads of all that was acknowledged by then.

Invariants
  1  every schedule of at most so many preemptions is run, or `is_complete` is False
  2  a finding was run twice, with the same record, and no preemption of it can be spared
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from powercut.faultfs import EventKind, FaultDevice, crash_states

from ..verdict import OK, Breach, Verdict, Violation
from .announced import AnnouncedDevice
from .schedule import Bounded, Record, Scheduler, explore, replay_schedule, shrink_switches
from .schedule.task import Call

__all__ = ["Explored", "OwnThreads", "explore_threads"]

ACKED: Final = "acked"  # The label of a mark that is an acknowledgement.
STATES_MAX: Final = 64  # Legal states of one crash point.
_CALLS: Final = (
    *("list", "create", "remove", "size", "read_into", "write", "truncate", "sync", "sync_names"),
    *("rename", "link", "datasync", "allocate"),
)


class OwnThreads(Protocol):
    """Calls that run side by side over one device, and what must hold of what they leave."""

    def start(self, runtime: Scheduler, device: FaultDevice) -> Sequence[Callable[[], object]]:
        """Open the store; the calls, each a task. The scheduler has the shape of the engine's Runtime."""

    def check(self, device: FaultDevice, acked: list[bytes]) -> str:
        """Say what is wrong with what is on the device, if so much was acknowledged; "" if nothing is."""


@dataclass(slots=True)
class Explored:
    """The schedules that were run, and the first that shows something, with the fewest preemptions."""

    schedules: int
    is_complete: bool
    preemptions: int
    violation: Violation | None = None
    switches: tuple[int, ...] = ()  # The schedule, to be run again.
    story: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """The result in lines for a person."""
        if self.violation is None:
            whole = "all" if self.is_complete else "not all"
            return [f"{self.schedules:,} schedules, {whole} of at most {self.preemptions} preemptions: fine"]
        said = f"{self.violation.breach.value}: {self.violation.detail}"
        return [said, f"in schedule {self.schedules:,}:", *self.story]


def explore_threads(
    make: Callable[[], OwnThreads],
    *,
    preemptions: int = 2,
    schedules: int = 20_000,
    law: str = "posix",
    switches: Sequence[int] | None = None,
) -> Explored:
    """Run the threads that `make` makes under every schedule of at most so many preemptions.

    schedules   that are run at most
    law         what a power cut may leave
    switches    of a finding: that schedule alone

    Equal makers, equal results. Raises UnknownLawError.
    """

    def program() -> _Program:
        return _Program(make(), law)

    if switches is not None:
        record, verdict = replay_schedule(program, switches)
        return _explored(record, verdict, 1, tuple(switches))
    bounded = Bounded(preemptions)
    found = explore(program, [bounded], schedules)
    if found.finding is None:
        return Explored(found.schedules, bounded.is_complete, preemptions)
    least = shrink_switches(program, found.finding.switches, found.finding.verdict)
    record, verdict = replay_schedule(program, least)
    return _explored(record, verdict, found.schedules, least)


def _explored(record: Record, verdict: Verdict, schedules: int, switches: tuple[int, ...]) -> Explored:
    count = len(record.deviations)
    if not isinstance(verdict, Violation):
        return Explored(schedules, False, count, None, switches)
    left = {point for point, _ in record.deviations}
    story = []
    for task, start, end in record.runs():
        place = record.describe(record.points[end - 1]) if end > start else "its end"
        mark = ", and is preempted" if end - 1 in left else ""
        story.append(f"  task {task} runs to {place}{mark}")
    return Explored(schedules, False, count, verdict, switches, story)


class _TurningDevice(AnnouncedDevice):
    """A disk before each call of which another task may go on."""

    __slots__ = ("arrive",)

    def __init__(self, scheduler: Scheduler) -> None:
        self.arrive = scheduler.turn
        super().__init__(None, scheduler.touch)


def _turning(name: str) -> Callable[..., Any]:
    plain = getattr(AnnouncedDevice, name)

    def call(self: _TurningDevice, *arguments: Any) -> Any:
        self.arrive(" ".join([name, *(each for each in arguments[:1] if isinstance(each, str))]))
        return plain(self, *arguments)

    call.__name__ = name
    return call


for _name in _CALLS:
    setattr(_TurningDevice, _name, _turning(_name))


class _Program:
    """One run of the threads."""

    def __init__(self, threads: OwnThreads, law: str) -> None:
        self._threads = threads
        self._law = law

    def setup(self, scheduler: Scheduler) -> Sequence[Call]:
        self._device = _TurningDevice(scheduler)
        return list(self._threads.start(scheduler, self._device))

    def judge(self, record: Record) -> Verdict:
        """The verdict of `check` on the end, and on each content that a power cut can leave."""
        trace = self._device.trace
        acks = [(at, event.data) for at, event in enumerate(trace.events) if _is_ack(event)]
        image = self._device.image()
        said = self._check(FaultDevice(image), [payload for _, payload in acks])
        if said:
            return Violation("threads", Breach.BROKEN_INVARIANT, said)
        for state in crash_states(trace, self._law, limit=STATES_MAX):
            acked = [payload for at, payload in acks if at < state.last]
            said = self._check(FaultDevice(state.image), acked)
            if said:
                where = f"after a power cut behind device call {state.last}: {said}"
                return Violation("threads", Breach.LOST_ACK, where)
        return OK

    def _check(self, device: FaultDevice, acked: list[bytes]) -> str:
        try:
            return self._threads.check(device, acked)
        except Exception as error:  # noqa: BLE001 (whatever a store raises is a finding)
            return f"{type(error).__name__}: {error}"


def _is_ack(event: Any) -> bool:
    return bool(event.kind is EventKind.MARK and event.label == ACKED)
