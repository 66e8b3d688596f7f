"""Checkpoints that a stuck device keeps waiting: given up at their deadline, and taken once it has answered.

    filled      keys that have left memory; in half of the programs a checkpoint of another kind
    stuck       one session or two begin to change a key each, and the device does not answer
    given up    once or twice: a checkpoint with a deadline. It says whom it waited for, when its time is
                over; no version is spent, nothing is synced, and others go on
    answered    the operations are completed, or their sessions closed; now a checkpoint of the very version
                that was given up holds all of it
    cut         the power at every device call since then, every crash state opened and judged

Invariant: a program is a value, and its verdict a function of it.

Threads: one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import Final

from powercut.engine import CheckpointError, CheckpointKind, EngineError, FasterKv, Session
from powercut.faultfs import SYNC_KINDS, FaultDevice, crash_states

from ...faster.geometries import GEOMETRIES
from ...faster.seams import PendingTicket
from ...faster.stepped import SteppedRuntime
from ...oracles.prefix import judge_recovery
from ...spec.model import Issued, issue, session_name
from ...tapes.operations import PLAIN
from ...tapes.tape import SIZES, Kind, Operation
from ...verdict import OK, Breach, Verdict, Violation

__all__ = ["Stuck", "StuckTally", "run_stuck", "stuck_programs"]

GEOMETRY: Final = "narrow"
SECONDS: Final = 30.0
LIMIT: Final = 1 << 16  # Crash states of one index.
_LARGE: Final = SIZES - 1
_FILLER: Final = 3  # The session that fills, and goes on meanwhile.
_ENDS: Final = ("completed", "closed")


@dataclass(frozen=True, slots=True)
class Stuck:
    """A program: the kind of checkpoint, one taken before or "", who is stuck, how often it is tried."""

    kind: str
    before: str
    sessions: int
    tries: int
    end: str


@dataclass(slots=True)
class StuckTally:
    """The work of a search."""

    given_up: int = 0
    retried: int = 0
    contents: int = 0
    points: int = 0
    bounded: int = 0


def stuck_programs() -> Iterator[Stuck]:
    """All of them."""
    for kind, sessions, tries, end in product(PLAIN, (1, 2), (1, 2), _ENDS):
        other = PLAIN[(PLAIN.index(kind) + 1) % len(PLAIN)]
        yield Stuck(kind, other if tries == sessions else "", sessions, tries, end)


def run_stuck(program: Stuck, law: str, tally: StuckTally) -> Verdict:
    """Run the program, and judge it and every power cut since the device got stuck."""
    run = _Run(program, tally)
    verdict = run.go()
    return run.cut(law) if verdict == OK else verdict


class _StuckError(Exception):
    """Something is not as it should be; carries the violation."""

    def __init__(self, oracle: str, breach: Breach, detail: str) -> None:
        super().__init__(detail)
        self.violation = Violation(oracle, breach, detail)


@dataclass(slots=True)
class _Run:
    program: Stuck
    tally: StuckTally
    device: FaultDevice = field(default_factory=FaultDevice)
    runtime: SteppedRuntime = field(default_factory=SteppedRuntime)
    history: list[tuple[int, Issued]] = field(default_factory=list)  # With the trace's length before each.
    acks: list[tuple[int, dict[int, int]]] = field(default_factory=list)
    sessions: dict[int, Session] = field(default_factory=dict)
    begun: int = 0

    def go(self) -> Verdict:
        store = FasterKv.open(
            self.device,
            create=True,
            settings=GEOMETRIES[GEOMETRY],
            runtime=self.runtime,
            kernels="interpreted",
        )
        try:
            self._play(store)
        except _StuckError as error:
            return error.violation
        except EngineError as error:
            return Violation("model", Breach.ERROR, f"{type(error).__name__}: {error}")
        return OK

    def _play(self, store: FasterKv) -> None:
        program = self.program
        for key in (0, 1, 2, 3, 4, 5, 6, 7):
            self._do(store, Operation(Kind.UPSERT, _FILLER, key, _LARGE))
        if program.before:
            self._acknowledge(store.checkpoint(_kind(program.before)).serials)
        self.begun = len(self.device.trace)
        waiting = [self._start(store, number) for number in range(program.sessions)]
        version = store.stats().version
        for _ in range(program.tries):
            self._give_up(store, version)
            self._do(store, Operation(Kind.RMW, _FILLER, 7))
        for number, ticket in enumerate(waiting):
            session = self.sessions[number]
            if program.end == "closed":
                session.close()
            else:
                session.complete_pending()
            self._require(ticket.is_done, "progress", Breach.HANG, f"s{number} is stuck still")
        point = store.checkpoint(_kind(program.kind), timeout=SECONDS)
        self._require(
            point.version.counter == version,
            "serials",
            Breach.WRONG_SERIAL,
            f"a retry is of version {point.version.counter}, the one given up was {version}",
        )
        self._require(
            point.serials == store.serials(), "serials", Breach.WRONG_SERIAL, f"it holds {point.serials}"
        )
        self._acknowledge(point.serials)
        self.tally.retried += 1

    def _give_up(self, store: FasterKv, version: int) -> None:
        at, began = len(self.device.trace), self.runtime.seconds
        newest = store.newest
        try:
            store.checkpoint(_kind(self.program.kind), timeout=SECONDS)
        except CheckpointError as error:
            text = str(error)
        else:
            raise _StuckError(
                "prefix", Breach.LOST_ACK, "a checkpoint holds what the device has not answered"
            )
        self.tally.given_up += 1
        names = [session_name(number) for number in range(self.program.sessions)]
        self._require(all(name in text for name in names), "model", Breach.WRONG_RESULT, f"it says {text!r}")
        took = self.runtime.seconds - began
        self._require(took == SECONDS, "progress", Breach.HANG, f"it took {took} s of {SECONDS}")
        stats = store.stats()
        found = (stats.version, stats.phase, store.newest)
        self._require(
            found == (version, "REST", newest), "serials", Breach.WRONG_SERIAL, f"then there was {found}"
        )
        synced = [event for event in self.device.trace.events[at:] if event.kind in SYNC_KINDS]
        self._require(not synced, "model", Breach.WRONG_RESULT, f"it has synced {len(synced)} times")

    def _require(self, is_so: bool, oracle: str, breach: Breach, detail: str) -> None:
        if not is_so:
            raise _StuckError(oracle, breach, f"{self.program}: {detail}")

    # -- operations --------------------------------------------------------------------------------

    def _issue(self, store: FasterKv, operation: Operation) -> tuple[Session, Issued]:
        number = operation.session
        if number not in self.sessions:
            self.sessions[number] = store.session(session_name(number))
        issued = issue(operation, self.sessions[number].serial + 1)
        self.history.append((len(self.device.trace), issued))
        return self.sessions[number], issued

    def _do(self, store: FasterKv, operation: Operation) -> None:
        session, issued = self._issue(store, operation)
        if issued.kind is Kind.UPSERT:
            session.upsert(issued.key, issued.value)
        else:
            session.rmw(issued.key, issued.appended)

    def _start(self, store: FasterKv, number: int) -> PendingTicket:
        session, issued = self._issue(store, Operation(Kind.RMW, number, number))
        ticket = session.start_rmw(issued.key, issued.appended)
        self._require(not ticket.is_done, "model", Breach.WRONG_RESULT, f"{issued.key!r} is in memory")
        return ticket

    def _acknowledge(self, serials: dict[str, int]) -> None:
        self.acks.append((len(self.device.trace), {int(name[1:]): count for name, count in serials.items()}))

    # -- power cuts --------------------------------------------------------------------------------

    def cut(self, law: str) -> Verdict:
        """The verdict on every power cut since the device got stuck."""
        states = crash_states(self.device.trace, law, start=self.begun, limit=LIMIT)
        self.tally.points += states.points
        self.tally.bounded += states.bounded_points
        for state in states:
            self.tally.contents += 1
            try:
                with FasterKv.open(
                    FaultDevice(state.image),
                    settings=GEOMETRIES[GEOMETRY],
                    create=True,
                    runtime=SteppedRuntime(),
                    kernels="interpreted",
                ) as store:
                    content, serials = dict(store.items()), store.serials()
                    store.check()
            except EngineError as error:
                return Violation("openable", Breach.UNOPENABLE, f"{type(error).__name__}: {error}")
            recovered = {int(name[1:]): count for name, count in serials.items()}
            issued = [each for at, each in self.history if at <= state.first]
            acked = next((bound for at, bound in reversed(self.acks) if at <= state.last), {})
            verdict = judge_recovery(issued, acked, recovered, content)
            if verdict != OK:
                return verdict
        return OK


def _kind(name: str) -> CheckpointKind:
    return CheckpointKind[name.upper()]
