"""The bench: a device, the store on it, the model it is held against, and how an objection is taken down.

Invariant: an objection ends the run; the first one is the verdict.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..oracles.damage import DamageOracle
from ..oracles.faults import FaultOracle
from ..oracles.structure import failed
from ..spec.history import Observation, Segment
from ..spec.spec import StoreMaker
from ..spec.subject import Bound, MakeStore, Mounted, Subject
from ..verdict import OK, Breach, Verdict

__all__ = ["Bench"]


class Bench:
    """All that a run consists of while it goes on."""

    def __init__(
        self, make_store: MakeStore, floor: Bound | None = None, *, has_faults: bool = False
    ) -> None:
        self.make_store = StoreMaker.of(make_store)
        self.spec = self.make_store.spec
        self.model = self.spec.model()
        self.fault_oracle = FaultOracle(self.spec.errors, has_faults=has_faults)
        self.device = self.fault_oracle.disk(self.make_store.image)
        self.device.label = "OPEN"
        self.mounted: Mounted | None = None
        self.verdict: Verdict = OK
        self.damage_oracle = DamageOracle(spec=self.spec)
        self._at_start: Mapping[int, int] = {}
        self.segment = Segment(self.device.trace, {} if floor is None else floor)

    @property
    def subject(self) -> Subject | None:
        """The store that is open."""
        return None if self.mounted is None else self.mounted.subject

    def _is_limit(self, error: Exception) -> bool:
        """True if the store is at a limit of its own, and says so."""
        is_limit = self.spec.errors.is_limit
        if is_limit is None or self.mounted is None or not is_limit(self.mounted.subject, error):
            return False
        self.segment.count("at a limit")
        return True

    def _has_returned(self, *, is_entry: bool = True) -> bool:
        """True if the call that began may have returned."""
        verdict = self.fault_oracle.judge_return(is_entry=is_entry)
        return verdict == OK or self._object(verdict)

    def _acked(self) -> Bound:
        return self.segment.acked_by(self.fault_oracle.owed_at(self.device.trace))

    def _observe(self, what: str, session: int, returned: str, expected: str) -> None:
        seen = Observation(len(self.device.trace), what, session, returned, expected)
        self.segment.observations.append(seen)

    def _object(self, verdict: Verdict) -> bool:
        if self.verdict == OK:
            self.verdict = self.damage_oracle.judge(verdict)
        return False

    def _fail(self, oracle: str, breach: Breach, error: Exception) -> bool:
        if self.fault_oracle.excuses(error):
            return True
        if self.damage_oracle.is_struck:
            return self._object(self.damage_oracle.hear(error))
        return self._object(failed(oracle, breach, error, self.spec.errors))
