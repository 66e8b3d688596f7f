"""`powercut gate --store`: one command over a store of one's own."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_STORES = Path(__file__).parents[3] / "docs" / "own-store"
_COMMAND = "from powercut.verifier.cli import main; main()"
_PROFILE = """
[crash]
laws = ["posix"]
steps = 1
random = 0
length = 2
[syncs]
laws = ["posix"]
steps = 1
random = 0
length = 2
"""


def _gate(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PYTHONPATH": f"{folder}:{':'.join(each for each in sys.path if each)}",
        "PATH": "/usr/bin",
    }
    return subprocess.run(
        [sys.executable, "-c", _COMMAND, "gate", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def home(tmp_path: Path) -> Path:
    shutil.copy(_STORES / "slotted.py", tmp_path / "slotted.py")
    (tmp_path / "own.toml").write_text(_PROFILE)
    return tmp_path


def test_right_store_is_consistent_and_its_syncs_are_told(home: Path) -> None:
    done = _gate(home, "--store", "slotted:Slotted", "--profile", "own.toml", "--json", "gate.json")
    assert (done.returncode, done.stderr) == (0, "crash\nsyncs\n")
    assert "consistent: 0 violations in 2 stages of slotted:Slotted" in done.stdout
    assert "complete: programs of at most 1 steps" in done.stdout
    assert "needed     slotted.py:" in done.stdout
    document = json.loads((home / "gate.json").read_text())
    assert document["exit"] == 0
    assert [stage["name"] for stage in document["stages"]] == ["crash", "syncs"]


_UNSTEADY = """
from slotted import Slotted

class Unsteady(Slotted):
    openings = 0

    def __init__(self, device):
        super().__init__(device)
        Unsteady.openings += 1
        if Unsteady.openings == 30:
            self.content = {b"of nobody": b"seen once"}
"""


def test_finding_that_its_tape_does_not_show_is_no_violation(home: Path) -> None:
    (home / "unsteady.py").write_text(_UNSTEADY)
    asked = (
        "--store",
        "unsteady:Unsteady",
        "--profile",
        "own.toml",
        "--stage",
        "crash",
        "--html",
        "gate.html",
    )
    done = _gate(home, *asked)
    assert done.returncode == 5
    assert "nondeterminism: 0 violations in 1 stages of unsteady:Unsteady" in done.stdout
    assert "was found, and its tape does not show it: powercut replay " in done.stdout
    assert "nondeterminism" in (home / "gate.html").read_text()


def test_broken_store_is_told_with_a_tape_that_plays_it(home: Path) -> None:
    source = (home / "slotted.py").read_text()
    (home / "slotted.py").write_text(source.replace("device.sync_names()", "pass"))
    asked = ("--store", "slotted:Slotted", "--profile", "own.toml", "--stage", "crash")
    done = _gate(home, *asked, "--html", "gate.html")
    assert done.returncode == 1
    page = (home / "gate.html").read_text()
    assert "VIOLATION  lost acknowledged operation" in page
    assert page.startswith("<!doctype html>")
    assert "VIOLATION  lost acknowledged operation" in done.stdout
    assert "sync names after `OPEN create slots`" in done.stdout
    (tape,) = (home / "powercut-findings").iterdir()
    assert f"powercut replay {tape.relative_to(home)}" in done.stdout


def test_kill_finds_what_only_a_process_that_ends_shows(home: Path) -> None:
    kill = ("--store", "slotted:Slotted", "--stage", "kill", "--json", "gate.json")
    assert _gate(home, *kill).returncode == 0
    assert "kills by" in json.loads((home / "gate.json").read_text())["stages"][0]["line"]
    source = (home / "slotted.py").read_text()
    rewritten = """        data = self.device.read("slots")
        self.device.truncate("slots", 0)
        self.device.write("slots", 0, data)
        self.device.sync("slots")

    def read_all"""
    (home / "slotted.py").write_text(
        source.replace('        self.device.sync("slots")\n\n    def read_all', rewritten)
    )
    done = _gate(home, *kill)
    assert done.returncode == 1
    assert "lost acknowledged operation" in done.stdout


def test_store_with_folders_cannot_be_killed_and_that_is_no_bug_of_it(home: Path) -> None:
    shutil.copy(_STORES / "segmented.py", home)
    done = _gate(home, "--store", "segmented:Segmented", "--stage", "kill")
    assert done.returncode == 3
    assert "0 violations" in done.stdout
    assert "has no resolve(): leave out the kills of such a store" in done.stdout
    assert "Traceback" not in done.stdout


def test_every_byte_that_is_damaged_is_told_where_a_store_cannot_see_it(home: Path) -> None:
    done = _gate(home, "--store", "slotted:Slotted", "--stage", "damage")
    assert done.returncode == 1
    assert "damage" in done.stdout


_CHECKED = """
from zlib import crc32


class TornError(Exception):
    pass


class Checked(dict):
    refusals = (TornError,)

    def __init__(self, device):
        self.device = device
        if "now" in device.list():
            data = device.read("now")
            if data[:8] != b"%08x" % crc32(data[8:]):
                raise TornError
            self.update(eval(data[8:]))

    def checkpoint(self):
        if "aside" in self.device.list():
            self.device.remove("aside")
        body = repr(dict(self)).encode()
        self.device.create("aside")
        self.device.write("aside", 0, b"%08x" % crc32(body) + body)
        self.device.sync("aside")
        self.device.rename("aside", "now")
        self.device.sync_names()
"""


def test_every_byte_is_flipped_though_names_came_and_went_and_what_no_sum_covers_is_found(home: Path) -> None:
    """A dict, as README's store is; the name of its file comes behind that of one that is gone."""
    damage = ("--store", "checked:Checked", "--stage", "damage")
    (home / "checked.py").write_text(_CHECKED)
    (home / "own.toml").write_text("[damage]\nfiles = false\n")
    done = _gate(home, *damage, "--profile", "own.toml")
    assert done.returncode == 0, done.stdout
    size = 8 + len({b"key-0": b"0.1;", b"key-1": b"0.2;"}.__repr__())
    assert f"{size} bytes of 2 files flipped: silent 0" in done.stdout
    assert f"{size} refused" in done.stdout
    whole = _gate(home, *damage)
    assert whole.returncode == 1
    assert "cut: now from byte 0" in whole.stdout
    uncovered = _CHECKED.replace("crc32(data[8:])", "crc32(data[18:])").replace(
        "crc32(body)", "crc32(body[10:])"
    )
    (home / "checked.py").write_text(uncovered)
    done = _gate(home, *damage, "--profile", "own.toml")
    assert done.returncode == 1, done.stdout
    assert "flip: now from byte" in done.stdout


def test_damage_of_a_file_in_a_folder_is_known_by_its_path(home: Path) -> None:
    """A log is not asked to see it: a torn tail and a damaged one are the same to it."""
    shutil.copy(_STORES / "segmented.py", home)
    damage = ("--store", "segmented:Segmented", "--stage", "damage")
    done = _gate(home, *damage)
    assert done.returncode == 1, done.stdout
    assert "damaged bytes were read, and neither refused nor mended" in done.stdout
    assert "flip: log/00000001 from byte 0 to 1" in done.stdout


def test_stage_of_faults_takes_a_store_of_any_kind(home: Path) -> None:
    """One that is a dict, and one whose memory cannot be put back, where each fault begins anew."""
    faults = ("--store", "checked:Checked", "--stage", "faults")
    (home / "checked.py").write_text(_CHECKED)
    plain = _gate(home, *faults)
    held = "self.device = device\n        self.hash = __import__('hashlib').sha256()"
    (home / "checked.py").write_text(_CHECKED.replace("self.device = device", held))
    other = _gate(home, *faults)
    (line,) = (line for line in plain.stdout.splitlines() if "faults fired" in line)
    assert line.partition("faults fired")[0] in other.stdout
    assert plain.returncode == other.returncode == 1  # A sync failed, and the store went on.


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--store", "slotted:Absent"), "cannot be loaded"),
        (("--store", "slotted:Slotted", "--stage", "stress"), "no stage 'stress'"),
        (("--store", "slotted:Slotted", "--law", "posix"), "--law means nothing with --store"),
        (("--store", "slotted:Slotted", "--executor", "dask:x:1"), "--executor means nothing with --store"),
        (("--store", "slotted:Slotted", "--profile", "slotted.py"), "profile slotted.py"),
        (("--store", "slotted:Slotted", "--html", "no/where.html"), "--html no/where.html: no file can"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(home: Path, arguments: tuple[str, ...], told: str) -> None:
    done = _gate(home, *arguments)
    assert done.returncode == 2
    assert told in done.stderr


@pytest.fixture
def ledger(home: Path) -> Path:
    shutil.copy(_STORES / "ledger.py", home / "ledger.py")
    (home / "own.toml").write_text(
        _PROFILE.replace('[syncs]\nlaws = ["posix"]\nsteps = 1', '[syncs]\nlaws = ["posix"]\nsteps = 2')
    )
    return home


def test_log_is_judged_as_a_store_is_and_its_syncs_are_told(ledger: Path) -> None:
    (ledger / "make.py").write_text(
        "from ledger import Ledger\n\n\ndef make(device):\n    return Ledger(device)\n"
    )
    done = _gate(ledger, "--store", "ledger:Ledger", "--profile", "own.toml")
    assert done.returncode == 0
    assert "consistent: 0 violations in 2 stages of ledger:Ledger" in done.stdout
    assert "complete: programs of at most 2 steps, and at most 2 after each recovery" in done.stdout
    assert "5 syncs: 5 needed, 0 redundant, 0 idle" in done.stdout
    # However it is named, the same is searched: nothing that it takes is passed over.
    (searched,) = (line[:80] for line in done.stdout.splitlines() if "programs, 1 laws" in line)
    for store in ("ledger:LedgerMachine", "make:make"):
        done = _gate(ledger, "--store", store, "--profile", "own.toml", "--stage", "crash")
        assert searched in done.stdout


def test_broken_log_is_told_with_a_tape_and_nothing_is_said_of_its_syncs(ledger: Path) -> None:
    source = (ledger / "ledger.py").read_text()
    (ledger / "ledger.py").write_text(source.replace("        device.sync_names()\n", ""))
    done = _gate(ledger, "--store", "ledger:Ledger", "--profile", "own.toml")
    assert done.returncode == 1
    assert "VIOLATION  lost acknowledged operation" in done.stdout
    assert "sync names after `OPEN create entries`" in done.stdout
    assert "powercut replay powercut-findings/crash-" in done.stdout
    assert "powercut replay powercut-findings/syncs-" in done.stdout
    assert "no sync was left out" in done.stdout
    assert "needed" not in done.stdout


def test_log_is_killed_at_every_call(ledger: Path) -> None:
    (ledger / "kill.toml").write_text("[kill]\nsteps = 0\nrandom = 0\n")
    kill = ("--store", "ledger:Ledger", "--profile", "kill.toml")
    assert _gate(ledger, *kill).returncode == 0
    source = (ledger / "ledger.py").read_text()
    early = source.replace(
        "        self.device.sync_names()\n        self.device.write", "        self.device.write"
    )
    early = early.replace('        self.device.create(f"from-{self.head}")\n', "").replace(
        "        if before:\n            self.device.remove",
        '        self.device.create(f"from-{self.head}")\n        if before:\n            self.device.remove',
    )
    (ledger / "ledger.py").write_text(early)
    done = _gate(ledger, *kill)
    assert done.returncode == 1
    assert "lost acknowledged operation" in done.stdout or "hole" in done.stdout


def test_machine_of_the_user_is_what_the_model_stage_runs_and_its_kinds_are_what_is_given(home: Path) -> None:
    (home / "few.py").write_text("""
from powercut import StoreMachine
from powercut.verifier import Kind
from slotted import Slotted


class Few(Slotted):
    def apply(self, operation):
        if operation.kind is not Kind.UPSERT:
            raise NotImplementedError(operation.kind)
        return super().apply(operation)


class FewMachine(StoreMachine):
    kinds = (Kind.UPSERT, Kind.CHECKPOINT, Kind.REOPEN)

    def make_store(self, device):
        return Few(device)
""")
    (home / "few.toml").write_text(_PROFILE + "[model]\nexamples = 10\n")
    done = _gate(home, "--store", "few:FewMachine", "--profile", "few.toml")
    assert done.returncode == 0, done.stdout
    assert _gate(home, "--store", "few:Few", "--profile", "few.toml").returncode == 1
