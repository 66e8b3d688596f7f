"""A store of somebody's own on the command line: its tapes play over it and over nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pytest

from powercut.verifier.tapes.kept import load

_COMMAND = "from powercut.verifier.cli import main; main()"
# As importing powercut.engine fails in these processes, all of it works without the store of ours.
_NO_ENGINE = "import sys; sys.modules['powercut.engine'] = None; "
_LOG = '''
from powercut.verifier import Kind, StoreMachine
from powercut.verifier.spec.model import apply


class Log:
    """Each checkpoint is a new file; the newest whole one is recovered."""

    def __init__(self, device):
        self.device, self.content, self.number = device, {}, 0
        for name in sorted(device.list()):
            data = bytearray(device.size(name))
            device.read_into(name, 0, data)
            self.number = int(name)
            if data.endswith(b"whole"):
                self.content = dict(line.split(b"=") for line in bytes(data[:-5]).splitlines())

    def apply(self, issued):
        return apply(self.content, issued)

    def checkpoint(self):
        self.number += 1
        name = f"{self.number:06}"
        lines = [b"%b=%b\\n" % item for item in sorted(self.content.items())]
        self.device.create(name)
        self.device.write(name, 0, b"".join(lines) + b"whole")
        SYNC
        self.device.sync_names()

    def read_all(self):
        return dict(self.content)

    def close(self):
        pass


class LogMachine(StoreMachine):
    kinds = {Kind.UPSERT, Kind.CHECKPOINT}
    sizes = sessions = 1

    def make_store(self, device):
        return Log(device)


def number():
    return 3


lost = 7
'''
_FIND = """
from powercut.verifier import encode_tape, run_machine
from mylog import LogMachine
coverage, finding = run_machine(LogMachine, seed=1, examples=400, steps=6)
print(encode_tape(finding.tape).decode() if finding else "none")
"""


# A command: the folder in which it is called, and its arguments.
Powercut = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def run(forked: Callable[..., subprocess.CompletedProcess[bytes]]) -> Powercut:
    """Some code in a folder, in a process in which no engine can be imported."""

    def run(code: str, arguments: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
        # The folder is named: where the tests run against a wheel, Python does not put it in front by itself.
        path = os.pathsep.join([str(folder), *(each for each in sys.path if each)])
        environment = {**os.environ, "PYTHONPATH": path}
        done = forked(_NO_ENGINE + code, *arguments, folder=folder, environment=environment)
        return subprocess.CompletedProcess(
            arguments, done.returncode, done.stdout.decode(), done.stderr.decode()
        )

    return run


@pytest.fixture(scope="module")
def powercut(run: Powercut) -> Powercut:
    """The command, in such a process."""
    return lambda folder, *arguments: run(_COMMAND, arguments, folder)


def _write(folder: Path, sync: str = "pass") -> None:
    folder.mkdir(exist_ok=True)
    (folder / "mylog.py").write_text(_LOG.replace("SYNC", sync))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, run: Powercut) -> Path:
    """A folder with a store that never syncs, and a tape of what it loses; found where no engine is."""
    folder = tmp_path_factory.mktemp("home")
    _write(folder)
    found = run(_FIND, (), folder)
    assert found.returncode == 0, found.stderr
    (folder / "tape.json").write_text(found.stdout)
    return folder


def test_planted_bug_of_a_store_is_found_where_the_engine_cannot_be_imported(home: Path) -> None:
    tape = load(home / "tape.json").tape
    assert tape.subject == "mylog:LogMachine"
    assert tape.kernels == "interpreted"


def test_tape_of_a_script_names_the_script(home: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        _LOG.replace("SYNC", "pass") + "\n\nif __name__ == '__main__':\n"
        "    machine = LogMachine()\n    print(machine.tape().subject)\n"
    )
    path = os.pathsep.join(each for each in sys.path if each)
    done = subprocess.run(
        [sys.executable, "mine.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "mine:LogMachine\n"


def test_tape_plays_over_the_store_it_names(powercut: Powercut, home: Path) -> None:
    done = powercut(home, "replay", "tape.json")
    assert done.returncode == 1, done.stderr
    assert "setting   mylog:LogMachine" in done.stdout
    assert "repeat it:  powercut replay tape.json\n" in done.stdout


def test_tape_is_shrunk_kept_and_mended_over_the_store_it_names(
    powercut: Powercut, home: Path, tmp_path: Path
) -> None:
    _write(tmp_path)
    (tmp_path / "tape.json").write_text((home / "tape.json").read_text())
    assert powercut(tmp_path, "shrink", "tape.json", "-o", "small.json").returncode == 1
    small = load(tmp_path / "small.json")
    assert small.tape.subject == "mylog:LogMachine"
    assert sum(len(era.program) for era in small.tape.eras) == 2
    told = msgspec.json.decode(powercut(tmp_path, "replay", "small.json", "--json").stdout)
    assert (told["outcome"], told["digest"]) == ("exact", small.digest)
    mended = powercut(tmp_path, "mend", "small.json")
    assert mended.returncode == 1
    assert "sync the N after `RUN write N`, before `RUN sync_names` at the latest" in mended.stdout

    _write(tmp_path, "self.device.sync(name)")
    gone = powercut(tmp_path, "replay", "small.json")
    assert gone.returncode == 0
    assert (
        "gone: what was kept shows no more, in this run or in any crash state of its programs" in gone.stdout
    )


def test_store_can_be_named_on_the_command_line(powercut: Powercut, home: Path, tmp_path: Path) -> None:
    (tmp_path / "renamed.py").write_text(_LOG.replace("SYNC", "pass"))
    (tmp_path / "tape.json").write_text((home / "tape.json").read_text())
    expected = msgspec.json.decode(powercut(home, "replay", "tape.json", "--json").stdout)
    for factory in ("renamed:Log", "renamed:LogMachine"):
        done = powercut(tmp_path, "replay", "tape.json", "--store", factory, "--json")
        told = msgspec.json.decode(done.stdout)
        assert (told["exit"], told["digest"]) == (1, expected["digest"])
    told_again = powercut(tmp_path, "replay", "tape.json", "--store", "renamed:Log").stdout
    assert "repeat it:  powercut replay tape.json --store renamed:Log\n" in told_again
    assert powercut(tmp_path, "shrink", "tape.json", "--store", "renamed:Log").returncode == 1
    assert powercut(tmp_path, "mend", "tape.json", "--store", "renamed:Log").returncode == 1


@pytest.mark.parametrize("command", ["replay", "shrink", "mend"])
def test_store_that_cannot_be_loaded_is_refused_and_no_other_is_played(
    command: str, powercut: Powercut, home: Path, tmp_path: Path
) -> None:
    (tmp_path / "tape.json").write_text((home / "tape.json").read_text())
    done = powercut(tmp_path, command, "tape.json")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "powercut: subject mylog:LogMachine cannot be loaded: ModuleNotFoundError: No module named 'mylog'\n"
    )


@pytest.mark.parametrize(
    ("store", "told"),
    [
        ("mylog:Absent", "has no attribute 'Absent'"),
        ("mylog:lost", "it is no callable"),
        ("mylog", "there are store, log, sessions, appenders, answers, and module:factory"),
        ("my log:Log", "there are store, log, sessions, appenders, answers, and module:factory"),
        ("store", "there are store, log, sessions, appenders, answers, and module:factory"),
        ("broken:Log", "ZeroDivisionError: division by zero"),
        ("mylog:number", "TypeError: number() takes 0 positional arguments"),
    ],
)
def test_what_is_no_store_is_refused(
    store: str, told: str, powercut: Powercut, home: Path, tmp_path: Path
) -> None:
    _write(tmp_path)
    (tmp_path / "broken.py").write_text("1 / 0")
    (tmp_path / "tape.json").write_text((home / "tape.json").read_text())
    done = powercut(tmp_path, "replay", "tape.json", "--store", store)
    if store == "mylog:number":  # A factory that raises is a store that cannot be opened.
        assert done.returncode == 1
        assert told in done.stdout
        return
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    assert done.stderr.count("\n") == 1


def test_sessions_side_by_side_take_no_store(powercut: Powercut, home: Path) -> None:
    (home / "beside.json").write_text('{"eras": [{}], "subject": "sessions"}')
    done = powercut(home, "replay", "beside.json", "--store", "mylog:Log")
    assert done.returncode == 2
    assert "a tape for sessions has a store of its own" in done.stderr
