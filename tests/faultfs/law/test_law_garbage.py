"""Torn sectors and garbage: the clause F44, by hand and against every combination of what it says."""

from collections.abc import Callable, Iterator
from itertools import product
from random import Random

import pytest

from powercut.faultfs import FaultDevice, Image, Law, crash_states, survivor_image
from powercut.faultfs.law.garbage import garbage_of

SECTOR = 512
OLD, NEW = b"o" * SECTOR, b"n" * SECTOR
Legal = Callable[..., list[dict[str, bytes]]]


def left(device: FaultDevice, legal: Legal, law: Law = Law.POSIX_GARBAGE) -> set[bytes]:
    device.mark("now")
    return {content["a"] for content in legal(device, law)}


def tears(old: bytes, new: bytes) -> set[bytes]:
    return {part for at in (8, 256) for part in (new[:at] + old[at:], old[:at] + new[at:])}


def test_f44_a_sector_that_is_written_over_may_be_torn_at_a_word_and_in_the_middle(legal: Legal) -> None:
    device = FaultDevice(Image.of({"a": OLD}))
    device.write("a", 0, NEW)
    assert left(device, legal) == {OLD, NEW} | tears(OLD, NEW)
    assert left(device, legal, Law.POSIX) == {OLD, NEW}


def test_f44_a_region_that_grew_may_hold_garbage(legal: Legal) -> None:
    device = FaultDevice(Image.of({"a": b""}))
    device.write("a", 0, NEW)
    was = garbage_of(SECTOR)
    assert left(device, legal) == {b"", bytes(SECTOR), NEW, was} | tears(was, NEW)
    assert 0 not in was
    assert left(device, legal, Law.POSIX) == {b"", bytes(SECTOR), NEW}


@pytest.mark.parametrize("sync", ["sync", "datasync", "write_through"])
def test_f44_what_was_synced_is_neither_torn_nor_garbage(legal: Legal, sync: str) -> None:
    device = FaultDevice(Image.of({"a": OLD}))
    if sync == "write_through":
        device.write_through("a", 0, NEW)
    else:
        device.write("a", 0, NEW)
        getattr(device, sync)("a")
    assert left(device, legal) == {NEW}


def test_f44_a_truncation_and_an_allocation_leave_no_garbage(legal: Legal) -> None:
    device = FaultDevice(Image.of({"a": OLD}))
    device.truncate("a", 2 * SECTOR)
    device.allocate("a", 0, 3 * SECTOR)
    assert left(device, legal) == left(device, legal, Law.POSIX)


def contents_by_trying(writes: list[tuple[int, bytes] | None], index: int, sectors: int) -> set[bytes]:
    """Every content of a file of so many sectors that never grows, after these writes and syncs (None)."""
    now = [OLD] * sectors
    may: list[set[bytes]] = [{OLD} for _ in range(sectors)]
    for write in writes[:index]:
        if write is None:
            may = [{each} for each in now]
            continue
        offset, data = write
        live = bytearray(b"".join(now))
        live[offset : offset + len(data)] = data
        for sector in range(offset // SECTOR, (offset + len(data) - 1) // SECTOR + 1):
            was, now[sector] = now[sector], bytes(live[sector * SECTOR : (sector + 1) * SECTOR])
            # A tear is of what the sector held just before, and that may have been torn itself.
            may[sector] |= {now[sector]} | tears(was, now[sector])
    return {b"".join(each) for each in product(*may)}


def random_writes(seed: int) -> Iterator[tuple[int, bytes] | None]:
    random = Random(seed)
    for _ in range(4):
        if random.random() < 0.3:
            yield None
        else:
            yield random.randrange(0, SECTOR, 64), random.choice((b"x", b"y")) * random.choice((60, 300, 512))


@pytest.mark.parametrize("seed", range(8))
def test_f44_enumeration_equals_trying_every_combination(seed: int) -> None:
    writes, device = list(random_writes(seed)), FaultDevice(Image.of({"a": OLD * 2}))
    for write in writes:
        device.sync("a") if write is None else device.write("a", *write)
    for index in range(len(device.trace) + 1):
        found = crash_states(device.trace, Law.POSIX_GARBAGE, start=index, stop=index, limit=1 << 14)
        assert found.completeness == "exhaustive"
        contents = {state.image.content()["a"] for state in found}
        assert contents == contents_by_trying(writes, index, 2)
        for state in list(found)[:20]:  # The digits lead where they say.
            image = survivor_image(device.trace, index, state.digits, Law.POSIX_GARBAGE)
            assert image.key() == state.key


def test_f44_the_newest_content_is_the_dullest_and_what_was_lost_is_told() -> None:
    device = FaultDevice(Image.of({"a": OLD}))
    device.write("a", 0, NEW)
    device.mark("now")
    assert survivor_image(device.trace, 1, (), Law.POSIX_GARBAGE).content() == {"a": NEW}
    states = crash_states(device.trace, Law.POSIX_GARBAGE, start=1, stop=1)
    assert sorted(state.digits for state in states) == [(), (1,), (2,), (3,), (4,), (5,)]
