"""The worker: a process without threads that does one task of kills. Run as a module by `client`.

Invariants
  1  when its input is closed, because whoever asked ended or does not want the rest, it stops before the
     next life, leaves no folder, and tells what it has until then
  2  a life dies with its worker, by the kernel's hand
"""

from __future__ import annotations

import gc
import os
import select
import shutil
import sys
import traceback
from contextlib import nullcontext, suppress
from pathlib import Path
from random import Random

import msgspec

from ...reach.seen import watched
from .client import Answer, Task
from .materialised import materialise
from .points import Called
from .sweep import Sweeper
from .tally import Tally, Unwanted

__all__ = ["do_task"]


def do_task(task: Task, sweeper: Sweeper, home: Path) -> Tally:
    """Do the task, in this process."""
    tally = sweeper.tally
    random = Random(task.seed)
    for number, tape in enumerate(task.tapes):
        if task.states:
            images = home / "images"
            tally.merge(materialise(tape, images, task.states, random, is_wanted=sweeper.is_wanted))
        else:
            sweeper.sweep(tape, start_step=task.start_steps[number] if task.start_steps else 0)
        if tally.is_over:
            break
    return tally


def _serve(home: Path) -> None:
    answers = os.dup(1)
    os.dup2(2, 1)  # What a life prints is no answer.
    line = sys.stdin.buffer.readline()
    if not line.endswith(b"\n"):
        return  # Whoever asked was gone before it had asked.
    task = msgspec.json.decode(line, type=Task)
    sweeper = Sweeper(home, way=None if task.traced else Called(), is_wanted=_is_wanted)
    gc.collect()
    gc.freeze()  # A life that collects would copy every page that it shares with this process.
    answer = Answer()
    try:
        with watched() if task.is_watched else nullcontext() as answer.seen:
            answer.tally = do_task(task, sweeper, home)
    except Unwanted:
        shutil.rmtree(home, ignore_errors=True)  # Whoever made it may be gone.
        answer.tally = sweeper.tally
        answer.tally.is_cut = True
    except Exception:  # noqa: BLE001 (told to whoever asked)
        answer.error = traceback.format_exc(limit=-3)
    data = msgspec.json.encode(answer) + b"\n"
    with suppress(BrokenPipeError):
        while data:
            data = data[os.write(answers, data) :]


def _is_wanted() -> bool:
    """True while the client's end is open: it sends nothing more, so readable input is its end."""
    return not select.select([0], [], [], 0)[0]


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
