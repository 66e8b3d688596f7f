"""The flush worker: its settings, the pressure that it answers, what it has done, and itself."""

from .metrics import BOUNDS, FlushMetrics
from .pressure import Level
from .settings import BehindTail, FlushSettings, OlderThan, ToReadOnly, check_flush
from .worker import Flusher

__all__ = [
    "BOUNDS",
    "BehindTail",
    "FlushMetrics",
    "FlushSettings",
    "Flusher",
    "Level",
    "OlderThan",
    "ToReadOnly",
    "check_flush",
]
