"""A disk that is full where the third copy of a root follows on its own: that one waits for room."""

import errno
from typing import Any

import pytest

from powercut.engine import FasterLog, LogSettings, PoisonedError
from powercut.engine.device import Buffer, read_exactly
from powercut.engine.metadata.layout import KIND_LOG, ROOT_BYTES, decode_root
from powercut.engine.metadata.roots import ROOT_FILES
from powercut.engine.runtime import ThreadRuntime
from powercut.faultfs import FaultDevice, crash_states, survivor_image
from powercut.verifier.faster.stepped import SteppedRuntime

SMALL = LogSettings(page_bytes=1024, segment_bytes=2048, write_unit=512)


class Full(FaultDevice):
    """A disk whose writes of roots with these numbers, from 1, find no room after half of each."""

    writes = 0
    full: frozenset[int] = frozenset()

    def write(self, name: str, offset: int, buffer: Buffer) -> int:
        if name in ROOT_FILES:
            self.writes += 1
            if self.writes in self.full:
                super().write(name, offset, memoryview(buffer)[: len(buffer) // 2])
                raise OSError(errno.ENOSPC, "no space left on the device", name)
        return super().write(name, offset, buffer)


def are_equal(device: FaultDevice) -> bool:
    roots = [decode_root(read_exactly(device, name, 0, ROOT_BYTES), name, KIND_LOG) for name in ROOT_FILES]
    return len({root if isinstance(root, str) else root.numbered(0) for root in roots}) == 1


@pytest.mark.parametrize("runtime", [SteppedRuntime, ThreadRuntime])
def test_a_log_goes_on_and_writes_the_copy_with_the_next_root(runtime: Any) -> None:
    device = Full()
    device.full = frozenset({6})  # Three are written by the creation, and three by the opening.
    log = FasterLog.open(device, create=True, settings=SMALL, memory=4096, runtime=runtime())
    log._source.parts.roots.await_third()
    assert device.writes == 6
    start = len(device.trace)
    log.enqueue(b"a")
    log.commit()
    acknowledged = len(device.trace)
    log.close()
    assert device.writes == 10  # That copy, and the three of the closing.
    assert are_equal(FaultDevice(survivor_image(device.trace, len(device.trace), (), "strict")))
    for state in crash_states(device.trace, "posix", start=start):
        with FasterLog.open(FaultDevice(state.image), memory=4096) as opened:
            found = [entry.data for entry in opened.scan()]
        assert found == [b"a"] or (not found and state.first < acknowledged)


def test_a_copy_that_finds_no_room_again_poisons_as_the_other_two_do() -> None:
    device = Full()
    device.full = frozenset({6, 7})
    log = FasterLog.open(device, create=True, settings=SMALL, memory=4096, runtime=SteppedRuntime())
    log.enqueue(b"a")
    end = log.commit().address
    with pytest.raises(PoisonedError, match=r"writing root-. failed: .*no space"):
        log.truncate_before(end)
    log.close()
    with FasterLog.open(device, memory=4096, runtime=SteppedRuntime()) as opened:
        assert [entry.data for entry in opened.scan()] == [b"a"]
        assert opened.begin == 0
