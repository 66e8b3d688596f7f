"""Clauses F45, F46, F47 and F48: what a power cut leaves of names in folders, and what it does not."""

from collections.abc import Callable

import pytest

from powercut.faultfs import Event, EventKind, FaultDevice, Image, Law, Trace, crash_states

ALL = tuple(Law)
JOURNALLED = (Law.EXT4, Law.EXT4_ORDERED, Law.XFS)
SPLIT = (Law.POSIX, Law.POSIX_SPLIT, Law.POSIX_GARBAGE)
Look = set[tuple[str, ...]]


def found(device: FaultDevice, law: Law, index: int | None = None) -> Look:
    """The paths that a crash at the end, or at an index, may show."""
    at = len(device.trace) if index is None else index
    states = crash_states(device.trace, law, start=at, stop=at)
    assert states.completeness == "exhaustive"
    return {tuple(state.image.paths()) for state in states}


def start(*folders: str, files: tuple[str, ...] = ()) -> FaultDevice:
    """A disk with these folders and files, all durable."""
    device = FaultDevice()
    for folder in folders:
        device.make_folder(folder)
    for file in files:
        device.create(file)
    return FaultDevice(device.image())


@pytest.mark.parametrize("law", SPLIT)
def test_f45_a_new_file_in_a_new_folder_needs_both_names(law: Law) -> None:
    device = start()
    device.make_folder("d")
    device.create("d/x")
    device.sync("d/x")
    assert found(device, law) == {(), ("d",), ("d", "d/x")}
    device.sync_names("d")
    assert found(device, law) == {(), ("d", "d/x")}
    device.sync_names()
    assert found(device, law) == {("d", "d/x")}


@pytest.mark.parametrize("law", [*JOURNALLED, Law.BTRFS])
def test_f47_f48_a_synced_file_brings_the_folders_that_lead_to_it(law: Law) -> None:
    device = start()
    device.make_folder("d")
    device.make_folder("d/e")
    device.create("d/e/x")
    device.sync("d/e/x")
    assert found(device, law) == {("d", "d/e", "d/e/x")}


@pytest.mark.parametrize("law", SPLIT)
def test_f10_a_sync_of_one_folder_is_none_of_another(law: Law) -> None:
    device = start("d", "e")
    device.create("d/x")
    device.create("e/y")
    device.sync_names("e")
    assert found(device, law) == {("d", "d/x", "e", "e/y"), ("d", "e", "e/y")}


def test_f47_f48_a_sync_of_a_folder_brings_what_was_issued_before_only_where_a_journal_does() -> None:
    device = start("d", "e")
    device.create("d/x")
    device.create("e/y")
    device.create("d/z")
    device.sync_names("e")
    for law in JOURNALLED:
        assert found(device, law) == {("d", "d/x", "e", "e/y"), ("d", "d/x", "d/z", "e", "e/y")}
    assert ("d", "e", "e/y") in found(device, Law.BTRFS)


@pytest.mark.parametrize("law", ALL)
def test_f45_a_folder_removed_after_what_was_in_it_comes_back_as_its_names_say(law: Law) -> None:
    device = start("d", files=("d/x",))
    device.remove("d/x")
    device.remove_folder("d")
    expected: dict[Law, Look] = {
        Law.STRICT: {("d", "d/x")},
        Law.PAGECACHE: {("d",), ()},
        Law.LAZYFS: {()},
    }
    assert found(device, law) == expected.get(law, {("d", "d/x"), ("d",), ()})
    device.sync_names()
    assert found(device, law) == {()}


@pytest.mark.parametrize("law", SPLIT)
def test_f46_a_rename_between_folders_is_whole_until_one_of_them_is_synced(law: Law) -> None:
    def moved() -> FaultDevice:
        device = start("d", "e", files=("d/x",))
        device.rename("d/x", "e/x")
        return device

    old, new = ("d", "d/x", "e"), ("d", "e", "e/x")
    both, none = ("d", "d/x", "e", "e/x"), ("d", "e")
    parts = {both, none} if law is Law.POSIX_SPLIT else set()
    device = moved()
    assert found(device, law) == {old, new} | parts
    device.sync_names("e")
    assert found(device, law) == {new, both}
    device.sync_names("d")
    assert found(device, law) == {new}
    device = moved()
    device.sync_names("d")
    assert found(device, law) == ({new, none} if law is Law.POSIX_SPLIT else {new})


@pytest.mark.parametrize("law", [law for law in ALL if law not in (Law.PAGECACHE, Law.POSIX_SPLIT)])
@pytest.mark.parametrize("synced", ["d", "e"])
def test_f46_f48_a_folder_that_moved_and_an_exchange_are_brought_whole_by_either_folder(
    law: Law, synced: str
) -> None:
    device = start("d", "d/f", "e", files=("d/f/x",))
    device.rename("d/f", "e/f")
    device.sync_names(synced)
    assert found(device, law) == {("d", "e", "e/f", "e/f/x")}
    device = start("d", "e", files=("d/x",))
    device.symlink("x", "e/x")
    device = FaultDevice(device.image())
    device.exchange("d/x", "e/x")
    device.sync_names(synced)
    (state,) = crash_states(device.trace, law, start=len(device.trace), stop=len(device.trace))
    assert state.image == device.image()


@pytest.mark.parametrize("law", JOURNALLED)
@pytest.mark.parametrize("synced", ["d", "e"])
def test_f47_a_sync_of_either_folder_brings_the_rename_whole(law: Law, synced: str) -> None:
    device = start("d", "e", files=("d/x",))
    device.rename("d/x", "e/x")
    device.sync_names(synced)
    assert found(device, law) == {("d", "e", "e/x")}


def test_f48_a_rename_between_folders_leaves_both_names_until_the_old_one_is_synced() -> None:
    device = start("d", "e", files=("d/x",))
    device.rename("d/x", "e/x")
    assert found(device, Law.BTRFS) == {("d", "d/x", "e"), ("d", "e", "e/x")}
    device.sync_names("e")
    assert found(device, Law.BTRFS) == {("d", "d/x", "e", "e/x"), ("d", "e", "e/x")}
    device.sync_names("d")
    assert found(device, Law.BTRFS) == {("d", "e", "e/x")}


@pytest.mark.parametrize("synced", ["d", "e/x"])
def test_f48_a_sync_of_the_old_folder_or_of_the_file_brings_the_rename_whole(synced: str) -> None:
    device = start("d", "e", files=("d/x",))
    device.rename("d/x", "e/x")
    if synced == "d":
        device.sync_names(synced)
    else:
        device.sync(synced)
    assert found(device, Law.BTRFS) == {("d", "e", "e/x")}


def test_f48_a_file_that_the_log_has_is_moved_whole() -> None:
    device = start("d", "e", files=("d/x",))
    device.write("d/x", 0, b"new")
    device.sync("d/x")
    device.rename("d/x", "e/x")
    device.sync_names("e")
    # Both names are left only where a commit came between the two syncs.
    assert found(device, Law.BTRFS) == {("d", "d/x", "e", "e/x"), ("d", "e", "e/x")}


@pytest.mark.parametrize(
    ("synced", "left"), [("e", ("d", "d/x", "e", "e/x")), ("d", ("d", "e"))], ids=["both", "none"]
)
def test_f48_a_link_elsewhere_and_a_removal_come_apart(synced: str, left: tuple[str, ...]) -> None:
    device = start("d", "e", files=("d/x",))
    device.link("d/x", "e/x")
    device.remove("d/x")
    device.sync_names(synced)
    assert left in found(device, Law.BTRFS)
    for law in JOURNALLED:
        assert found(device, law) == {("d", "e", "e/x"), *([left] if synced == "e" else [])}


def test_f48_any_folder_of_a_synced_file_may_join_the_log_without_the_others() -> None:
    device = start("d", "e", files=("d/x",))
    device.create("d/y")
    device.create("e/y")
    device.link("d/x", "e/x")
    device.sync("d/x")
    old, new = ("d", "d/x", "e"), ("d", "d/x", "e", "e/x")
    both = ("d", "d/x", "d/y", "e", "e/x", "e/y")
    in_old, in_new = ("d", "d/x", "d/y", "e", "e/x"), ("d", "d/x", "e", "e/x", "e/y")
    assert found(device, Law.BTRFS) == {new, in_old, in_new, both}
    assert old not in found(device, Law.BTRFS)


def uncommitted(device: FaultDevice) -> Look:
    """The paths that a crash at the end may show of `btrfs`, with a `m` as long as it was: no commit came."""
    states = crash_states(device.trace, Law.BTRFS, start=len(device.trace), stop=len(device.trace))
    return {tuple(s.image.paths()) for s in states if s.image.content()["m"]}


def test_f48_a_link_of_a_file_in_the_log_may_bring_any_folder_of_it() -> None:
    device = start("d", "e", files=("d/x", "m"))
    device.write("m", 0, b"long")
    device = FaultDevice(device.image())
    device.truncate("m", 0)
    device.write("d/x", 0, b"new")
    device.sync("d/x")
    device.create("d/y")
    device.create("e/y")
    device.link("d/x", "e/x")
    device.create("z")
    device.sync("z")
    in_old, in_new = ("d", "d/x", "d/y", "e", "e/x"), ("d", "d/x", "e", "e/x", "e/y")
    both = ("d", "d/x", "d/y", "e", "e/x", "e/y")
    assert uncommitted(device) == {
        (*each, "m", "z") for each in (("d", "d/x", "e", "e/x"), in_old, in_new, both)
    }


@pytest.mark.parametrize("is_changed", [False, True])
def test_f48_a_sync_of_a_folder_writes_nothing_only_if_that_has_not_changed(is_changed: bool) -> None:
    device = start("d", files=("m", "x"))
    device.write("m", 0, b"long")
    device = FaultDevice(device.image())
    device.truncate("m", 0)
    device.write("x", 0, b"new")
    device.sync("x")
    device.rename("x", "y")
    if is_changed:
        device.create("d/z")
    device.sync_names("d")
    new = ("d", "d/z", "m", "y")
    assert uncommitted(device) == ({new} if is_changed else {("d", "m", "x"), ("d", "m", "y")})
    device.rename("y", "x")
    device.sync_names("d")  # The log has the folder by now.
    if is_changed:
        assert uncommitted(device) == {new, ("d", "d/z", "m", "x")}
    device.sync_names()
    assert not any("y" in paths for paths in uncommitted(device))


@pytest.mark.parametrize("law", [*JOURNALLED, Law.BTRFS])
def test_f47_f48_a_sync_of_a_folder_brings_its_own_name_and_its_new_folders(law: Law) -> None:
    device = start()
    device.make_folder("d")
    device.make_folder("d/e")
    device.create("d/e/x")
    device.sync_names("d")
    # A commit may have come between folder and file; then the folder below is no new one.
    assert found(device, law) == {("d", "d/e"), ("d", "d/e", "d/e/x")}


@pytest.mark.parametrize("law", ALL)
def test_f12_an_exchange_is_whole_but_where_it_is_in_parts(law: Law) -> None:
    device = start("d", files=("d/x", "y"))
    device.write("y", 0, b"y")
    device = FaultDevice(device.image())
    device.exchange("d/x", "y")
    index = len(device.trace)
    states = crash_states(device.trace, law, start=index, stop=index)
    contents = [state.image.content() for state in states]
    before, after = {"d/x": b"", "y": b"y"}, {"d/x": b"y", "y": b""}
    assert all(content in (before, after) for content in contents) == (law is not Law.POSIX_SPLIT)
    assert (before in contents) == (law is not Law.LAZYFS)
    assert (after in contents) == (law is not Law.STRICT)


@pytest.mark.parametrize("law", ALL)
def test_f45_a_symbolic_link_has_its_target_with_its_name(law: Law) -> None:
    device = start("d")
    device.symlink("../x", "d/l")
    device.sync_names("d")
    (state,) = crash_states(device.trace, law, start=2, stop=2)
    assert state.image.paths()["d/l"].data == b"../x"


@pytest.mark.parametrize("law", ALL)
def test_f45_a_file_without_a_name_is_not_there_before_it_is_linked(law: Law) -> None:
    events = [
        Event(EventKind.UNNAMED, "", 1),
        Event(EventKind.WRITE, "", 1, 0, b"data", 4),
        Event(EventKind.SYNC, "", 1),
        Event(EventKind.LINK, "", 1, target="x"),
        Event(EventKind.SYNC_NAMES),
    ]
    trace = Trace(Image({}, {}), events)
    for index in range(4):
        assert [state.image for state in crash_states(trace, law, start=index, stop=index)] == [Image({}, {})]
    (state,) = crash_states(trace, law, start=5, stop=5)
    assert state.image == Image.of({"x": b"data"})
    linked = [state.image for state in crash_states(trace, law, start=4, stop=4)]
    assert (Image.of({"x": b"data"}) in linked) == (law is not Law.STRICT)


@pytest.mark.parametrize("law", ALL)
def test_f45_sync_all_makes_everything_durable(
    law: Law, growing_device: Callable[[int, int], FaultDevice]
) -> None:
    for seed in range(30):
        device = growing_device(seed, 8)
        device.sync_all()
        index = len(device.trace)
        if law is not Law.PAGECACHE or index:
            (state,) = crash_states(device.trace, law, start=index, stop=index)
            assert state.image == device.image(), seed


def test_f20_names_in_a_folder_that_is_gone_have_no_chains() -> None:
    device = start("d", files=tuple(f"d/{number}" for number in range(9)))
    for number in range(9):
        device.remove(f"d/{number}")
    device.remove_folder("d")
    device.sync_names()
    index = len(device.trace)
    states = crash_states(device.trace, Law.POSIX, start=index, stop=index)
    assert (states.legal, states.distinct) == (1, 1)


def test_f20_a_name_in_a_folder_that_is_gone_still_couples_those_that_were_renamed_through_it() -> None:
    device = start("d", "e", files=("e/y",))
    device.rename("e/y", "d/z")
    device.rename("d/z", "e/w")
    device.remove_folder("d")
    device.sync_names()
    shown = found(device, Law.POSIX)
    assert {("e", "e/w"), ("e", "e/y")} <= shown
    assert ("e", "e/w", "e/y") not in shown
