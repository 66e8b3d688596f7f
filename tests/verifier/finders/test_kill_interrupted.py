"""Kills that are interrupted, or whose asker or worker dies: no process and no folder stays.

Every process below holds the pipes that the test reads to their end, so their end is everybody's.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import msgspec

from powercut.verifier.finders.kill import Task
from powercut.verifier.tapes.tape import Era, Kind, Operation, Tape

_TASK = Task((Tape((Era((Operation(), Operation(Kind.CHECKPOINT), Operation(Kind.REOPEN))),)),) * 200)
_SCRIPT = """
import sys
import msgspec
from powercut.verifier.finders.kill import Task, run_task

if __name__ == "__main__":
    try:
        run_task(msgspec.json.decode(sys.argv[1], type=Task))
    except KeyboardInterrupt:
        sys.exit(130)
"""


def _environment(folder: Path) -> dict[str, str]:
    paths = os.pathsep.join(path for path in sys.path if path)
    return os.environ | {"PYTHONPATH": paths, "TMPDIR": str(folder)}


def _ask(folder: Path) -> subprocess.Popen[bytes]:
    """Someone who asks for more kills than anybody waits for."""
    return subprocess.Popen(
        [sys.executable, "-c", _SCRIPT, msgspec.json.encode(_TASK).decode()],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=_environment(folder),
        start_new_session=True,
    )


def _await_life(folder: Path, process: subprocess.Popen[bytes]) -> None:
    """Until a life has begun to write."""
    while not list(folder.glob("**/root-a")):
        assert process.poll() is None, process.communicate()


def test_interrupt_from_the_terminal_ends_lives_and_worker(tmp_path: Path) -> None:
    with _ask(tmp_path) as asker:
        _await_life(tmp_path, asker)
        os.killpg(asker.pid, signal.SIGINT)
        output, errors = asker.communicate()
    assert (asker.returncode, output, errors) == (130, b"", b"")
    assert list(tmp_path.iterdir()) == []


def test_worker_ends_and_tidies_up_when_its_asker_is_killed(tmp_path: Path) -> None:
    with _ask(tmp_path) as asker:
        _await_life(tmp_path, asker)
        asker.kill()
        output, errors = asker.communicate()
    assert (asker.returncode, output, errors) == (-signal.SIGKILL, b"", b"")
    assert list(tmp_path.iterdir()) == []


def test_life_dies_with_its_worker(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "powercut.verifier.finders.kill.worker", tmp_path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=_environment(tmp_path),
    ) as worker:
        assert worker.stdin is not None
        worker.stdin.write(msgspec.json.encode(_TASK) + b"\n")
        worker.stdin.flush()
        _await_life(tmp_path, worker)
        worker.kill()
        output, errors = worker.communicate()
    assert (worker.returncode, output, errors) == (-signal.SIGKILL, b"", b"")


def test_worker_that_is_asked_nothing_ends_without_a_word(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "powercut.verifier.finders.kill.worker", tmp_path],
        input=b'{"tapes": [',
        capture_output=True,
        check=False,
        env=_environment(tmp_path),
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
