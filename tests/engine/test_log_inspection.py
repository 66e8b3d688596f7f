"""Inspection of a log counts what is there, names the first bad offset, and writes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from powercut.engine import (
    CorruptionError,
    FasterKv,
    FasterLog,
    LogSettings,
    MemoryDevice,
    MissingStoreError,
    NotAStoreError,
    SettingsError,
    UnsupportedVersionError,
)
from powercut.engine.device import Device
from powercut.engine.log_inspection import inspect_log, is_log
from powercut.faultfs import FaultDevice
from powercut.verifier.faster.stepped import SteppedRuntime

SMALL = LogSettings(page_bytes=1024, segment_bytes=2048, write_unit=512)


def opened(where: Path | Device, **arguments: object) -> FasterLog:
    given = {"create": True, "settings": SMALL, "memory": 1 << 16, "runtime": SteppedRuntime(), **arguments}
    return FasterLog.open(where, **given)  # type: ignore[arg-type]


def filled(device: FaultDevice) -> FasterLog:
    """Eleven entries in four commits, truncated before the third."""
    log = opened(device)
    addresses = [log.enqueue(b"%d" % number * 100) for number in range(10)]
    log.commit(b"first")
    log.truncate_before(addresses[2])
    log.follow("mailer")
    log.enqueue(b"last")
    log.commit()
    log.commit(b"cookie")
    log.commit(b"cookie again")
    return log


def copy(device: FaultDevice) -> FaultDevice:
    return FaultDevice(device.image())


@pytest.mark.parametrize("verify", [False, True])
def test_counts_are_exact_and_nothing_is_written(verify: bool) -> None:
    device = FaultDevice()
    log = filled(device)
    other = copy(device)
    found = inspect_log(other, verify=verify)
    assert {event.kind.name for event in other.trace.events} <= {"READ", "LIST", "SIZE"}
    assert (found.entries, found.entry_bytes, found.commits) == (9, 804, 4)
    assert (found.begin, found.committed, found.committed_number) == (log.begin, log.committed.address, 4)
    assert (found.cookie, found.progress) == (b"cookie again", {"mailer": log.begin})
    assert (found.damage, found.is_sound, found.is_closed) == ([], True, False)
    assert found.verdict == ("sound" if verify else "sound by its headers")
    log.close()
    assert inspect_log(copy(device)).is_closed


def test_entries_are_listed_on_request() -> None:
    device = FaultDevice()
    log = filled(device)
    found = inspect_log(copy(device), entries=True)
    assert found.entry_list == [(entry.address, entry.data) for entry in log.scan()]
    assert found.verdict == "sound"


def test_every_damaged_byte_below_the_confirmed_commit_is_found_as_an_opening_finds_it() -> None:
    device = FaultDevice()
    filled(device).close()
    content = device.image().content()
    needed = inspect_log(copy(device))
    for name in ("segment-00000000", "segment-00000001"):
        for place in range(0, len(content[name]), 13):
            other = copy(device)
            other.write(name, place, bytes([content[name][place] ^ 1]))
            found = inspect_log(copy(other), verify=True)
            try:
                with opened(copy(other), create=False) as log:
                    kept = len(list(log.scan()))
            except CorruptionError:
                kept = -1
            assert found.is_sound == (kept == needed.entries), (name, place)
            if not found.is_sound:
                bad = next(damage for damage in found.damage if not damage.is_mended)
                assert f"{bad.file} at byte {bad.offset}" in found.verdict
                assert bad.file == name
                assert bad.offset <= place


def test_what_can_still_be_read_behind_damage_is_counted() -> None:
    device = FaultDevice()
    log = opened(device)
    for number in range(6):
        log.enqueue(b"%d" % number * 900)  # A page each.
    log.commit()
    log.close()
    device.acquire(None)
    device.write("segment-00000001", 100, b"x")
    device.write("root-b", 100, b"x")
    found = inspect_log(FaultDevice(device.image()), verify=True)
    assert (found.entries, found.is_sound) == (5, False)
    assert [(damage.file, damage.offset) for damage in found.damage if not damage.is_mended] == [
        ("segment-00000001", 0)
    ]
    assert [damage.file for damage in found.damage if damage.is_mended] == ["root-b"]


def test_a_log_that_is_being_written_is_looked_at(tmp_path: Path) -> None:
    log = opened(tmp_path)
    for number in range(30):
        log.enqueue(b"%d" % number * 20)
        log.commit()
        found = inspect_log(tmp_path, verify=True)
        assert (found.entries, found.committed_number, found.is_sound) == (number + 1, number + 1, True)
        assert found.confirmed <= found.committed
    log.close()


def test_a_log_is_told_from_a_store_and_from_nothing(tmp_path: Path) -> None:
    device = MemoryDevice()
    FasterKv.open(device, create=True).close()
    assert not is_log(device)
    with pytest.raises(UnsupportedVersionError):
        inspect_log(device)
    fault = FaultDevice()
    filled(fault).close()
    assert is_log(copy(fault))
    rootless = copy(fault)
    for file in ("root-a", "root-b", "root-c"):
        rootless.write(file, 0, bytes(512))
    assert is_log(rootless)
    found = inspect_log(rootless)
    assert (found.store_id, found.is_sound, found.entries) == (None, False, 0)
    with pytest.raises(MissingStoreError):
        inspect_log(MemoryDevice())
    (tmp_path / "notes").write_bytes(b"")
    with pytest.raises(NotAStoreError):
        inspect_log(tmp_path)
    for arguments in ({"where": 5}, {"where": tmp_path, "entries": 1}, {"where": tmp_path, "verify": None}):
        with pytest.raises(SettingsError):
            inspect_log(**arguments)
