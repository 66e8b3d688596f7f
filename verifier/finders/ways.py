"""Ways: a finding, and the eras of a tape that lead to the crash state that it is about.

Invariant: a way is worked out from the traces of the run that was searched, and no run is played for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from powercut.faultfs import FaultDevice, Image, Trace, survivor_image
from powercut.faultfs.states.witness import witness_at

from ..oracles.structure import audit, recovered_bound, release
from ..spec.history import crash_at
from ..spec.spec import StoreMaker
from ..tapes.tape import Era, Operation, Tape
from ..verdict import Violation
from .coverage import Content
from .recoveries import Nested

__all__ = ["Finding", "way_to"]


@dataclass(frozen=True, slots=True)
class Finding:
    """A violation and the tape that plays it again."""

    tape: Tape
    verdict: Violation


def way_to(
    trace: Trace,
    law: str,
    program: tuple[Operation, ...],
    state: Content,
    at: int,
    path: Iterable[Nested],
    make_store: StoreMaker,
) -> list[Era]:
    """The eras that lead to a state at an index at which it is legal, and through crashed openings.

    program  of the era whose trace this is; at the index `at` the state is legal, if not found there
    path     the power cuts inside the openings that follow
    """
    index, digits = state.index, state.digits
    then = witness_at(trace, law, state.key, index, digits, at)
    index, digits = (index, digits) if then is None else (at, then)
    way = [Era(program, crash_at(trace, index, digits))]
    image = state.image
    for nested in path:
        opening = _opening(image, make_store)
        image = survivor_image(opening, nested.index, nested.digits, law)
        way.append(Era((), crash_at(opening, nested.index, nested.digits)))
    return [*way, Era()]


def _opening(image: Image, make_store: StoreMaker) -> Trace:
    """The device trace of an opening and of the looks that follow it, as in a run whose power is cut then."""
    device = FaultDevice(image)
    device.label = "OPEN"
    mounted = make_store.mount(device)
    for _ in range(2):  # The run looks once after the opening, and once before the power goes.
        mounted.subject.read_all()
        audit(mounted)
        recovered_bound(mounted)
    device.die()
    release(mounted, make_store.spec)
    return device.trace
