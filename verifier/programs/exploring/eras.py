"""Second eras: after a recovery the program goes on, and the power is cut once more.

A crash state is shown in a folder of its own; the command that reads (it recovers) and then the command that
goes on are recorded there, one step each, and every crash state of that recording is judged in its turn.

Invariants
  1  the states are those whose readings differ, in the order of the first era, at most ERAS
  2  what recovery did and did not sync may be lost again: it is recorded as any other step

Where a mount of one's own is not permitted there is no second era, and the reason is told.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from ...errors import HarnessError
from ..reading.placing import Placed
from ..reading.readers import Answer
from ..reading.scene import Entry, Scene
from ..reading.spaces import enter_space
from ..recording import Recording, load
from .asked import Readings
from .search import Exploration, states_of

__all__ = ["Era", "begin_eras", "record_again"]

ERAS: Final = 8


class Era(msgspec.Struct):
    """A crash state after which the program goes on."""

    told: str
    scene: Scene


class _Task(msgspec.Struct):
    root: str
    folder: str
    commands: list[tuple[str, ...]]
    entries: list[tuple[str, tuple[int, int, int, int, int, bytes]]]


class _Done(msgspec.Struct):
    recording: bytes = b""
    error: str = ""


def begin_eras(found: Exploration, readings: Readings) -> tuple[list[Era], int]:
    """The states from which to go on, and how many there are whose readings differ. Invariant 1."""
    eras: list[Era] = []
    seen: set[tuple[Answer, bool, int]] = set()
    for state, reading in states_of(found, readings):
        kind = reading.answer, reading.again is not None, len(reading.asked)
        if reading.why or kind in seen:
            continue
        seen.add(kind)
        if len(eras) < ERAS:
            told = f"a first power cut: event {state.index}, survivors {list(state.digits)}"
            eras.append(Era(told, readings.setting.scene(state.image)))
    return eras, len(seen)


def record_again(era: Era, root: str, folder: str, commands: Sequence[tuple[str, ...]]) -> Recording:
    """Show the state and record the commands there. Raises HarnessError where that is not possible."""
    entries = [(path, tuple(entry)) for path, entry in era.scene.items()]
    task = msgspec.msgpack.encode(_Task(root, folder, list(commands), entries))  # type: ignore[arg-type]
    home = str(Path(__file__).parents[4])
    with tempfile.TemporaryFile() as answer:
        done = subprocess.run(
            [sys.executable, "-P", "-c", _WORKER, home, *sys.path],
            input=task,
            stdout=answer,
            check=False,
        )
        answer.seek(0)
        data = answer.read()
    if not data:
        raise HarnessError(f"the process of a second era ended with status {done.returncode}")
    told = msgspec.msgpack.decode(data, type=_Done)
    if told.error:
        raise HarnessError(f"no second era: {told.error}")
    return load(told.recording)


_WORKER: Final = """\
import sys
sys.path[:] = sys.argv[1:]
from powercut.verifier.programs.exploring.eras import answer
answer()
"""


def answer() -> None:
    """In the process of an era: show, record, and write the answer to standard output."""
    task = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=_Task)
    done = _Done(error=enter_space(task.root))
    if not done.error:
        from ..record import record
        from ..recording import RecordingError, dump

        Placed(task.root).place({path: Entry(*fields) for path, fields in task.entries})
        try:
            done.recording = dump(record(task.commands, task.root, folder=task.folder))
        except (OSError, RecordingError) as error:
            done.error = str(error)
    sys.stdout.buffer.write(msgspec.msgpack.encode(done))
