"""A log that a thread of its own writes: what is done waits in memory, a checkpoint wakes the thread.

The thread writes in one piece what waits, syncs, and says so. Where the disk refuses, the checkpoint raises
what the thread met, and so does every call after it. When the power is gone the thread ends: the device
answers EBADF, and `close` waits for nobody.
"""

import json
from queue import SimpleQueue
from threading import Event, Thread
from zlib import crc32

from powercut import FaultDevice
from powercut.verifier import Issued, Result, StoreMachine, apply


class Threaded:
    """A dict on a device: a log, and the thread that writes it."""

    def __init__(self, device: FaultDevice) -> None:
        self.device = device
        self.content: dict[bytes, bytes] = {}
        self.waiting: list[bytes] = []
        self.error: OSError | None = None
        self.end = 0
        if "log" not in device.list():
            device.create("log")
        for line in device.read("log").splitlines(keepends=True):
            checksum, _, body = line.partition(b" ")
            if checksum != b"%08x" % crc32(body):
                break
            key, value = json.loads(body)
            self.content[key.encode()] = value.encode()
            self.end += len(line)
        self.content = {key: value for key, value in self.content.items() if value}
        device.truncate("log", self.end)
        device.sync("log")
        device.sync_names()
        self.asked: SimpleQueue[Event | None] = SimpleQueue()
        self.thread = Thread(target=self._work, daemon=True)
        self.thread.start()

    def _work(self) -> None:
        while (done := self.asked.get()) is not None:
            try:
                data = b"".join(self.waiting)
                self.device.write("log", self.end, data)
                self.device.sync("log")
                self.end += len(data)
                self.waiting.clear()
            except OSError as error:
                self.error = error
            done.set()

    def apply(self, operation: Issued) -> Result:
        """Carry it out in memory; what became of its key waits for the thread."""
        self._check()
        result = apply(self.content, operation)
        value = self.content.get(operation.key, b"")
        body = json.dumps([operation.key.decode(), value.decode()]).encode() + b"\n"
        self.waiting.append(b"%08x %s" % (crc32(body), body))
        return result

    def checkpoint(self) -> None:
        """Wake the thread, and wait until it has made all durable."""
        self._check()
        done = Event()
        self.asked.put(done)
        done.wait()
        self._check()

    def _check(self) -> None:
        if self.error is not None:
            raise self.error

    def read_all(self) -> dict[bytes, bytes]:
        """Every key with its value."""
        return dict(self.content)

    def close(self) -> None:
        """End the thread."""
        self.asked.put(None)
        self.thread.join()


class ThreadedMachine(StoreMachine):
    """The bench for it."""

    def make_store(self, device: FaultDevice) -> Threaded:
        return Threaded(device)


TestThreaded = ThreadedMachine.TestCase
