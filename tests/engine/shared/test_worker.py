"""A worker's failures are for whoever asks, nobody else hears of them; between two rounds it waits."""

import subprocess
import sys

import pytest

from powercut.engine import MemoryDevice
from powercut.engine.device import Disk
from powercut.engine.poison import Poison
from powercut.engine.shared.worker import Worker
from powercut.verifier.faster.stepped import SteppedRuntime

PROGRAM = """
from powercut import FasterLog, MemoryDevice, ThreadRuntime

class Failing(MemoryDevice):
    is_failing = False
    def sync(self, name):
        if self.is_failing and not name.startswith("root"):  # The third root of the creation is another's.
            raise OSError(5, "no answer")
        super().sync(name)
    datasync = sync

device = Failing()
log = FasterLog.open(device, create=True)
log.commit_every(seconds=0.001)
device.is_failing = True
log.enqueue(b"entry")
clock = ThreadRuntime()
print(clock.until("a failure", lambda: log.automatic.failures > 0, clock.now() + 60))
"""


def test_a_commit_that_fails_by_itself_prints_nothing() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("True\n", "")


class Noted(Worker):
    """Notes its rounds, and the looks for which it waits: each is due at once."""

    what = "noted"

    def __init__(self) -> None:
        super().__init__(Disk(MemoryDevice(), Poison(), SteppedRuntime()))
        self.noted: list[str] = []
        self._state = "running"

    def round(self) -> bool:
        self.noted.append("round")
        return True

    def next_look(self) -> float | None:
        self.noted.append("look")
        return self.runtime.now()


@pytest.mark.parametrize("rounds", [1, 2, 3])
def test_who_drives_some_rounds_waits_between_them_and_not_behind_the_last(rounds: int) -> None:
    worker = Noted()
    worker.drive(rounds)
    assert worker.noted == [*["round", "look"] * (rounds - 1), "round"]
