"""The seam to `sys.monitoring`: one tool, for as long as a `with` lasts.

Before Python 3.12 there is none, and nothing is watched. Up to 3.13 an event tells that a branch was taken,
and where it went; from 3.14 on there is an event for each of its two sides, which is told once.

Threads: one; callbacks come from whichever runs the code.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection
from types import CodeType
from typing import Any, Final

__all__ = ["IS_WATCHING", "METER", "WATCH", "Monitor"]

IS_WATCHING: Final = sys.version_info >= (3, 12)
# Those that nothing else has: debugger, coverage, profiler and optimizer are others.
METER: Final = 3
WATCH: Final = 4


class Monitor:
    """Calls back at lines, branches and beginnings of functions.

    line, start   called with the code object, and the line or the offset of its beginning
    branch, jump  called with the code object, the offset of the instruction and that of where it went
    codes         the code objects that are watched; None: all of the process
    tool          its number; two of different numbers watch beside each other

    A callback that returns `sys.monitoring.DISABLE` is not called there again until the next entering.
    """

    def __init__(
        self,
        *,
        line: Callable[[CodeType, int], object] | None = None,
        branch: Callable[[CodeType, int, int], object] | None = None,
        jump: Callable[[CodeType, int, int], object] | None = None,
        start: Callable[[CodeType, int], object] | None = None,
        codes: Collection[CodeType] | None = None,
        tool: int = WATCH,
    ) -> None:
        self._callbacks = {"LINE": line, "JUMP": jump, "PY_START": start} | dict.fromkeys(_sides(), branch)
        self._tool = tool
        self._codes = codes

    def __enter__(self) -> Monitor:
        monitoring = sys.monitoring
        monitoring.use_tool_id(self._tool, "powercut")
        wanted = 0
        for name, callback in self._callbacks.items():
            if callback is not None:
                event: int = getattr(monitoring.events, name)
                monitoring.register_callback(self._tool, event, callback)
                wanted |= event
        self._set(wanted)
        monitoring.restart_events()
        return self

    def __exit__(self, *_: object) -> None:
        self._set(0)
        sys.monitoring.free_tool_id(self._tool)

    def _set(self, events: int) -> None:
        if self._codes is None:
            sys.monitoring.set_events(self._tool, events)
            return
        for code in self._codes:
            sys.monitoring.set_local_events(self._tool, code, events)


def _sides() -> tuple[str, ...]:
    """The names of the events of a branch."""
    events: Any = sys.monitoring.events if IS_WATCHING else None
    return ("BRANCH_LEFT", "BRANCH_RIGHT") if hasattr(events, "BRANCH_LEFT") else ("BRANCH",)
