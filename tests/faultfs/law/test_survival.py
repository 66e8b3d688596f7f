"""Survival: each clause of FAULTS.md up to F17, on the smallest disk that shows it."""

from collections.abc import Callable, Iterable

import pytest

from powercut.faultfs import CrashIndexError, FaultDevice, Image, Law, chains, crash_states, survivor_image

Legal = Callable[..., list[dict[str, bytes]]]

OLD, NEW = b"o" * 512, b"n" * 512
Contents = list[dict[str, bytes]]


def in_order(contents: Iterable[dict[str, bytes]]) -> Contents:
    return sorted(contents, key=lambda content: sorted(content.items()))


def disk(**content: bytes) -> FaultDevice:
    return FaultDevice(Image.of(content))


def test_f1_a_crash_at_index_0_shows_nothing_of_the_trace(legal: Legal) -> None:
    device = disk(a=OLD)
    device.write("a", 0, NEW)
    device.sync("a")
    assert legal(device, index=0) == [{"a": OLD}]  # F1
    assert legal(device, index=2) == [{"a": NEW}]


@pytest.mark.parametrize("index", [-1, 3])
def test_f1_a_crash_outside_the_trace_is_refused(index: int) -> None:
    device = disk(a=OLD)
    device.write("a", 0, NEW)
    device.sync("a")
    for call in (survivor_image, lambda *args: chains(args[0], args[1], args[3])):
        with pytest.raises(CrashIndexError, match="trace of 2 events"):
            call(device.trace, index, (), Law.POSIX)
    with pytest.raises(CrashIndexError):
        crash_states(device.trace, Law.POSIX, stop=index)


@pytest.mark.parametrize("law", list(Law))
def test_f2_what_was_there_first_survives_whatever_happens_beside_it(law: Law, legal: Legal) -> None:
    device = disk(a=OLD, b=OLD)
    device.write("b", 0, NEW)
    device.create("c")
    for content in legal(device, law):
        assert content["a"] == OLD  # F2


@pytest.mark.parametrize("law", [Law.POSIX, Law.PREFIX, Law.PAGECACHE])
def test_f3_the_last_write_may_or_may_not_have_happened(law: Law, legal: Legal) -> None:
    device = disk(a=OLD)
    device.write("a", 0, NEW)
    assert legal(device, law) == [{"a": NEW}, {"a": OLD}]  # F3


def test_f3_a_sync_holds_after_its_index_and_not_at_it(legal: Legal) -> None:
    device = disk(a=OLD)
    device.write("a", 0, NEW)
    device.sync("a")
    assert legal(device, index=1) == [{"a": NEW}, {"a": OLD}]
    assert legal(device, index=2) == [{"a": NEW}]


@pytest.mark.parametrize("sector_bytes", [512, 1024, 4096])
def test_f4_a_write_tears_at_sectors_only(sector_bytes: int, legal: Legal) -> None:
    device = FaultDevice(Image.of({"a": b"o" * 8192}), sector_bytes=sector_bytes)
    device.write("a", 100, b"n" * (sector_bytes + 200))
    first = b"o" * 100 + b"n" * (sector_bytes - 100)
    second = b"n" * 300 + b"o" * (sector_bytes - 300)
    whole = b"o" * sector_bytes
    rest = b"o" * (8192 - 2 * sector_bytes)
    expected = [{"a": one + two + rest} for one in (first, whole) for two in (second, whole)]
    assert legal(device) == in_order(expected)  # F4


def test_f5_a_hundred_rewrites_have_a_hundred_and_one_outcomes(legal: Legal) -> None:
    device = disk(a=bytes(512))
    for fill in range(1, 101):
        device.write("a", 0, bytes([fill]) * 512)
    assert legal(device) == [{"a": bytes([fill]) * 512} for fill in range(101)]  # F5


def test_f5_a_version_holds_all_earlier_bytes_of_its_sector(legal: Legal) -> None:
    device = disk(a=OLD)
    device.write("a", 0, b"1" * 10)
    device.write("a", 20, b"2" * 10)
    both = b"1" * 10 + b"o" * 10 + b"2" * 10 + b"o" * 482
    assert legal(device) == in_order([{"a": OLD}, {"a": b"1" * 10 + b"o" * 502}, {"a": both}])


def test_f6_a_later_sector_may_survive_an_earlier_one_in_another_file(legal: Legal) -> None:
    device = disk(a=OLD, b=OLD)
    device.write("a", 0, NEW)
    device.write("b", 0, NEW)
    assert {"a": OLD, "b": NEW} in legal(device)  # F6
    assert len(legal(device)) == 4


def test_f7_a_grown_file_shows_old_size_zeros_or_data(legal: Legal) -> None:
    device = disk(a=b"")
    device.write("a", 0, NEW)
    assert legal(device) == [{"a": b""}, {"a": bytes(512)}, {"a": NEW}]  # F7


def test_f7_a_long_append_grows_the_size_page_by_page(legal: Legal) -> None:
    device = disk(a=b"")
    device.write("a", 4000, b"n" * 5000)
    sizes = {len(content["a"]) for content in legal(device, Law.PREFIX)}
    assert sizes == {0, 4096, 8192, 9000}
    size_chain = next(chain for chain in chains(device.trace, 1, Law.POSIX) if chain.kind == "size")
    assert size_chain.values == 4


def test_f7_data_past_the_surviving_size_is_not_seen(legal: Legal) -> None:
    device = disk(a=b"o" * 100)
    device.write("a", 100, b"n" * 100)
    contents = legal(device)
    assert contents == in_order(
        [{"a": b"o" * 100}, {"a": b"o" * 100 + bytes(100)}, {"a": b"o" * 100 + b"n" * 100}]
    )


def test_f8_cut_bytes_never_come_back_on_the_living_disk() -> None:
    device = disk(a=OLD + OLD)
    device.truncate("a", 100)
    device.truncate("a", 1024)
    assert device.image().content() == {"a": b"o" * 100 + bytes(924)}  # F8


def test_f8_cut_bytes_may_come_back_after_a_crash_as_far_as_the_size_allows(legal: Legal) -> None:
    device = disk(a=OLD + OLD)
    device.truncate("a", 100)
    device.truncate("a", 600)
    contents = legal(device)
    assert {"a": OLD + b"o" * 88} in contents
    assert {"a": b"o" * 100 + bytes(500)} in contents
    assert {"a": b"o" * 100 + bytes(412) + b"o" * 88} in contents
    assert {len(content["a"]) for content in contents} == {100, 600, 1024}
    device.sync("a")
    assert legal(device) == [{"a": b"o" * 100 + bytes(500)}]


def test_f8_a_lost_truncation_may_leave_the_old_size_over_zeroed_bytes(legal: Legal) -> None:
    device = disk(a=OLD)
    device.truncate("a", 100)
    assert {"a": b"o" * 100 + bytes(412)} in legal(device)


def test_f9_a_sync_makes_its_own_file_durable_and_no_other(legal: Legal) -> None:
    device = disk(a=OLD, b=OLD)
    device.write("a", 0, NEW)
    device.write("b", 0, NEW)
    device.sync("a")
    assert legal(device) == [{"a": NEW, "b": NEW}, {"a": NEW, "b": OLD}]  # F9


def test_f9_a_write_after_the_sync_is_not_covered_by_it(legal: Legal) -> None:
    device = disk(a=bytes(512))
    device.write("a", 0, OLD)
    device.sync("a")
    device.write("a", 0, NEW)
    assert legal(device) == [{"a": NEW}, {"a": OLD}]


def test_f9_a_synced_file_without_a_synced_name_may_be_gone(legal: Legal) -> None:
    device = disk()
    device.create("a")
    device.write("a", 0, NEW)
    device.sync("a")
    assert legal(device) == [{}, {"a": NEW}]


def test_f10_synced_names_hold_and_their_contents_do_not(legal: Legal) -> None:
    device = disk()
    device.create("a")
    device.write("a", 0, NEW)
    device.sync_names()
    assert legal(device) == [{"a": b""}, {"a": bytes(512)}, {"a": NEW}]  # F10


def test_f11_an_unsynced_removal_may_bring_the_file_back_with_its_unsynced_content(legal: Legal) -> None:
    device = disk(a=OLD)
    device.write("a", 0, NEW)
    device.remove("a")
    assert legal(device) == [{}, {"a": NEW}, {"a": OLD}]  # F11
    device.sync_names()
    assert legal(device) == [{}]


def test_f11_names_are_lost_independently(legal: Legal) -> None:
    device = disk()
    device.create("a")
    device.create("b")
    assert legal(device) == [{}, {"a": b""}, {"a": b"", "b": b""}, {"b": b""}]


def test_f11_a_name_created_again_has_every_binding_it_had(legal: Legal) -> None:
    device = disk(a=OLD)
    device.remove("a")
    device.create("a")
    device.write("a", 0, NEW)
    device.sync("a")
    assert legal(device) == [{}, {"a": NEW}, {"a": OLD}]


def test_f11_a_link_may_survive_the_name_it_was_made_from(legal: Legal) -> None:
    device = disk()
    device.create("a")
    device.link("a", "b")
    assert {"b": b""} in legal(device)


def test_f12_a_rename_moves_both_names_or_neither(legal: Legal) -> None:
    device = disk(new=NEW, old=OLD)
    device.rename("new", "old")
    assert legal(device) == in_order([{"old": NEW}, {"new": NEW, "old": OLD}])  # F12


def test_f12_a_rename_survives_only_with_what_its_names_were_before(legal: Legal) -> None:
    device = disk(f=OLD)
    device.create("t")
    device.write("t", 0, NEW)
    device.sync("t")
    device.rename("t", "f")
    assert legal(device) == in_order([{"f": OLD}, {"f": OLD, "t": NEW}, {"f": NEW}])


def test_f12_chained_renames_survive_as_a_prefix(legal: Legal) -> None:
    device = disk(a=NEW)
    device.rename("a", "b")
    device.rename("b", "c")
    assert legal(device) == [{"a": NEW}, {"b": NEW}, {"c": NEW}]


def test_f12_a_renamed_file_that_was_not_synced_may_be_empty(legal: Legal) -> None:
    device = disk(f=OLD)
    device.create("t")
    device.write("t", 0, NEW)
    device.rename("t", "f")
    assert {"f": b""} in legal(device)


def test_f12_renaming_onto_a_name_of_the_same_file_does_nothing(legal: Legal) -> None:
    device = disk(a=OLD)
    device.link("a", "b")
    device.sync_names()
    device.rename("a", "b")
    assert legal(device) == [{"a": OLD, "b": OLD}]
    assert device.list() == ["a", "b"]


def test_f13_a_cut_append_has_grown_before_it_is_filled(legal: Legal) -> None:
    device = disk(a=b"")
    device.write("a", 0, b"n" * 1024)
    assert legal(device, Law.PREFIX) == in_order(
        [{"a": b""}, {"a": bytes(1024)}, {"a": NEW + bytes(512)}, {"a": NEW + NEW}]
    )  # F13


def test_f14_posix_is_the_product_of_all_chains() -> None:
    device = disk(a=OLD + OLD, b=b"")
    device.write("a", 0, NEW + NEW)
    device.truncate("b", 7)
    device.create("c")
    found = crash_states(device.trace, "posix", start=3)
    assert found.legal == found.distinct == 2 * 2 * 2 * 2  # F14
    assert [chain.values for chain in chains(device.trace, 3, "posix")] == [2, 2, 2, 2]


def test_f15_strict_has_exactly_what_was_synced(legal: Legal) -> None:
    device = disk(a=OLD, b=OLD)
    device.write("a", 0, NEW)
    device.write("b", 0, NEW)
    device.create("c")
    device.sync("b")
    assert legal(device, Law.STRICT) == [{"a": OLD, "b": NEW}]  # F15


def test_f16_prefix_loses_the_later_write_first(legal: Legal) -> None:
    device = disk(a=OLD, b=OLD)
    device.write("a", 0, NEW)
    device.write("b", 0, NEW)
    device.create("c")
    expected = [{"a": OLD, "b": OLD}, {"a": NEW, "b": OLD}, {"a": NEW, "b": NEW}]
    assert legal(device, Law.PREFIX) == in_order([*expected, {"a": NEW, "b": NEW, "c": b""}])  # F16


def test_f16_what_is_synced_survives_without_the_earlier_steps_of_others(legal: Legal) -> None:
    device = disk(a=OLD, b=OLD)
    device.write("a", 0, NEW)
    device.write("b", 0, NEW)
    device.sync("b")
    assert legal(device, Law.PREFIX) == [{"a": NEW, "b": NEW}, {"a": OLD, "b": NEW}]


def test_f17_a_kill_keeps_what_was_issued_and_cuts_the_last_write_at_a_page(legal: Legal) -> None:
    device = disk(a=b"")
    device.write("a", 0, b"1" * 10)
    device.write("a", 4000, b"n" * 5000)
    start = b"1" * 10 + bytes(3990)
    assert legal(device, Law.PAGECACHE) == in_order(
        [{"a": b"1" * 10}, {"a": start + b"n" * 96}, {"a": start + b"n" * 4192}, {"a": start + b"n" * 5000}]
    )  # F17


def test_f17_a_kill_does_not_ask_for_syncs_and_cuts_nothing_but_writes(legal: Legal) -> None:
    device = disk(a=OLD)
    device.create("b")
    device.write("b", 0, NEW)
    device.truncate("a", 0)
    assert legal(device, Law.PAGECACHE) == [{"a": b"", "b": NEW}, {"a": OLD, "b": NEW}]
    device.size("a")
    assert legal(device, Law.PAGECACHE) == [{"a": b"", "b": NEW}]
