"""Cuts: a power cut in a run of sessions side by side, at any device call that they made, judged.

A run has them all, for a power cut is an index into its trace. What is judged of a content that the law lets
it leave there is what `lanes` judges at the end:

    openable    it opens, tells what it holds and passes its own audit; so does each older checkpoint in it
    prefix      it holds exactly the first N(s) calls of each session, with the results that they returned
    serials     N(s) is no more than was issued by then, and no less than what a checkpoint had acknowledged;
                who waits for a serial was told of it by then

Invariant: a verdict is a function of the content, of what was issued and acknowledged by then, and of the
calls with their stamps and results.

Threads: one.
Source: CPR's guarantee (Prasaad et al., SIGMOD 2019), at every moment and not at the end alone.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from powercut.faultfs import FaultDevice, Image, Trace, survivor_image

from ..faster.geometries import GEOMETRIES
from ..faster.stepped import SteppedRuntime
from ..faster.subject import FasterSubject
from ..oracles.structure import judge_spares
from ..spec.history import crash_index
from ..spec.model import session_name
from ..spec.subject import mount
from ..tapes.tape import Crash
from ..verdict import Breach, Verdict, Violation
from .calls import Issuer
from .ends import Recovery

__all__ = ["Cut", "Ran", "judge_crash", "judge_recovered", "open_cut", "tell_cut"]


class Cut(Protocol):
    """A run that has ended, as a search of its power cuts sees it."""

    @property
    def trace(self) -> Trace: ...

    @property
    def begun(self) -> int: ...

    @property
    def geometry(self) -> str: ...

    def owes(self, index: int) -> bool:
        """True if anything was acknowledged by this index of the trace."""

    def recovered(self, image: Image) -> Any:
        """Open a crash state, and tell all that it holds, or the violation that it is."""

    def judge(self, recovery: Any, index: int) -> Verdict:
        """The verdict on what was found in a content that is legal at this index."""

    def told(self) -> Hashable:
        """All that is judged beside the trace."""


class Ran(NamedTuple):
    """A run that has ended: its trace, where in that the sessions began, its calls and acknowledgements."""

    trace: Trace
    begun: int
    issuer: Issuer
    acks: Sequence[tuple[int, Mapping[int, int]]]
    geometry: str

    def acked_by(self, index: int) -> Mapping[int, int]:
        """The bound that was acknowledged by this index of the trace."""
        return next((bound for at, bound in reversed(self.acks) if at <= index), {})

    def owes(self, index: int) -> bool:
        """True if anything was acknowledged by this index."""
        return any(self.acked_by(index).values())

    def recovered(self, image: Image) -> Recovery | Violation:
        """Open a crash state, and tell all that it holds."""
        return open_cut(image, self.geometry)

    def judge(self, recovery: Recovery | Violation, index: int) -> Verdict:
        """The verdict on what was found in a content that is legal at this index."""
        return judge_recovered(self.issuer, recovery, self.issuer.issued_by(index), self.acked_by(index))

    def told(self) -> Hashable:
        """All that is judged beside the trace."""
        acks = tuple((at, tuple(bound.items())) for at, bound in self.acks)
        places = tuple(call.at for call in self.issuer.calls), tuple(self.issuer.begun_at)
        return self.issuer.told(), places, acks


def tell_cut(trace: Trace, index: int, verdict: Violation) -> Violation:
    """The violation, and behind which call the power is cut."""
    event = trace.events[index - 1] if index else None
    where = "before any call" if event is None else f"after {event.kind.name.lower()} {event.name}".rstrip()
    return Violation(verdict.oracle, verdict.breach, f"power cut {where}: {verdict.detail}")


def judge_crash(ran: Cut, crash: Crash, law: str) -> Verdict:
    """The verdict on one power cut of the run."""
    index = crash_index(ran.trace, crash)
    image = survivor_image(ran.trace, index, crash.survivors, law)
    verdict = ran.judge(ran.recovered(image), index)
    return tell_cut(ran.trace, index, verdict) if isinstance(verdict, Violation) else verdict


def open_cut(image: Image, geometry: str) -> Recovery | Violation:
    """Open a crash state: its content and N; every older checkpoint of it has to open too."""
    try:
        subject = FasterSubject(FaultDevice(image), GEOMETRIES[geometry], SteppedRuntime(), geometry=geometry)
        content = subject.read_all()
        subject.check()
        if (spared := judge_spares(mount(subject), subject.spec)) is not None:
            return spared
        for older in subject.store.checkpoints()[1:]:
            with subject.open_to_read(FaultDevice(image, record_reads=False), older.version) as store:
                dict(store.items())
    except Exception as error:  # noqa: BLE001 (whatever a store raises is a finding)
        return Violation("openable", Breach.UNOPENABLE, f"{type(error).__name__}: {error}")
    return content, subject.recovered()


def judge_recovered(
    issuer: Issuer, recovery: Recovery | Violation, issued: Mapping[int, int], acked: Mapping[int, int]
) -> Verdict:
    """Judge what was recovered, where so much had been issued and acknowledged."""
    if isinstance(recovery, Violation):
        return recovery
    content, recovered = recovery
    if any(recovered.get(session, 0) < serial for session, serial in acked.items()):
        return Violation("prefix", Breach.LOST_ACK, f"acknowledged {dict(acked)}, recovered {recovered}")
    if any(serial > issued.get(session, 0) for session, serial in recovered.items()):
        return Violation("serials", Breach.WRONG_SERIAL, f"issued {issued}, recovered {recovered}")
    verdict = issuer.judge_cut(recovered, content)
    if not isinstance(verdict, Violation):
        return verdict
    told = ", ".join(f"{session_name(session)} 1..{serial}" for session, serial in sorted(recovered.items()))
    return Violation("prefix", verdict.breach, f"after the cut at {told}: {verdict.detail}")
