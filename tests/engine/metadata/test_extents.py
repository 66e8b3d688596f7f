"""The extent table finds the extent of an address, and knows which a checkpoint has named."""

import pytest

from powercut.engine.metadata.extents import ExtentTable
from powercut.engine.metadata.layout import Extent

EXTENTS = [Extent(0, 512, 1, 1), Extent(512, 1024, 0xFFFFFFFF, 2), Extent(1536, 512, 3, 1 << 40)]


def test_extents_come_back_whole() -> None:
    table = ExtentTable([EXTENTS])
    assert [table[number] for number in range(len(table))] == EXTENTS
    assert table.end == 2048
    assert ExtentTable().end == 0


@pytest.mark.parametrize(("address", "number"), [(0, 0), (511, 0), (512, 1), (1535, 1), (1536, 2), (2047, 2)])
def test_every_address_has_its_extent(address: int, number: int) -> None:
    assert ExtentTable([EXTENTS]).find(address) == EXTENTS[number]


@pytest.mark.parametrize("address", [2048, 1 << 50, -1])
def test_an_address_outside_has_none(address: int) -> None:
    with pytest.raises(IndexError):
        ExtentTable([EXTENTS[1:]]).find(0)
    with pytest.raises((IndexError, OverflowError)):
        ExtentTable([EXTENTS]).find(address)


def test_a_run_is_the_extents_of_these_numbers() -> None:
    table = ExtentTable([EXTENTS])
    for first in range(4):
        for count in range(first, 4):
            run = table.run(first, count)
            assert run == EXTENTS[first:count]
            assert all(type(extent) is Extent for extent in run)


@pytest.mark.parametrize("left", [["_shapes"], ["_shapes", "_lives"]])
def test_what_an_interrupted_call_left_is_nobodys(left: list[str]) -> None:
    """It broke off before the starts: the extents are not there, and the next ones come in their place."""
    table = ExtentTable([EXTENTS[:1]])
    for name in left:
        getattr(table, name).extend([7, 7])
    assert (len(table), table.end, table.run(0, 9)) == (1, 512, EXTENTS[:1])
    table.extend(EXTENTS[1:])
    assert table.run(0, 3) == EXTENTS
    assert [table.find(extent.start) for extent in EXTENTS] == EXTENTS


def test_extents_are_unnamed_until_a_checkpoint_names_them() -> None:
    table = ExtentTable([EXTENTS[:1]])
    table.extend(EXTENTS[1:])
    assert [table[n] for n in range(table.named, len(table))] == EXTENTS[1:]
    table.name_until(2)
    assert [table[n] for n in range(table.named, len(table))] == EXTENTS[2:]
    with pytest.raises(AssertionError):
        table.name_until(1)
