"""Windows of crash indices: equal to what the chains say at every index, asked in any order."""

from collections.abc import Callable
from random import Random

import pytest

from powercut.faultfs import EventKind, FaultDevice, History, Law, Trace, crash_states
from powercut.faultfs.law import logged
from powercut.faultfs.law.chains import NO_FILE, AnyChain
from powercut.faultfs.law.history import history_of
from powercut.faultfs.law.survival import history_under

MakeDevice = Callable[..., FaultDevice]


def chains_of(history: History) -> list[AnyChain]:
    """All chains in canonical order."""
    chains: list[AnyChain] = []
    for _, sectors in sorted(history.sectors.items()):
        chains += (chain for _, chain in sorted(sectors.items()))
    chains += (chain for _, chain in sorted(history.sizes.items()))
    return chains + [chain for _, chain in sorted(history.names.items())]


@pytest.mark.parametrize("law", [Law.POSIX, Law.POSIX_SPLIT])
@pytest.mark.parametrize("order", ["ascending", "any"])
def test_a_window_says_what_each_chain_says_of_the_index(
    law: Law, order: str, random_device: MakeDevice
) -> None:
    several = 0
    for seed in range(40):
        trace = random_device(seed, 16).trace
        history = history_under(History(trace), law)
        chains = chains_of(history)
        indices = list(range(len(trace) + 1))
        if order == "any":
            Random(seed).shuffle(indices)
        starts = set()
        for index in indices:
            window = history.at(index)
            starts.add(window.start)
            assert window.start <= index
            assert window.legal == {chain: chain.legal(index) for chain in chains}
            named = {c.values[v] for c in history.names.values() for v in c.legal(index)} - {NO_FILE}
            assert window.reachable == sorted(named)
            several_left = [chain for chain in chains if len(chain.legal(index)) > 1]
            assert window.open == several_left
            assert window.pending == [c for c in several_left if not c.inode or c.inode in named]
            syncs = [at for at, event in enumerate(trace.events) if event.kind is EventKind.SYNC_NAMES]
            synced = max((sync for sync in syncs if sync < index), default=0)
            steps = [s for s in history.name_steps if synced < s.birth <= index]
            whole = [s for s in steps if history.untied.halves.get(s.birth, index + 1) > index]
            assert [s for s in window.name_steps if s in whole] == whole
            parts = [s.moves[0] for s in window.name_steps if s not in whole]
            free = {s.birth for s in steps if history.untied.freed.get(s.birth, index + 1) <= index}
            moves = [(s.birth in free, *move) for s in steps if s not in whole for move in s.moves]
            each = [((c, v - 1), (c, v)) if f and v - 1 in c.passing else ((c, v),) for f, c, v in moves]
            assert parts == [part for several in each for part in several]
        several += len(starts) > 3
    assert several > 10


def test_a_history_of_more_windows_than_are_kept_answers_alike() -> None:
    device = FaultDevice()
    device.create("a")
    for number in range(400):
        device.write("a", 512 * (number % 3), bytes([number % 251]) * 512)
        if number % 7 == 0:
            device.sync("a")
    history = History(device.trace)
    for index in [*range(len(device.trace) + 1), 5, 300, 4]:
        assert history.at(index).legal == {chain: chain.legal(index) for chain in chains_of(history)}


def copy_of(trace: Trace) -> Trace:
    """The same trace, of which no history is known."""
    return Trace(trace.initial, list(trace.events), sector_bytes=trace.sector_bytes)


@pytest.mark.parametrize("law", [Law.POSIX, Law.POSIX_SPLIT, Law.EXT4, Law.BTRFS, Law.PREFIX, Law.LAZYFS])
def test_one_history_answers_for_any_index_as_a_new_enumeration_does(
    law: Law, random_device: MakeDevice
) -> None:
    gaps = bounded = 0
    for seed in range(0, 30, 2):
        trace = random_device(seed, 12).trace
        found = crash_states(trace, law, limit=60)
        keys = [state.key for state in found]
        for index in range(len(trace) + 1):
            alone = crash_states(copy_of(trace), law, start=index, stop=index, limit=60)
            there = {state.key: state.digits for state in alone}
            assert {state.key: state.digits for state in found.at(index)} == there
            assert found.at(index).legal == alone.legal
            bounded += bool(alone.bounded)
            for key in keys:
                witness = found.witness(key, index)
                assert (None if witness is None else witness.digits) == there.get(key)
                assert found.is_legal(key, index) == (key in there or bool(alone.bounded))
            gaps += sum(s.first < index < s.last and s.key not in there for s in found if not alone.bounded)
    assert bounded or law in (Law.PREFIX, Law.LAZYFS)
    assert gaps  # A content may be lost and written again.


def test_a_sample_of_one_index_is_that_of_a_new_enumeration(random_device: MakeDevice) -> None:
    drawn = 0
    for seed in range(0, 30, 3):
        trace = random_device(seed, 14).trace
        found = crash_states(trace, "posix", limit=20)
        for index in found.bounded:
            sample = found.sample(index, 30, Random(seed))
            alone = crash_states(
                copy_of(trace), "posix", start=index, stop=index, limit=20, sample=30, generator=Random(seed)
            )
            assert [s.key for s in sample] == [s.key for s in alone]
            assert sample.estimates == alone.estimates
            drawn += sample.draws
        assert found.draws == 0
    assert drawn


def test_history_of_a_trace_is_built_once_and_anew_where_its_events_are_others() -> None:
    """A schedule that is run anew takes events off the end, and appends others."""
    device = FaultDevice()
    device.create("a")
    device.write("a", 0, b"first")
    first = history_of(device.trace)
    assert history_of(device.trace) is first
    del device.trace.events[-1:]
    device.write("a", 0, b"other")
    other = history_of(device.trace)
    assert other is not first
    assert len(other.trace) == len(first.trace)
    device.sync("a")
    assert len(history_of(device.trace).issued) == len(other.issued) + 1


def replaced(content: bytes, *, is_synced: bool = True) -> Trace:
    """A file replaced by a new one that is synced, or not; and another that is synced behind it."""
    device = FaultDevice()
    for name in ("now", "new", "other"):
        device.create(name)
        device.write(name, 0, content)
    device.sync_names()
    if is_synced:
        device.sync("new")
    device.rename("new", "now")
    device.write("other", 0, content)
    device.sync("other")
    return device.trace


def test_histories_share_the_renames_that_come_apart_if_they_do_the_same_to_names() -> None:
    logged._untied.clear()
    found = [History(replaced(content)).logged_names for content in (b"a", b"bcd" * 500)]
    assert found[0].untied() is found[1].untied()
    other = History(replaced(b"a", is_synced=False)).logged_names
    assert len(logged._untied) == 2
    for names in (*found, other):
        assert names.untied() == names._find_untied()
