"""An entry that a store has dropped is not issued any more: a power cut that brings it back is told."""

from __future__ import annotations

import pytest

from powercut import FaultDevice, search
from powercut.verifier import Kind, LogMachine, Violation
from powercut.verifier.tapes.tape import Era, Operation, Tape

_PUT, _DROP = Operation(Kind.ENQUEUE), Operation(Kind.ROLLBACK)


class Dropping:
    """An entry is a line; the file is made shorter where one is dropped, and that is synced or is not."""

    syncs = False

    def __init__(self, device: FaultDevice) -> None:
        self.device = device
        if "log" not in device.list():
            device.create("log")
        whole, _, _ = device.read("log").rpartition(b"\n")
        self.content = whole.split(b"\n") if whole else []
        device.truncate("log", self._end())
        device.sync("log")
        device.sync_names()

    def _end(self) -> int:
        return sum(len(each) + 1 for each in self.content)

    def append(self, entry: bytes) -> None:
        self.device.write("log", self._end(), entry + b"\n")
        self.content.append(entry)

    def commit(self) -> None:
        self.device.sync("log")

    def drop_newest(self, count: int) -> None:
        del self.content[len(self.content) - count :]
        self.device.truncate("log", self._end())
        if self.syncs:
            self.device.sync("log")

    def entries(self) -> list[bytes]:
        return list(self.content)

    def close(self) -> None:
        """Do nothing."""


class Synced(Dropping):
    syncs = True


class DroppingMachine(LogMachine):
    kinds = frozenset(LogMachine.kinds) - {Kind.ENQUEUE_MANY, Kind.TRUNCATE_AT}

    def make_log(self, device: FaultDevice) -> Dropping:
        return Dropping(device)


class SyncedMachine(DroppingMachine):
    def make_log(self, device: FaultDevice) -> Dropping:
        return Synced(device)


@pytest.mark.parametrize(
    "program", [(_PUT, _DROP), (_PUT, _DROP, _PUT), (_PUT, _DROP, Operation(Kind.REOPEN))], ids=repr
)
def test_dropped_entry_may_not_come_back_once_that_has_returned(program: tuple[Operation, ...]) -> None:
    tape = Tape((Era(program),), subject=f"{__name__}:DroppingMachine")
    found = search(tape)
    assert found is not None
    assert isinstance(found.verdict, Violation)
    synced = Tape((Era(program),), subject=f"{__name__}:SyncedMachine")
    assert search(synced) is None
