"""Power cuts after a failed sync: the law against a model of a few lines, on random calls.

Clauses F33 to F37. The model knows one file of a few sectors whose size never changes. Of each sector it
keeps what the disk may have, oldest first, and whether the sector is dirty.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from random import Random

import pytest

from powercut.faultfs import (
    Effect,
    EventKind,
    Fault,
    FaultDevice,
    Image,
    Law,
    Plan,
    PlannedDevice,
    crash_states,
)

SECTOR = 512
SECTORS = 3
SYNCS = (Effect.KEPT, Effect.REVERTED, Effect.LATE, Effect.LYING)


class Model:
    """Each sector: what may be on the disk, the living content last."""

    def __init__(self) -> None:
        self.versions = [[b"\0"] for _ in range(SECTORS)]
        self.dirty = [False] * SECTORS

    def write(self, sector: int, fill: bytes) -> None:
        self.versions[sector].append(fill)
        self.dirty[sector] = True

    def lose(self, sector: int, fill: bytes) -> None:
        self.write(sector, fill)
        self.dirty[sector] = False

    def sync(self) -> None:
        for sector in range(SECTORS):
            if self.dirty[sector]:
                self.versions[sector] = self.versions[sector][-1:]
        self.dirty = [False] * SECTORS

    def keep(self) -> None:
        self.dirty = [False] * SECTORS

    def revert(self) -> None:
        self.versions = [versions[:1] for versions in self.versions]
        self.dirty = [False] * SECTORS

    def rot(self, sector: int) -> None:
        self.versions[sector] = [self.versions[sector][-1] + b"*"]
        self.dirty[sector] = False

    def states(self) -> set[tuple[bytes, ...]]:
        return set(product(*self.versions))


def states(device: FaultDevice) -> set[tuple[bytes, ...]]:
    """Every content that a power cut now leaves; of a sector its fill, marked where a byte differs."""
    found = set()
    device.mark("now")  # What was in flight has happened.
    for state in crash_states(device.trace, Law.POSIX, start=len(device.trace)):
        data = state.image.content()["a"]
        found.add(tuple(_told(data[at : at + SECTOR]) for at in range(0, SECTOR * SECTORS, SECTOR)))
    return found


def _told(sector: bytes) -> bytes:
    fill = sector[1:2]
    assert sector[1:] == fill * (SECTOR - 1)
    return fill if sector[:1] == fill else fill + b"*"


def one_device() -> PlannedDevice:
    device = PlannedDevice(Image.of({"a": bytes(SECTOR * SECTORS)}))
    return device


def _strike(device: PlannedDevice, fault: Fault, call: Callable[[], object]) -> None:
    device.plan = Plan(fault)
    try:
        call()
    except OSError:
        assert fault.effect in (Effect.KEPT, Effect.REVERTED)
    assert sum(device.plan.fired.values()) == 1
    device.plan = Plan()


def _step(random: Random, device: PlannedDevice, model: Model, fill: bytes) -> None:
    sector = random.randrange(SECTORS)
    what = random.choice(("write", "write", "write", "sync", "fail", "fail", "lose", "rot"))
    if what == "write":
        device.write("a", sector * SECTOR, fill * SECTOR)
        model.write(sector, fill)
    elif what == "sync":
        device.sync("a")
        model.sync()
    elif what == "lose":
        fault = Fault(Effect.LOST, EventKind.WRITE)
        _strike(device, fault, lambda: device.write("a", sector * SECTOR, fill * SECTOR))
        model.lose(sector, fill)
    elif what == "rot" and not any(b"*" in value for value in model.versions[sector]):
        fault = Fault(Effect.ROT, EventKind.READ)
        _strike(device, fault, lambda: device.read_into("a", sector * SECTOR, bytearray(SECTOR)))
        model.rot(sector)
    elif what == "fail":
        effect = random.choice(SYNCS)
        _strike(device, Fault(effect, EventKind.SYNC), lambda: device.sync("a"))
        if effect is Effect.REVERTED:
            model.revert()
        elif effect is not Effect.LYING:
            model.keep()


@pytest.mark.parametrize("chunk", range(4))
def test_f33_to_f37_random_calls_leave_what_the_model_says(chunk: int) -> None:
    """Goal: F33 to F37, what failed syncs, lost writes and rot leave. Method: after every one of 20 calls the
    set of all contents is that of the model, for a hundred sequences."""
    sizes = set()
    for seed in range(chunk * 25, chunk * 25 + 25):
        random = Random(seed)
        device, model = one_device(), Model()
        for number in range(20):
            _step(random, device, model, bytes([65 + number]))
            expected = model.states()
            if len(expected) > 2000:
                break
            assert states(device) == expected, (seed, number)
            sizes.add(len(expected))
    assert max(sizes) > 30


def test_f33_a_later_sync_saves_nothing_until_the_sector_is_written_again() -> None:
    device = one_device()
    device.write("a", 0, b"x" * SECTOR)
    _strike(device, Fault(Effect.KEPT, EventKind.SYNC), lambda: device.sync("a"))
    device.sync("a")
    assert {state[0] for state in states(device)} == {b"\0", b"x"}
    device.write("a", 0, b"y" * SECTOR)
    assert {state[0] for state in states(device)} == {b"\0", b"x", b"y"}
    device.sync("a")
    assert {state[0] for state in states(device)} == {b"y"}


def test_f33_a_size_and_names_are_metadata_that_the_next_sync_writes() -> None:
    device = PlannedDevice(
        plan=Plan(Fault(Effect.KEPT, EventKind.SYNC), Fault(Effect.KEPT, EventKind.SYNC_NAMES))
    )
    device.create("a")
    device.write("a", 0, b"x" * SECTOR)
    with pytest.raises(OSError):
        device.sync("a")
    with pytest.raises(OSError):
        device.sync_names()
    device.sync("a")
    device.sync_names()
    contents = {
        tuple(state.image.content().items())
        for state in crash_states(device.trace, Law.POSIX, start=len(device.trace))
    }
    assert contents == {(("a", bytes(SECTOR)),), (("a", b"x" * SECTOR),)}


def test_f34_what_was_reverted_cannot_be_found_any_more() -> None:
    device = one_device()
    device.write("a", 0, b"x" * 4 * SECTOR)  # The size goes back too.
    _strike(device, Fault(Effect.REVERTED, EventKind.SYNC), lambda: device.sync("a"))
    assert states(device) == {(b"\0",) * SECTORS}
    assert device.size("a") == SECTORS * SECTOR


def test_f35_after_a_lying_sync_the_next_honest_one_makes_all_durable() -> None:
    device = one_device()
    device.write("a", 0, b"x" * SECTOR)
    _strike(device, Fault(Effect.LYING, EventKind.SYNC), lambda: device.sync("a"))
    assert {state[0] for state in states(device)} == {b"\0", b"x"}
    device.sync("a")
    assert {state[0] for state in states(device)} == {b"x"}
