"""Set-up of the tests of FasterLog: the smallest geometry, a log on a disk that forgets."""

from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from powercut.engine import FasterLog, LogSettings
from powercut.engine.device import Buffer
from powercut.faultfs import FaultDevice, survivor_image
from powercut.verifier.faster.stepped import SteppedRuntime

SMALL = LogSettings(page_bytes=1024, segment_bytes=2048, write_unit=512)


T = TypeVar("T")


class Failing(FaultDevice):
    """A disk whose calls of the kind `failing` raise `number`, before or after they have had their effect."""

    failing = ""
    number = 0
    is_after = False

    def write(self, name: str, offset: int, buffer: Buffer) -> int:
        return self._call("write", lambda: FaultDevice.write(self, name, offset, buffer))

    def sync(self, name: str) -> None:
        self._call("sync", lambda: FaultDevice.sync(self, name))

    def _call(self, kind: str, call: Callable[[], T]) -> T:
        if kind != self.failing:
            return call()
        if self.is_after:
            call()
        raise OSError(self.number, "planned")


class Bench:
    """A device, and logs opened on it, deterministic."""

    def __init__(self) -> None:
        self.device: FaultDevice = Failing()
        self.log: FasterLog | None = None

    def open(self, **arguments: Any) -> FasterLog:
        self.log = FasterLog.open(
            self.device,
            **{"create": True, "settings": SMALL, "memory": 4096, "runtime": SteppedRuntime(), **arguments},
        )
        return self.log

    def survivor(self, law: str = "strict") -> "Bench":
        """A bench with what a power cut now leaves, under a law with one state."""
        other = Bench()
        other.device = FaultDevice(survivor_image(self.device.trace, len(self.device.trace), (), law))
        return other

    @staticmethod
    def holding(content: dict[str, bytes]) -> "Bench":
        """A bench whose device holds these files."""
        other = Bench()
        for name, data in content.items():
            other.device.create(name)
            other.device.write(name, 0, data)
        return other


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def small() -> LogSettings:
    return SMALL


@pytest.fixture
def entries() -> Callable[[FasterLog], list[bytes]]:
    return lambda log: [entry.data for entry in log.scan()]
