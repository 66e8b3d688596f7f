"""The oracle of progress: what does not end is told as a hang; and what ends is let go of."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from powercut.faultfs import FaultDevice
from powercut.verifier import apply, play
from powercut.verifier.finders.crashes import search_tape
from powercut.verifier.oracles import progress
from powercut.verifier.tapes.tape import Crash, Era, Kind, Operation, Tape
from powercut.verifier.verdict import Breach, Violation


class _Lengths:
    """A log whose records begin with their length, and whose recovery believes a length of 0."""

    def __init__(self, device: Any) -> None:
        self.device, self.content, self.end = device, dict[bytes, bytes](), 0
        if "log" not in device.list():
            device.create("log")
            device.sync_names()
        head = bytearray(2)
        while device.read_into("log", self.end, head) == 2:
            self._pass(int.from_bytes(head, "big"))
        device.sync("log")

    def _pass(self, length: int) -> None:
        record = bytearray(length)
        self.device.read_into("log", self.end, record)
        if length:
            key, _, value = bytes(record[2:]).partition(b"=")
            self.content[key] = value
        self.end += length

    def apply(self, operation: Any) -> Any:
        result = apply(self.content, operation)
        record = operation.key + b"=" + self.content.get(operation.key, b"")
        record = (len(record) + 2).to_bytes(2, "big") + record
        self.device.write("log", self.end, record)
        self.end += len(record)
        return result

    def checkpoint(self) -> None:
        self.device.sync("log")

    def read_all(self) -> dict[bytes, bytes]:
        return dict(self.content)

    def close(self) -> None:
        """Do nothing."""


class _Spinning(_Lengths):
    """The same over a copy: it asks nothing of the device while it goes round."""

    def _pass(self, length: int) -> None:
        while not length:
            pass
        super()._pass(length)


_TAPE = Tape((Era((Operation(Kind.UPSERT),)),), subject="own:Store")


def test_recovery_that_reads_a_length_of_0_for_ever_is_a_hang_with_a_tape() -> None:
    _, finding = search_tape(_TAPE, make_store=_Lengths)
    assert finding is not None
    assert (finding.verdict.oracle, finding.verdict.breach) == ("progress", Breach.HANG)
    assert "100,000 calls on the device" in finding.verdict.detail
    assert play(finding.tape, _Lengths).verdict == finding.verdict


def test_recovery_that_makes_no_call_is_ended_by_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a process of its own clock: half a second of the processor's time."""
    progress._clock.stop()
    monkeypatch.setattr(progress, "SECONDS_MAX", 0.4)
    try:
        _, finding = search_tape(_TAPE, make_store=_Spinning)
    finally:
        progress._clock.stop()
    assert finding is not None
    assert finding.verdict.breach is Breach.HANG
    assert "of the processor's time" in finding.verdict.detail


def test_bound_of_an_inner_call_is_that_of_the_outer_one() -> None:
    device = FaultDevice()
    with progress.bounded(device):
        outer = device.calls_max
        with progress.bounded(device):
            assert device.calls_max == outer
        assert device.calls_max == outer
    assert device.calls_max > outer


class _Threaded:
    """A store with a background thread and an open file."""

    def __init__(self, device: Any) -> None:
        self.device, self.content = device, dict[bytes, bytes]()
        if "log" not in device.list():
            device.create("log")
        self.stop = threading.Event()
        self.file = os.open(Path(__file__), os.O_RDONLY)
        self.thread = threading.Thread(target=self._beat)
        self.thread.start()

    def _beat(self) -> None:
        while not self.stop.wait(0.0005):
            pass

    def apply(self, operation: Any) -> Any:
        return apply(self.content, operation)

    def checkpoint(self) -> int:
        return 0

    def recovered(self) -> int:
        return 0

    def read_all(self) -> dict[bytes, bytes]:
        return dict(self.content)

    def close(self) -> None:
        self.stop.set()
        self.thread.join()
        os.close(self.file)
        self.device.sync("log")  # Of a dead device: it raises, and nobody minds.


def test_stores_behind_power_cuts_let_go_of_their_threads_and_files() -> None:
    before = threading.active_count(), len(os.listdir("/proc/self/fd"))
    eras = Era((Operation(Kind.UPSERT),), Crash()), Era((Operation(Kind.CHECKPOINT),), Crash())
    for _ in range(3):
        _, finding = search_tape(Tape((*eras, Era()), subject="own:Store"), make_store=_Threaded)
        assert finding is None
    assert (threading.active_count(), len(os.listdir("/proc/self/fd"))) == before


def test_opening_that_fails_on_an_empty_disk_is_not_said_to_come_after_a_power_cut() -> None:
    def refuse(device: Any) -> Any:
        raise ValueError("no")

    run = play(_TAPE, refuse)
    assert isinstance(run.verdict, Violation)
    assert (run.verdict.oracle, run.verdict.breach) == ("openable", Breach.ERROR)
    assert isinstance(run.raised, ValueError)
    assert run.raised.__traceback__ is not None
