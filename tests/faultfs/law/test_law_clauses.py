"""ext4, torn names, LazyFS: the clauses F26 to F32, on the smallest disk that shows each."""

from collections.abc import Callable

import pytest

from powercut.faultfs import FaultDevice, Image, Law, chains, crash_states, survivor_image, tell_crash

Legal = Callable[..., list[dict[str, bytes]]]
Sizes = Callable[[list[dict[str, bytes]], str], set[int]]

OLD, NEW, NIL = b"o" * 512, b"n" * 512, bytes(512)
Contents = list[dict[str, bytes]]


def in_order(contents: object) -> Contents:
    return sorted(contents, key=lambda content: sorted(content.items()))  # type: ignore[call-overload, no-any-return]


def disk(**content: bytes) -> FaultDevice:
    return FaultDevice(Image.of(content))


# ext4.


def test_f26_names_and_truncations_survive_in_the_order_of_issue(legal: Legal) -> None:
    device = disk(a=OLD, b=OLD)
    device.create("c")
    device.truncate("a", 0)
    device.remove("b")
    assert legal(device, Law.EXT4) == in_order(
        # The zeroing of what is cut is data, and shows where the size was lost.
        [
            {"a": OLD, "b": OLD},
            {"a": NIL, "b": OLD},
            {"a": OLD, "b": OLD, "c": b""},
            {"a": NIL, "b": OLD, "c": b""},
            {"a": b"", "b": OLD, "c": b""},
            {"a": b"", "c": b""},
        ]
    )  # F26


def test_f26_a_rename_is_one_step_of_the_journal(legal: Legal) -> None:
    device = disk(f=OLD, t=NEW)
    device.rename("t", "f")
    device.create("x")
    assert legal(device, Law.EXT4) == in_order([{"f": OLD, "t": NEW}, {"f": NEW}, {"f": NEW, "x": b""}])


def test_f27_a_file_renamed_without_a_sync_may_be_empty(legal: Legal) -> None:
    device = disk(f=OLD)
    device.create("t")
    device.write("t", 0, NEW)
    device.rename("t", "f")
    assert legal(device, Law.EXT4_ORDERED) == in_order(
        [{"f": OLD}, {"f": OLD, "t": b""}, {"f": OLD, "t": NEW}, {"f": b""}, {"f": NEW}]
    )  # F27


def test_f27_a_size_does_not_survive_without_the_data_of_new_pages(legal: Legal) -> None:
    device = disk(a=b"")
    device.write("a", 0, NEW + NEW)
    assert legal(device, Law.EXT4_ORDERED) == in_order([{"a": b""}, {"a": NEW + NEW}])
    assert {"a": NEW + NIL} in legal(device)


def test_f27_in_the_page_in_which_the_file_ended_the_size_may_survive_alone(legal: Legal) -> None:
    device = disk(a=OLD)
    device.write("a", 512, NEW)
    assert legal(device, Law.EXT4_ORDERED) == in_order([{"a": OLD}, {"a": OLD + NIL}, {"a": OLD + NEW}])


def test_f27_a_size_that_an_allocation_set_is_there_without_data(legal: Legal) -> None:
    device = disk(a=b"")
    device.write("a", 0, NEW)
    device.allocate("a", 0, 1024)
    assert {content["a"] for content in legal(device, Law.EXT4_ORDERED)} == {b"", NEW, NIL + NIL, NEW + NIL}


def test_f27_a_grown_size_survives_only_with_what_was_journalled_before_the_write(legal: Legal) -> None:
    device = disk(a=b"")
    device.create("b")
    device.write("a", 0, NEW)
    assert legal(device, Law.EXT4_ORDERED) == in_order(
        [{"a": b""}, {"a": b"", "b": b""}, {"a": NEW, "b": b""}]
    )


def test_f28_a_synced_new_file_has_its_name_and_those_before_it(legal: Legal) -> None:
    device = disk()
    device.create("a")
    device.create("b")
    device.create("c")
    device.write("b", 0, NEW)
    device.sync("b")
    assert legal(device, Law.EXT4) == in_order([{"a": b"", "b": NEW, "c": b""}])  # F28
    assert {} in legal(device)


def test_f28_a_sync_commits_up_to_the_last_step_of_its_own_file_only(legal: Legal) -> None:
    device = disk()
    device.create("a")
    device.create("b")
    device.sync("a")
    assert legal(device, Law.EXT4) == in_order([{"a": b""}, {"a": b"", "b": b""}])


def test_f28_a_sync_of_names_commits_the_truncations_before_them_and_not_those_after(
    legal: Legal, sizes: Sizes
) -> None:
    device = disk(a=OLD, b=OLD)
    device.truncate("a", 0)
    device.create("c")
    device.truncate("b", 0)
    device.sync_names()
    assert legal(device, Law.EXT4) == in_order([{"a": b"", "b": b, "c": b""} for b in (b"", NIL, OLD)])
    assert sizes(legal(device), "a") == {0, 512}


def test_f28_fdatasync_commits_what_the_size_needs(legal: Legal) -> None:
    device = disk()
    device.create("a")
    device.create("b")
    device.datasync("b")
    assert {} in legal(device, Law.EXT4)
    device.write("b", 0, NEW)
    device.datasync("b")
    assert legal(device, Law.EXT4) == [{"a": b"", "b": NEW}]


def test_f20_a_file_whose_removal_is_committed_has_no_chains_under_ext4() -> None:
    device = disk(a=OLD)
    device.write("a", 0, NEW)
    device.remove("a")
    device.create("b")
    device.sync("b")
    assert chains(device.trace, 4, Law.EXT4) == []
    assert [chain.kind for chain in chains(device.trace, 4, Law.POSIX)] == ["sector", "name", "name"]


# A file system that tears renames and removals.


def test_f29_a_torn_rename_leaves_both_names_either_or_neither(legal: Legal) -> None:
    device = disk(f=OLD, t=NEW)
    device.sync_names()
    device.rename("t", "f")
    contents = legal(device, Law.POSIX_SPLIT)
    assert {tuple(sorted(content)) for content in contents} == {(), ("f",), ("f", "t"), ("t",)}  # F29
    assert {"f": NEW, "t": NEW} in contents
    device.sync_names()
    assert legal(device, Law.POSIX_SPLIT) == [{"f": NEW}]


def test_f29_renaming_to_a_free_name_has_no_moment_without_it_but_before() -> None:
    device = disk(t=NEW)
    device.rename("t", "f")
    assert [chain.values for chain in chains(device.trace, 1, Law.POSIX_SPLIT)] == [2, 2]


def test_f30_a_removed_file_may_come_back_empty(legal: Legal) -> None:
    device = disk(a=OLD)
    device.remove("a")
    assert legal(device, Law.POSIX_SPLIT) == in_order([{}, {"a": b""}, {"a": OLD}])  # F30
    assert legal(device) == in_order([{}, {"a": OLD}])


def test_f30_a_file_with_another_name_is_not_emptied(legal: Legal) -> None:
    device = disk(a=OLD)
    device.link("a", "b")
    device.sync_names()
    device.remove("a")
    assert legal(device, Law.POSIX_SPLIT) == in_order([{"a": OLD, "b": OLD}, {"b": OLD}])
    device.remove("b")
    assert {"a": b"", "b": b""} in legal(device, Law.POSIX_SPLIT)


def test_f30_a_file_that_a_rename_replaced_may_be_found_emptied(legal: Legal) -> None:
    device = disk(f=OLD, t=NEW)
    device.rename("t", "f")
    assert {"f": b"", "t": NEW} in legal(device, Law.POSIX_SPLIT)


def test_f31_posix_split_is_the_product_of_its_chains() -> None:
    device = disk(f=OLD, t=NEW)
    device.rename("t", "f")
    found = crash_states(device.trace, Law.POSIX_SPLIT, start=1)
    # The old name: 2; the new one: its old file, none, the new file; the size of the old file: 2.
    assert [chain.values for chain in chains(device.trace, 1, Law.POSIX_SPLIT)] == [2, 3, 2]
    assert found.legal == 2 * 3 * 2  # F31
    assert found.distinct == 2 * (2 + 1 + 1)


# LazyFS.


def test_f32_lazyfs_loses_the_data_of_a_file_as_a_whole_and_no_name(legal: Legal) -> None:
    device = disk(a=OLD + OLD, b=b"")
    device.write("a", 0, NEW)
    device.write("b", 0, NEW)
    device.write("a", 512, NEW)
    device.rename("a", "c")
    assert legal(device, Law.LAZYFS) == in_order(
        [{"b": b, "c": c} for b in (b"", NEW) for c in (OLD + OLD, NEW + NEW)]
    )  # F32
    device.sync("c")
    assert legal(device, Law.LAZYFS) == in_order([{"b": b, "c": NEW + NEW} for b in (b"", NEW)])


def test_f32_lazyfs_never_loses_a_truncation(legal: Legal) -> None:
    device = disk(a=OLD + OLD)
    device.truncate("a", 100)
    device.write("a", 100, b"n" * 10)
    assert legal(device, Law.LAZYFS) == in_order([{"a": b"o" * 100}, {"a": b"o" * 100 + b"n" * 10}])
    device.truncate("a", 1024)
    assert legal(device, Law.LAZYFS) == in_order(
        [{"a": b"o" * 100 + bytes(924)}, {"a": b"o" * 100 + b"n" * 10 + bytes(914)}]
    )


# Digits, depth and words.


def test_f19_digits_under_ext4_are_sectors_then_sizes_then_the_journal() -> None:
    device = disk(a=OLD)
    device.write("a", 0, NEW)
    device.create("b")
    device.write("a", 512, NEW)
    device.create("c")
    described = [(chain.kind, chain.names, chain.values) for chain in chains(device.trace, 4, Law.EXT4)]
    assert described == [
        ("sector", ("a",), 2),
        ("sector", ("a",), 2),
        ("size", ("a",), 2),
        ("journal", (), 3),
    ]  # F19
    assert chains(device.trace, 4, Law.EXT4)[-1].events == (3, 1)
    lost = survivor_image(device.trace, 4, (1, 0, 0, 2), Law.EXT4)
    assert lost.content() == {"a": OLD}  # The size went with what was journalled before it.


def test_f19_digits_under_lazyfs_are_files() -> None:
    device = disk(a=OLD, b=OLD, c=OLD)
    device.write("c", 0, NEW)
    device.write("a", 0, NEW)
    assert [(chain.kind, chain.names, chain.events) for chain in chains(device.trace, 2, Law.LAZYFS)] == [
        ("data", ("a",), (1,)),
        ("data", ("c",), (0,)),
    ]
    assert survivor_image(device.trace, 2, (0, 1), Law.LAZYFS).content() == {"a": NEW, "b": OLD, "c": OLD}


@pytest.mark.parametrize("law", [Law.POSIX_SPLIT, Law.EXT4, Law.XFS, Law.BTRFS, Law.LAZYFS])
def test_what_is_lost_is_told_in_words_under_every_law(law: Law) -> None:
    device = disk(a=OLD, b=OLD)
    device.write("a", 0, NEW)
    device.write("b", 0, NEW)
    for digits in ((), (1,)):
        assert len(tell_crash(device.trace, 2, digits, law)) == len(digits)
