"""Recoveries: what a subject makes of a durable content, each content once.

Recovery is a function of the durable bytes alone, so its outcome is kept under their hash and
serves every history in which they arise. The recovery is itself run over a recording device, and
the power cut once more inside it, to the depth asked for: those contents are outcomes too.

Invariants
  1  an outcome depends on the content and the depth, never on the history it is judged against
  2  a nested outcome whose content was legal after the opening returned is marked `reported`:
     what the opening reported is an acknowledgement for it

Complexity: one opening and one full read for each distinct content, and for each nested one.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from faultfs import EventKind, FaultDevice, Image, crash_states
from faultfs.enumeration import CrashState

from .subjects import Bound, MakeStore
from .verdict import Breach, Violation
from .world import audit, failed, judge_probe, recovered_bound

__all__ = ["Nested", "Outcome", "Recoveries"]


@dataclass(slots=True)
class Outcome:
    """What came of opening one content."""

    key: int
    error: Violation | None = None
    recovered: Bound | None = None
    content: dict[bytes, bytes] = field(default_factory=dict)
    path: int = 0  # Which read path the opening took; equal numbers, equal paths, within one process.
    nested: list[Nested] = field(default_factory=list)


@dataclass(slots=True)
class Nested:
    """A content that a power cut inside the opening can leave."""

    index: int
    digits: tuple[int, ...]
    is_reported: bool
    outcome: Outcome


class Recoveries:
    """Opens contents and keeps what came of it; `opened` counts the openings."""

    def __init__(self, make_store: MakeStore, law: str, limit: int) -> None:
        self.opened = 0
        self.bounded = 0
        self._make_store = make_store
        self._law = law
        self._limit = limit
        self._kept: dict[tuple[int, int], Outcome] = {}
        self._paths: dict[object, int] = {}

    def of(self, state: CrashState, depth: int) -> Outcome:
        """The outcome of opening `state`, with `depth` more power cuts inside."""
        kept = self._kept.get((state.key, depth))
        if kept is None:
            kept = self._kept[state.key, depth] = self._open(state.key, state.image, depth)
        return kept

    def _open(self, key: int, image: Image, depth: int) -> Outcome:
        self.opened += 1
        outcome = Outcome(key)
        device = FaultDevice(image)
        device.label = "OPEN"
        try:
            subject = self._make_store(device)
            opened = len(device.trace)
            outcome.content = subject.read_all()
            audit(subject)
        except Exception as error:  # noqa: BLE001 (whatever a subject raises is a finding)
            outcome.error = failed("openable", Breach.UNOPENABLE, error)
            return outcome
        outcome.recovered = recovered_bound(subject)
        outcome.path = self._path(subject, device, opened)
        outcome.error = judge_probe(subject, outcome.content)
        if depth and outcome.error is None:
            self._cut_again(outcome, device, opened, depth)
        return outcome

    def _cut_again(self, outcome: Outcome, device: FaultDevice, opened: int, depth: int) -> None:
        states = crash_states(device.trace, self._law, stop=opened, limit=self._limit)
        self.bounded += states.bounded_points
        for state in states:
            if state.key != outcome.key:
                nested = self.of(state, depth - 1)
                outcome.nested.append(Nested(state.index, state.digits, state.last >= opened, nested))

    def _path(self, subject: object, device: FaultDevice, opened: int) -> int:
        reading = getattr(subject, "reading", None)
        path: object
        if reading is not None:
            path = reading()
        else:
            events = device.trace.events[:opened]
            path = tuple((e.name, e.offset, e.size) for e in events if e.kind is EventKind.READ)
        return self._paths.setdefault(path, len(self._paths))
