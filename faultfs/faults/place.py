"""A place: a kind of call that a store makes, whenever it makes it.

    (step of the store, call, role of the file)      as in `WAIT_FLUSH write segment`

The role of a file is its name up to the first `-`; a call outside of any step that the store names is of RUN.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..disk.events import Event, EventKind

__all__ = ["Place"]


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A kind of call; equal places, equal text."""

    step: str
    call: str
    role: str

    @classmethod
    def at(cls, step: str, kind: EventKind, name: str) -> Place:
        """The place of a call that is about to be made."""
        return cls(step or "RUN", kind.name.lower(), name.partition("-")[0])

    @classmethod
    def of(cls, event: Event) -> Place:
        """The place of a call that was made."""
        return cls.at(event.label, event.kind, event.name)

    def __str__(self) -> str:
        return f"{self.step} {self.call} {self.role}".rstrip()
