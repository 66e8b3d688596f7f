"""Contents that real file systems left and that an older law did not have: programs, and laws that do.

Each content was found on a disk image of Linux 6.18 after a power cut (FAULTS.md names the clauses).
"""

from collections.abc import Callable

import pytest

from powercut.faultfs import FaultDevice, Image, Law

Legal = Callable[..., list[dict[str, bytes]]]
Program = Callable[[FaultDevice], None]

OLD, N, X = b"o" * 512, b"n" * 512, b"x" * 512
REAL = {Law.EXT4, Law.XFS, Law.BTRFS}


def islands(device: FaultDevice) -> None:
    device.write("old", 8192, b"n" * 100)
    device.write("old", 16384, b"n" * 100)


def hole(device: FaultDevice) -> None:
    device.write("old", 16384, b"n" * 4096)


def backwards(device: FaultDevice) -> None:
    device.write("old", 16384, b"n" * 4096)
    device.write("old", 8192, b"n" * 100)


def lengthened(device: FaultDevice) -> None:
    device.write("old", 8192, b"n" * 100)
    device.truncate("old", 20000)


def allocated(device: FaultDevice) -> None:
    device.allocate("old", 8192, 61440)


BEGUN = {8192: b"o" * 8192, 100: b"o" * 100}
SIZES = [
    (islands, 8192, 12288, {Law.EXT4, Law.XFS}),
    (hole, 100, 4096, {Law.XFS}),
    (backwards, 100, 12288, {Law.EXT4, Law.XFS}),
    (lengthened, 8192, 12288, {Law.XFS}),
    (allocated, 8192, 36864, {Law.EXT4}),
]


@pytest.mark.parametrize(("program", "begun", "size", "laws"), SIZES)
def test_f7_f24_a_size_that_no_call_made_is_found_where_it_was(
    program: Program, begun: int, size: int, laws: set[Law], sizes: Callable[..., set[int]], legal: Legal
) -> None:
    device = FaultDevice(Image.of({"old": BEGUN[begun]}), sector_bytes=4096)
    program(device)
    assert {law for law in REAL if size in sizes(legal(device, law), "old")} == laws
    assert size in sizes(legal(device), "old")  # F7, F24


def test_f7_the_end_of_a_page_that_is_clean_and_one_that_is_durable_are_no_sizes(
    sizes: Callable[..., set[int]], legal: Legal
) -> None:
    device = FaultDevice(Image.of({"old": b"o" * 8292}), sector_bytes=4096)
    device.write("old", 0, b"n" * 100)
    assert sizes(legal(device), "old") == {8292}
    device.write("old", 16384, b"n")
    assert sizes(legal(device, Law.EXT4), "old") == {8292, 16385}
    device.sync("old")
    device.write("old", 0, b"n" * 100)
    assert sizes(legal(device), "old") == {16385}


# Names: what a sync of a file leaves of the renames before it.


def replaced_and_removed(device: FaultDevice) -> None:
    device.rename("old", "other")
    device.remove("other")
    device.create("old")
    device.write("old", 0, N)
    device.sync("old")


def renamed_on(device: FaultDevice) -> None:
    device.rename("old", "other")
    device.rename("other", "third")
    device.create("old")
    device.write("old", 0, N)
    device.sync("old")


def linked(device: FaultDevice) -> None:
    device.create("t")
    device.write("t", 0, N)
    device.sync("t")
    device.sync_names()
    device.rename("old", "other")
    device.remove("other")
    device.link("t", "old")
    device.sync("t")


def made_anew(device: FaultDevice) -> None:
    device.remove("old")
    device.rename("other", "b")
    device.remove("b")
    device.create("b")
    device.sync("b")


def renamed_after_its_sync(device: FaultDevice) -> None:
    device.remove("other")
    device.sync_names()
    device.remove("old")
    device.create("old")
    device.sync("old")
    device.create("b")
    device.rename("old", "other")
    device.sync("b")


def linked_and_renamed(device: FaultDevice) -> None:
    device.create("a")
    device.link("other", "b")
    device.rename("b", "a")
    device.create("b")
    device.datasync("b")


NAMES = [
    (replaced_and_removed, {"old": N, "other": X}),  # X35
    (renamed_on, {"old": N, "other": X, "third": OLD}),  # X36
    (linked, {"old": N, "other": X, "t": N}),  # X39
    (made_anew, {"b": b"", "old": OLD, "other": X}),
    (renamed_after_its_sync, {"b": b"", "old": OLD, "other": b""}),
    (linked_and_renamed, {"b": b"", "old": OLD, "other": X}),
]


@pytest.mark.parametrize(("program", "content"), NAMES)
def test_f12_a_synced_name_is_found_without_the_rename_that_freed_it(
    program: Program, content: dict[str, bytes], legal: Legal
) -> None:
    device = FaultDevice(Image.of({"old": OLD, "other": X}))
    program(device)
    assert content in legal(device, Law.BTRFS)  # F42
    assert content in legal(device)  # F12
    assert not any(content in legal(device, law) for law in (Law.EXT4, Law.XFS))


def kept_name(device: FaultDevice) -> None:
    device.rename("old", "third")
    device.create("old")
    device.sync("old")


def synced_before(device: FaultDevice) -> None:
    device.create("t")
    device.write("t", 0, N)
    device.sync("t")
    device.rename("t", "old")
    device.write("other", 0, N)
    device.sync("other")


def test_f12_a_file_renamed_away_keeps_the_name_it_got(legal: Legal) -> None:
    device = FaultDevice(Image.of({"old": OLD, "other": X}))
    kept_name(device)
    for law in (Law.POSIX, *REAL):
        contents = [content for content in legal(device, law) if content.get("old") == b""]
        assert all(content.get("third") == OLD for content in contents), law


def test_f12_a_rename_of_a_synced_file_stays_whole(legal: Legal) -> None:
    device = FaultDevice(Image.of({"old": OLD, "other": X}))
    synced_before(device)
    for law in (Law.POSIX, *REAL):
        for content in legal(device, law):
            assert content["old"] == (OLD if "t" in content else content["old"]), law
    # Since when the log has it, the commit may have been before or after: F42.
    for content in ({"old": N, "other": N}, {"old": OLD, "other": N, "t": N}):
        assert content in legal(device, Law.BTRFS)
    assert {"old": OLD, "other": N} not in legal(device, Law.BTRFS)


# Sizes without data.


def replaced_without_a_sync(device: FaultDevice) -> None:
    device.create("tmp")
    device.write("tmp", 0, N + N)
    device.rename("tmp", "old")
    device.sync_names()


def test_f27_a_renamed_file_is_all_zeros_on_ext4_after_the_sync_of_names(legal: Legal) -> None:
    device = FaultDevice(Image.of({"old": OLD}))
    replaced_without_a_sync(device)
    zeros = {"old": bytes(1024)}
    found = {law for law in Law if zeros in legal(device, law)}
    assert found == {Law.POSIX, Law.POSIX_SPLIT, Law.POSIX_GARBAGE, Law.EXT4, Law.PREFIX}  # F27
    assert all({"old": b""} in legal(device, law) for law in REAL)


def test_f27_a_truncation_to_the_same_size_writes_it_on_ext4(legal: Legal) -> None:
    device = FaultDevice(Image.of({"a": b""}))
    device.write("a", 0, N)
    device.truncate("a", 512)
    device.create("b")
    contents = legal(device, Law.EXT4)
    assert {"a": bytes(512), "b": b""} in contents
    assert {"a": b"", "b": b""} not in contents
    assert {"a": b"", "b": b""} in legal(device, Law.XFS)


def test_f40_on_xfs_a_size_has_its_own_data_and_may_lack_older_ones(legal: Legal) -> None:
    device = FaultDevice(Image.of({"a": b""}), sector_bytes=4096)
    device.write("a", 0, b"m" * 4096)
    device.write("a", 4096, b"n" * 100)
    contents = legal(device, Law.XFS)
    assert {"a": bytes(4096) + b"n" * 100} in contents  # F40
    assert {"a": b"m" * 4096 + bytes(100)} not in contents
    assert {"a": b"m" * 4096 + bytes(100)} in legal(device, Law.EXT4)


def test_f27_on_ext4_ordered_a_size_in_a_new_page_has_its_own_data_and_may_lack_older_ones(
    legal: Legal,
) -> None:
    device = FaultDevice(Image.of({"a": b"o" * 100}), sector_bytes=4096)
    device.write("a", 100, b"n" * 100)
    device.write("a", 4096, b"m" * 100)
    contents = legal(device, Law.EXT4_ORDERED)
    assert {"a": b"o" * 100 + bytes(3996) + b"m" * 100} in contents  # F27
    assert {"a": b"o" * 100 + bytes(100)} in contents
    assert {"a": b"o" * 100 + b"n" * 100 + bytes(3896) + bytes(100)} not in contents


# btrfs.


def test_f41_on_btrfs_a_sync_of_a_file_brings_no_other_and_no_earlier_truncation(legal: Legal) -> None:
    device = FaultDevice(Image.of({"a": OLD, "c": OLD}))
    device.truncate("c", 100)
    device.create("b")
    device.remove("a")
    device.create("d")
    device.sync("d")
    contents = legal(device, Law.BTRFS)
    assert {"a": OLD, "c": OLD, "d": b""} in contents  # F41, F42
    assert legal(device, Law.EXT4) == [{"b": b"", "c": b"o" * 100, "d": b""}]


def test_f41_on_btrfs_what_was_issued_after_the_commit_is_not_there(legal: Legal) -> None:
    device = FaultDevice(Image.of({"a": OLD}))
    device.create("b")
    device.write("a", 0, N)
    contents = legal(device, Law.BTRFS)
    assert {"a": N} not in contents  # F41
    assert {"a": N} in legal(device, Law.EXT4)
    assert {"a": N, "b": b""} in contents


def test_f43_on_btrfs_a_lone_append_has_its_data_and_of_two_pages_either_may_lack(legal: Legal) -> None:
    device = FaultDevice(Image.of({"a": OLD}))
    device.write("a", 512, N)
    assert legal(device, Law.BTRFS) == [{"a": OLD}, {"a": OLD + N}]  # F43
    device.write("a", 4096, N)
    contents = legal(device, Law.BTRFS)
    assert {"a": OLD + bytes(3584) + N} in contents
    assert {"a": OLD + N + bytes(3072) + bytes(512)} in contents
