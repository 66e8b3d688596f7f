"""Sessions side by side: a program whose sessions run as tasks, under a schedule, and its judgement.

The operations before FORK run one after another; those after it run in a task for each session, in
issue order, and checkpoints in a task of their own. Every call is stamped when it is invoked and when
it returns.

    linearizable  each key's calls, and its content at the end, have an explanation one by one
    serials       each session has counted what it issued
    structure     the store's own audit, at the end
    prefix        what a power cut at the end leaves (only what was synced) is explained by exactly the
                  first N(s) calls of each session, with the results that they returned, N as reported
    progress      of the scheduler: no deadlock, no hang

Invariants
  1  equal tapes, equal runs
  2  a tape plays again under the ints of its schedule, `Era.switches`; none: no preemption
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from math import inf
from typing import Final

import msgspec

from engine import InvariantError
from faultfs import FaultDevice, survivor_image

from .geometries import GEOMETRIES
from .linear import Span, judge_linear
from .model import Issued, Result, issue, session_name
from .schedule import Record, Scheduler, replay_schedule
from .stepped import SteppedRuntime
from .subjects import FasterSubject
from .tape import Kind, Operation, Tape
from .verdict import OK, Breach, Verdict, Violation

__all__ = ["SESSIONS", "SessionsProgram", "SessionsRun", "play_sessions", "split"]

SESSIONS: Final = "sessions"  # The `subject` of a tape that is played here.
_STRICT: Final = "strict"


@dataclass(slots=True)
class Call:
    """One call of a session; `returned` is inf while it is under way."""

    issued: Issued
    invoked: float
    returned: float = inf
    result: Result = None

    def span(self) -> Span:
        return Span(self.issued, self.invoked, self.returned, self.result)


def split(program: Sequence[Operation]) -> tuple[list[Operation], list[Operation]]:
    """What runs before, and what runs side by side; all of it where there is no FORK."""
    for place, operation in enumerate(program):
        if operation.kind == Kind.FORK:
            return list(program[:place]), [each for each in program[place + 1 :] if each.kind != Kind.FORK]
    return [], list(program)


class SessionsProgram:
    """A tape's last program as tasks of a scheduler. For one run."""

    def __init__(self, tape: Tape, reached: dict[str, int] | None = None) -> None:
        self._tape = tape
        self._reached = {} if reached is None else reached  # Slow paths, by name: runs that took them.
        self.calls: list[Call] = []
        self._issued: dict[int, int] = {}
        self._acked: dict[int, int] | None = None

    def setup(self, scheduler: Scheduler) -> list[_Lane]:
        """Build the store, run what comes before, and hand out the tasks."""
        self._scheduler = scheduler
        self._device = FaultDevice()
        self._subject = FasterSubject(self._device, GEOMETRIES[self._tape.geometry], scheduler)
        before, beside = split(self._tape.eras[-1].program)
        for operation in before:
            self._step(operation)
        spaces = self._subject.store.spaces
        for space, name in zip(spaces, ("control", "index", "log", "epochs"), strict=True):
            scheduler.share(space, name)
        lanes: dict[int, list[Operation]] = {}
        for operation in beside:
            lane = operation.session if operation.kind < Kind.CHECKPOINT else _CHECKPOINTS
            lanes.setdefault(lane, []).append(operation)
        for session in lanes:
            if session != _CHECKPOINTS:
                self._subject.open_session(session)
        return [_Lane(self, lanes[lane]) for lane in sorted(lanes)]

    def _step(self, operation: Operation) -> None:
        kind = Kind(operation.kind)
        if kind < Kind.CHECKPOINT:
            self._call(operation)
        elif kind in (Kind.CHECKPOINT, Kind.START):
            self._acked = self._subject.checkpoint()

    def _call(self, operation: Operation) -> None:
        session = operation.session
        serial = self._issued[session] = self._issued.get(session, 0) + 1
        call = Call(issue(operation, serial), self._scheduler.tick())
        self.calls.append(call)
        call.result = self._subject.apply(call.issued)
        call.returned = self._scheduler.tick()

    # -- oracles -----------------------------------------------------------------------------------

    def judge(self, record: Record) -> Verdict:
        """What the oracles say of a run whose tasks all ended."""
        subject = self._subject
        stats = subject.store.stats()
        for what in ("in_place", "copied", "retries", "device_reads", "drains"):
            if getattr(stats, what):
                self._reached[what] = self._reached.get(what, 0) + 1
        try:
            content = subject.read_all()
            subject.check()
        except InvariantError as error:
            return Violation("structure", Breach.BROKEN_INVARIANT, f"{error}")
        except Exception as error:  # noqa: BLE001 (whatever a store raises is a finding)
            return Violation("model", Breach.ERROR, f"{type(error).__name__}: {error}")
        verdict = judge_linear([call.span() for call in self.calls], content)
        if verdict != OK:
            return verdict
        counted = dict(subject.serials())
        if any(counted.get(session, 0) != serial for session, serial in self._issued.items()):
            return Violation("serials", Breach.WRONG_SERIAL, f"issued {self._issued}, counted {counted}")
        return OK if self._acked is None else self._judge_cut(self._acked)

    def _judge_cut(self, acked: Mapping[int, int]) -> Verdict:
        trace = self._device.trace
        image = survivor_image(trace, len(trace), (), _STRICT)
        try:
            subject = FasterSubject(FaultDevice(image), GEOMETRIES[self._tape.geometry], SteppedRuntime())
            content, recovered = subject.read_all(), subject.recovered()
        except Exception as error:  # noqa: BLE001
            return Violation("openable", Breach.UNOPENABLE, f"{type(error).__name__}: {error}")
        if any(recovered.get(session, 0) < serial for session, serial in acked.items()):
            return Violation("prefix", Breach.LOST_ACK, f"acknowledged {dict(acked)}, recovered {recovered}")
        if any(serial > self._issued.get(session, 0) for session, serial in recovered.items()):
            return Violation("serials", Breach.WRONG_SERIAL, f"issued {self._issued}, recovered {recovered}")
        kept = [
            call.span() for call in self.calls if call.issued.serial <= recovered.get(call.issued.session, 0)
        ]
        verdict = judge_linear(kept, content)
        if not isinstance(verdict, Violation):
            return verdict
        told = ", ".join(
            f"{session_name(session)} 1..{serial}" for session, serial in sorted(recovered.items())
        )
        return Violation("prefix", verdict.breach, f"after the cut at {told}: {verdict.detail}")


_CHECKPOINTS: Final = 1 << 30  # After all sessions.


class _Lane:
    """The operations of one task, in order."""

    def __init__(self, program: SessionsProgram, operations: list[Operation]) -> None:
        self._program = program
        self._operations = operations

    def __call__(self) -> None:
        for operation in self._operations:
            self._program._step(operation)


@dataclass(slots=True)
class SessionsRun:
    """What came of a tape whose sessions ran side by side."""

    tape: Tape
    record: Record
    calls: list[Call] = field(default_factory=list)
    verdict: Verdict = OK

    def digest(self) -> str:
        """A hash of every point of the schedule, every result, and the verdict."""
        state = blake2b(self.record.digest().encode(), digest_size=16)
        for call in self.calls:
            state.update(f"{call.issued}|{call.invoked}|{call.returned}|{call.result!r}\n".encode())
        state.update(msgspec.json.encode(self.verdict))
        return state.hexdigest()


def play_sessions(tape: Tape) -> SessionsRun:
    """Run the tape's last program under its schedule."""
    programs: list[SessionsProgram] = []

    def make() -> SessionsProgram:
        programs.append(SessionsProgram(tape))
        return programs[-1]

    record, verdict = replay_schedule(make, tape.eras[-1].switches)
    return SessionsRun(tape, record, programs[-1].calls, verdict)
