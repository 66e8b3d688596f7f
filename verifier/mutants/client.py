"""The client of the fork server: starts one, asks, and adds up what its answers cost.

Threads: one caller a server.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import HarnessError

__all__ = ["Answer", "Server"]

Answer = dict[str, Any]


class Server:
    """A fork server; `cpu_seconds` adds up over what descends from it.

    answers  the module whose `answer` a child calls; "": that of the hunts
    warm     modules that the server imports before it forks: none may bring a package in which bugs are
    folders  of the package, whose code the server keeps at hand for what descends from it
    """

    def __init__(self, answers: str = "", warm: Sequence[str] = (), folders: Sequence[str] = ()) -> None:
        self.cpu_seconds = 0.0
        self.is_broken = False  # With the bug of the last question in it nothing can be imported.
        home = str(Path(__file__).parents[3])  # Where the package powercut is found.
        paths = [home, *filter(None, [os.environ.get("PYTHONPATH")])]
        # It keeps for life what is held back at birth: Ctrl-C is for this process to tell.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", f"{__package__}.server", json.dumps([answers, warm, folders])],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def ask(self, request: Answer) -> tuple[str, Answer]:
        """(why it is unknown or "", result). Raises HarnessError where the server is gone."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise HarnessError(f"the fork server ended with status {self._process.wait()}")
        answer: Answer = json.loads(line)
        self.cpu_seconds += answer["cpu_seconds"]
        self.is_broken = answer.get("broken", False)
        return answer["unknown"], answer["result"] or {}

    def close(self) -> None:
        """End the server, with all that descends from it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
