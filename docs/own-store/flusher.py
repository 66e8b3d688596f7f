"""A log that a background call writes, and the race in it that `explore_threads` finds.

python flusher.py           the log as it should be
python flusher.py race      it forgets what was appended while it wrote
"""

import sys
from collections.abc import Callable

from powercut import FaultDevice
from powercut.engine.runtime import Runtime
from powercut.verifier import explore_threads

IS_RACING = sys.argv[1:] == ["race"]


class Log:
    """Lines that are appended in memory, and written together by a call that the runtime carries out."""

    def __init__(self, device: FaultDevice, runtime: Runtime) -> None:
        self.device, self.runtime, self.lock = device, runtime, runtime.lock()
        self.waiting: list[bytes] = []
        self.end = 0
        device.create("log")
        device.sync_names()

    def append(self, line: bytes) -> None:
        self.waiting.append(line)
        self.runtime.wait([self.runtime.submit(self.flush)])

    def flush(self) -> None:
        with self.lock:
            count, data = len(self.waiting), b"".join(self.waiting)
            self.device.write("log", self.end, data)
            self.device.sync("log")
            self.end += len(data)
            self.waiting = [] if IS_RACING else self.waiting[count:]


class Two:
    """Two threads that append a line each, and say when it is durable."""

    def start(self, runtime: Runtime, device: FaultDevice) -> list[Callable[[], None]]:
        log = Log(device, runtime)
        return [lambda: self.add(log, b"one;"), lambda: self.add(log, b"two;")]

    def add(self, log: Log, line: bytes) -> None:
        log.append(line)
        log.device.mark("acked", line)

    def check(self, device: FaultDevice, acked: list[bytes]) -> str:
        found = device.read("log") if "log" in device.list() else b""
        return "".join(f"{line!r} is not in the log" for line in acked if line not in found)


if __name__ == "__main__":
    print("\n".join(explore_threads(Two).lines()))  # noqa: T201
