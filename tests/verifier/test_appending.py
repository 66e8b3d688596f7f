"""LogMachine passes a log that keeps its word and tells each way of not doing so."""

from __future__ import annotations

from zlib import crc32

import hypothesis
import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from powercut.faultfs import FaultDevice
from powercut.verifier.appending import AppendOnly, LogMachine
from powercut.verifier.errors import SubjectError
from powercut.verifier.machine import StoreViolationError
from powercut.verifier.tapes.operations import Kind
from powercut.verifier.verdict import Breach


class Lines:
    """A log in one file: a checksum and a length before each record, a batch in one record."""

    forgets_name = False
    syncs = True
    drops_torn = True
    splits_batches = False

    def __init__(self, device: FaultDevice) -> None:
        self.device, self.held, self.end = device, list[bytes](), 0
        if "log" not in device.list():
            device.create("log")
        data = bytearray(device.size("log"))
        device.read_into("log", 0, data)
        while self.end + 8 <= len(data):
            size = int.from_bytes(data[self.end + 4 : self.end + 8], "little")
            record = bytes(data[self.end + 8 : self.end + 8 + size])
            is_whole = (
                size > 0
                and len(record) == size
                and crc32(record) == int.from_bytes(data[self.end :][:4], "little")
            )
            if not is_whole and (self.drops_torn or not size):
                break
            self.held += record.split(b"\n")
            self.end += 8 + size
        device.truncate("log", self.end)
        device.sync("log")
        if not self.forgets_name:
            device.sync_names()

    def append(self, entry: bytes) -> None:
        self.append_many([entry])

    def append_many(self, entries: list[bytes]) -> None:
        for part in [[entry] for entry in entries] if self.splits_batches else [entries]:
            record = b"\n".join(part)
            data = crc32(record).to_bytes(4, "little") + len(record).to_bytes(4, "little") + record
            self.device.write("log", self.end, data)
            self.end += len(data)
        self.held += entries

    def commit(self) -> None:
        if self.syncs:
            self.device.sync("log")

    def entries(self) -> list[bytes]:
        return list(self.held)

    def close(self) -> None:
        pass


class LinesMachine(LogMachine):
    kinds = (*LogMachine.kinds, Kind.ENQUEUE_MANY)

    def make_log(self, device: FaultDevice) -> AppendOnly:
        return Lines(device)


def found(machine: type[LogMachine]) -> Breach | None:
    chosen = settings(
        max_examples=40, stateful_step_count=8, deadline=None, database=None, phases=[Phase.generate]
    )
    try:
        run_state_machine_as_test(hypothesis.seed(1)(machine), settings=chosen)
    except StoreViolationError as error:
        return error.verdict.breach
    return None


def test_a_log_that_keeps_its_word_passes() -> None:
    assert found(LinesMachine) is None


@pytest.mark.parametrize(
    ("attribute", "value"),
    [("forgets_name", True), ("syncs", False), ("drops_torn", False), ("splits_batches", True)],
)
def test_each_broken_promise_is_told(monkeypatch: pytest.MonkeyPatch, attribute: str, value: bool) -> None:
    monkeypatch.setattr(Lines, attribute, value)
    assert found(LinesMachine) is not None


def test_what_is_no_log_is_an_error_of_its_maker() -> None:
    class Odd(LogMachine):
        def make_log(self, device: FaultDevice) -> AppendOnly:
            return object()  # type: ignore[return-value]

    with pytest.raises(SubjectError, match="has no append"):
        Odd().make_store(FaultDevice())
    with pytest.raises(SubjectError, match="does not override"):
        LogMachine().make_store(FaultDevice())
