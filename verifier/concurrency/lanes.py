"""Sessions side by side: a program whose sessions run as tasks, under a schedule, and its judgement.

The operations before FORK run one after another; those after it run in a task for each session, in
issue order, checkpoints in a task of their own, truncations there or beside it, the flush worker in one. What
a session has pending when its lane ends is completed. `calls` says what calls come of an operation.

    linearizable  each key's calls, what walks listed of it, and its content at the end, have an
                  explanation one by one
    serials       each session has counted what it issued, and resumes with that
    structure     the store's own audit, at the end
    prefix        what a power cut at the end leaves (only what was synced) is explained by exactly the
                  first N(s) calls of each session, with the results that they returned, N as reported; so
                  is what the tape's crash leaves, if it has one, and what each crash at a device call since
                  FORK does, where these are searched (`cuts`)
    progress      of the scheduler: no deadlock, no hang

Invariants
  1  equal tapes, equal runs
  2  a tape plays again under the ints of its schedule, `Era.switches`; none: no preemption
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Final

import msgspec

from powercut.faultfs import Event, FaultDevice, Image, survivor_image

from ..faster.geometries import GEOMETRIES
from ..faster.stepped import SteppedRuntime
from ..faster.subject import FasterSubject
from ..reach.pairs import beside as count_beside
from ..reach.pairs import is_counting
from ..spec.model import TRUNCATIONS
from ..tapes.tape import KEYED, SESSIONS, Kind, Operation, Tape
from ..verdict import OK, Breach, Verdict, Violation
from .announced import AnnouncedDevice
from .appending import LogCall
from .calls import APART, ASIDE, BEHIND, FAR, OF_SESSIONS, Call, Issuer, Listing
from .cuts import Ran, judge_crash, judge_recovered
from .ends import End, Kept, State, changes_of, content_of, recover_cut
from .schedule import Record, Scheduler

__all__ = [
    "APART_LANE",
    "ASIDE_LANE",
    "BEHIND_LANE",
    "FAR_LANE",
    "SessionsProgram",
    "SessionsRun",
    "created",
    "lanes_of",
    "split",
]

_STRICT: Final = "strict"


def split(program: Sequence[Operation]) -> tuple[list[Operation], list[Operation]]:
    """The operations before FORK, and those that run side by side; all are before where there is no FORK."""
    for place, operation in enumerate(program):
        if operation.kind == Kind.FORK:
            return list(program[:place]), [each for each in program[place + 1 :] if each.kind != Kind.FORK]
    return [], list(program)


def lanes_of(beside: Sequence[Operation]) -> dict[int, list[Operation]]:
    """The operations of each task, in the order of the tasks: sessions by number, then FAR_LANE and so on.

    FAR_LANE, or that of a compaction or a growth, first where its operation comes first.
    """
    lanes: dict[int, list[Operation]] = {}
    for operation in beside:
        if operation.kind in OF_SESSIONS:
            lanes.setdefault(operation.session, []).append(operation)
        elif operation.kind in FAR:
            lanes.setdefault(FAR_LANE, []).append(operation)
        elif operation.kind in ASIDE:
            lanes.setdefault(ASIDE_LANE, []).append(operation)
        elif operation.kind in BEHIND:
            lanes.setdefault(BEHIND_LANE, []).append(operation)
        elif operation.kind in APART:
            lanes.setdefault(APART_LANE, []).append(operation)
    first = FAR_LANE if beside and beside[0].kind in FAR else None
    first = ASIDE_LANE if beside and beside[0].kind == Kind.COMPACT else first
    first = APART_LANE if beside and beside[0].kind in APART else first
    return dict(sorted(lanes.items(), key=lambda lane: (lane[0] != first, lane[0])))


class SessionsProgram:
    """A tape's last program as tasks of a scheduler. For one run."""

    def __init__(self, tape: Tape, kept: Kept | None = None) -> None:
        self._tape = tape
        self._kept = Kept() if kept is None else kept
        self._acked: dict[int, int] | None = None
        self._acks: list[tuple[int, Mapping[int, int]]] = []
        self.alone = 0  # So many calls came before FORK.

    @property
    def calls(self) -> list[Call]:
        return self._issuer.calls

    @property
    def listings(self) -> list[Listing]:
        return self._issuer.listings

    def setup(self, scheduler: Scheduler) -> list[_Lane]:
        """Build the store, run what comes before, and hand out the tasks."""
        self.open(scheduler)
        return self.fork(scheduler)

    def open(self, scheduler: Scheduler) -> None:
        """Build the store, and run what comes before."""
        geometry = self._tape.geometry
        self._device = AnnouncedDevice(created(geometry), scheduler.touch)
        self._subject = FasterSubject(
            self._device, GEOMETRIES[geometry], scheduler, geometry=geometry, family=SESSIONS
        )
        self._issuer = Issuer(self._subject, scheduler.tick)
        for operation in split(self._tape.eras[-1].program)[0]:
            self._step(operation)

    def stand_on(self, ground: SessionsProgram) -> None:
        """Go on from what another of the same geometry has opened, with the same operations before."""
        self._device, self._subject, self._issuer = ground._device, ground._subject, ground._issuer
        self._acked, self._acks = ground._acked, list(ground._acks)

    def fork(self, scheduler: Scheduler) -> list[_Lane]:
        """Hand out the tasks."""
        beside = split(self._tape.eras[-1].program)[1]
        self._issuer.begin(is_truncated=any(each.kind in _TRUNCATIONS for each in beside))
        self.alone = len(self.calls)
        self._begun = len(self._device.trace)
        spaces = self._subject.store.spaces
        for space, name in zip(spaces, ("control", "index", "log", "epochs"), strict=True):
            scheduler.share(space, name)
        lanes = lanes_of(beside)
        # Where sessions go first, a checkpoint that they leave at such a point would need a preemption more.
        self._device.turn = scheduler.turn if next(iter(lanes), None) == FAR_LANE else None
        if is_counting():
            count_beside([{Kind(each.kind) for each in lane} for lane in lanes.values()])
        for lane in lanes:
            if lane < FAR_LANE:
                self._subject.open_session(lane)
        return [_Lane(self, lane, operations) for lane, operations in lanes.items()]

    def _step(self, operation: Operation) -> None:
        kind = Kind(operation.kind)
        if kind in (Kind.CHECKPOINT, Kind.START):
            self._subject.choose_kind(operation.size)
            self._acknowledge(self._subject.checkpoint())
        elif kind is Kind.STEP:
            self._subject.choose_kind(operation.size)
            begin = self._subject.step if self._subject.is_checkpointing else self._subject.start
            bound = begin()  # A phase on: a lane takes it to its end.
            if isinstance(bound, Mapping):
                self._acknowledge(bound)
        elif any(kind in lane for lane in (OF_SESSIONS, FAR, ASIDE, BEHIND, APART)):
            if kind not in KEYED:
                self._subject.ran(kind)
            self._issuer.carry_out(operation)

    def _acknowledge(self, bound: Mapping[int, int]) -> None:
        told_at, now = self._subject.told_at(), self._subject.trace_length
        self._acked = dict(bound)
        # Who waits for it may have reported it before the call returned.
        self._acks.append((now if told_at is None else min(now, told_at), self._acked))

    # -- oracles -----------------------------------------------------------------------------------

    def judge(self, record: Record) -> Verdict:
        """The oracles' verdict on a run whose tasks all ended."""
        verdict = self._judge_end()
        if verdict != OK:
            return verdict
        ran = Ran(self._device.trace, self._begun, self._issuer, self._acks, self._tape.geometry)
        if self._kept.cuts is not None:
            return self._kept.cuts.judge(ran)
        crash = self._tape.eras[-1].crash
        return OK if crash is None else judge_crash(ran, crash, self._tape.law)

    def _judge_end(self) -> Verdict:
        kept, issuer = self._kept, self._issuer
        counters = self._subject.store.counters()
        reached = issuer.reached | {what for what in _REACHED if counters[what]}
        for what in sorted(reached):
            kept.reached[what] = kept.reached.get(what, 0) + 1
        end = self._end()
        number = kept.words.setdefault(end.words, len(kept.words))
        asked = (number, *end[1:])
        verdict = kept.verdicts.get(asked)
        if verdict is None:
            verdict = kept.verdicts[asked] = self._judge(State(number, end.events))
        return verdict

    def _since(self) -> tuple[Event, ...]:
        """The calls that reached the device since the sessions began."""
        return tuple(self._device.trace.events[self._begun :])

    def _end(self) -> End:
        store, acked = self._subject.store, self._acked
        return End(
            b"".join(store.spaces),
            self._since(),
            self._issuer.told(),
            tuple(self._subject.serials().items()),
            None if acked is None else tuple(acked.items()),
        )

    def _judge(self, state: State) -> Verdict:
        subject, issuer = self._subject, self._issuer
        content = self._kept.contents.get(state)
        if content is None:
            content = self._kept.contents[state] = content_of(subject)
        if isinstance(content, Violation):
            return content
        verdict = issuer.judge(content)
        if verdict != OK:
            return verdict
        counted = dict(subject.serials())
        if any(counted.get(session, 0) != serial for session, serial in issuer.issued.items()):
            return Violation("serials", Breach.WRONG_SERIAL, f"issued {issuer.issued}, counted {counted}")
        return OK if self._acked is None else self._judge_cut(self._acked)

    def _judge_cut(self, acked: Mapping[int, int]) -> Verdict:
        changes = changes_of(self._since())
        recovery = self._kept.recoveries.get(changes)
        if recovery is None:
            image = survivor_image(self._device.trace, len(self._device.trace), (), _STRICT)
            recovery = self._kept.recoveries[changes] = recover_cut(image, self._tape.geometry)
        if isinstance(recovery, Violation):
            return recovery
        issued = self._issuer.issued | {TRUNCATIONS: max(self._issuer.begins, default=0)}
        return judge_recovered(self._issuer, recovery, issued, acked)


@lru_cache(maxsize=len(GEOMETRIES))
def created(geometry: str) -> Image:
    """The files of a device on which a store was just made; opening that is cheaper than making one."""
    device = FaultDevice()
    FasterSubject(device, GEOMETRIES[geometry], SteppedRuntime()).close()
    return device.image()


FAR_LANE: Final = 1 << 30  # After all sessions,
ASIDE_LANE: Final = FAR_LANE + 1  # after checkpoints,
BEHIND_LANE: Final = FAR_LANE + 2  # after truncations, and last what grows.
APART_LANE: Final = FAR_LANE + 3
_TRUNCATIONS: Final = (Kind.TRUNCATE, Kind.TRUNCATE_AT, Kind.COMPACT, Kind.GROW)
_REACHED: Final = ("in_place", "copied", "retries", "device_reads", "drains")


class _Lane:
    """The operations of one task, in order."""

    def __init__(self, program: SessionsProgram, lane: int, operations: list[Operation]) -> None:
        self._program = program
        self._lane = lane
        self._operations = operations

    def __call__(self) -> None:
        for operation in self._operations:
            self._program._step(operation)
        self._program._issuer.complete(self._lane)


@dataclass(slots=True)
class SessionsRun:
    """The run of a tape whose sessions ran side by side."""

    tape: Tape
    record: Record
    calls: Sequence[Call | LogCall] = ()
    listings: Sequence[Listing] = ()
    alone: int = 0  # So many of the calls came before FORK.
    verdict: Verdict = OK

    def digest(self) -> str:
        """A hash of every point of the schedule, every result, and the verdict."""
        state = blake2b(self.record.digest().encode(), digest_size=16)
        for call in self.calls:
            state.update(f"{call.issued}|{call.invoked}|{call.returned}|{call.result!r}\n".encode())
        for listing in self.listings:
            state.update(f"{listing}\n".encode())
        state.update(msgspec.json.encode(self.verdict))
        return state.hexdigest()
