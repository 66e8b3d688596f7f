"""Recordings made by hand over a FaultDevice, and readers of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from powercut.faultfs import FaultDevice, Image
from powercut.verifier.programs.exploring.asked import Readings
from powercut.verifier.programs.reading.readers import Command
from powercut.verifier.programs.recording import Inode, Recording, Step

Program = Callable[[FaultDevice, int], None]


class Recorder:
    """Plays programs over a device, as steps of a recording below a folder of this test."""

    def __init__(self, root: Path) -> None:
        self.root = str(root)
        self._open: list[Readings] = []

    def record(
        self, *steps: Program, start: Mapping[str, bytes] | None = None, statuses: Sequence[int] = ()
    ) -> Recording:
        """Each step is one program, called with the device and its number."""
        device = FaultDevice(Image.of(start or {}), record_reads=False)
        for number, program in enumerate(steps):
            device.mark("step", b"%d" % number)
            program(device, number)
            device.mark("done", b"%d" % number)
        image = device.trace.initial
        inodes = {number: Inode(0o100640, 0, 0, 5_000_000_000, data) for number, data in image.files.items()}
        ended = [Step(("step", str(number)), 0) for number in range(len(steps))]
        for number, status in enumerate(statuses):
            ended[number] = Step(("step", str(number)), status)
        return Recording(self.root, dict(image.names), inodes, device.trace.events, [], [], ended)

    def readings(
        self,
        recording: Recording,
        *read: str,
        check: str = "",
        jobs: int = 1,
        is_pruned: bool = True,
        is_plain: bool = False,
    ) -> Readings:
        """Readers of a recording; `{root}` in a word is the folder."""
        words = tuple(word.replace("{root}", self.root) for word in read)
        checker = ("/bin/sh", "-c", check.replace("{root}", self.root)) if check else ()
        command = Command(words, "/", checker, calls=3000, processor=2, clock=600.0, is_plain=is_plain)
        self._open.append(Readings(recording, command, jobs=jobs, is_pruned=is_pruned))
        return self._open[-1]

    def close(self) -> None:
        """End all readers."""
        for readings in self._open:
            readings.close()


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Recorder]:
    """A recorder by hand."""
    root = tmp_path / "data"
    root.mkdir()
    made = Recorder(root)
    yield made
    made.close()
