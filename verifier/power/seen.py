"""Seen: the lines that a program runs, written down when it ends. Stands in a copy as `sitecustomize`.

Every interpreter that starts with POWERCUT_SEEN in its environment, and this on its path, leaves a file in
that folder: for each module below POWERCUT_ROOT the lines that were run. A process that is killed, or leaves
without its exit handlers, leaves none.

Imports nothing of ours: it runs where the package is a copy with a mutant in it.
"""

import atexit
import json
import os
import sys


def _watch(folder: str, root: str) -> None:
    monitoring = sys.monitoring
    lines: dict[str, set[int]] = {}

    def line(code: object, number: int) -> object:
        file: str = code.co_filename  # type: ignore[attr-defined]
        if file.startswith(root):
            lines.setdefault(file, set()).add(number)
        return monitoring.DISABLE

    def write() -> None:
        monitoring.set_events(2, 0)
        told = {file: sorted(numbers) for file, numbers in lines.items()}
        with open(os.path.join(folder, f"{os.getpid()}.json"), "w", encoding="utf-8") as out:
            json.dump(told, out)

    monitoring.use_tool_id(2, "powercut-seen")
    monitoring.register_callback(2, monitoring.events.LINE, line)
    monitoring.set_events(2, monitoring.events.LINE)
    atexit.register(write)


if "POWERCUT_SEEN" in os.environ and sys.version_info >= (3, 12):
    _watch(os.environ["POWERCUT_SEEN"], os.environ["POWERCUT_ROOT"])
