"""Killing a load at a call of its device, and again on the same folder; what is left is proved by value.

Each folder has some lives, one after the other (`dying`), the first on an empty one. Behind each of them
this process, which is another, opens the folder:

    least    every writer has what a life before had left it, and what was told or waited for since
    content  exactly the stamps 1 .. N(s) of each writer, each once and under the key of its operation, those
             of a writer ascending; a value that an earlier life left is the beginning of what is there now
    opening  every life and every judge can open it

Invariants
  1  the work is a number of kills: a life that is not killed at its call decides nothing
  2  where a life dies is a function of the seed; what its threads had done by then is none

Threads: one, since it forks; those of a store that is judged have ended before the next life begins.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

import msgspec
import numpy as np

from powercut.engine import EngineError, FasterKv, FileDevice
from powercut.engine.compiler.compilation import available
from powercut.faultfs import FaultDevice

from ...errors import HarnessError
from ...oracles.columns import Content, judge_columns
from ...verdict import OK, Breach, Verdict, Violation
from ..kill.client import ask
from .cutting import columns, rows_of
from .dying import CAPPED, REFUSED, Death, Life, Memory, keys_of, live
from .load import SETTINGS, WRITERS, Words

__all__ = ["Kills", "KillsTally", "Left", "judge_left", "kill_loads", "run_kills"]

# By the kind of a call, so many of them are seen in a life that is long enough for its files to be removed.
_MOST: Final = {"write": 700, "sync": 240, "create": 70, "remove": 60, "sync_names": 40}
_JOIN_SECONDS: Final = 60.0
_EARLY: Final = 8  # Every so many-th life dies at one of so many calls, of its opening or soon after it.


class Kills(msgspec.Struct, frozen=True):
    """Folders of so many lives each."""

    seed: str
    folders: int
    lives: int
    kernels: str = "compiled"


class KillsTally(msgspec.Struct):
    """The outcome of these lives."""

    reached: dict[str, int] = {}
    violation: Violation | None = None
    unknown: str = ""
    error: str = ""  # Of the harness.
    is_cut: bool = False

    def count(self, what: str, number: int = 1) -> None:
        self.reached[what] = self.reached.get(what, 0) + number


def run_kills(kills: Kills, deadline: float) -> KillsTally:
    """Have a process of its own do it, as far as it comes by the deadline. Raises HarnessError."""
    tally = msgspec.json.decode(
        ask(f"{__package__}.killed", msgspec.json.encode(kills), deadline), type=KillsTally
    )
    if tally.error:
        raise HarnessError(tally.error)
    return tally


@dataclass(slots=True)
class Left:
    """The content of a folder: of each writer the keys of its operations, and the values of all keys."""

    keys: list[Words] = field(default_factory=lambda: [np.empty(0, np.uint64)] * WRITERS)
    values: list[bytes | None] = field(default_factory=list)


def kill_loads(
    kills: Kills, home: Path, tally: KillsTally, is_wanted: Callable[[], bool] = lambda: True
) -> None:
    """Kill lives in folders inside `home`, one after the other, until one of them is objected to."""
    if kills.kernels == "compiled" and not available():
        tally.unknown = "no compiled kernels: pip install 'powercut[speed]'"
        return
    FasterKv.open(FaultDevice(), create=True, settings=SETTINGS, kernels=kills.kernels).close(
        checkpoint=False
    )  # A life has its kernels when it is forked.
    random, memory = Random(kills.seed), Memory()
    calls, left, seed = list(_MOST), Left(), 0
    for number in range(kills.folders * kills.lives):
        if not is_wanted():
            tally.is_cut = True
            return
        folder = home / "load" / "store"
        if number % kills.lives == 0:
            shutil.rmtree(folder.parent, ignore_errors=True)
            folder.parent.mkdir()
            left, seed = Left(), random.getrandbits(32)
        call = calls[number % len(calls)]
        most = _EARLY if number % _EARLY == 1 else _MOST[call]
        death = Death(call, random.randint(1, most), random.random() < 0.5)
        life = Life(folder, seed, number + 1, death, kills.kernels)
        if not _has_died(life, memory, tally):
            return
        tally.count("in a later life", number % kills.lives > 0)
        verdict, left = _judge(life, memory, left, tally)
        if isinstance(verdict, Violation):
            where = f"life {number % kills.lives + 1} of a folder, killed at {death}: {verdict.detail}"
            tally.violation = Violation(verdict.oracle, verdict.breach, where)
            return


def _has_died(life: Life, memory: Memory, tally: KillsTally) -> bool:
    """Fork a life and see its end; True if it was killed where it should be, and is counted."""
    for thread in threading.enumerate():
        if thread is not threading.current_thread():
            thread.join(_JOIN_SECONDS)  # Of a store that was judged: it has been told to end.
    if threading.active_count() > 1:
        raise HarnessError("a life is forked: no other thread may run in its process")
    memory.clear()
    parent, pid = os.getpid(), os.fork()
    if pid == 0:
        live(life, memory, parent)
    try:
        _, status = os.waitpid(pid, 0)
    except BaseException:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL and memory.struck:
        tally.count("kills")
        tally.count(f"killed at {life.death.call}")
        tally.count("checkpoints beside kills", memory.checkpoints)
        return True
    error = life.folder.with_name("error")
    told = error.read_text() if error.exists() else f"status {status}"
    if os.WIFEXITED(status) and os.WEXITSTATUS(status) == REFUSED:
        tally.violation = Violation("model", Breach.ERROR, told)
    elif os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == CAPPED:
        tally.unknown = f"a life to be killed at {life.death} ended by {told}"
    else:
        raise HarnessError(f"a life to be killed at {life.death} ended by {told}")
    return False


def _judge(life: Life, memory: Memory, before: Left, tally: KillsTally) -> tuple[Verdict, Left]:
    """Open what a life has left, and judge it; the content that the next life begins with."""
    taken = []
    for number, keys in enumerate(before.keys):
        more = max(0, int(memory.issued[number]) - len(keys))
        taken.append(np.concatenate([keys, keys_of(life.seed, life.number, number, len(keys) + 1, more)]))
    least = {
        number: max(len(before.keys[number]), int(memory.told[number]), int(memory.waited[number]))
        for number in range(WRITERS)
    }
    count = max(len(before.values), *(1 + int(keys.max(initial=0)) for keys in taken))
    try:
        with FasterKv.open(
            FileDevice(life.folder, create=True), create=True, settings=SETTINGS, kernels=life.kernels
        ) as store:
            serials = store.serials()
            store.check()
            with store.session("judge") as session:
                values = session.read_many(np.arange(count, dtype=np.uint64))
            store.close(checkpoint=False)
    except EngineError as error:
        return Violation("openable", Breach.UNOPENABLE, f"{type(error).__name__}: {error}"), before
    recovered = {number: serials.get(f"s{number}", 0) for number in range(WRITERS)}
    verdict = judge_left(taken, least, recovered, before.values, values)
    tally.count("operations proved after a kill", sum(recovered.values()))
    tally.count("operations that a kill took", sum(map(len, taken)) - sum(recovered.values()))
    return verdict, Left([keys[: recovered[number]] for number, keys in enumerate(taken)], values)


def judge_left(
    taken: Sequence[Words],
    least: Mapping[int, int],
    recovered: Mapping[int, int],
    before: Sequence[bytes | None],
    values: Sequence[bytes | None],
) -> Verdict:
    """Judge what was recovered, given the keys of all that each writer may have done, and what there was."""
    content, rows = columns(values), rows_of(taken, values)
    if isinstance(content, Violation):
        return content
    assert not isinstance(rows, Violation)
    verdict = judge_columns(rows, least, recovered, content)
    if verdict != OK:
        return verdict
    for key, value in enumerate(before):
        if not (values[key] or b"").startswith(value or b""):
            detail = f"key {key} does not begin with what an earlier life had left there"
            return Violation("prefix", Breach.WRONG_VALUE, detail)
    return _judge_order(content)


def _judge_order(content: Content) -> Verdict:
    """Require that under each key the stamps of a writer ascend."""
    order = np.lexsort((content.sessions, content.keys))  # A stable sort: those of one writer stay in order.
    keys, sessions, serials = (each[order] for each in (content.keys, content.sessions, content.serials))
    is_same = (keys[1:] == keys[:-1]) & (sessions[1:] == sessions[:-1])
    late = np.flatnonzero(is_same & (serials[1:] <= serials[:-1]))
    if not len(late):
        return OK
    at = int(late[0])
    detail = f"key {keys[at]}: s{sessions[at]} #{serials[at + 1]} stands behind #{serials[at]}"
    return Violation("prefix", Breach.WRONG_VALUE, detail)


def _serve(home: Path) -> None:
    answers = os.dup(1)
    os.dup2(2, 1)  # What a life prints is no answer.
    line = sys.stdin.buffer.readline()
    if not line.endswith(b"\n"):
        return  # Whoever asked was gone before it had asked.
    tally = KillsTally()
    try:
        kills = msgspec.json.decode(line, type=Kills)
        kill_loads(kills, home, tally, lambda: not select.select([0], [], [], 0)[0])
    except Exception:  # noqa: BLE001 (told to whoever asked)
        tally.error = traceback.format_exc(limit=-3)
    if tally.is_cut:
        shutil.rmtree(home, ignore_errors=True)  # Whoever made it may be gone.
    with suppress(BrokenPipeError), os.fdopen(answers, "wb") as told:
        told.write(msgspec.json.encode(tally) + b"\n")


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
