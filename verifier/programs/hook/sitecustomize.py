"""Keep, for each thread of a Python program, the line of the user's code that runs.

Runs inside of the recorded program, in whichever Python that is, so it imports nothing of this package.
The lines stand in memory of the process; where, the recorder hears by a write to a descriptor that nobody
has, which fails.

    slot of a thread   SLOT_BYTES at (thread id mod SLOTS) * SLOT_BYTES:  HEAD of thread id and length, text
"""

import contextlib
import importlib
import mmap
import os
import struct
import sys
import sysconfig
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

Tracer = Callable[[FrameType, str, Any], Any]
SIGN = -20547  # A descriptor that nobody has.
SLOTS, SLOT_BYTES = 64, 256
HEAD = struct.Struct("IH")

_FOLDERS = ("stdlib", "platstdlib", "purelib", "platlib")


class Lines:
    """The memory in which the lines stand."""

    def __init__(self) -> None:
        self.memory = mmap.mmap(-1, SLOTS * SLOT_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self._library = tuple({os.path.realpath(sysconfig.get_path(name)) for name in _FOLDERS})
        self._users: dict[str, bool] = {__file__: False}

    def begin(self, frame: FrameType, event: str, _: Any) -> "Tracer | None":
        """Hear of a frame that begins, as `sys.settrace` tells it; the user's are told line by line."""
        return self._go_on if event == "call" and self._is_users(frame.f_code.co_filename) else None

    def _go_on(self, frame: FrameType, event: str, _: Any) -> "Tracer":
        at: FrameType | None = frame
        if event == "return":
            at = frame.f_back
            while at is not None and not self._is_users(at.f_code.co_filename):
                at = at.f_back
        if at is not None:
            self._keep(at)
        return self._go_on

    def _keep(self, frame: FrameType) -> None:
        code = frame.f_code
        told = f"{os.path.basename(code.co_filename)}:{frame.f_lineno} {code.co_name}"
        text = told.encode("utf-8", "replace")[: SLOT_BYTES - HEAD.size]
        thread = threading.get_native_id()
        slot = thread % SLOTS * SLOT_BYTES
        self.memory[slot : slot + HEAD.size + len(text)] = HEAD.pack(thread, len(text)) + text

    def _is_users(self, file: str) -> bool:
        found = self._users.get(file)
        if found is None:
            found = not (file.startswith("<") or os.path.realpath(file).startswith(self._library))
            self._users[file] = found
        return found


def _begin() -> None:
    own = os.path.realpath(os.path.dirname(__file__))
    sys.path[:] = [path for path in sys.path if os.path.realpath(path) != own]
    hook = sys.modules.pop("sitecustomize")
    try:
        importlib.import_module("sitecustomize")  # The one that the program would have found.
    except ImportError:
        sys.modules["sitecustomize"] = hook
    lines = Lines()
    with contextlib.suppress(OSError):
        os.pwrite(SIGN, lines.memory, 0)
    threading.settrace(lines.begin)
    sys.settrace(lines.begin)


if __name__ == "sitecustomize":
    _begin()
