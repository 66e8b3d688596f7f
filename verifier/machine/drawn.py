"""The arguments of a machine's rules, drawn within its own attributes; and which rules it has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import hypothesis.strategies as st

from ..tapes.tape import KEYS_MAX, SESSIONS_MAX, SIZES, Kind

__all__ = ["KEY", "SESSION", "SIZE", "gives", "gives_steps", "own_number"]

_STEPPED: Final = frozenset({Kind.START, Kind.STEP})


def _own(attribute: str, most: int) -> st.SearchStrategy[int]:
    """A number below the machine's own `attribute`."""
    return st.runner().flatmap(lambda machine: st.integers(0, min(getattr(machine, attribute), most) - 1))


SESSION: Final = _own("sessions", SESSIONS_MAX)
KEY: Final = _own("keys", KEYS_MAX)
SIZE: Final = _own("sizes", SIZES)


def own_number(machine: Any) -> st.SearchStrategy[int]:
    return st.integers(0, len(machine.operations) - 1)


def gives(kind: Kind) -> Callable[[Any], bool]:
    return lambda machine: kind in machine.kinds


def gives_steps(machine: Any) -> bool:
    return set(machine.kinds) >= _STEPPED and machine.has_steps
