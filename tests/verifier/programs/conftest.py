"""A program in Python, recorded over a folder of its own; shared by the tests of recordings."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from powercut.verifier.programs.record import record
from powercut.verifier.programs.recording import Recording

_MODULES = (
    *("ctypes", "fcntl", "mmap", "os", "signal", "socket", "struct", "subprocess"),
    *("sys", "threading", "time"),
)


class Recorder:
    """Records programs that begin in their folder."""

    def __init__(self, root: Path, scripts: Path) -> None:
        self.root = root
        self._scripts = scripts

    def script(self, text: str) -> list[str]:
        """The command that runs a program; it finds those modules imported that it names."""
        file = self._scripts / f"{len(list(self._scripts.iterdir()))}.py"
        needed = [name for name in _MODULES if f"{name}." in text]
        file.write_text(f"import {', '.join(['os', *needed])}\n{text}", encoding="utf-8")
        return [sys.executable, "-S", "-E", str(file)]

    def __call__(self, *texts: str) -> Recording:
        """Record programs one after another; each must end well."""
        recording = record([self.script(text) for text in texts], self.root, folder=self.root)
        errors = b"".join(event.data for event in recording.events if event.label == "err")
        assert [step.status for step in recording.steps] == [0] * len(texts), errors.decode()
        return recording


@pytest.fixture
def recorded(tmp_path: Path) -> Recorder:
    for name in ("root", "scripts"):
        (tmp_path / name).mkdir()
    return Recorder(tmp_path / "root", tmp_path / "scripts")
