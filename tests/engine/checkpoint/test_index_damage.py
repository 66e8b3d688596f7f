"""Images of the index that are not as they were written: told, and done without."""

from pathlib import Path
from typing import Any

import pytest

from powercut.engine import MemoryDevice
from powercut.engine.checkpoint.backup import backup_store
from powercut.engine.inspection import inspect_store
from powercut.engine.management import verify_checkpoints

# -- damage ------------------------------------------------------------------------------------------


def test_every_byte_of_an_image_that_is_wrong_is_told_and_costs_nothing(at: Any) -> None:
    device, content = at.saved()
    with at.owned(device):
        (name,) = at.images(device)
        data = bytearray(device.size(name))
        device.read_into(name, 0, data)
    means_nothing = 0
    for place in range(0, len(data), 37):
        copy = at.copy_of(device)
        copy.write(name, place, bytes([data[place] ^ 0x41]))
        (held, *_), found, _ = at.seen(copy)
        assert held == content
        inspected = inspect_store(copy)
        assert inspected.is_sound
        if "rejected" not in found:
            means_nothing += 1  # Between the buckets and the record.
            assert inspected.verdict == "sound"
            continue
        assert f"{name}: openings do without it" in inspected.verdict
        assert [each.index is not None for each in verify_checkpoints(copy)] == [True, True]
        assert all(each.error is None for each in verify_checkpoints(copy))
    assert means_nothing < 20


@pytest.mark.parametrize("how", ["absent", "cut", "unreadable", "of another checkpoint"])
def test_an_image_that_cannot_be_read_is_done_without(
    at: Any, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    device, content = at.saved()
    with at.owned(device):
        (name,) = at.images(device)
        if how == "absent":
            device.remove(name)
        elif how == "cut":
            device.truncate(name, device.size(name) - 1)
    if how == "of another checkpoint":
        with at.opened(device) as kv:
            kv.resume_session("s").upsert(b"more", b"1")
            content[b"more"] = b"1"
            other = kv.checkpoint(index=True).index
            assert other is not None
        with at.owned(device):
            first, second = at.images(device)
            old = bytearray(device.size(first))
            device.read_into(first, 0, old)
            device.write(second, 0, old)
    elif how == "unreadable":
        genuine = MemoryDevice.read_into

        def refuse(self: MemoryDevice, file: str, offset: int, buffer: bytearray | memoryview) -> int:
            if file == name:
                raise OSError(5, "unreadable")
            return genuine(self, file, offset, buffer)

        monkeypatch.setattr(MemoryDevice, "read_into", refuse)
    with at.opened(device) as kv:
        kv.check()
        assert dict(kv.items()) == content
        assert "accepted" not in [each.verdict for each in kv.findings if each.file.startswith("index-")]
        kv.resume_session("s").upsert(b"new", b"1")
        assert kv.checkpoint().index is None  # What could not be read is not named again.


def test_a_backup_has_the_image_and_leaves_a_damaged_one_out(at: Any, tmp_path: Path) -> None:
    device, content = at.saved()
    copy = MemoryDevice()
    backup_store(device, copy)
    assert at.check_same(copy) == content
    with at.owned(device):
        device.write(at.images(device)[0], 5, b"\xff")
    other = MemoryDevice()
    backup_store(device, other)
    (held, *_), found, _ = at.seen(other)
    assert held == content
    assert found == ["absent"]
