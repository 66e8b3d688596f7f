"""Processor seconds of the gate's stages, here and at another revision, measured in turn on this machine.

Usage: python bench/against.py [REVISION] [--stages model,crash] [--rounds 3] [--profile FILE] [--jobs 2]
       [--here FOLDER]

REVISION is unpacked into a temporary folder and run by this interpreter with the dependencies that it has, so
that nothing but the sources differs. Both sides run the profile `ci` of REVISION, or the file that is named,
one stage at a time: a stage there, the same stage here, then the next. Of the planted bugs those are hunted
that both sides have, or those that the profile names.

Invariants
  1  a figure is user and system time of the stage's process and of all that descends from it
  2  both sides start with their kernels and their modules compiled; what that takes is in no figure
  3  nothing is asserted: a stage that does not pass is told by its verdict

Source: the folder of a side goes to the front of the path, so an installed powercut is in nobody's way.
"""

from __future__ import annotations

import argparse
import compileall
import ctypes
import io
import json
import os
import resource
import subprocess
import sys
import tarfile
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final

HERE: Final = Path(__file__).resolve().parent.parent
BEFORE: Final = "71c2047"  # The last revision before the search was made faster.
STAGES: Final = ("model", "crash", "faults", "schedule", "mutants")
# Where profiles have stood: the module that loads them, and the one of every push.
PROFILES: Final = (
    ("verifier.gate.profile", "verifier/gate/ci.toml"),
    ("verifier.profiles", "verifier/profiles/ci.toml"),
)
COUNTS: Final = ("programs", "distinct", "checked", "killed")
# In the place of a stage: compile kernels and modules and do nothing else; name the planted bugs.
WARM: Final = "kernels"
BANK: Final = "bank"
PLANTING: Final = "mutants"
_PR_SET_CHILD_SUBREAPER: Final = 36


@dataclass(frozen=True, slots=True)
class Side:
    """A tree of sources, and the name under which its verifier is imported."""

    folder: Path

    @property
    def prefix(self) -> str:
        return "powercut." if (self.folder / "powercut").is_dir() else ""

    @property
    def profiles(self) -> tuple[str, Path]:
        """The module that loads profiles, and the profile `ci`."""
        places = [(module, self.folder / path) for module, path in PROFILES]
        return next((module, path) for module, path in places if path.is_file())

    def run(self, stage: str, profile: Path, jobs: int) -> tuple[float, dict[str, Any]]:
        """(processor seconds, what the stage told) of one run in a process of its own."""
        own = profile.with_name(f"{stage}.toml")
        own.write_text(only(stage, profile.read_text(encoding="utf-8")), encoding="utf-8")
        before = _spent()
        loader = self.profiles[0]
        command = [
            *(sys.executable, "-P", __file__, "--run"),
            *(self.prefix, loader, stage, str(own), str(jobs)),
        ]
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            check=True,
            env={
                **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
                "PYTHONPATH": str(self.folder),
                "PYTHONHASHSEED": "0",
                "PYTHONPYCACHEPREFIX": str(profile.parent / "compiled"),
            },
        )
        _wait_for_orphans()
        return _spent() - before, json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Measure and print; with --run, be the process that is measured."""
    if sys.argv[1:2] == ["--run"]:
        *names, jobs = sys.argv[2:]
        print(json.dumps(run_stage(*names, jobs=int(jobs))))
        return
    options = parser().parse_args()
    _adopt_orphans()
    with TemporaryDirectory(prefix="powercut-against-") as name:
        folder = Path(name)
        there, here = Side(unpack(options.here, options.revision, folder / "there")), Side(options.here)
        profile = folder / "profile"
        profile.write_bytes((options.profile or there.profiles[1]).read_bytes())
        for side in (there, here):
            side.run(WARM, profile, 1)
        if PLANTING in options.stages:
            bugs = [side.run(BANK, profile, 1)[1]["bugs"] for side in (there, here)]
            both = [bug for bug in bugs[0] if bug in bugs[1]]
            profile.write_text(with_bugs(profile.read_text(encoding="utf-8"), both), encoding="utf-8")
        print(f"processor seconds, {options.rounds} rounds of each, {options.jobs} processes")
        print(f"there: {options.revision}; here: {options.here.resolve().name}\n")
        compare(there, here, profile, options)


def compare(there: Side, here: Side, profile: Path, options: argparse.Namespace) -> None:
    """A row a stage as it is done, and their sum."""
    print(
        f"{'stage':10}{'there':>10}{'here':>10}{'ratio':>8}  " + "".join(f"{n:>22}" for n in COUNTS),
        flush=True,
    )
    total = [0.0, 0.0]
    for stage in options.stages:
        seconds: list[list[float]] = [[], []]
        told: list[dict[str, Any]] = [{}, {}]
        for _ in range(options.rounds):
            for place, side in enumerate((there, here)):
                spent, told[place] = side.run(stage, profile, options.jobs)
                seconds[place].append(spent)
        middle = [median(each) for each in seconds]
        total = [sum_ + one for sum_, one in zip(total, middle, strict=True)]
        counts = "".join(f"{f'{told[0][n]:,} | {told[1][n]:,}':>22}" for n in COUNTS)
        print(_row(stage, middle) + counts, flush=True)
        for where, each in zip(("there", "here"), told, strict=True):
            if each["exit"]:
                print(f"  {where}: {each['summary']}", flush=True)
    print(_row("all", total))


def _row(name: str, seconds: list[float]) -> str:
    there, here = seconds
    return f"{name:10}{there:10.1f}{here:10.1f}{here / there if there else 0:8.2f}  "


def run_stage(prefix: str, loader: str, stage: str, profile: str, *, jobs: int) -> dict[str, Any]:
    """Run one stage of the profile with the verifier that is imported under this prefix."""
    if stage == WARM:
        engine = import_module(f"{prefix}engine")
        for package in ("engine", "faultfs", "verifier"):
            compileall.compile_dir(str(Path(engine.__path__[0]).parent / package), quiet=2)
        engine.FasterKv.open(engine.MemoryDevice(), create=True, kernels="compiled").close()
        return {}
    if stage == BANK:
        return {"bugs": [mutant.name for mutant in import_module(f"{prefix}verifier.mutants.bank").BANK]}
    gate = import_module(f"{prefix}verifier.gate")
    profiles = import_module(f"{prefix}{loader}")
    plan = profiles.load_profile(profile)
    with TemporaryDirectory() as findings:
        report = gate.run_gate(plan, jobs=jobs, findings_folder=Path(findings))
    counts = {name: getattr(report.stages[stage], name) for name in COUNTS}
    return {**counts, "exit": report.exit, "summary": report.summary}


def only(stage: str, profile: str) -> str:
    """The profile without its other stages: what those say may be news to one of the sides."""
    kept, is_kept = [], True
    for line in profile.splitlines():
        if line.startswith("["):
            is_kept = line.strip("[]").partition(".")[0] == stage
        if is_kept:
            kept.append(line)
    return "\n".join(kept) + "\n"


def with_bugs(profile: str, bugs: list[str]) -> str:
    """The profile with these bugs to be planted, unless it says itself which."""
    head = f"[{PLANTING}]"
    is_said = any(line.startswith("only") for line in only(PLANTING, profile).splitlines())
    return profile if is_said else profile.replace(head, f"{head}\nonly = {json.dumps(bugs)}", 1)


def unpack(tree: Path, revision: str, folder: Path) -> Path:
    """The tree of the revision, without anything of git."""
    packed = subprocess.run(
        ["git", "-C", str(tree), "archive", revision], stdout=subprocess.PIPE, check=True
    ).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def _adopt_orphans() -> None:
    """A fork server that outlives the process which asked it is waited for here, and so counted."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _wait_for_orphans() -> None:
    with suppress(ChildProcessError):
        while True:
            os.wait()


def _spent() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def parser() -> argparse.ArgumentParser:
    """The options."""
    described = argparse.ArgumentParser(description="Processor seconds of two revisions, stage by stage.")
    described.add_argument("revision", nargs="?", default=BEFORE, help=f"default: {BEFORE}")
    described.add_argument(
        "--stages", type=lambda text: text.split(","), default=list(STAGES), help=",".join(STAGES)
    )
    described.add_argument("--rounds", type=int, default=1, help="of each side, in turn; the median is told")
    described.add_argument("--profile", type=Path, help="a TOML file that both sides can read")
    described.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes of a gate")
    described.add_argument(
        "--here", type=Path, default=HERE, help="the tree that is compared; default: this one"
    )
    return described


if __name__ == "__main__":
    main()
