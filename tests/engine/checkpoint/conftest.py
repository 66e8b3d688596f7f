"""A store that goes on, with checkpoints to copy."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from powercut.engine import CheckpointPoint, Device, FasterKv, MemoryDevice, Settings
from powercut.faultfs import FaultDevice
from powercut.verifier.faster.stepped import SteppedRuntime

Content = dict[bytes, bytes]


@dataclass
class Filled:
    """A store that goes on, and what each of its checkpoints holds, the newest first."""

    store: FasterKv
    held: list[tuple[CheckpointPoint, Content]]

    def seen_in(self, where: Path | Device) -> list[tuple[CheckpointPoint, Content]]:
        """The same of a copy. Raises what opening does."""
        with FasterKv.open(where, read_only=True, memory=1 << 17, runtime=SteppedRuntime()) as copy:
            points = copy.checkpoints()
        found = []
        for point in points:
            device = where if isinstance(where, Path) else duplicate(where)
            with FasterKv.open(
                device, read_only=True, memory=1 << 17, version=point.version, runtime=SteppedRuntime()
            ) as copy:
                assert copy.serials() == point.serials
                found.append((point, dict(copy.items())))
        return found


def duplicate(device: Device) -> Device:
    """Closing closes a device, so each opening has one of its own."""
    assert isinstance(device, FaultDevice)
    return FaultDevice(device.image())


@pytest.fixture(params=[2, 7])
def filled(request: pytest.FixtureRequest, tiny: Settings) -> Iterator[Filled]:
    """Checkpoints over one segment or several, and operations that none of them holds."""
    with FasterKv.open(MemoryDevice(), create=True, settings=tiny, runtime=SteppedRuntime()) as store:
        session = store.session("s")
        held: list[tuple[CheckpointPoint, Content]] = []
        for number in range(request.param):
            for key in range(3):
                session.upsert(b"key-%d" % key, b"%d" % number * (40 * key + 1))
            held.insert(0, (store.checkpoint(), dict(store.items())))
        session.upsert(b"key-0", b"in no checkpoint")
        session.delete(b"key-1")
        yield Filled(store, held)
