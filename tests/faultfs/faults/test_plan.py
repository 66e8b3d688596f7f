"""Plans: every fault fires, what it does is seen, and integers go there and back.

Clauses F33, F34, F35, F36, F37 and F38, each in the tests that bear its number.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from random import Random

import pytest

from powercut.faultfs import Aftermath, Effect, EventKind, Fault, FaultDevice, Image, Plan, PlannedDevice
from powercut.faultfs.faults.plan import CALLS, ERRNOS, FAULT_DIGITS, calls_of

SECTOR = 512
OLD, NEW = b"o" * SECTOR, b"n" * SECTOR


def planned(*faults: Fault) -> PlannedDevice:
    """Two durable files of two sectors each."""
    device = PlannedDevice(Image.of({"a": OLD * 2, "b": OLD * 2}), plan=Plan(*faults))
    return device


def read(device: FaultDevice, name: str, offset: int = 0, length: int = 2 * SECTOR) -> bytes:
    buffer = bytearray(length)
    return bytes(buffer[: device.read_into(name, offset, buffer)])


def fails(call: Callable[[], object]) -> int | None:
    with pytest.raises(OSError) as caught:
        call()
    return caught.value.errno


def effects(device: FaultDevice) -> list[Effect]:
    return [Effect(event.size) for event in device.trace.events if event.kind is EventKind.FAULT]


def kinds(device: FaultDevice) -> list[EventKind]:
    return [event.kind for event in device.trace.events]


# -- plans as integers -------------------------------------------------------------------------------------


def test_every_sequence_of_integers_is_a_plan_and_plans_go_there_and_back() -> None:
    random = Random(5)
    for _ in range(2000):
        digits = [random.choice((-9, 0, 1, 2, 3, 5, 12, 13, 99)) for _ in range(random.randrange(16))]
        plan = Plan.of(digits)
        assert len(plan.faults) == -(-len(digits) // FAULT_DIGITS)
        assert Plan.of(plan.digits).faults == plan.faults
        assert all(fault.call in calls_of(fault.effect) for fault in plan.faults)


def test_zero_is_the_dullest() -> None:
    assert Plan.of([0] * FAULT_DIGITS).faults == (Fault(),)
    assert Fault() == Fault(Effect.NONE, CALLS[0], 0, sticky=False, after=False, errno=ERRNOS[0], amount=0)
    assert Plan.of([0, 0, 0]).digits == (0,) * FAULT_DIGITS


def test_the_numbers_that_kept_tapes_carry_do_not_change() -> None:
    assert " ".join(effect.name for effect in Effect) == (
        "NONE ERROR SHORT FULL KEPT REVERTED LATE LYING ROT LOST MISDIRECTED STALE DELAYED EXT4 XFS BTRFS"
    )
    assert " ".join(call.name for call in CALLS) == (
        "WRITE SYNC READ SYNC_NAMES CREATE REMOVE LIST SIZE TRUNCATE RENAME LINK DATASYNC ALLOCATE"
    )
    assert " ".join(errno.errorcode[code] for code in ERRNOS) == (
        "EIO ENOSPC EDQUOT EROFS EINTR EACCES EMFILE ENOENT ENXIO"
    )
    assert [calls_of(effect)[0] for effect in Effect] == [
        *(EventKind.WRITE, EventKind.WRITE, EventKind.WRITE, EventKind.WRITE, EventKind.SYNC, EventKind.SYNC),
        *(EventKind.SYNC, EventKind.SYNC, EventKind.READ, EventKind.WRITE, EventKind.WRITE, EventKind.READ),
        *(EventKind.WRITE, EventKind.SYNC, EventKind.SYNC, EventKind.SYNC),
    ]


# -- no plan -----------------------------------------------------------------------------------------------


def test_an_empty_plan_changes_no_event(random_device: Callable[..., FaultDevice]) -> None:
    for seed in range(200):
        bare, device = random_device(seed, 40), random_device(seed, 40, Plan())
        assert device.trace.digest() == bare.trace.digest()
        assert device.image() == bare.image()


def test_a_plan_that_is_off_counts_and_strikes_nothing() -> None:
    device = planned(Fault(Effect.ERROR, EventKind.WRITE, sticky=True))
    device.plan.is_on = False
    device.write("a", 0, NEW)
    assert device.plan.reached == device.plan.fired == {}
    device.plan.is_on = True
    assert fails(lambda: device.write("a", 0, NEW)) == errno.EIO


# -- errors ------------------------------------------------------------------------------------------------

CALL: dict[EventKind, Callable[[FaultDevice], object]] = {
    EventKind.WRITE: lambda device: device.write("a", 0, NEW),
    EventKind.SYNC: lambda device: device.sync("a"),
    EventKind.READ: lambda device: read(device, "a"),
    EventKind.SYNC_NAMES: lambda device: device.sync_names(),
    EventKind.CREATE: lambda device: device.create("c"),
    EventKind.REMOVE: lambda device: device.remove("a"),
    EventKind.LIST: lambda device: device.list(),
    EventKind.SIZE: lambda device: device.size("a"),
    EventKind.TRUNCATE: lambda device: device.truncate("a", 0),
    EventKind.RENAME: lambda device: device.rename("a", "c"),
    EventKind.LINK: lambda device: device.link("a", "c"),
    EventKind.DATASYNC: lambda device: device.datasync("a"),
    EventKind.ALLOCATE: lambda device: device.allocate("a", 0, 9 * SECTOR),
}


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
@pytest.mark.parametrize("after", [False, True])
def test_f38_an_error_before_does_nothing_and_one_after_all_of_it(call: EventKind, after: bool) -> None:
    bare = FaultDevice(planned().image())
    CALL[call](bare)
    device = planned(Fault(Effect.ERROR, call, after=after, errno=errno.EROFS))
    before = device.image()
    assert fails(lambda: CALL[call](device)) == errno.EROFS
    assert device.image() == (bare.image() if after else before)
    assert kinds(device) == ([call, EventKind.FAULT] if after else [EventKind.FAULT])
    assert device.plan.fired == {f"{call.name.lower().replace('_', ' ')} error EROFS "
                                 f"{'after' if after else 'before'}": 1}  # fmt: skip
    assert device.trace.events[-1].target == call.name
    if not after:
        CALL[call](device)  # Once only.
        assert device.image() == bare.image()


def test_f38_the_number_counts_calls_of_the_kind_and_a_sticky_fault_strikes_all_later_ones() -> None:
    for sticky, struck in ((False, [2]), (True, [2, 3, 4])):
        device = planned(Fault(Effect.ERROR, EventKind.WRITE, 2, sticky=sticky))
        failed = []
        for number in range(5):
            device.sync("a")
            try:
                device.write("b", 0, NEW)
            except OSError:
                failed.append(number)
        assert failed == struck
        assert device.plan.reached == {"write": 5, "sync": 5}
        assert list(device.plan.fired.values()) == [len(struck)]


def test_f38_what_a_good_disk_would_refuse_is_not_counted() -> None:
    device = planned(*(Fault(Effect.ERROR, call, errno=errno.EROFS) for call in CALLS))
    for call in (
        lambda: device.create("a"),
        lambda: device.remove("none"),
        lambda: device.size("none"),
        lambda: device.sync("none"),
        lambda: device.datasync("none"),
        lambda: device.write("none", 0, NEW),
        lambda: device.write("a", -1, NEW),
        lambda: read(device, "none"),
        lambda: read(device, "a", -1),
        lambda: device.link("a", "b"),
        lambda: device.rename("none", "c"),
    ):
        assert fails(call) != errno.EROFS
    device.close()
    assert fails(device.list) == fails(device.sync_names) == errno.EBADF
    assert device.plan.reached == {}


# -- transfers ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("amount", "moved"), [(0, 512), (1, 1), (700, 700), (9999, 1023)])
def test_f38_a_short_transfer_moves_at_least_a_byte_and_not_all(amount: int, moved: int) -> None:
    device = planned(Fault(Effect.SHORT, EventKind.WRITE, amount=amount))
    assert device.write("a", 0, NEW * 2) == moved
    assert device.image().content()["a"] == (NEW * 2)[:moved] + (OLD * 2)[moved:]
    assert device.write("a", 0, NEW * 2) == 2 * SECTOR
    device = planned(Fault(Effect.SHORT, EventKind.READ, amount=amount))
    assert read(device, "a") == (OLD * 2)[:moved]
    assert read(device, "a") == OLD * 2


def test_f38_what_cannot_be_short_is_not_and_nothing_has_fired() -> None:
    device = planned(Fault(Effect.SHORT, EventKind.WRITE, sticky=True), Fault(Effect.SHORT, EventKind.READ))
    assert device.write("a", 0, b"x") == 1
    assert read(device, "a", 2 * SECTOR) == b""
    assert device.plan.fired == {}


@pytest.mark.parametrize("sticky", [False, True])
def test_f38_a_full_disk_takes_what_fits_and_refuses_the_rest(sticky: bool) -> None:
    device = planned(Fault(Effect.FULL, EventKind.WRITE, sticky=sticky, amount=700))
    assert device.write("a", SECTOR, NEW) == SECTOR  # It grows nothing.
    assert device.write("a", 2 * SECTOR, NEW) == SECTOR
    assert device.write("b", 2 * SECTOR, NEW) == 700 - SECTOR
    assert fails(lambda: device.write("b", device.size("b"), NEW)) == errno.ENOSPC
    assert device.write("b", 0, NEW) == SECTOR
    if sticky:
        assert fails(lambda: device.write("b", device.size("b"), NEW)) == errno.ENOSPC
        device.truncate("a", 0)
    assert device.write("b", device.size("b"), NEW) == SECTOR  # There is room again.


def test_f38_a_delay_calls_the_hook() -> None:
    device = planned(Fault(Effect.DELAYED, EventKind.SYNC, 1, amount=7))
    delays: list[int] = []
    device.on_delay = delays.append
    for _ in range(3):
        device.sync("a")
    assert delays == [7]
    assert effects(device) == [Effect.DELAYED]


# -- syncs: what a power cut finds is in test_plan_chains ----------------------------------------------------


def test_f33_a_failed_sync_that_keeps_leaves_the_living_content_new() -> None:
    device = planned(Fault(Effect.KEPT, EventKind.SYNC))
    device.write("a", 0, NEW)
    assert fails(lambda: device.sync("a")) == errno.EIO
    assert read(device, "a") == NEW + OLD
    failed = device.trace.events[2]
    assert (failed.kind, failed.name, failed.size) == (EventKind.SYNC_FAILED, "a", Aftermath.KEPT)
    device.sync("a")


def test_f34_a_failed_sync_that_reverts_brings_the_durable_content_back() -> None:
    device = planned(Fault(Effect.REVERTED, EventKind.SYNC, 1))
    device.write("a", 0, NEW)
    device.sync("a")
    device.write("a", SECTOR, NEW * 2)
    device.write("b", 0, NEW)
    assert fails(lambda: device.sync("a")) == errno.EIO
    assert read(device, "a", length=9 * SECTOR) == NEW + OLD
    assert read(device, "b") == NEW + OLD


@pytest.mark.parametrize("call", [EventKind.SYNC, EventKind.SYNC_NAMES])
def test_f35_a_late_sync_is_told_by_the_next_one_of_the_same_thing(call: EventKind) -> None:
    device = planned(Fault(Effect.LATE, call))
    CALL[call](device)
    device.sync("b")
    assert fails(lambda: CALL[call](device)) == errno.EIO
    CALL[call](device)
    assert effects(device) == [Effect.LATE, Effect.KEPT]


def test_f35_a_lying_sync_leaves_no_sync_behind() -> None:
    device = planned(Fault(Effect.LYING, EventKind.SYNC))
    device.sync("a")
    assert kinds(device) == [EventKind.FAULT]
    device.sync("a")
    assert kinds(device) == [EventKind.FAULT, EventKind.SYNC]


# -- the medium ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", calls_of(Effect.ROT), ids=lambda call: call.name)
def test_f36_rot_changes_one_byte_that_is_read_from_then_on(call: EventKind) -> None:
    device = planned(Fault(Effect.ROT, call, amount=SECTOR + 7))
    CALL[call](device)
    expected = bytearray((NEW if call is EventKind.WRITE else OLD) + OLD)
    expected[SECTOR + 7] ^= 0x10
    assert read(device, "a") == read(device, "a") == expected
    assert kinds(device)[:2] == [EventKind.FAULT, EventKind.ROT]


def test_f36_rot_in_a_read_strikes_what_is_read() -> None:
    device = planned(Fault(Effect.ROT, EventKind.READ, amount=1))
    assert read(device, "a", 100, 10) != OLD[:10]
    assert read(device, "a", 0, 101) == OLD[:101]
    assert device.image().content()["b"] == OLD * 2


def test_f36_an_empty_file_does_not_rot() -> None:
    device = planned(Fault(Effect.ROT, EventKind.SYNC))
    device.truncate("a", 0)
    device.sync("a")
    assert device.plan.fired == {}


def test_f37_a_lost_write_is_seen_by_every_reader() -> None:
    device = planned(Fault(Effect.LOST, EventKind.WRITE))
    assert device.write("a", 0, NEW) == SECTOR
    assert read(device, "a") == NEW + OLD
    lost = device.trace.events[2]
    assert (lost.kind, lost.offset, lost.data, lost.size) == (EventKind.SYNC_FAILED, 0, NEW, Aftermath.LOST)


def test_f37_a_misdirected_write_lands_in_the_next_file_or_further_on() -> None:
    device = planned(Fault(Effect.MISDIRECTED, EventKind.WRITE))
    assert device.write("a", SECTOR, NEW) == SECTOR
    assert (read(device, "a"), read(device, "b")) == (OLD * 2, OLD + NEW)
    device = planned(Fault(Effect.MISDIRECTED, EventKind.WRITE, amount=1))
    assert device.write("a", 0, NEW) == SECTOR
    assert (read(device, "a"), read(device, "b")) == (OLD + NEW, OLD * 2)


def test_f37_a_stale_read_gives_what_was_there_before_the_newest_version() -> None:
    device = planned(Fault(Effect.STALE, EventKind.READ, sticky=True))
    assert read(device, "a") == OLD * 2
    assert device.plan.fired == {}
    device.write("a", 0, NEW)
    device.sync("a")
    assert read(device, "a") == OLD * 2
    device.write("a", 0, b"x" * SECTOR)
    assert read(device, "a", 1, SECTOR) == NEW[1:] + OLD[:1]
    assert effects(device) == [Effect.STALE] * 2


def test_one_call_is_struck_by_the_first_fault_of_the_plan_that_is_due() -> None:
    device = planned(
        Fault(Effect.ERROR, EventKind.WRITE, 1), Fault(Effect.SHORT, EventKind.WRITE, sticky=True)
    )
    assert device.write("a", 0, NEW) == SECTOR // 2
    assert fails(lambda: device.write("a", 0, NEW)) == errno.EIO
    assert effects(device) == [Effect.SHORT, Effect.ERROR]
