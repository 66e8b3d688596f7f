"""Phases: the system state that sessions and the checkpoint share.

    REST(v) -> PREPARE(v) -> WAIT_PENDING(v) -> IN_PROGRESS(v+1) -> WAIT_FLUSH -> PERSIST -> REST(v+1)

Invariants
  M1  the version grows by exactly one, on the edge into IN_PROGRESS and nowhere else
  M2  phases follow the `next` of the checkpoint's kind; none is skipped
  M3  fuzzy_start is 0 in REST, and L_s, the tail at PREPARE, everywhere else

WAIT_PENDING stands before the shift (in FASTER after it): so no operation of v is unfinished when
the first of v + 1 begins, and no order of completing them has to be found.
Source: CPR (Prasaad et al., SIGMOD 2019, section 6).
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from ..kernels import words as w
from ..kernels.atomics import Space, load, store

__all__ = ["SHIFTED", "CheckpointKind", "Phase", "System"]


class CheckpointKind(Enum):
    """The parts that a checkpoint writes besides its metadata; the numbers are those on the device.

    FOLD_OVER   the log up to its tail, which is frozen by that: later updates copy what they change
    SNAPSHOT    what the device has not got of it, to a file of its own: later updates are in place as before
    INCREMENTAL a SNAPSHOT that writes only what changed since the INCREMENTAL before it
    """

    FOLD_OVER = 1
    SNAPSHOT = 2
    INCREMENTAL = 3


class Phase(Enum):
    """The phase of the checkpoint's state machine."""

    REST = 0
    PREPARE = 1
    WAIT_PENDING = 2
    IN_PROGRESS = 3
    WAIT_FLUSH = 4
    PERSIST = 5


_PHASES: Final = tuple(Phase)  # By number: a call of the class looks it up in Python.
assert all(phase.value == number for number, phase in enumerate(_PHASES))

# Phases in which a session that has refreshed works in the version after the checkpoint's.
SHIFTED: Final = frozenset({Phase.IN_PROGRESS, Phase.WAIT_FLUSH, Phase.PERSIST})
assert all((phase.value >= w.PHASE_SHIFTED) == (phase in SHIFTED) for phase in Phase)


class System:
    """The state that every batch looks at on entering: three words of the control space.

    Version and phase stand in one word, so no batch sees one without the other.
    """

    def __init__(self, control: Space, version: int) -> None:
        self._control = control
        self.set(version, Phase.REST)

    def set(self, version: int, phase: Phase) -> None:
        store(self._control, w.SYSTEM, version << w.PHASE_BITS | phase._value_)

    @property
    def version(self) -> int:
        return load(self._control, w.SYSTEM) >> w.PHASE_BITS

    @property
    def phase(self) -> Phase:
        return _PHASES[load(self._control, w.SYSTEM) & w.PHASE_MASK]

    def set_fuzzy_start(self, address: int) -> None:
        """Set L_s of the running checkpoint; 0 in REST (M3)."""
        store(self._control, w.FUZZY_START, address)
