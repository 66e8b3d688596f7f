"""Watching: where an open store stands, for those who look on: no call here changes anything.

Threads: any.
"""

from __future__ import annotations

from .checkpoint.driver import Checkpointer
from .checkpoint.parts import Parts
from .checkpoint.running import CheckpointPoint
from .flush import Flusher
from .metadata.roots import Finding
from .settings import Settings
from .shared.phases import Phase

__all__ = ["Watched"]


class Watched:
    """The properties of an open store."""

    _parts: Parts
    _checkpointer: Checkpointer
    _flusher: Flusher
    _read_only: bool

    @property
    def kernels(self) -> str:
        """The mode of the kernels: `compiled` or `interpreted`."""
        return self._parts.shared.mode.name

    @property
    def flusher(self) -> Flusher:
        """The flush worker: its state and metrics, and how to stop and start it."""
        return self._flusher

    @property
    def is_read_only(self) -> bool:
        """True if opening wrote nothing, and nothing will be written."""
        return self._read_only

    @property
    def settings(self) -> Settings:
        return self._parts.settings

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The reads of the opening, in order, each with its verdict."""
        return tuple(self._parts.findings)

    @property
    def newest(self) -> CheckpointPoint | None:
        """The newest durable checkpoint; None before the first."""
        return self._checkpointer.newest

    @property
    def phase(self) -> Phase:
        """The phase of the running checkpoint; REST if none runs."""
        return self._parts.shared.system.phase

    @property
    def entering(self) -> Phase | None:
        """The phase whose entry work is under way, for those who watch the device."""
        return self._checkpointer.entering

    @property
    def spaces(self) -> tuple[memoryview, memoryview, memoryview, memoryview]:
        """The words that sessions share, for those who watch them: control, index, log, epochs."""
        spaces = self._parts.log.spaces
        return spaces.control, spaces.index, spaces.log, spaces.epochs
