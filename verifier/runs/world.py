"""The world: a deterministic place in which eras are played against a subject.

It gives operations to the store and lets the oracles that look at a running store say what they have
to say: results against the model, bounds a checkpoint reports, the content after every opening. Crash
states it leaves to `crashes`. What is right comes from the spec of the store's maker.

Invariants
  1  equal tapes, equal runs: nothing here reads a clock, a thread or an unseeded generator
  2  an objection ends the run; the first one is the verdict
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress

from powercut.faultfs import FaultDevice, survivor_image
from powercut.faultfs.faults.rot import Damage

from ..errors import SubjectError
from ..oracles.faults import settle
from ..oracles.prefix import judge_report
from ..oracles.structure import audit, compare_probe, recovered_bound
from ..reach.collector import anew
from ..spec.history import Life, Segment
from ..spec.model import Issued, Result, longest_cut, session_name
from ..spec.subject import Bound, Subject, bound_of, mount
from ..tapes.tape import Era, Kind, Operation
from ..verdict import OK, Breach, Violation
from .rarer import RarerSteps
from .run import difference, plain, text

__all__ = ["World"]


class World(RarerSteps):
    """Plays eras one by one; the caller may look around between them."""

    # -- openings ----------------------------------------------------------------------------------

    def begin(self, era: Era) -> bool:
        """Open for an era, with the faults of its plan, and with its damage at its moment."""
        self.fault_oracle.arm(self.device, era.faults)
        damage = Damage.of(era.damage)
        if not damage.moment:
            self.damage_oracle.strike(self.device, damage)
        if not self.open():
            return False
        if damage.moment:
            self.damage_oracle.strike(self.device, damage)
        return True

    def open(self, make_store: Callable[[FaultDevice], Subject] | None = None) -> bool:
        """Open the store on the device as it is, as usual or by `make_store`; False if an oracle objects."""
        life = Life(len(self.device.trace), list(self.model.history))
        self.segment.lives.append(life)
        self.fault_oracle.reopen(self.device.trace)
        try:
            subject = (make_store or self.make_store)(self.device)
        except SubjectError:
            raise  # There is no store.
        except Exception as error:  # noqa: BLE001 (whatever a subject raises is a finding)
            return self._fail("openable", Breach.UNOPENABLE, error) and self._abandon()
        if self.device.label == "OPEN":
            self.device.label = ""  # A subject that does not label its calls has none.
        self.mounted = mount(subject)
        try:
            with self.fault_oracle.unharmed():
                content = subject.read_all()
                audit(self.mounted)
        except Exception as error:  # noqa: BLE001
            return self._fail("openable", Breach.UNOPENABLE, error) and self._abandon()
        if not self._has_returned(is_entry=False):
            return False
        recovered = recovered_bound(self.mounted)
        if (verdict := self.damage_oracle.judge_opening(recovered)) != OK:
            return self._object(verdict)
        index = len(self.device.trace)
        verdict, self.model.history = self.fault_oracle.judge_recovery(
            self.model.history, self._acked(), recovered, content
        )
        if verdict != OK:
            return self._object(verdict)
        self.fault_oracle.unresolved = None
        self._rebase(recovered, content)
        life.opened = index
        life.recovered = recovered
        life.history = list(self.model.history)
        life.base = len(life.history)
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
        if self.mounted is None:
            return True
        mounted, self.mounted = self.mounted, None
        self.device.label = "CLOSE"
        self.fault_oracle.begin(self.device.trace)
        try:
            mounted.subject.close()
        except Exception as error:  # noqa: BLE001
            if not self._fail("model", Breach.ERROR, error):
                return False
        else:
            if not self._has_returned(is_entry=False):
                return False
        self.device.acquire(self)  # A closed device opens again for its next owner.
        self.device.release(self)
        self.device.label = "OPEN"
        verdict = self.damage_oracle.rest(self.device, mounted, self.model.history)
        return verdict == OK or self._object(verdict)

    def _abandon(self) -> bool:
        """Give up a store that may refuse and has refused: nothing more is asked of it."""
        mounted, self.mounted = self.mounted, None
        if mounted is not None:
            self.device.label = "CLOSE"
            with suppress(*self.spec.errors.refusals), self.fault_oracle.unharmed():
                mounted.subject.close()
            self.device.acquire(self)
            self.device.release(self)
        self.device.label = "OPEN"
        return True

    def cut(self, index: int, digits: tuple[int, ...], law: str) -> Segment:
        """Cut the power at `index` of the trace; a new segment begins with what survives."""
        ended = self.segment
        image = survivor_image(ended.trace, index, digits, law)
        self.damage_oracle.cut(ended.trace)
        self.model.history = list(ended.issued_by(index))
        owed = self.fault_oracle.cut(ended.trace, index)
        self.device = self.fault_oracle.disk(image)
        self.device.label = "OPEN"
        self.mounted = None
        self.segment = Segment(self.device.trace, ended.acked_by(owed))
        return ended

    # -- steps -------------------------------------------------------------------------------------

    def step(self, operation: Operation) -> bool:
        """Carry one operation out; False if an oracle objects."""
        self.segment.step_starts.append(len(self.device.trace))
        kind = Kind(operation.kind)
        if self.fault_oracle.is_poisoned:
            anew("poisoned")
        if kind is Kind.REOPEN:
            return self.close() and self.open()
        if kind is Kind.REOPEN_AS:
            self.segment.count("reopened otherwise")
            reopen = self.make_store.reopen
            make_store = None if reopen is None else reopen(operation, self.subject)
            return self.close() and self.open(make_store)
        if kind not in self.spec.kinds:
            return True  # It means nothing to this kind of store.
        if self.mounted is None and self.fault_oracle.has_faults:
            return True  # It could not be opened, and may say so.
        self.fault_oracle.begin(self.device.trace)
        try:
            if kind in (Kind.CHECKPOINT, Kind.START):
                self._choose(operation)
            if kind is Kind.CHECKPOINT:
                return self._checkpoint()
            if kind in (Kind.START, Kind.STEP):
                return self._step_checkpoint(kind)
            if kind in (Kind.TRUNCATE, Kind.TRUNCATE_AT):
                return self._truncate(operation)
            if kind is Kind.LOOK_ON:
                return self._look_on()
            if kind is Kind.FLUSH:
                return self._flush(operation)
        except SubjectError:
            raise  # The bench cannot judge what it was told.
        except Exception as error:  # noqa: BLE001
            return self._fail("model", Breach.ERROR, error)
        return self._apply(operation)

    def _apply(self, operation: Operation) -> bool:
        assert self.mounted is not None
        issued = self.model.next(operation)
        life = self.segment.lives[-1]
        life.history.append(issued)
        life.issued_at.append(len(self.device.trace))
        try:
            returned: Result = self.mounted.subject.apply(issued)
        except Exception as error:  # noqa: BLE001
            if self._is_limit(error):
                return self._settle(issued)
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
        assert self.mounted is not None
        at_least = self._at_start if self._is_checkpointing() else dict(self.model.issued)
        bound = self.mounted.subject.checkpoint()
        if not self._has_returned():
            return False
        # A subject that counts nothing promises everything it was given.
        return self._acknowledge(dict(self.model.issued) if bound is None else bound, at_least)

    def _step_checkpoint(self, kind: Kind) -> bool:
        steps = None if self.mounted is None else self.mounted.steps
        if steps is None:
            return True  # The subject's checkpoints are one step.
        is_under_way = steps.is_checkpointing
        if kind is Kind.START:
            if not is_under_way:
                self._at_start = dict(self.model.issued)
            steps.start()
            return self._has_returned(is_entry=not is_under_way)
        bound = steps.step()
        is_fine = self._has_returned(is_entry=is_under_way)
        return is_fine and (bound is None or self._acknowledge(bound, self._at_start))

    def _is_checkpointing(self) -> bool:
        """True if the subject has a checkpoint under way that was taken apart into steps."""
        steps = None if self.mounted is None else self.mounted.steps
        return steps is not None and steps.is_checkpointing

    def _settle(self, issued: Issued) -> bool:
        """Settle an operation that raised: whether it took its serial, and whether it had its effect."""
        assert self.mounted is not None
        life = self.segment.lives[-1]
        counts = self.mounted.counts
        if counts is not None and counts.serials().get(issued.session, 0) < issued.serial:
            del life.history[-1], life.issued_at[-1]
            return True
        if self.fault_oracle.is_poisoned:
            self.fault_oracle.unresolved = issued
            self.model.apply(issued)
            return True
        try:
            with self.fault_oracle.unharmed():
                content = self.mounted.subject.read_all()
        except Exception as error:  # noqa: BLE001
            return self._fail("model", Breach.ERROR, error) and self._abandon()
        settled = settle(issued, content, self.model.content)
        if settled is None:
            what = f"{issued.kind.name.lower()} {issued.key.decode()} #{issued.serial}"
            return self._object(Violation("model", Breach.WRONG_VALUE, f"{what} raised and is half done"))
        life.history[-1] = settled
        self.model.apply(settled)
        return True

    def _acknowledge(self, told: object, at_least: Mapping[int, int]) -> bool:
        bound = bound_of(told, "checkpoint")
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
        if self.mounted is None:
            return self.verdict == OK
        self.fault_oracle.begin(self.device.trace)
        try:
            with self.fault_oracle.unharmed():
                content = self.mounted.subject.read_all()
                audit(self.mounted)
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
        self.fault_oracle.begin(self.device.trace)
        try:
            with self.fault_oracle.unharmed():
                verdict = compare_probe(self.mounted, self.model.content)
        except Exception as error:  # noqa: BLE001
            return self._fail("openable", Breach.UNOPENABLE, error)
        return verdict is None or self._object(verdict)
