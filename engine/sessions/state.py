"""The state of one session: its numbers, in its row while it is live.

Threads: any; a state changes under the registry's lock, a row under its own state.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ..errors import SessionError
from ..kernels import words as w
from ..kernels.atomics import Space, load
from ..metadata.layout import NAME_BYTES_MAX
from ..shared.spaces import ROWS_MAX

__all__ = ["FIELDS", "NOWHERE", "SessionState", "check_name", "read"]

NOWHERE: Final = ROWS_MAX * w.ROW_WORDS
# Where in a row the fields of a live session are.
FIELDS: Final = (
    ("serial", w.ROW_SERIAL),
    ("version", w.ROW_VERSION),
    ("applied", w.ROW_APPLIED),
    ("commit_version", w.ROW_COMMIT_VERSION),
    ("commit_serial", w.ROW_COMMIT_SERIAL),
)


@dataclass(slots=True, weakref_slot=True, eq=False)
class SessionState:
    """The state of one session; while it is live, `row` says where the five fields from `serial` on are."""

    name: str  # "": it has none, and nothing of it is kept.
    number: int
    serial: int
    version: int  # The version its next operation belongs to.
    applied: int  # The last operation that has ended.
    commit_version: int = 0
    commit_serial: int = 0
    saved: int = 0  # What the newest durable checkpoint holds of it.
    idle: int = 0  # Checkpoints since it was used that held something of others.
    row: int = NOWHERE

    @property
    def is_live(self) -> bool:
        return self.row != NOWHERE


def read(epochs: Space, state: SessionState, word: int, field: str) -> int:
    """A number of a session, from its row while it is live."""
    if state.is_live:
        return load(epochs, state.row + word)
    value: int = getattr(state, field)
    return value


def check_name(name: str) -> None:
    """Raises SessionError where `name` is no session name."""
    if type(name) is not str or not 1 <= len(name.encode(errors="replace")) <= NAME_BYTES_MAX:
        raise SessionError(f"session name {name!r}: expected 1 to {NAME_BYTES_MAX} bytes of UTF-8")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise SessionError(f"session name {name!r}: expected text that UTF-8 can hold") from None
