"""FasterLog: entries appended by many threads, made durable in groups, read and truncated from the front."""

from .groups import Commit
from .iterator import LogIterator
from .log import FasterLog
from .reading import Entry, LogArrays
from .settings import LogSettings

__all__ = ["Commit", "Entry", "FasterLog", "LogArrays", "LogIterator", "LogSettings"]
