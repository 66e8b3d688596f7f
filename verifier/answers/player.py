"""The player: a tape for `answers`, one operation after another, every answer held against the reference.

    model      what an operation returned or raised, what a ticket gives, and the content
    figures    what `stats()`, `serials()`, `checkpoints()` and `close()` say
    log        the records of a scan with their addresses
    prefix     what an opening came back to, after a close or a power cut
    structure  the store's own audit

Figures are held after every operation; content, records and audit as an era ends.

Invariants
  1  equal tapes, equal runs
  2  the first objection ends the run

Threads: none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from hashlib import blake2b
from typing import Final

import msgspec

from powercut.faultfs import FaultDevice, Image, survivor_image

from ..faster.geometries import GEOMETRIES
from ..faster.inspection import inspect_store
from ..faster.stepped import LateRuntime
from ..faster.subject import FasterSubject
from ..reach.collector import anew
from ..spec.history import crash_index
from ..spec.model import session_name
from ..spec.subject import Older
from ..tapes.tape import ANSWERS, ASKED, Crash, Kind, Operation, Tape, clamp
from ..verdict import OK, Breach, Verdict, Violation
from .abandoned import abandon
from .apart import ground, wrong
from .asking import Answered, Answers, Asker, Raised, named, shorten, told_by
from .back import look_back
from .batches import add_many, append_many, get_many, put_many
from .closed import knock, roots_of
from .rarely import failed, forget, grow, misuse, viewed
from .reference import Point, Reference
from .refusing import RefusingDevice

__all__ = ["AnswersRun", "play_answers"]

EVENTS_MAX: Final = 20_000  # Of a life: a long program has some hundreds.


@dataclass(slots=True)
class AnswersRun:
    """The run of a tape whose every answer was judged."""

    tape: Tape
    verdict: Verdict = OK
    lines: list[str] = field(default_factory=list)  # What was asked and answered.
    reached: set[str] = field(default_factory=set)
    judged: int = 0  # Answers.
    asked: str = ""  # What was asked last.

    def digest(self) -> str:
        """A hash of every answer, and of the verdict."""
        state = blake2b("\n".join(self.lines).encode(), digest_size=16)
        state.update(msgspec.json.encode(self.verdict))
        return state.hexdigest()


class _ObjectionError(Exception):
    """An oracle objects."""


class _EndlessError(Exception):
    """An operation writes on and on."""


class _Device(RefusingDevice):
    """A device on which a life is at most so long."""

    def write(self, name: str, offset: int, buffer: bytes | bytearray | memoryview) -> int:
        if len(self.trace) > EVENTS_MAX:
            raise _EndlessError
        return super().write(name, offset, buffer)


def play_answers(tape: Tape) -> AnswersRun:
    """Run the whole tape."""
    run = AnswersRun(tape)
    try:
        _Player(tape, run).play()
    except _ObjectionError:
        pass
    except _EndlessError:
        run.verdict = Violation("progress", Breach.HANG, f"{run.asked} writes on and on")
    except Exception as error:  # noqa: BLE001 (whatever a store raises is a finding)
        run.verdict = Violation("model", Breach.ERROR, f"{type(error).__name__}: {error}")
    return run


class _Player:
    """One run."""

    def __init__(self, tape: Tape, run: AnswersRun) -> None:
        self._tape = tape
        self._run = run
        self._reference = Reference(tape)
        self._device = _Device()
        self._acks: list[tuple[int, Point]] = []
        self._lives = 0

    def play(self) -> None:
        self._open()
        for place, era in enumerate(self._tape.eras):
            for operation in era.program:
                self._step(operation)
            self._look()
            if era.crash is not None:
                self._cut(era.crash)
            elif place == len(self._tape.eras) - 1:
                self._hold("figures", "close", *self._close(saves=False))
            else:
                self._reopen(saves=False)

    # -- openings ----------------------------------------------------------------------------------

    def _open(self) -> None:
        self._runtime = LateRuntime()
        settings = GEOMETRIES[self._tape.geometry]
        self._subject = FasterSubject(
            *(self._device, settings, self._runtime, self._tape.kernels),
            geometry=self._tape.geometry,
            family=ANSWERS,
        )
        ask = self._asker = Asker(self._subject, self._runtime, self._reference, self._lives, self._device)
        self._lives += 1
        named = (
            *(Kind.UPSERT, Kind.DELETE, Kind.RMW, Kind.READ, Kind.INSERT, Kind.CHECKPOINT, Kind.START),
            *(Kind.STEP, Kind.TRUNCATE, Kind.START_READ, Kind.START_RMW, Kind.COMPLETE, Kind.RESUME),
            *(Kind.LEAVE, Kind.ITEMS, Kind.PUT, Kind.RMW_ODD, Kind.START_ODD, Kind.SCAN_FROM),
        )
        calls: dict[Kind, Callable[[Operation], Answered]] = {
            **{kind: getattr(ask, kind.name.lower()) for kind in named},
            Kind.SCAN: lambda _: ask.scan(),
            Kind.PUT_MANY: partial(put_many, ask),
            Kind.APPEND_MANY: partial(append_many, ask),
            Kind.ADD_MANY: partial(add_many, ask),
            Kind.GET_MANY: partial(get_many, ask),
            Kind.FORGET: partial(forget, ask),
            Kind.ABANDON: partial(abandon, ask),
            Kind.MISUSE: partial(misuse, ask),
            Kind.VIEWED: partial(viewed, ask),
            Kind.FAILED: partial(failed, ask),
            Kind.WRONG: partial(wrong, ask),
            Kind.GROUND: ground,
            Kind.GROW: partial(grow, ask),
        }
        self._calls = calls

    def _reopen(self, *, saves: bool) -> None:
        self._hold("figures", "close", *self._close(saves=saves))
        self._reference.recover(self._reference.points[0] if self._reference.points else None)
        self._open()
        self._look_at_opening()

    def _close(self, *, saves: bool) -> Answers:
        reference = self._reference
        if len(reference.points) > 1:
            self._look_at_copy()

        def unsaved() -> object:
            """Asked once what was pending is completed, for which no checkpoint waits then."""
            for _ in range(saves * (1 + (reference.phase != "REST"))):
                reference.checkpoint()
            return reference.unsaved()

        close = partial(self._subject.store.close, checkpoint=saves)
        self._sessions = self._subject.sessions
        answers = self._asker.end_all(close, unsaved)
        self._device.acquire(self)  # A closed device opens again for its next owner.
        self._device.release(self)
        self._compare("calls of a closed store", *knock(self._subject.store, self._sessions), "model")
        self._compare("roots of a closed store", *roots_of(self._device), "figures")
        self._look_at_older()
        return answers

    def _look_at_older(self) -> None:
        """Each checkpoint before the newest, opened: its serials and its content."""
        if self._reference.points[1:]:
            read_older = partial(self._subject.read_older, self._device, 1)
            older, answers = look_back(read_older, self._reference, self._device)
            self._hold_checkpoints("older checkpoints", 1, older)
            self._compare("looking back", *answers, "prefix")

    def _look_at_copy(self) -> None:
        """A copy of the store while it is open: every checkpoint is in it, also once the power was cut."""

        def survived() -> list[Older]:
            trace = self._subject.copy().trace
            return list(
                self._subject.read_older(_Device(survivor_image(trace, len(trace), (), self._tape.law)), 0)
            )

        self._hold_checkpoints("checkpoints of a copy", 0, told_by(survived))

    def _hold_checkpoints(self, what: str, newest: int, found: object) -> None:
        points = self._reference.points[newest:]
        expected = [(point.version, point.bound, self._reference.content_at(point)) for point in points]
        self._compare(what, expected, found, "prefix", Breach.WRONG_VALUE)
        self._run.reached.add(what)

    def _cut(self, crash: Crash) -> None:
        """Cut the power, and open what is left."""
        trace = self._device.trace
        index = crash_index(trace, crash)
        acked = [point for at, point in self._acks if at <= index]
        image = survivor_image(trace, index, crash.survivors, self._tape.law)
        self._reference.life = _life(image)
        self._device = _Device(image)
        self._acks = [(0, point) for point in acked[-1:]]
        self._open()
        newest = self._subject.store.newest
        point = None if newest is None else self._reference.fixed.get((newest.version[0], newest.version[1]))
        is_known = newest is None or point is not None
        if not is_known or (acked and (point is None or point.version < acked[-1].version)):
            least = acked[-1].version if acked else "none"
            self._object("prefix", Breach.LOST_ACK, f"acknowledged {least}, recovered {newest}")
        self._reference.recover(point)
        self._run.reached.add("power cut")
        self._look_at_opening()

    def _look_at_opening(self) -> None:
        points = self._reference.points
        self._compare("serials", points[0].bound if points else {}, self._subject.recovered(), "prefix")
        self._look()
        self._run.reached.add("reopened")

    # -- steps -------------------------------------------------------------------------------------

    def _step(self, given: Operation) -> None:
        operation = clamp(given)
        kind = Kind(operation.kind)
        self._run.asked = named(operation)
        if kind in ASKED:
            anew(kind.name)
        points = self._reference.points[:1]
        if kind in self._calls or kind in (Kind.REOPEN, Kind.SAVE):
            self._subject.ran(kind)
        if kind is Kind.REOPEN or kind is Kind.SAVE:
            self._reopen(saves=kind is Kind.SAVE)
        elif (call := self._calls.get(kind)) is not None:
            begun = len(self._reference.begun)
            answers = call(operation)
            if answers is None:
                return
            oracle = "log" if kind in (Kind.SCAN, Kind.SCAN_FROM) else "model"
            self._hold(oracle, self._run.asked, *answers)
            self._figures()
            self._reach(kind, begun, answers)
        if self._reference.points[:1] != points:
            self._acks.append((len(self._device.trace), self._reference.points[0]))
            self._list_checkpoints()

    def _reach(self, kind: Kind, begun: int, answers: Answers) -> None:
        name = kind.name.lower()
        reached = self._run.reached
        reached.add(name)
        if len(self._reference.begun) > begun:
            reached.add(f"{name} pending")
        elif begun:
            reached.add(f"pending, then {name}")
        if isinstance(answers.expected, Raised):
            reached.add(f"{name} refused")

    # -- oracles -----------------------------------------------------------------------------------

    def _figures(self) -> None:
        """The store's figures; device reads may be more by what appends had no room for."""
        stats, reference = self._subject.store.stats(), self._reference
        expected = reference.figures()
        found = {name: getattr(stats, name) for name in expected}
        if found != expected:
            name = next(name for name in expected if found[name] != expected[name])
            self._object(
                "figures", Breach.WRONG_RESULT, f"{name} is {found[name]}, expected {expected[name]}"
            )
        self._compare("phase", reference.phase, self._subject.store.phase.name, "figures")
        least = reference.log.counters["device_reads"]
        if not least <= stats.device_reads <= least + reference.log.reads_more:
            self._object(
                "figures", Breach.WRONG_RESULT, f"device_reads is {stats.device_reads}, expected {least}"
            )
        serials = {session_name(number): serial for number, serial in sorted(reference.issued.items())}
        self._compare("serials()", serials, self._subject.store.serials(), "figures", Breach.WRONG_SERIAL)

    def _list_checkpoints(self) -> None:
        told = [(tuple(point.version), dict(point.serials)) for point in self._subject.store.checkpoints()]
        self._compare("checkpoints()", [point.told for point in self._reference.points], told, "figures")

    def _look(self) -> None:
        """All that can be read, and the audit."""
        self._figures()
        self._list_checkpoints()
        self._hold("model", "items", *self._asker.items(), breach=Breach.WRONG_VALUE)
        self._hold("log", "scan", *self._asker.scan())
        audit = told_by(self._subject.store.check)
        if audit is not None:
            self._object("structure", Breach.BROKEN_INVARIANT, str(audit))

    def _hold(
        self, oracle: str, what: str, expected: object, found: object, *, breach: Breach | None = None
    ) -> None:
        self._run.judged += 1
        self._run.lines.append(f"{what} -> {found!r}")
        if found == expected and type(found) is type(expected):
            return
        is_error = isinstance(found, Raised) and not isinstance(expected, Raised)
        self._object(
            oracle,
            breach or (Breach.ERROR if is_error else Breach.WRONG_RESULT),
            f"{what}: expected {shorten(expected)}, got {shorten(found)}",
        )

    def _compare(
        self, what: str, expected: object, found: object, oracle: str, breach: Breach = Breach.WRONG_RESULT
    ) -> None:
        self._run.judged += 1
        if expected != found:
            self._object(oracle, breach, f"{what}: expected {shorten(expected)}, got {shorten(found)}")

    def _object(self, oracle: str, breach: Breach, detail: str) -> None:
        self._run.verdict = Violation(oracle, breach, detail)
        raise _ObjectionError


def _life(image: Image) -> int:
    """The life of the newest root there is; 0: none."""
    roots = (root for root in inspect_store(FaultDevice(image)).roots if not root.complaint)
    return max(((root.sequence, root.life) for root in roots), default=(0, 0))[1]
