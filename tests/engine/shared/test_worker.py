"""A worker's failures are for whoever asks; a program that has set up no logging hears nothing of them."""

import subprocess
import sys

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
