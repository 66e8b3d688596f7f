"""Errors of the verifier: the harness's own, not the violations it finds in a store."""

from __future__ import annotations

__all__ = ["HarnessError", "NoMoreWanted", "SubjectError", "TapeError", "VerifierError"]


class VerifierError(Exception):
    """Base of every error the verifier raises on purpose."""


class TapeError(VerifierError, ValueError):
    """The bytes are no tape, or one of another format."""


class SubjectError(TapeError):
    """The store that a tape names cannot be loaded, or it cannot be put on the bench."""


class HarnessError(VerifierError):
    """The harness contradicts itself: its finding may not be trusted."""


class NoMoreWanted(BaseException):
    """A search that Hypothesis drives is to end. An Exception it would take for a failure of the example."""
