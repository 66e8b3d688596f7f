"""The arguments of a machine's rules, drawn within its own attributes; and which rules it has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import hypothesis.strategies as st
from hypothesis.stateful import precondition, rule

from ..tapes.operations import Row
from ..tapes.tape import KEYS_MAX, SESSIONS_MAX, SIZES, Kind, Operation

__all__ = ["KEY", "SESSION", "SIZE", "gives", "gives_steps", "own_number", "rule_of"]

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


def rule_of(kind: Kind, row: Row) -> Callable[..., None]:
    """The rule that gives the store an operation on a key."""

    def sized(machine: Any, session: int, key: int, size: int) -> None:
        machine.give(Operation(kind, session, key, size))

    def bare(machine: Any, session: int, key: int) -> None:
        machine.give(Operation(kind, session, key))

    named = sized if row.sign else bare
    named.__name__ = kind.name.lower()
    drawn: dict[str, Any] = {"session": SESSION, "key": KEY}
    if row.sign:
        drawn["size"] = SIZE
    with_rule: Any = rule(**drawn)
    given: Callable[..., None] = precondition(gives(kind))(with_rule(named))
    return given
