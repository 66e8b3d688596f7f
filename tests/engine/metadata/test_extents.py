"""The extent table finds the extent of an address, and knows which a checkpoint has named."""

import pytest

from powercut.engine.metadata.extents import ExtentTable
from powercut.engine.metadata.layout import Extent

EXTENTS = [Extent(0, 512, 1, 1), Extent(512, 1024, 0xFFFFFFFF, 2), Extent(1536, 512, 3, 1 << 40)]


def test_extents_come_back_whole() -> None:
    table = ExtentTable(EXTENTS)
    assert [table[number] for number in range(len(table))] == EXTENTS
    assert table.end == 2048
    assert ExtentTable().end == 0


@pytest.mark.parametrize(("address", "number"), [(0, 0), (511, 0), (512, 1), (1535, 1), (1536, 2), (2047, 2)])
def test_every_address_has_its_extent(address: int, number: int) -> None:
    assert ExtentTable(EXTENTS).find(address) == EXTENTS[number]


@pytest.mark.parametrize("address", [2048, 1 << 50, -1])
def test_an_address_outside_has_none(address: int) -> None:
    with pytest.raises(IndexError):
        ExtentTable(EXTENTS[1:]).find(0)
    with pytest.raises((IndexError, OverflowError)):
        ExtentTable(EXTENTS).find(address)


def test_extents_are_unnamed_until_a_checkpoint_names_them() -> None:
    table = ExtentTable(EXTENTS[:1])
    table.append(EXTENTS[1])
    table.append(EXTENTS[2])
    assert [table[n] for n in range(table.named, len(table))] == EXTENTS[1:]
    table.name_until(2)
    assert [table[n] for n in range(table.named, len(table))] == EXTENTS[2:]
    with pytest.raises(AssertionError):
        table.name_until(1)
