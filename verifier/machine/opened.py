"""The outcomes of openings that the examples of one run of a machine leave to one another.

Invariants
  1  only of a `make_store` that is given the device alone: what an example has drawn it cannot know
  2  as many as keep memory flat; counts are those of examples each alone (`Recoveries`)

Threads: none.
"""

from __future__ import annotations

from inspect import getattr_static
from typing import Any, Final

from ..finders.recoveries import Opened

__all__ = ["Opened", "opened_before"]

_OPENED_MAX: Final = 1 << 11  # Contents.


def opened_before(machine: Any) -> Opened | None:
    """The outcomes that this class of machines has kept in this run; None where none may serve."""
    if machine._summary is None or not isinstance(getattr_static(machine, "make_store"), staticmethod):
        return None
    if machine._opened is None or len(machine._opened.kept) > _OPENED_MAX:
        machine._opened = Opened()
    kept: Opened = machine._opened
    return kept
