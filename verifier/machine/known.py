"""Known limitations: a finding that is no news does not end the search, and one that is gone is news.

    known = [Known(Breach.LOST_ACK, "names", "create() leaves the name to the next sync_names: see #12")]

Invariant: a known limitation that no example of a run shows fails the run.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..verdict import Breach, Violation

__all__ = ["Known"]


@dataclass(frozen=True, slots=True)
class Known:
    """A limitation: the kind of violation, a text that occurs in its detail, and the reason."""

    kind: Breach
    place: str
    reason: str

    def is_shown_by(self, verdict: Violation) -> bool:
        """True if a violation is this one."""
        return verdict.breach is self.kind and self.place in verdict.detail

    def line(self) -> str:
        """The limitation, and the reason, for people."""
        return f"{self.kind.value} ({self.reason})"
