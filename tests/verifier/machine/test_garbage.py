"""A checksum that does not cover the length: found where sectors tear, under the law `posix_garbage`."""

from __future__ import annotations

import struct
from typing import Any
from zlib import crc32

import pytest

from powercut.faultfs import Effect, EventKind, Fault, FaultDevice
from powercut.faultfs.faults.rot import Damage, How
from powercut.verifier import Breach, StoreMachine
from powercut.verifier.errors import SubjectError
from powercut.verifier.finders.crashes import Finding, search_tape
from powercut.verifier.finders.damage import Sweep
from powercut.verifier.finders.faults import search_strike
from powercut.verifier.runs.play import play
from powercut.verifier.spec.model import Issued, Result, apply
from powercut.verifier.spec.spec import StoreMaker
from powercut.verifier.tapes.tape import Era, Kind, Operation, Tape

SLOT, HEAD = 512, 16
UPSERT, CHECKPOINT = Operation(Kind.UPSERT), Operation(Kind.CHECKPOINT)
PROGRAM = (UPSERT, CHECKPOINT, Operation(Kind.UPSERT, 0, 1))


class DamagedError(Exception):
    """A slot in front of others is not what was written."""


class Sized:
    """Slots of `length checksum body`, the body filled up; a tail that is torn goes."""

    refusals = (DamagedError,)
    covers_length = True

    def __init__(self, device: FaultDevice) -> None:
        self.device = device
        self.content: dict[bytes, bytes] = {}
        self.count = 0
        if "slots" not in device.list():
            device.create("slots")
        slots = device.read("slots")
        whole = [self._pair(slots[at : at + SLOT]) for at in range(0, len(slots) - SLOT + 1, SLOT)]
        while self.count < len(whole) and (pair := whole[self.count]) is not None:
            self.content[pair[0]] = pair[1]
            self.count += 1
        if any(whole[self.count :]):
            raise DamagedError(f"slot {self.count}")
        self.content = {key: value for key, value in self.content.items() if value}
        device.truncate("slots", self.count * SLOT)
        device.sync("slots")
        device.sync_names()

    def _sum(self, length: int, body: bytes) -> int:
        return crc32(struct.pack("<Q", length) + body) if self.covers_length else crc32(body)

    def _pair(self, slot: bytes) -> tuple[bytes, bytes] | None:
        length, checksum = struct.unpack("<QQ", slot[:HEAD])
        if checksum != self._sum(length, slot[HEAD:]):
            return None
        key, _, value = slot[HEAD:][:length].partition(b"=")
        return key, value

    def apply(self, operation: Issued) -> Result:
        result = apply(self.content, operation)
        pair = operation.key + b"=" + self.content.get(operation.key, b"")
        body = pair.ljust(SLOT - HEAD, b"\0")
        head = struct.pack("<QQ", len(pair), self._sum(len(pair), body))
        self.device.write("slots", self.count * SLOT, head + body)
        self.count += 1
        return result

    def checkpoint(self) -> None:
        self.device.sync("slots")

    def read_all(self) -> dict[bytes, bytes]:
        return dict(self.content)

    def close(self) -> None:
        """Do nothing."""


class Uncovered(Sized):
    covers_length = False


def search(store: Any, law: str) -> Finding | None:
    return search_tape(Tape((Era(PROGRAM),), law=law, subject="own:Store"), make_store=store)[1]


@pytest.mark.parametrize("law", ["posix", "posix_split", "posix_garbage"])
def test_a_checksum_that_covers_all_is_silent_under_every_law(law: str) -> None:
    assert search(Sized, law) is None


def test_a_checksum_that_does_not_cover_the_length_shows_where_sectors_tear() -> None:
    assert search(Uncovered, "posix") is None
    finding = search(Uncovered, "posix_garbage")
    assert finding is not None
    assert finding.verdict.breach in (Breach.HOLE, Breach.WRONG_VALUE, Breach.PHANTOM)
    assert play(finding.tape, Uncovered).verdict == finding.verdict
    assert play(finding.tape, Sized).verdict != finding.verdict


# -- exceptions of its own -----------------------------------------------------------------------------------


def test_every_byte_that_is_damaged_is_refused_or_harmless_with_an_exception_of_its_own() -> None:
    """But for the last slot: damage there looks like a power cut before its sync."""
    program = (UPSERT, CHECKPOINT, Operation(Kind.UPSERT, 0, 1), CHECKPOINT, Operation(Kind.UPSERT, 0, 1))
    swept = Sweep(Tape((Era(program),), subject="own:Store"), StoreMaker.of(Sized))
    damages = [Damage(How.FLIP, 1, 0, at, at % 8) for at in range(SLOT)]
    assert swept.run(damages) is None
    assert swept.coverage.reached["refused"] == SLOT


def test_without_the_attribute_its_exception_is_an_accident() -> None:
    plain: Any = type("Plain", (Sized,), {"refusals": ()})
    program = (UPSERT, CHECKPOINT, Operation(Kind.UPSERT, 0, 1), CHECKPOINT)
    damages = [Damage(How.FLIP, 1, 0, 40, 1)]
    tape = Tape((Era(program),), subject="own:Store")
    finding = Sweep(tape, StoreMaker.of(plain)).run(damages)
    assert finding is not None
    assert finding.verdict.breach is Breach.ERROR


def test_a_machine_says_it_too_and_what_is_no_exception_is_an_error() -> None:
    machine: Any = StoreMachine.of(Sized, refusals=(DamagedError,))
    assert DamagedError in machine().spec.errors.corruption
    assert DamagedError in StoreMaker.of(Sized).spec.errors.refusals
    for bad in (DamagedError, ("text",), [DamagedError]):
        with pytest.raises(SubjectError, match="a tuple of types of exceptions is expected"):
            StoreMachine.of(Sized, refusals=bad)


def test_a_fault_of_the_disk_may_be_told_by_it() -> None:
    class Telling(Sized):
        def checkpoint(self) -> None:
            try:
                super().checkpoint()
            except OSError as error:
                self.is_broken = True
                raise DamagedError("the disk") from error

        def apply(self, operation: Issued) -> Result:
            if getattr(self, "is_broken", False):
                raise DamagedError("the disk")
            return super().apply(operation)

        def read_all(self) -> dict[bytes, bytes]:
            if getattr(self, "is_broken", False):
                raise DamagedError("the disk")
            return super().read_all()

    fault = Fault(Effect.KEPT, EventKind.SYNC, 1)
    tape = Tape((Era((UPSERT, CHECKPOINT), faults=fault.digits), Era()), subject="own:Store")
    assert search_strike(tape, make_store=StoreMaker.of(Telling))[1] is None
    deaf: Any = type("Deaf", (Telling,), {"refusals": ()})
    finding = search_strike(tape, make_store=StoreMaker.of(deaf))[1]
    assert finding is not None
