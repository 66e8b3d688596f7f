"""The devices that must all keep one contract."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from powercut.engine.device import Device, FileDevice, MemoryDevice
from powercut.faultfs import FaultDevice

MAKERS: dict[str, Callable[[Path], Device]] = {
    "file": lambda folder: FileDevice(folder / "disk", create=True),
    "memory": lambda folder: MemoryDevice(),
    "fault": lambda folder: FaultDevice(),
}


@pytest.fixture(params=sorted(MAKERS))
def device(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Device]:
    """An empty device of each kind."""
    made = MAKERS[request.param](tmp_path)
    yield made
    made.close()
