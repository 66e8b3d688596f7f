"""The world: a deterministic place in which a tape is played against a subject.

`play` runs the eras of a tape in order, one device after another, and lets the oracles that look
at a running store say what they have to say: results against the model, bounds a checkpoint
reports, the content after every opening. Crash states it leaves to `crashes`.

Invariants
  1  equal tapes, equal runs: nothing here reads a clock, a thread or an unseeded generator
  2  an objection ends the run; the first one is the verdict
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final

import msgspec

from engine import InvariantError
from faultfs import FaultDevice, survivor_image

from .concurrent import SESSIONS, SessionsRun, play_sessions
from .geometries import make_faster
from .history import Observation, Passage, Segment, crash_index
from .model import Model, Result, session_name
from .prefix import judge_recovery, judge_report, show
from .subjects import Bound, MakeStore, Subject
from .tape import KEYS_MAX, Era, Kind, Operation, Tape
from .verdict import OK, Breach, Verdict, Violation

__all__ = ["Run", "World", "failed", "judge_probe", "play", "recovered_bound"]

_PROBED: Final = [b"key-%d" % number for number in range(KEYS_MAX)]  # Deleted ones too.


@dataclass(slots=True)
class Run:
    """What came of a tape: its segments, and the first objection."""

    tape: Tape
    segments: list[Segment] = field(default_factory=list)
    verdict: Verdict = OK
    beside: SessionsRun | None = None  # Of a tape whose sessions ran side by side; it has no segments.

    def digest(self) -> str:
        """A hash of everything that happened: device events, results, acknowledgements, verdict."""
        if self.beside is not None:
            return self.beside.digest()
        state = blake2b(digest_size=16)
        for segment in self.segments:
            state.update(segment.trace.digest().encode())
            for seen in segment.observations:
                state.update(f"{seen.index}|{seen.what}|{seen.returned}|{seen.expected}\n".encode())
            for index, bound in segment.acks:
                state.update(f"{index}|{_plain(bound)}\n".encode())
        state.update(msgspec.json.encode(self.verdict))
        return state.hexdigest()


class World:
    """Plays eras one by one; the caller may look around between them."""

    def __init__(self, make_store: MakeStore, floor: Bound | None = None) -> None:
        self.make_store = make_store
        self.model = Model()
        self.device = FaultDevice()
        self.device.label = "OPEN"
        self.subject: Subject | None = None
        self.verdict: Verdict = OK
        self._at_start: Mapping[int, int] = {}
        self.segment = Segment(self.device.trace, {} if floor is None else floor)

    # -- openings ----------------------------------------------------------------------------------

    def open(self) -> bool:
        """Open the store on the device as it is; False if an oracle objects."""
        passage = Passage(len(self.device.trace), list(self.model.history))
        self.segment.passages.append(passage)
        try:
            self.subject = self.make_store(self.device)
            if self.device.label == "OPEN":
                self.device.label = ""  # A subject that does not label its calls has none.
            content = self.subject.read_all()
            audit(self.subject)
        except Exception as error:  # noqa: BLE001 (whatever a subject raises is a finding)
            return self._object(failed("openable", Breach.UNOPENABLE, error))
        recovered = recovered_bound(self.subject)
        index = len(self.device.trace)
        verdict = judge_recovery(self.model.history, self._acked(), recovered, content)
        if verdict != OK:
            return self._object(verdict)
        self._rebase(recovered, content)
        passage.opened = index
        passage.recovered = recovered
        passage.history = list(self.model.history)
        passage.base = len(passage.history)
        self.segment.acks.append((index, self._named(recovered)))
        return True

    def _rebase(self, recovered: Bound | None, content: dict[bytes, bytes]) -> None:
        """Take the model back to the cut that the subject came back to."""
        if isinstance(recovered, Mapping):
            self.model.recover(recovered)
            return
        count = recovered if recovered is not None else _longest_cut(self.model, content)
        self.model.history = self.model.history[:count]
        self.model.recover({each.session: each.serial for each in self.model.history})

    def _named(self, recovered: Bound | None) -> Bound:
        """The cut as a bound; what an opening reports is acknowledged."""
        return len(self.model.history) if recovered is None else recovered

    def close(self) -> bool:
        """A clean close; what is not checkpointed is lost, what is not synced still hangs in the air."""
        if self.subject is None:
            return True
        subject, self.subject = self.subject, None
        self.device.label = "CLOSE"
        try:
            subject.close()
        except Exception as error:  # noqa: BLE001
            return self._object(failed("model", Breach.ERROR, error))
        self.device.acquire(self)  # A closed device opens again for its next owner.
        self.device.release(self)
        self.device.label = "OPEN"
        return True

    def cut(self, index: int, digits: tuple[int, ...], law: str) -> Segment:
        """The power goes at `index` of the trace; a new segment begins with what survives."""
        ended = self.segment
        image = survivor_image(ended.trace, index, digits, law)
        self.model.history = list(ended.issued_by(index))
        self.device = FaultDevice(image)
        self.device.label = "OPEN"
        self.subject = None
        self.segment = Segment(self.device.trace, ended.acked_by(index))
        return ended

    # -- steps -------------------------------------------------------------------------------------

    def step(self, operation: Operation) -> bool:
        """Carry one operation out; False if an oracle objects."""
        self.segment.step_starts.append(len(self.device.trace))
        kind = Kind(operation.kind)
        if kind is Kind.REOPEN:
            return self.close() and self.open()
        if kind is Kind.FORK:
            return True  # One after another, there is nothing to begin.
        try:
            if kind is Kind.CHECKPOINT:
                return self._checkpoint()
            if kind in (Kind.START, Kind.STEP):
                return self._step_checkpoint(kind)
        except Exception as error:  # noqa: BLE001
            return self._object(failed("model", Breach.ERROR, error))
        return self._apply(operation)

    def _apply(self, operation: Operation) -> bool:
        assert self.subject is not None
        issued = self.model.next(operation)
        passage = self.segment.passages[-1]
        passage.history.append(issued)
        passage.issued_at.append(len(self.device.trace))
        try:
            returned: Result = self.subject.apply(issued)
        except Exception as error:  # noqa: BLE001
            return self._object(failed("model", Breach.ERROR, error))
        expected = self.model.apply(issued)
        what = f"{issued.kind.name.lower()} {issued.key.decode()} #{issued.serial}"
        self._observe(what, operation.session, _text(returned), _text(expected))
        if returned != expected:
            detail = (
                f"{session_name(issued.session)} {what}: expected {_text(expected)}, got {_text(returned)}"
            )
            return self._object(Violation("model", Breach.WRONG_RESULT, detail))
        return True

    def _checkpoint(self) -> bool:
        assert self.subject is not None
        at_least = self._at_start if self._is_checkpointing() else dict(self.model.issued)
        bound = self.subject.checkpoint()
        # A subject that counts nothing promises everything it was given.
        return self._acknowledge(dict(self.model.issued) if bound is None else bound, at_least)

    def _step_checkpoint(self, kind: Kind) -> bool:
        start, step = getattr(self.subject, "start", None), getattr(self.subject, "step", None)
        if start is None or step is None:
            return True  # The subject's checkpoints are one step.
        if kind is Kind.START:
            if not self._is_checkpointing():
                self._at_start = dict(self.model.issued)
            start()
            return True
        bound = step()
        if bound is None:
            return True
        return self._acknowledge(bound, self._at_start)

    def _is_checkpointing(self) -> bool:
        """Whether the subject has a checkpoint under way that was taken apart into steps."""
        return bool(getattr(self.subject, "is_checkpointing", False))

    def _acknowledge(self, bound: Bound, at_least: Mapping[int, int]) -> bool:
        self._observe("checkpoint", -1, _plain(bound), "")
        verdict = judge_report(self.model.history, self._acked(), bound, at_least)
        if verdict != OK:
            return self._object(verdict)
        index = len(self.device.trace)
        self.segment.acks.append((index, bound))
        self.segment.checkpointed = min(self.segment.checkpointed, index)
        return True

    # -- oracles -----------------------------------------------------------------------------------

    def inspect(self) -> bool:
        """At the end of an era: content against the model, the subject's own audit."""
        if self.subject is None:
            return self.verdict == OK
        try:
            content = self.subject.read_all()
            audit(self.subject)
        except Exception as error:  # noqa: BLE001
            return self._object(failed("model", Breach.ERROR, error))
        if content != self.model.content:
            model = self.model.content
            key = min(key for key in content.keys() | model.keys() if content.get(key) != model.get(key))
            detail = f"{key.decode()}: expected {show(model.get(key))}, found {show(content.get(key))}"
            return self._object(Violation("model", Breach.WRONG_VALUE, detail))
        return True

    def probe(self) -> bool:
        """At the end of a run, for it opens a session: whether reads find what the audit's road lists."""
        verdict = judge_probe(self.subject, self.model.content)
        return verdict is None or self._object(verdict)

    def _acked(self) -> Bound:
        return self.segment.acked_by(len(self.device.trace))

    def _observe(self, what: str, session: int, returned: str, expected: str) -> None:
        seen = Observation(len(self.device.trace), what, session, returned, expected)
        self.segment.observations.append(seen)

    def _object(self, verdict: Verdict) -> bool:
        if self.verdict == OK:
            self.verdict = verdict
        return False


def play(tape: Tape, make_store: MakeStore | None = None) -> Run:
    """Run the whole tape; stops at the first objection."""
    if tape.subject == SESSIONS:
        beside = play_sessions(tape)
        return Run(tape, [], beside.verdict, beside)
    world = World(make_store or make_faster(tape.geometry, tape.kernels))
    run = Run(tape)
    for number, era in enumerate(tape.eras, 1):
        if not _play_era(world, era):
            break
        if era.crash is None:
            is_last = number == len(tape.eras)
            if not (world.inspect() and (not is_last or world.probe()) and world.close()):
                break
        elif not world.inspect():  # It reads, so it stands in the trace: the search looks here too.
            break
        else:
            index = crash_index(world.segment.trace, era.crash)
            run.segments.append(world.cut(index, era.crash.survivors, tape.law))
    run.segments.append(world.segment)
    run.verdict = world.verdict
    return run


def _play_era(world: World, era: Era) -> bool:
    return world.open() and all(world.step(operation) for operation in era.program)


def audit(subject: Subject) -> None:
    """The subject's own check, if it has one."""
    check = getattr(subject, "check", None)
    if check is not None:
        check()


def recovered_bound(subject: Subject) -> Bound | None:
    """The cut that the subject says it came back to, if it says."""
    recovered = getattr(subject, "recovered", None)
    bound: Bound | None = recovered() if recovered is not None else None
    return bound


def judge_probe(subject: Subject | None, content: dict[bytes, bytes]) -> Violation | None:
    """Whether operations read what the subject lists; None where they do, or it cannot be asked."""
    probe = getattr(subject, "probe", None)
    if probe is None:
        return None
    try:
        found: dict[bytes, bytes] = probe(_PROBED)
    except Exception as error:  # noqa: BLE001
        return failed("openable", Breach.UNOPENABLE, error)
    if found == content:
        return None
    key = min(key for key in found.keys() | content.keys() if found.get(key) != content.get(key))
    detail = f"{key.decode()}: listed {show(content.get(key))}, a read finds {show(found.get(key))}"
    return Violation("structure", Breach.WRONG_VALUE, detail)


def _longest_cut(model: Model, content: dict[bytes, bytes]) -> int:
    """The longest prefix, in issue order, that explains the content."""
    from_the_end = range(len(model.history), -1, -1)
    for count in from_the_end:
        candidate = Model()
        for issued in model.history[:count]:
            candidate.apply(issued)
        if candidate.content == content:
            return count
    return 0


def failed(oracle: str, breach: Breach, error: Exception) -> Violation:
    """What an exception of the subject amounts to."""
    if isinstance(error, InvariantError):
        return Violation("structure", Breach.BROKEN_INVARIANT, f"{error}")
    return Violation(oracle, breach, f"{type(error).__name__}: {error}")


def _text(result: Result) -> str:
    return show(result) if result is None or isinstance(result, bytes) else str(result)


def _plain(bound: Bound) -> str:
    return str(dict(sorted(bound.items()))) if isinstance(bound, Mapping) else str(bound)
