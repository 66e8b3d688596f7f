"""The world: a deterministic place in which eras are played against a subject.

It opens the store for an era, closes it, cuts the power, and takes down the objections of the oracles that
look at a running store: bounds a checkpoint reports, the content after every opening. What an era does in
between is in `steps`; crash states it leaves to `crashes`. What is right comes from the spec of the store's
maker.

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
from ..oracles.damage import DamageOracle
from ..oracles.faults import FaultOracle
from ..oracles.prefix import explained
from ..oracles.progress import bounded
from ..oracles.structure import audit, compare_probe, failed, judge_spares, recovered_bound, release
from ..spec.history import Life, Observation, Segment
from ..spec.model import Issued, longest_cut
from ..spec.spec import StoreMaker
from ..spec.subject import Bound, MakeStore, Mounted, Subject, mount
from ..tapes.tape import Era
from ..verdict import OK, Breach, Verdict, Violation
from .run import difference

__all__ = ["World"]


class World:
    """All that a run consists of while it goes on; plays eras one by one, and the caller may look around."""

    def __init__(
        self,
        make_store: MakeStore,
        floor: Bound | None = None,
        *,
        has_faults: bool = False,
        is_cut: bool = False,
    ) -> None:
        """`is_cut`: the power was cut before, in another world."""
        self.make_store = StoreMaker.of(make_store)
        self.spec = self.make_store.spec
        self.model = self.spec.model()
        self.fault_oracle = FaultOracle(self.spec.errors, has_faults=has_faults)
        self.device = self.fault_oracle.disk(self.make_store.image)
        self.device.label = "OPEN"
        self.mounted: Mounted | None = None
        self.verdict: Verdict = OK
        self.raised: Exception | None = None  # By the store, where the verdict is on that.
        # Of an opening that raises; a power cut may show in any that comes later.
        self._breach = Breach.UNOPENABLE if is_cut else Breach.ERROR
        self.is_stopped = False  # By an objection, if only to what the damage of a medium excuses.
        self.damage_oracle = DamageOracle(spec=self.spec)
        self.at_start: Mapping[int, int] = {}
        # It goes on from a content, and nothing tells how many operations made that.
        self.is_unnamed = False
        self.segment = Segment(self.device.trace, {} if floor is None else floor)

    @property
    def subject(self) -> Subject | None:
        """The store that is open."""
        return None if self.mounted is None else self.mounted.subject

    # -- openings ----------------------------------------------------------------------------------

    def begin(self, era: Era) -> bool:
        """Open for an era, with the faults of its plan, and with its damage, before that or behind it."""
        self.fault_oracle.arm(self.device, era.faults)
        damage = Damage.of(era.damage)
        if not damage.is_open:
            self.damage_oracle.strike(self.device, damage)
        if not self.open():
            return False
        if damage.is_open:
            self.damage_oracle.strike(self.device, damage)
        return True

    def open(self, make_store: Callable[[FaultDevice], Subject] | None = None) -> bool:
        """Open the store on the device as it is, as usual or by `make_store`; False if an oracle objects."""
        life = Life(len(self.device.trace), list(self.model.history))
        self.segment.lives.append(life)
        self.fault_oracle.reopen(self.device.trace)
        try:
            with bounded(self.device):
                subject = (make_store or self.make_store)(self.device)
        except SubjectError:
            raise  # There is no store.
        except Exception as error:  # noqa: BLE001 (whatever a subject raises is a finding)
            return self.fail("openable", self._breach, error) and self.abandon()
        if self.device.label == "OPEN":
            self.device.label = ""  # A subject that does not label its calls has none.
        self.mounted = mount(subject)
        try:
            with self.fault_oracle.unharmed(), bounded(self.device):
                content = subject.read_all()
                audit(self.mounted)
        except Exception as error:  # noqa: BLE001
            return self.fail("openable", self._breach, error) and self.abandon()
        if not self.has_returned(is_entry=False):
            return False
        is_harmed = self.fault_oracle.has_faults or self.damage_oracle.is_struck
        if not is_harmed and (found := judge_spares(self.mounted, self.spec)) is not None:
            return self.object_to(found)
        recovered = recovered_bound(self.mounted)
        if (verdict := self.damage_oracle.judge_opening(recovered)) != OK:
            return self.object_to(verdict)
        index = len(self.device.trace)
        verdict, self.model.history = self.fault_oracle.judge_recovery(
            self.model.history, self.acked(), recovered, content
        )
        if verdict != OK:
            return self.object_to(verdict)
        self.fault_oracle.unresolved = None
        if isinstance(recovered, Mapping) and isinstance(acked := self.acked(), Mapping):
            recovered = explained(self.model.history, acked, recovered, content)[1]
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
        if recovered is None:
            self.model.recover(longest_cut(self.model.history, content))
            return
        self.model.history = self.model.history[:recovered]
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
            with bounded(self.device):
                mounted.subject.close()
        except Exception as error:  # noqa: BLE001
            if not self.fail("model", Breach.ERROR, error):
                return False
        else:
            if not self.has_returned(is_entry=False):
                return False
        self.device.acquire(self)  # A closed device opens again for its next owner.
        self.device.release(self)
        self.device.label = "OPEN"
        verdict = self.damage_oracle.rest(self.device, mounted, self.model.history)
        return verdict == OK or self.object_to(verdict)

    def abandon(self) -> bool:
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
        self.let_go()
        self.model.history = list(ended.issued_by(index))
        owed = self.fault_oracle.cut(ended, index)
        self.device = self.fault_oracle.disk(image)
        self.device.label = "OPEN"
        self._breach = Breach.UNOPENABLE
        confirmed = ended.confirmed_until(owed)
        sure = None if confirmed == owed else ended.acked_by(confirmed)
        self.segment = Segment(self.device.trace, ended.acked_by(owed), sure=sure)
        return ended

    def let_go(self) -> None:
        """Take the power from whoever holds the device, and let the store go of its threads and files."""
        mounted, self.mounted = self.mounted, None
        self.device.die()
        release(mounted, self.spec)

    # -- oracles -----------------------------------------------------------------------------------

    def inspect(self) -> bool:
        """Judge the end of an era: content against the model, the subject's own audit."""
        if self.mounted is None:
            return self.verdict == OK
        self.fault_oracle.begin(self.device.trace)
        try:
            with self.fault_oracle.unharmed(), bounded(self.device):
                content = self.mounted.subject.read_all()
                audit(self.mounted)
        except Exception as error:  # noqa: BLE001
            return self.fail("model", Breach.ERROR, error)
        if not self.has_returned():
            return False
        if content != self.model.content:
            detail = difference(self.model.content, content)
            return self.object_to(Violation("model", Breach.WRONG_VALUE, detail))
        return True

    def probe(self) -> bool:
        """Judge at the end of a run, for it opens a session: reads find what the audit lists."""
        self.fault_oracle.begin(self.device.trace)
        try:
            with self.fault_oracle.unharmed(), bounded(self.device):
                verdict = compare_probe(self.mounted, self.model.content)
        except Exception as error:  # noqa: BLE001
            return self.fail("openable", Breach.UNOPENABLE, error)
        return verdict is None or self.object_to(verdict)

    # -- what is taken down --------------------------------------------------------------------------------

    def is_limit(self, error: Exception) -> bool:
        """True if the store is at a limit of its own, and says so."""
        is_limit = self.spec.errors.is_limit
        if is_limit is None or self.mounted is None or not is_limit(self.mounted.subject, error):
            return False
        self.segment.count("at a limit")
        return True

    def has_returned(self, *, is_entry: bool = True) -> bool:
        """True if the call that began may have returned."""
        verdict = self.fault_oracle.judge_return(is_entry=is_entry)
        return verdict == OK or self.object_to(verdict)

    def acked(self) -> Bound:
        """The bound that is acknowledged here."""
        return self.segment.acked_by(self.fault_oracle.owed_at(self.segment))

    def issue(self, issued: Issued) -> None:
        """Take down that an operation was given to the store: it may be in effect from here on."""
        life = self.segment.lives[-1]
        life.history.append(issued)
        life.issued_at.append(len(self.device.trace))

    def observe(self, what: str, session: int, returned: str, expected: str) -> None:
        """Take down what a call of the store returned."""
        seen = Observation(len(self.device.trace), what, session, returned, expected)
        self.segment.observations.append(seen)

    def object_to(self, verdict: Verdict) -> bool:
        """Take down an objection, which ends the run. False."""
        self.is_stopped = True
        if self.verdict == OK:
            self.verdict = self.damage_oracle.judge(verdict)
        return False

    def fail(self, oracle: str, breach: Breach, error: Exception) -> bool:
        """Take down what the store raised; True if it may."""
        if self.fault_oracle.excuses(error):
            return True
        self.raised = self.raised or error
        if self.damage_oracle.is_struck:
            return self.object_to(self.damage_oracle.hear(error))
        return self.object_to(failed(oracle, breach, error, self.spec.errors))
