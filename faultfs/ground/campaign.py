"""A campaign: programs, each with and without noise, on real file systems, by several processes.

    task      a program, a noise or none, a depth, a seed of its own
    worker    a process with a mount namespace, a memory file system, and a rig at a time

Most of an image's time is the kernel's waiting in mount and unmount: there are more workers than cores.

Invariants
  1  the tasks of a campaign are a function of its plan; the contents that they find are not: a file system
     has its own mind about when it writes
  2  a task that the file system refuses is told, and fails the campaign

Threads: the caller's process only hands out tasks.
"""

import os
import platform
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Final, NamedTuple

from ..errors import UnfitMachineError
from . import kernel
from .contents import is_failure
from .drawn import draw
from .evidence import DRAWN, Collection, Evidence, Head, Sighting, union
from .growing import grow
from .player import NOISES, PAGES, Noise
from .program import Program
from .rig import FILE_SYSTEMS, Depth, Options, Rig
from .scenarios import OTHERS, SCENARIOS, is_playable

PLAIN: Final = Depth(whole=6, mixed=3, draws=30, torn=6)
NOISY: Final = Depth(whole=3, mixed=3, draws=4, torn=1)
FEW: Final = Depth(whole=3, mixed=2, draws=4, torn=2)
# Nothing points to what btrfs has written until its superblock does, and that stands in an epoch of its own:
# so parts of the large epochs are all alike, and few are tried.
COPYING: Final = Depth(whole=3, mixed=0, draws=2, torn=1)
_KINDS: Final = ("chmod", "commit", "syncfs", "writeback", "slow")
_PAGED: Final = (
    "append",
    "hole",
    "shrink",
    "grow",
    "same",
    "allocate",
)  # Pages written apart tell something.
_FAILING: Final = "failed"  # Begins the name of a scenario in which a sync fails: its noise is commits.
_FOLDERS: Final = (
    "folder",
    ("commit", "chmod"),
)  # Begins the names of those about names alone, and their noise.
_GROWN: Final = 4  # Every fourth drawn program is one on folders.
_LONG: Final = {"allocate-long": ("beside",)}  # Other calls are over before a commit beside them begins.
_LATE: Final = ("replace-unsynced", "move-unsynced", "empty-rewrite", "append-alone")
_NEEDED: Final = {"ext4": "mkfs.ext4", "xfs": "mkfs.xfs", "btrfs": "mkfs.btrfs"}


class Plan(NamedTuple):
    """A campaign on one file system: which scenarios, how many drawn programs, and with which noise."""

    options: Options
    scenarios: tuple[str, ...]
    drawn: int
    seed: int
    is_late: bool = True


class Task(NamedTuple):
    """One recording and its images."""

    options: Options
    name: str
    program: Program
    noise: Noise | None
    depth: Depth
    seed: str


class Done(NamedTuple):
    """The end of a task: its evidence, the images that were mounted, and the seconds; or an error."""

    task: Task
    evidence: Evidence | None
    read: int
    seconds: float
    error: str = ""


def tasks_of(plan: Plan) -> Iterator[Task]:
    """Every task of a plan. Invariant 1."""
    for name in plan.scenarios:
        program = SCENARIOS.get(name) or OTHERS[name]
        if not is_playable(program, plan.options.file_system):
            continue
        noises: list[Noise | None] = [None]
        kinds = (*_KINDS, *PAGES) if name.startswith(_PAGED) else _KINDS
        kinds = _FOLDERS[1] if name.startswith(_FOLDERS[0]) else kinds
        kinds = ("commit",) if name.startswith(_FAILING) else (*kinds, *_LONG.get(name, ()))
        noises += [Noise(kind, after) for after in range(1, len(program.calls) + 1) for kind in kinds]
        if plan.is_late and name in _LATE:
            noises.append(Noise("late", len(program.calls)))
        for noise in noises:
            depth = PLAIN if noise is None else NOISY if plan.options.file_system != "btrfs" else COPYING
            yield Task(plan.options, name, program, noise, depth, f"{plan.seed} {name} {noise}")
    few = COPYING if plan.options.file_system == "btrfs" else FEW
    for number in range(plan.drawn):
        seed = f"{plan.seed}.{number}"
        generator = Random(seed)
        program = grow(generator) if number % _GROWN == _GROWN - 1 else draw(generator)
        kind = generator.choice(("", *NOISES[:-1]))
        noise = Noise(kind, generator.randint(1, len(program.calls))) if kind else None
        yield Task(plan.options, f"{DRAWN}{seed}", program, noise, few, seed)


def tasks_in_order(plan: Plan) -> list[Task]:
    """Every task of a plan, those that wait for 41 seconds first, beside all others."""
    return sorted(tasks_of(plan), key=lambda task: task.noise is None or task.noise.kind != "late")


def run(plan: Plan, jobs: int, hear: Callable[[Done], None] = lambda done: None) -> Collection:
    """Carries out a plan; UnfitMachineError where that cannot be done here."""
    check_machine(plan.options.file_system)
    collection = Collection(_head(plan), {})
    tasks = tasks_in_order(plan)
    with (
        TemporaryDirectory(prefix="ground-") as folder,
        ProcessPoolExecutor(jobs, get_context("spawn"), _begin, (folder,)) as workers,
    ):
        for future in as_completed([workers.submit(work, task) for task in tasks]):
            done = future.result()
            hear(done)
            if done.evidence is not None:
                collection.add(done.evidence)
    return collection


def check_machine(file_system: str) -> None:
    """Raises UnfitMachineError, with what is missing, where a file system cannot be measured."""
    if file_system not in FILE_SYSTEMS:
        raise UnfitMachineError(f"no file system {file_system!r} is known: one of {', '.join(FILE_SYSTEMS)}")
    if platform.system() != "Linux":
        raise UnfitMachineError("real file systems are measured on Linux only")
    if os.geteuid():
        raise UnfitMachineError("real file systems are mounted by root only")
    if not kernel.may_mount():
        raise UnfitMachineError("this process may not mount: it lacks CAP_SYS_ADMIN")
    for path in ("/dev/fuse", "/dev/loop-control"):
        try:
            os.close(os.open(path, os.O_RDWR))
        except OSError as error:
            raise UnfitMachineError(f"{path}: {error.strerror}") from None
    if shutil.which(_NEEDED[file_system]) is None:
        raise UnfitMachineError(f"{_NEEDED[file_system]} is not installed")
    known = Path("/proc/filesystems").read_text(encoding="utf-8").split()
    if file_system not in known and not Path("/lib/modules", platform.release()).is_dir():
        raise UnfitMachineError(f"this kernel has no {file_system}, and no modules")


def work(task: Task) -> Done:
    """Records and reads one task, in a worker."""
    before = perf_counter()
    read = 0
    evidence = Evidence(task.name, str(task.program), 1, 0, 0, [])
    seen: dict[str, Sighting] = {}
    try:
        rig = _rig_of(task.options)
        recording = rig.record(task.program, task.noise)
        for found in rig.search(recording, task.depth, Random(task.seed)):
            evidence.images += 1
            read += found.is_read
            if found.is_torn and is_failure(found.content):
                evidence.unmounted += 1
                continue
            sighting = seen.get(found.content)
            if sighting is None:
                example = f"{task.noise or 'no noise'}, {found.told}"
                sighting = seen[found.content] = Sighting(found.content, [], 0, example)
            sighting.steps.append((found.first, found.last))
            sighting.images += 1
    except OSError as error:
        return Done(task, None, read, perf_counter() - before, f"{error.strerror} ({error.errno})")
    for sighting in seen.values():
        sighting.steps = union(sighting.steps)
    evidence.seen = [seen[content] for content in sorted(seen)]
    return Done(task, evidence, read, perf_counter() - before)


_folder = ""
_rigs: dict[Options, Rig] = {}


def _begin(folder: str) -> None:
    """Makes a worker of this process: what it mounts, nobody else sees, and it ends with the process."""
    global _folder
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # The caller ends the workers.
    kernel.enter_namespace()
    _folder = folder
    kernel.mount("ground", _folder, "tmpfs")


def _rig_of(options: Options) -> Rig:
    if options not in _rigs:
        for rig in _rigs.values():
            rig.close()
        _rigs.clear()
        _rigs[options] = Rig(_folder, options)
    return _rigs[options]


def _head(plan: Plan) -> Head:
    tool = _NEEDED[plan.options.file_system]
    told = subprocess.run([tool, "-V"], capture_output=True, text=True, check=False)
    version = (told.stdout + told.stderr).strip().splitlines()[0]
    release = platform.release().split("-")[0]
    return Head(plan.options.file_system, plan.options.mkfs, plan.options.mount, release, version, plan.seed)
