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
from contextlib import suppress

from powercut.engine import EngineError
from powercut.faultfs import survivor_image
from powercut.faultfs.faults.rot import Damage

from ..concurrency.lanes import SESSIONS, play_sessions
from ..faster.geometries import make_faster
from ..oracles.damage import Decay
from ..oracles.faults import Doubts, settle
from ..oracles.prefix import judge_report
from ..oracles.structure import audit, compare_probe, failed, judge_probe, recovered_bound
from ..spec.history import Observation, Passage, Segment, crash_index
from ..spec.model import Issued, Model, Result, longest_cut, session_name
from ..spec.subject import Bound, MakeStore, Subject
from ..tapes.tape import BESIDE, Era, Kind, Operation, Tape
from ..verdict import OK, Breach, Verdict, Violation
from .run import Run, difference, plain, text

__all__ = ["Run", "World", "audit", "failed", "judge_probe", "play", "recovered_bound"]


class World:
    """Plays eras one by one; the caller may look around between them."""

    def __init__(
        self, make_store: MakeStore, floor: Bound | None = None, *, has_faults: bool = False
    ) -> None:
        self.make_store = make_store
        self.model = Model()
        self.doubts = Doubts(has_faults=has_faults)
        self.device = self.doubts.disk()
        self.device.label = "OPEN"
        self.subject: Subject | None = None
        self.verdict: Verdict = OK
        self.decay = Decay()
        self._at_start: Mapping[int, int] = {}
        self.segment = Segment(self.device.trace, {} if floor is None else floor)

    # -- openings ----------------------------------------------------------------------------------

    def open(self) -> bool:
        """Open the store on the device as it is; False if an oracle objects."""
        passage = Passage(len(self.device.trace), list(self.model.history))
        self.segment.passages.append(passage)
        self.doubts.reopen(self.device.trace)
        try:
            self.subject = self.make_store(self.device)
            if self.device.label == "OPEN":
                self.device.label = ""  # A subject that does not label its calls has none.
            with self.doubts.unharmed():
                content = self.subject.read_all()
                audit(self.subject)
        except Exception as error:  # noqa: BLE001 (whatever a subject raises is a finding)
            return self._fail("openable", Breach.UNOPENABLE, error) and self._abandon()
        if not self._has_returned(is_entry=False):
            return False
        recovered = recovered_bound(self.subject)
        index = len(self.device.trace)
        verdict, self.model.history = self.doubts.judge_recovery(
            self.model.history, self._acked(), recovered, content
        )
        if verdict != OK:
            return self._object(verdict)
        self.doubts.unresolved = None
        self._rebase(recovered, content)
        passage.opened = index
        passage.recovered = recovered
        passage.history = list(self.model.history)
        passage.base = len(passage.history)
        self.segment.acks.append((index, self._named(recovered)))
        return True

    def _rebase(self, recovered: Bound | None, content: dict[bytes, bytes]) -> None:
        """Take the model back to the prefix that the subject came back to."""
        if isinstance(recovered, Mapping):
            self.model.recover(recovered)
            return
        count = recovered if recovered is not None else longest_cut(self.model.history, content)
        self.model.history = self.model.history[:count]
        self.model.recover({each.session: each.serial for each in self.model.history})

    def _named(self, recovered: Bound | None) -> Bound:
        """The prefix as a bound; what an opening reports is acknowledged."""
        return len(self.model.history) if recovered is None else recovered

    def close(self) -> bool:
        """Close cleanly; what is not checkpointed is lost, what is not synced is still pending."""
        if self.subject is None:
            return True
        subject, self.subject = self.subject, None
        self.device.label = "CLOSE"
        self.doubts.begin(self.device.trace)
        try:
            subject.close()
        except Exception as error:  # noqa: BLE001
            if not self._fail("model", Breach.ERROR, error):
                return False
        else:
            if not self._has_returned(is_entry=False):
                return False
        self.device.acquire(self)  # A closed device opens again for its next owner.
        self.device.release(self)
        self.device.label = "OPEN"
        verdict = self.decay.rest(self.device, subject, self.model.history)
        return verdict == OK or self._object(verdict)

    def _abandon(self) -> bool:
        """Give up a store that may refuse and has refused: nothing more is asked of it."""
        subject, self.subject = self.subject, None
        if subject is not None:
            with suppress(EngineError), self.doubts.unharmed():
                subject.close()
            self.device.acquire(self)
            self.device.release(self)
        self.device.label = "OPEN"
        return True

    def cut(self, index: int, digits: tuple[int, ...], law: str) -> Segment:
        """Cut the power at `index` of the trace; a new segment begins with what survives."""
        ended = self.segment
        image = survivor_image(ended.trace, index, digits, law)
        self.decay.cut(ended.trace)
        self.model.history = list(ended.issued_by(index))
        owed = self.doubts.cut(ended.trace, index)
        self.device = self.doubts.disk(image)
        self.device.label = "OPEN"
        self.subject = None
        self.segment = Segment(self.device.trace, ended.acked_by(owed))
        return ended

    # -- steps -------------------------------------------------------------------------------------

    def step(self, operation: Operation) -> bool:
        """Carry one operation out; False if an oracle objects."""
        self.segment.step_starts.append(len(self.device.trace))
        kind = Kind(operation.kind)
        if kind is Kind.REOPEN:
            return self.close() and self.open()
        if kind in BESIDE:
            return True  # One after another, there is nothing to begin.
        if self.subject is None and self.doubts.has_faults:
            return True  # It could not be opened, and may say so.
        self.doubts.begin(self.device.trace)
        try:
            if kind is Kind.CHECKPOINT:
                return self._checkpoint()
            if kind in (Kind.START, Kind.STEP):
                return self._step_checkpoint(kind)
            if kind is Kind.TRUNCATE:
                return self._truncate()
        except Exception as error:  # noqa: BLE001
            return self._fail("model", Breach.ERROR, error)
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
            return self._fail("model", Breach.ERROR, error) and self._settle(issued)
        if not self._has_returned():
            return False
        expected = self.model.apply(issued)
        what = f"{issued.kind.name.lower()} {issued.key.decode()} #{issued.serial}"
        self._observe(what, operation.session, text(returned), text(expected))
        if returned != expected:
            detail = f"{session_name(issued.session)} {what}: expected {text(expected)}, got {text(returned)}"
            return self._object(Violation("model", Breach.WRONG_RESULT, detail))
        return True

    def _checkpoint(self) -> bool:
        assert self.subject is not None
        at_least = self._at_start if self._is_checkpointing() else dict(self.model.issued)
        bound = self.subject.checkpoint()
        if not self._has_returned():
            return False
        # A subject that counts nothing promises everything it was given.
        return self._acknowledge(dict(self.model.issued) if bound is None else bound, at_least)

    def _step_checkpoint(self, kind: Kind) -> bool:
        start, step = getattr(self.subject, "start", None), getattr(self.subject, "step", None)
        if start is None or step is None:
            return True  # The subject's checkpoints are one step.
        if kind is Kind.START:
            is_entry = not self._is_checkpointing()
            if is_entry:
                self._at_start = dict(self.model.issued)
            start()
            return self._has_returned(is_entry=is_entry)
        is_entry = self._is_checkpointing()
        bound = step()
        is_fine = self._has_returned(is_entry=is_entry)
        return is_fine and (bound is None or self._acknowledge(bound, self._at_start))

    def _is_checkpointing(self) -> bool:
        """True if the subject has a checkpoint under way that was taken apart into steps."""
        return bool(getattr(self.subject, "is_checkpointing", False))

    def _truncate(self) -> bool:
        """Truncate the log, if the subject can; the content stays as it was."""
        getattr(self.subject, "truncate", bool)()
        return self._has_returned(is_entry=hasattr(self.subject, "truncate"))

    def _settle(self, issued: Issued) -> bool:
        """Settle an operation that raised: whether it took its serial, and whether it had its effect."""
        passage = self.segment.passages[-1]
        serials = getattr(self.subject, "serials", lambda: {issued.session: issued.serial})()
        if serials.get(issued.session, 0) < issued.serial:
            del passage.history[-1], passage.issued_at[-1]
            return True
        if self.doubts.is_poisoned:
            self.doubts.unresolved = issued
            self.model.apply(issued)
            return True
        assert self.subject is not None
        try:
            with self.doubts.unharmed():
                content = self.subject.read_all()
        except Exception as error:  # noqa: BLE001
            return self._fail("model", Breach.ERROR, error) and self._abandon()
        settled = settle(issued, content, self.model.content)
        if settled is None:
            what = f"{issued.kind.name.lower()} {issued.key.decode()} #{issued.serial}"
            return self._object(Violation("model", Breach.WRONG_VALUE, f"{what} raised and is half done"))
        passage.history[-1] = settled
        self.model.apply(settled)
        return True

    def _has_returned(self, *, is_entry: bool = True) -> bool:
        """True if the call that began may have returned."""
        verdict = self.doubts.judge_return(is_entry=is_entry)
        return verdict == OK or self._object(verdict)

    def _acknowledge(self, bound: Bound, at_least: Mapping[int, int]) -> bool:
        self._observe("checkpoint", -1, plain(bound), "")
        verdict = judge_report(self.model.history, self._acked(), bound, at_least)
        if verdict != OK:
            return self._object(verdict)
        index = len(self.device.trace)
        self.segment.acks.append((index, bound))
        self.segment.checkpointed = min(self.segment.checkpointed, index)
        return True

    # -- oracles -----------------------------------------------------------------------------------

    def inspect(self) -> bool:
        """Judge the end of an era: content against the model, the subject's own audit."""
        if self.subject is None:
            return self.verdict == OK
        self.doubts.begin(self.device.trace)
        try:
            with self.doubts.unharmed():
                content = self.subject.read_all()
                audit(self.subject)
        except Exception as error:  # noqa: BLE001
            return self._fail("model", Breach.ERROR, error)
        if not self._has_returned():
            return False
        if content != self.model.content:
            detail = difference(self.model.content, content)
            return self._object(Violation("model", Breach.WRONG_VALUE, detail))
        return True

    def probe(self) -> bool:
        """Judge at the end of a run, for it opens a session: reads find what the audit lists."""
        self.doubts.begin(self.device.trace)
        try:
            with self.doubts.unharmed():
                verdict = compare_probe(self.subject, self.model.content)
        except Exception as error:  # noqa: BLE001
            return self._fail("openable", Breach.UNOPENABLE, error)
        return verdict is None or self._object(verdict)

    def _acked(self) -> Bound:
        return self.segment.acked_by(self.doubts.owed_at(self.device.trace))

    def _observe(self, what: str, session: int, returned: str, expected: str) -> None:
        seen = Observation(len(self.device.trace), what, session, returned, expected)
        self.segment.observations.append(seen)

    def _object(self, verdict: Verdict) -> bool:
        if self.verdict == OK:
            self.verdict = self.decay.judge(verdict)
        return False

    def _fail(self, oracle: str, breach: Breach, error: Exception) -> bool:
        if self.doubts.excuses(error):
            return True
        is_struck = self.decay.is_struck
        return self._object(self.decay.hear(error) if is_struck else failed(oracle, breach, error))


def play(tape: Tape, make_store: MakeStore | None = None) -> Run:
    """Run the whole tape; stops at the first objection."""
    if tape.subject == SESSIONS:
        beside = play_sessions(tape)
        return Run(tape, [], beside.verdict, beside)
    has_faults = any(era.faults for era in tape.eras)
    world = World(make_store or make_faster(tape.geometry, tape.kernels), has_faults=has_faults)
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
    run.damaged = world.decay.told
    return run


def _play_era(world: World, era: Era) -> bool:
    world.doubts.arm(world.device, era.faults)
    damage = Damage.of(era.damage)
    if not damage.moment:
        world.decay.strike(world.device, damage)
    if not world.open():
        return False
    if damage.moment:
        world.decay.strike(world.device, damage)
    return all(world.step(operation) for operation in era.program)
