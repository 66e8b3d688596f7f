"""Run by the tests of kills, in a process of its own since it forks: `killing.py [called]`.

Each case sweeps a few tapes with something planted, and leaves nothing planted behind; `raw` and `endless`
kill lives that hold no store at all. The tallies of all cases are printed, by name.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from unittest.mock import patch

import msgspec

from powercut.engine import FileDevice, StoreLockedError
from powercut.engine.device import Buffer
from powercut.faultfs import FaultDevice, Image, crash_states
from powercut.verifier.errors import HarnessError
from powercut.verifier.faster.geometries import GEOMETRIES
from powercut.verifier.faster.stepped import SteppedRuntime
from powercut.verifier.faster.subject import FasterSubject
from powercut.verifier.finders.kill import Called, Sweeper, Tally, Traced, materialise
from powercut.verifier.finders.kill import lives as lives_module
from powercut.verifier.finders.kill import points as kill_points
from powercut.verifier.finders.kill.folder import MakeDevice, Trap, make_file_device, read_folder
from powercut.verifier.finders.kill.marks import Marks
from powercut.verifier.finders.kill.points import Death, KillPoint, Life, Way, Where
from powercut.verifier.runs.world import World
from powercut.verifier.spec.model import Issued, Result
from powercut.verifier.spec.subject import MakeStore
from powercut.verifier.tapes.tape import LOGS, SIZES, Era, Kind, Operation, Tape

PROGRAM = (
    *(Operation(), Operation(Kind.CHECKPOINT), Operation(Kind.RMW)),
    *(Operation(Kind.CHECKPOINT), Operation(Kind.REOPEN)),
)


class Buffering(FileDevice):
    """Keeps what is written in the process until it is closed."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, create=True)
        self.kept: dict[str, bytearray] = {}

    def _kept(self, name: str) -> bytearray:
        if name not in self.kept:
            data = bytearray(super().size(name))
            super().read_into(name, 0, data)
            self.kept[name] = data
        return self.kept[name]

    def write(self, name: str, offset: int, buffer: Buffer) -> int:
        data = self._kept(name)
        data.extend(bytes(max(0, offset - len(data))))
        data[offset : offset + len(buffer)] = buffer
        return len(buffer)

    def read_into(self, name: str, offset: int, buffer: bytearray | memoryview) -> int:
        data = self._kept(name)[offset : offset + len(buffer)]
        buffer[: len(data)] = data
        return len(data)

    def size(self, name: str) -> int:
        return len(self._kept(name))

    def flush(self, name: str) -> None:
        if name in self.kept:
            super().write(name, 0, self.kept[name])

    def close(self) -> None:
        for name in self.kept:
            self.flush(name)
        self.kept.clear()
        super().close()


class FlushingAtSync(Buffering):
    """Keeps the contract, and yet is not what the simulator takes a device for."""

    def sync(self, name: str) -> None:
        self.flush(name)
        super().sync(name)


class LockedByFile(FileDevice):
    """Takes its lock by making a file, as a killed process leaves it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, create=True)
        try:
            os.close(os.open(path / "LOCK", os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            super().close()
            raise StoreLockedError(f"{path} is open elsewhere") from None

    def list(self) -> list[str]:
        return [name for name in super().list() if name != "LOCK"]

    def close(self) -> None:
        if self._folder >= 0:
            (self.path / "LOCK").unlink()
        super().close()


class Appending(FileDevice):
    """Opens new files for appending: pwrite then ignores its offset."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, create=True)

    def create(self, name: str) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND
        self._files[name] = os.open(name, flags, 0o644, dir_fd=self._folder)


class Wavering(FileDevice):
    """Makes a system call more in every second process."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, create=True)
        lives = path.with_name("lives")
        lives.touch()
        with lives.open("ab") as counted:
            counted.write(b".")
        if lives.stat().st_size % 2:
            os.fsync(self._folder)


class Talkative(FasterSubject):
    """Makes a call of the device more where it is a real one."""

    def __init__(self, device: FaultDevice) -> None:
        super().__init__(device, GEOMETRIES["tiny"], SteppedRuntime())
        self.device = device
        self.is_real = not isinstance(device, FaultDevice)

    def checkpoint(self) -> dict[int, int]:
        if self.is_real:
            self.device.sync_names()
        return super().checkpoint()


class Hasty(FasterSubject):
    """Acknowledges a checkpoint, and carries it out with the next call."""

    def __init__(self, device: FaultDevice) -> None:
        super().__init__(device, GEOMETRIES["tiny"], SteppedRuntime())
        self.counts: dict[int, int] = {}

    def _catch_up(self) -> None:
        if self.is_checkpointing:
            super().checkpoint()

    def apply(self, issued: Issued) -> Result:
        self._catch_up()
        self.counts[issued.session] = issued.serial
        return super().apply(issued)

    def checkpoint(self) -> dict[int, int]:
        self._catch_up()
        self.start()
        return dict(self.counts)

    def read_all(self) -> dict[bytes, bytes]:
        self._catch_up()
        return super().read_all()

    def close(self) -> None:
        self._catch_up()
        super().close()


def sweep(
    home: Path,
    way: Way,
    make_device: MakeDevice,
    make_store: MakeStore | None = None,
    program: tuple[Operation, ...] = PROGRAM,
) -> Tally:
    sweeper = Sweeper(home, way=way, make_device=make_device)
    sweeper.sweep(Tape((Era(program),), law="pagecache"), make_store=make_store)
    return sweeper.tally


def silent(home: Path, way: Called | Traced) -> Tally:
    """A life that never says what it was acknowledged."""

    def say(world: World, marks: Marks) -> None:
        marks.say(world.model.history, {})

    with patch.object(lives_module, "_say", say):
        return sweep(home, way, make_file_device)


def removing(home: Path, way: Called | Traced) -> list[Tally]:
    """A checkpoint that removes files once it is told; and a life that does not hear that it is."""
    large = tuple(Operation(Kind.UPSERT, 0, key, SIZES - 1) for key in range(7))
    sweeper = Sweeper(home, way=way)
    program = (
        *large,
        Operation(Kind.TRUNCATE_AT, 0, 2, 3),
        Operation(Kind.CHECKPOINT),
        Operation(Kind.REOPEN),
    )
    tape = Tape((Era(program),), law="pagecache")
    sweeper.sweep(tape, start_step=len(program) - 1)
    whole, sweeper.tally = sweeper.tally, Tally()
    with patch.object(Marks, "tell", lambda _: None):
        sweeper.sweep(tape, start_step=len(program) - 1)
    return [whole, sweeper.tally]


def forgetful(home: Path, way: Called | Traced) -> list[Tally]:
    """A log that forgets the commits behind the one that its root names, and before it one that does not."""
    sweeper = Sweeper(home, way=way)
    program = Operation(Kind.ENQUEUE), Operation(Kind.CHECKPOINT)
    tape = Tape((Era(program),), law="pagecache", subject=LOGS)
    sweeper.sweep(tape, start_step=len(program))
    whole, sweeper.tally = sweeper.tally, Tally()
    sweeper.opened.clear()
    with patch("powercut.engine.fasterlog.recovery.last_of", lambda files, root, last: (last, "")):
        sweeper.sweep(tape, start_step=len(program))
    return [whole, sweeper.tally]


def wavering(home: Path, way: Called | Traced) -> str:
    """Only system calls can be one more where the calls of the device are the same."""
    if isinstance(way, Called):
        return ""
    try:
        sweep(home, way, Wavering)
    except HarnessError as error:
        return str(error)
    return ""


def images(home: Path, way: Called | Traced) -> Tally:
    return materialise(Tape((Era(PROGRAM),)), home / "images", 200, Random(0), make_device=Appending)


class Tiring:
    """Every life that is to be killed reaches its cap instead."""

    name = "device calls"

    def run(self, life: Life, marks: Marks, kill_point: KillPoint | None) -> Death:
        return Called().run(life, marks, None) if kill_point is None else Death(signal.SIGXCPU, [])


def endless(home: Path, way: Called | Traced) -> str:
    """The end of a life that runs in circles."""

    def turn(trap: Trap, arm: Callable[[], None]) -> bool:
        arm()
        if isinstance(way, Traced):
            # The cap is the same and costs a second: here only whether the signal comes through.
            os.kill(os.getpid(), signal.SIGXCPU)
        while True:
            pass

    with patch.object(kill_points, "LIMIT_SECONDS", 1):
        return str(way.run(turn, Marks(), None))


def raw(home: Path, way: Called | Traced) -> list[bool]:
    """For each place in a long write: whether the file holds what it should, and what the law allows."""
    start, written = b"-" * 9000, bytes(range(250)) * 40
    (home / "file").write_bytes(start)
    device = FaultDevice(Image.of({"file": start}))
    device.write("file", 3000, written)
    legal = {state.key for state in crash_states(device.trace, "pagecache", start=1)}
    marks, seen, right = Marks(), set(), []

    def life(trap: Trap, arm: Callable[[], None]) -> bool:
        number = os.open(home / "file", os.O_RDWR)
        arm()
        marks.begin_call()
        count = trap(1, False, len(written))
        os.pwrite(number, written[:count], 3000)
        trap(1, True, len(written))
        return True

    cuts = [KillPoint(1, Where.CUT, count) for count in (1096, 5192, 9288)]
    for kill_point in (
        KillPoint(1, Where.ENTRY),
        *cuts,
        KillPoint(1, Where.EXIT),
        KillPoint(0, Where.END),
    ):
        (home / "file").write_bytes(start)
        death = way.run(life, marks, kill_point)
        count = {Where.ENTRY: 0, Where.CUT: kill_point.bytes}.get(kill_point.where, len(written))
        expected = start[:3000] + written[:count] + start[3000 + count :]
        image = read_folder(home)
        seen.add(image.key())
        right.append(death.is_killed and image == Image.of({"file": expected}))
    return [*right, seen == legal]


CASES: dict[str, Callable[[Path, Called | Traced], object]] = {
    "buffering": lambda home, way: sweep(home, way, Buffering, program=PROGRAM[:-1]),
    "flushing at sync": lambda home, way: sweep(home, way, FlushingAtSync),
    "locked by file": lambda home, way: sweep(home, way, LockedByFile),
    "appending": lambda home, way: sweep(home, way, Appending),
    "hasty": lambda home, way: sweep(home, way, make_file_device, Hasty),
    "silent": silent,
    "talkative": lambda home, way: sweep(home, way, make_file_device, Talkative),
    "forgetful": forgetful,
    "removing": removing,
    "wavering": wavering,
    "images": images,
    "endless": endless,
    "tiring": lambda home, way: sweep(home, Tiring(), make_file_device),
    "raw": raw,
}


def run(name: str, way: Called | Traced) -> object:
    """The result of the case, and how many processes and descriptors it left."""
    with TemporaryDirectory() as home:
        before = len(os.listdir("/proc/self/fd"))
        told = CASES[name](Path(home), way)
        left = len(os.listdir("/proc/self/fd")) - before
    try:
        os.waitpid(-1, os.WNOHANG)
        left += 1
    except ChildProcessError:
        pass  # There is none.
    return {"told": msgspec.to_builtins(told), "left": left}


def main() -> None:
    """Print what came of every case, one after the other."""
    way = Called() if sys.argv[1:] == ["called"] else Traced()
    print(json.dumps({name: run(name, way) for name in CASES}))  # noqa: T201


if __name__ == "__main__":
    main()
