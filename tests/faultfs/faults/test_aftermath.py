"""Failed syncs as each file system of Linux 6.18 leaves them: F39, on the programs that showed it."""

from collections.abc import Callable
from contextlib import suppress

import pytest

from powercut.faultfs import Effect, EventKind, Fault, FaultDevice, Image, Law, Plan, PlannedDevice

OLD, N, NIL = b"o" * 4096, b"n" * 4096, bytes(4096)
Legal = Callable[..., list[dict[str, bytes]]]
SYSTEMS = (Effect.EXT4, Effect.XFS, Effect.BTRFS)
LAWS = {Effect.EXT4: Law.EXT4, Effect.XFS: Law.XFS, Effect.BTRFS: Law.BTRFS}


def failed(effect: Effect, offset: int, data: bytes = N) -> PlannedDevice:
    """A write of which the sync has failed."""
    device = PlannedDevice(Image.of({"a": OLD}), sector_bytes=4096, plan=Plan(Fault(effect, EventKind.SYNC)))
    device.write("a", offset, data)
    with pytest.raises(OSError, match="Input/output error"):
        device.sync("a")
    return device


def left(device: FaultDevice, legal: Legal, law: Law = Law.POSIX) -> set[bytes]:
    device.mark("now")
    return {content["a"] for content in legal(device, law)}


@pytest.mark.parametrize("effect", SYSTEMS)
def test_f33_an_overwrite_that_failed_is_old_or_new_until_it_is_written_again(
    effect: Effect, legal: Legal
) -> None:
    device = failed(effect, 0)
    assert device.image().content() == {"a": N}
    device.sync("a")
    assert left(device, legal) == {OLD, N}
    device.write("a", 0, N)
    device.sync("a")
    assert left(device, legal) == left(device, legal, LAWS[effect]) == {N}


@pytest.mark.parametrize(
    ("effect", "sizes"), [(Effect.EXT4, {8192}), (Effect.XFS, {4096, 8192}), (Effect.BTRFS, {4096, 8192})]
)
def test_f39_the_size_of_an_append_that_failed_is_written_or_waits(
    effect: Effect, sizes: set[int], legal: Legal
) -> None:
    device = failed(effect, 4096)
    device.sync("a")
    for law in (Law.POSIX, LAWS[effect]):
        assert {len(data) for data in left(device, legal, law)} == sizes  # F39
    assert OLD + NIL in left(device, legal)


def test_f39_on_xfs_a_size_that_waits_is_not_found_without_its_data(legal: Legal) -> None:
    device = failed(Effect.XFS, 4096)
    assert left(device, legal, Law.XFS) == {OLD, OLD + N}


@pytest.mark.parametrize("effect", [Effect.XFS, Effect.BTRFS])
def test_f39_written_again_and_synced_an_append_is_durable_on_xfs_and_btrfs(
    effect: Effect, legal: Legal
) -> None:
    device = failed(effect, 4096)
    device.write("a", 4096, N)
    device.sync("a")
    for law in Law:
        if law is not Law.PAGECACHE:
            assert left(device, legal, law) == {OLD + N}


@pytest.mark.parametrize("again", ["sync", "datasync", "write_through"])
def test_f39_written_again_and_synced_an_append_is_lost_on_ext4(again: str, legal: Legal) -> None:
    device = failed(Effect.EXT4, 4096)
    for _ in range(2):
        if again == "write_through":
            device.write_through("a", 4096, N)
        else:
            device.write("a", 4096, N)
            getattr(device, again)("a")
    assert OLD + NIL in left(device, legal)  # F39
    assert OLD + NIL in left(device, legal, Law.EXT4)
    device.write("a", 8192, N)  # A new place.
    device.sync("a")
    assert left(device, legal) == {OLD + NIL + N, OLD + N + N}
    device.truncate("a", 4096)  # And here the old one is given up.
    device.write("a", 4096, N)
    device.sync("a")
    assert left(device, legal) == {OLD + N}


def test_f39_on_ext4_a_page_that_was_durable_before_is_durable_again(legal: Legal) -> None:
    device = failed(Effect.EXT4, 512, b"n" * 5000)
    device.write("a", 512, b"n" * 5000)
    device.sync("a")
    assert {data[:4096] for data in left(device, legal)} == {OLD[:512] + N[512:]}
    assert NIL[:1416] in {data[4096:] for data in left(device, legal)}


@pytest.mark.parametrize("effect", SYSTEMS)
def test_f39_a_truncation_sets_a_size_that_no_failed_sync_keeps(effect: Effect, legal: Legal) -> None:
    device = failed(effect, 4096)
    device.truncate("a", 100)
    device.sync("a")
    assert {len(data) for data in left(device, legal)} == {100}


def test_f35_a_late_sync_is_told_to_the_next_of_the_file_and_not_to_one_of_names() -> None:
    device = PlannedDevice(Image.of({"a": OLD}), plan=Plan(Fault(Effect.LATE, EventKind.SYNC)))
    device.write("a", 0, N)
    device.sync("a")
    device.sync_names()
    with pytest.raises(OSError, match="Input/output error"):
        device.sync("a")
    device.sync("a")


@pytest.mark.parametrize("effect", SYSTEMS)
def test_a_plan_that_names_a_file_system_strikes_syncs_of_files_only(effect: Effect) -> None:
    fault = Fault(effect, EventKind.DATASYNC)
    assert Plan.of(Plan(fault).digits).faults == (fault,)
    assert fault.name == f"datasync {effect.name.lower()}"
    device = PlannedDevice(Image.of({"a": OLD}), plan=Plan(fault))
    device.sync_names()
    device.sync("a")
    with suppress(OSError):
        device.datasync("a")
    assert device.plan.fired == {fault.name: 1}
