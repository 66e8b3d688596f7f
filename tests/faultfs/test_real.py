"""A failure says which real file system leaves what it shows."""

import pytest

from powercut.faultfs import FaultDevice, Image, Law, chains, crash_states
from powercut.faultfs.real import tell_real


def told(device: FaultDevice, content: dict[str, bytes], law: str = "posix") -> str:
    index = len(device.trace)
    for state in crash_states(device.trace, law, start=index):
        if state.image.content() == content:
            return tell_real(device.trace, index, state.digits, law)
    raise AssertionError("the law has this content")


@pytest.fixture
def replaced() -> FaultDevice:
    """A file written anew and renamed over the old one, without a sync of its own."""
    device = FaultDevice(Image.of({"a": b"old"}))
    device.create("b")
    device.write("b", 0, b"new")
    device.rename("b", "a")
    device.sync_names()
    return device


def test_content_that_one_file_system_leaves_is_told_with_its_clauses(replaced: FaultDevice) -> None:
    assert told(replaced, {"a": bytes(3)}) == ("real disks: ext4 (F26 to F28) of Linux 6.18")


def test_content_that_all_of_them_leave_names_all(replaced: FaultDevice) -> None:
    text = told(replaced, {"a": b""}, "xfs")
    assert all(name in text for name in ("ext4", "xfs", "btrfs"))


def test_content_of_no_file_system_that_was_measured_is_told_as_the_law_s_alone() -> None:
    device = FaultDevice(Image.of({"a": b"old"}))
    device.create("b")
    device.write("b", 0, b"new")
    device.sync("b")
    assert len(chains(device.trace, 3, Law.POSIX)) == 1
    assert told(device, {"a": b"old"}) == (
        "real disks: none that was measured leaves this, the law posix alone does"
    )
