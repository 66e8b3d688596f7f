"""A gate that is interrupted: it says what it knows, and leaves no process behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from msgspec.structs import replace

from powercut.verifier.gate import Progress, run_gate
from powercut.verifier.gate.profile import load_profile

SCRIPT = """
import sys
from msgspec.structs import replace
from powercut.verifier.gate import run_gate
from powercut.verifier.gate.profile import load_profile

if __name__ == "__main__":
    profile = load_profile("ci")
    small = replace(profile.crash, exhaustive=replace(profile.crash.exhaustive, chunk=10))
    report = run_gate(
        replace(profile, model=None, crash=small),
        jobs=2,
        progress=lambda progress: print("begun", flush=True) if progress.done == 1 else None,
    )
    sys.stdout.buffer.write(report.to_json())
    sys.exit(report.exit)
"""


def test_interruption_hands_back_what_was_searched() -> None:
    profile = load_profile("ci")
    assert profile.crash is not None
    small = replace(profile.crash.exhaustive, steps=2, chunk=10)

    def interrupt(progress: Progress) -> None:
        if progress.done == 2:
            raise KeyboardInterrupt

    report = run_gate(
        replace(profile, model=None, crash=replace(profile.crash, exhaustive=small)), progress=interrupt
    )
    assert (report.exit, report.verdict) == (130, "interrupted")
    assert list(report.stages) == ["crash"]
    assert report.stages["crash"].programs == 20
    assert report.summary == "interrupted: 20 programs searched until then, 0 violations"


def test_interrupt_from_the_terminal_ends_every_process(tmp_path: Path) -> None:
    script = tmp_path / "gate.py"
    script.write_text(SCRIPT, encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    ) as gate:
        assert gate.stdout is not None
        assert gate.stdout.readline() == b"begun\n"
        os.killpg(gate.pid, signal.SIGINT)
        output, errors = gate.communicate()  # Ends when no process holds the pipes any more.
    assert gate.returncode == 130, errors
    assert errors == b""
    assert json.loads(output)["stages"]["crash"]["programs"] >= 10
