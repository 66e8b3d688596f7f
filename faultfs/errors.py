"""Errors of faultfs: mistakes that a caller can make.

What the *disk* does wrong is an `OSError`, as on any disk; these are errors of the one who asks.
"""


class FaultfsError(Exception):
    """The root of every error that is faultfs's own."""


class UnknownLawError(FaultfsError, ValueError):
    """The name of a survival law that does not exist."""


class CrashIndexError(FaultfsError, IndexError):
    """A crash index outside the trace."""


class SectorSizeError(FaultfsError, ValueError):
    """A sector that is not a power of two between one grain and one page."""


class RunawayError(BaseException):
    """More calls than `calls_max` on one device. No Exception: a store's own handlers must not stop it."""


class ProgramError(FaultfsError):
    """A text that is no program, or no content, of the rig."""


class UnfitMachineError(FaultfsError):
    """Real file systems cannot be measured here; the message says what is missing."""
