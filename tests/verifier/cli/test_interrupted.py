"""A command that is interrupted, or whose output nobody reads, ends without a traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from powercut.verifier.tapes.tape import Era, Operation, Tape, encode_tape

_COMMAND = (sys.executable, "-c", "from powercut.verifier.cli import main; main()")


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


def test_interrupted_command_says_so_in_one_line() -> None:
    interrupts = (
        "import os, signal, powercut.verifier.cli.app as app\n"
        "app.load = lambda path: os.kill(os.getpid(), signal.SIGINT)\n"
        "app.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", interrupts, "replay", "tape"],
        capture_output=True,
        check=False,
        env=_environment(),
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"powercut: interrupted\n")


def test_command_that_is_interrupted_while_it_imports_says_so_in_one_line(tmp_path: Path) -> None:
    """Method: in the place of the first heavy import stands a module at which Ctrl-C comes; another one
    swallows what is raised in it, as libraries do.
    """
    comes = "os.kill(os.getpid(), signal.SIGINT)"
    for then in (comes, f"try: {comes}\nexcept BaseException: pass"):
        (tmp_path / "typer.py").write_text(f"import os, signal\n{then}")
        path = os.pathsep.join([str(tmp_path), *(each for each in sys.path if each)])
        done = subprocess.run(
            [*_COMMAND, "--version"], capture_output=True, check=False, env=os.environ | {"PYTHONPATH": path}
        )
        assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"powercut: interrupted\n")


def test_command_that_was_told_to_ignore_interrupts_does_not_end_while_it_imports() -> None:
    ignores = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); " + _COMMAND[2]
    done = subprocess.run(
        [sys.executable, "-c", ignores, "--version"], capture_output=True, check=False, env=_environment()
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_interrupted_hunts_end_without_a_word_of_their_own() -> None:
    with subprocess.Popen(
        [*_COMMAND, "mutants", "-j", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=_environment(),
        start_new_session=True,
    ) as hunts:
        assert hunts.stdout is not None
        assert b"killed" in hunts.stdout.readline()  # The next two are under way.
        os.killpg(hunts.pid, signal.SIGINT)
        # Every child holds this pipe, so its end is theirs too.
        _, errors = hunts.communicate()
    assert (hunts.returncode, errors) == (130, b"powercut: interrupted\n")


def test_output_that_nobody_reads_ends_a_command_without_a_word() -> None:
    source, sink = os.pipe()
    os.close(source)
    try:
        done = subprocess.run(
            [*_COMMAND, "--help"], stdout=sink, stderr=subprocess.PIPE, check=False, env=_environment()
        )
        told = subprocess.run(
            [*_COMMAND, "replay", "-"],
            input=encode_tape(Tape((Era((Operation(),)),))),
            stdout=sink,
            stderr=subprocess.PIPE,
            check=False,
            env=_environment(),
        )
    finally:
        os.close(sink)
    assert (done.returncode, done.stderr) == (3, b"")
    assert (told.returncode, told.stderr) == (3, b"")
