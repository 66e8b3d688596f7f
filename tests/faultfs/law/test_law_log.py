"""The log of btrfs: contents of Linux 6.18 that the laws lacked, each by the smallest program that shows it.

Each was found by `powercut ground`, most of them among drawn programs (FAULTS.md, F12, F41 to F43).
"""

from collections.abc import Callable

import pytest

from powercut.faultfs import FaultDevice, Image, Law

Legal = Callable[..., list[dict[str, bytes]]]
Program = Callable[[FaultDevice], None]

OLD, N, X = b"o" * 512, b"n" * 512, b"x" * 512


def started() -> FaultDevice:
    return FaultDevice(Image.of({"old": OLD, "other": X}))


def replaced_beside_its_link(device: FaultDevice) -> None:
    device.link("old", "l")
    device.create("t")
    device.write("t", 0, N)
    device.sync("t")
    device.rename("t", "old")
    device.sync("l")


def linked_after_its_sync(device: FaultDevice) -> None:
    device.create("t")
    device.write("t", 0, N)
    device.sync("t")
    device.rename("old", "other")
    device.remove("other")
    device.link("t", "old")


def renamed_on_and_on(device: FaultDevice) -> None:
    device.link("other", "b")
    device.sync("b")
    device.rename("b", "old")
    device.rename("old", "a")


APART = [
    (replaced_beside_its_link, {"l": OLD, "other": X, "t": N}),
    (linked_after_its_sync, {"old": N, "other": X, "t": N}),
    (renamed_on_and_on, {"a": X, "old": OLD, "other": X}),
]


@pytest.mark.parametrize(("program", "content"), APART)
def test_f12_a_rename_comes_apart_where_the_log_has_one_of_its_files(
    program: Program, content: dict[str, bytes], legal: Legal
) -> None:
    device = started()
    program(device)
    assert content in legal(device, Law.BTRFS)  # F42
    assert content in legal(device)  # F12
    assert content in legal(device, Law.POSIX_SPLIT)
    assert not any(content in legal(device, law) for law in (Law.EXT4, Law.XFS))


def removed_after_its_sync(device: FaultDevice) -> None:
    device.create("a")
    device.sync("a")
    device.remove("old")
    device.remove("a")


def replaced_after_its_sync(device: FaultDevice) -> None:
    device.create("b")
    device.sync("b")
    device.rename("other", "b")


def removed_after_the_folder_s(device: FaultDevice) -> None:
    device.link("old", "a")
    device.create("b")
    device.sync_names()
    device.remove("a")
    device.create("a")
    device.rename("other", "old")


def synced_after_its_link(device: FaultDevice) -> None:
    device.link("old", "b")
    device.truncate("other", 0)
    device.create("a")
    device.write_through("old", 0, N)


def passed_through_another_s_name(device: FaultDevice) -> None:
    device.write_through("old", 0, N)
    device.rename("old", "other")
    device.truncate("other", 100)
    device.rename("other", "b")


def renamed_after_its_sync(device: FaultDevice) -> None:
    device.truncate("old", 100)
    device.write_through("other", 0, N)
    device.create("b")
    device.rename("other", "a")


def synced_again_with_a_name_less(device: FaultDevice) -> None:
    device.link("other", "b")
    device.write("other", 0, N)
    device.sync("b")
    device.rename("old", "other")
    device.sync("b")


LOGGED = [
    (synced_again_with_a_name_less, {"b": N, "old": OLD, "other": N}),
    (renamed_after_its_sync, {"a": N, "b": b"", "old": OLD}),
    (removed_after_its_sync, {"old": OLD, "other": X}),
    (replaced_after_its_sync, {"old": OLD, "other": X}),
    (removed_after_the_folder_s, {"b": b"", "old": X}),
    (synced_after_its_link, {"a": b"", "b": N, "old": N, "other": X}),
    (passed_through_another_s_name, {"b": N}),
]


@pytest.mark.parametrize(("program", "content"), LOGGED)
def test_f42_the_log_follows_a_file_that_it_has_and_a_folder(
    program: Program, content: dict[str, bytes], legal: Legal
) -> None:
    device = started()
    program(device)
    assert content in legal(device, Law.BTRFS)  # F42


def test_f42_who_was_never_synced_follows_with_the_commit_only(legal: Legal) -> None:
    device = started()
    device.create("a")
    device.write("other", 0, N)
    device.sync("other")
    device.remove("a")
    contents = legal(device, Law.BTRFS)
    assert {"old": OLD, "other": N} in contents
    device.rename("old", "b")
    device.remove("other")
    contents = legal(device, Law.BTRFS)
    assert {"old": OLD, "other": N} in contents  # It has no name left, so it keeps that of the commit.
    assert {"old": OLD} not in contents
    assert {"b": OLD, "other": N} in contents
    assert {"a": b"", "b": OLD} not in contents  # The rename came after `a` had gone.


# Bytes.


def test_f41_a_sync_of_some_bytes_may_bring_the_whole_file(legal: Legal) -> None:
    device = started()
    device.rename("old", "a")
    device.write("other", 0, N)
    device.write_through("other", 512, N)
    contents = legal(device, Law.BTRFS)
    assert {"old": OLD, "other": N + N} in contents  # F41
    assert {"old": OLD, "other": X + N} in contents
    assert {"a": OLD, "other": X + N} in contents


def test_f41_a_datasync_may_bring_a_truncation(legal: Legal) -> None:
    device = started()
    device.remove("other")
    device.truncate("old", 0)
    device.datasync("old")
    assert {"old": b"", "other": X} in legal(device, Law.BTRFS)  # F41


@pytest.mark.parametrize("is_synced", [True, False])
def test_f43_a_link_brings_a_size_without_its_data(is_synced: bool, legal: Legal) -> None:
    device = started()
    device.sync("old") if is_synced else None
    device.write("old", 512, N)
    device.link("old", "a")
    device.sync_names()
    assert {"a": OLD + bytes(512), "old": OLD + bytes(512), "other": X} in legal(device, Law.BTRFS)  # F43


def test_f41_a_new_name_of_a_file_in_the_log_may_bring_its_size(legal: Legal) -> None:
    device = started()
    device.write("old", 0, N)
    device.sync("old")
    device.create("b")
    device.truncate("old", 100)
    device.link("old", "a")
    short = b"n" * 100
    assert {"a": short, "old": short, "other": X} in legal(device, Law.BTRFS)  # F41
    device.remove("other")
    assert {"b": b"", "old": N, "other": X} in legal(device, Law.BTRFS)


# A size that comes with a name. `other` is cut first, which no log has: so the commit was before all.


def shortened_after_its_name(device: FaultDevice) -> None:
    device.rename("old", "b")
    device.truncate("b", 300)
    device.sync_names()


def shortened_before_its_name(device: FaultDevice) -> None:
    device.truncate("old", 300)
    device.rename("old", "b")
    device.create("old")
    device.sync("old")


def shortened_and_lengthened(device: FaultDevice) -> None:
    device.link("old", "b")
    device.truncate("b", 300)
    device.write("b", 300, N[:100])
    device.sync_names()


def emptied_before_another_name(device: FaultDevice) -> None:
    device.rename("old", "b")
    device.sync_names()
    device.truncate("b", 0)
    device.rename("b", "c")
    device.create("z")
    device.sync("z")


def lengthened(device: FaultDevice) -> None:
    device.rename("old", "b")
    device.truncate("b", 600)
    device.sync_names()


def emptied(device: FaultDevice) -> None:
    device.rename("old", "b")
    device.truncate("b", 0)
    device.sync_names()


SHORTER = [
    (shortened_after_its_name, {"b": OLD[:300], "other": X}, True),
    (shortened_before_its_name, {"b": OLD[:300], "old": b"", "other": X}, True),
    (shortened_and_lengthened, {"b": OLD[:400], "old": OLD[:400], "other": X}, True),
    (emptied_before_another_name, {"c": b"", "other": X, "z": b""}, True),
    (shortened_after_its_name, {"b": OLD, "other": X}, True),
    (lengthened, {"b": OLD + bytes(88), "other": X}, False),
    (emptied, {"b": b"", "other": X}, False),
]


@pytest.mark.parametrize(("program", "content", "is_legal"), SHORTER)
def test_f41_a_name_that_a_log_takes_in_brings_a_size_that_is_shorter_and_no_data(
    program: Program, content: dict[str, bytes], is_legal: bool, legal: Legal
) -> None:
    device = started()
    device.truncate("other", 100)
    program(device)
    assert (content in legal(device, Law.BTRFS)) is is_legal  # F41
    assert content in legal(device)


# A file in the log that has lost its last name.


def removed_and_another_synced(device: FaultDevice) -> None:
    device.write("old", 0, N)
    device.sync("old")
    device.remove("old")
    device.create("z")
    device.sync("z")


def removed_after_the_folder(device: FaultDevice) -> None:
    device.create("y")
    device.sync_names()
    removed_and_another_synced(device)


def replaced_and_another_synced(device: FaultDevice) -> None:
    device.write("old", 0, N)
    device.sync("old")
    device.rename("other", "old")
    device.create("z")
    device.sync("z")


KEPT = [
    (removed_and_another_synced, {"old": N, "other": X, "z": b""}, True),
    (removed_and_another_synced, {"other": X, "z": b""}, False),
    (removed_after_the_folder, {"old": N, "other": X, "y": b"", "z": b""}, True),
    (removed_after_the_folder, {"other": X, "y": b"", "z": b""}, True),
    (replaced_and_another_synced, {"old": N, "other": X, "z": b""}, True),
]


@pytest.mark.parametrize(("program", "content", "is_legal"), KEPT)
def test_f42_a_file_in_the_log_without_a_name_keeps_those_of_the_commit(
    program: Program, content: dict[str, bytes], is_legal: bool, legal: Legal
) -> None:
    device = started()
    device.truncate("other", 100)
    program(device)
    assert (content in legal(device, Law.BTRFS)) is is_legal  # F42
    assert content in legal(device)
