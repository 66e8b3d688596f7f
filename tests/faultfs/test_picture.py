"""A picture shows what survived filled, what was lost hollow, syncs as walls, and nothing that only asked."""

import re
from xml.etree import ElementTree

import pytest

from powercut.faultfs import CrashIndexError, FaultDevice, chains
from powercut.faultfs.picture import picture

SECTOR = 512


@pytest.fixture
def device() -> FaultDevice:
    """One file: a sector that is durable, then two that are not."""
    made = FaultDevice()
    made.create("log")
    made.write("log", 0, b"a" * SECTOR)
    made.sync("log")
    made.sync_names()
    made.size("log")
    made.write("log", SECTOR, b"b" * 2 * SECTOR)
    return made


def boxes(text: str) -> list[tuple[str, list[str]]]:
    """(title, classes of its shapes) of each call in the picture."""
    root = ElementTree.fromstring(text)
    name = "{http://www.w3.org/2000/svg}"
    return [
        (
            group.findtext(f"{name}title") or "",
            [shape.get("class", "") for shape in group if shape.get("class")],
        )
        for group in root.iter(f"{name}g")
    ]


def digits(device: FaultDevice, *kinds: str) -> list[int]:
    """Everything lost of the chains of these kinds."""
    end = len(device.trace)
    return [each.values - 1 if each.kind in kinds else 0 for each in chains(device.trace, end, "posix")]


def test_what_survived_is_filled_and_syncs_are_walls(device: FaultDevice) -> None:
    drawn = boxes(picture(device.trace, len(device.trace), (), "posix"))
    assert [classes for _, classes in drawn] == [["kept"], ["kept"], ["wall"], ["wall"], ["kept"]]
    assert [title.split()[1] for title, _ in drawn] == ["create", "write", "sync", "sync_names", "write"]


def test_what_was_lost_is_hollow_and_what_was_synced_stays_filled(device: FaultDevice) -> None:
    drawn = boxes(picture(device.trace, len(device.trace), digits(device, "sector", "size"), "posix"))
    assert [classes for _, classes in drawn] == [["kept"], ["kept"], ["wall"], ["wall"], ["lost"]]


def test_what_was_lost_in_part_is_filled_in_part(device: FaultDevice) -> None:
    text = picture(device.trace, len(device.trace), digits(device, "size"), "posix")
    assert boxes(text)[-1][1] == ["kept", "lost"]


def test_a_lost_name_is_hollow_in_the_lane_of_names() -> None:
    device = FaultDevice()
    device.create("log")
    text = picture(device.trace, 1, digits(device, "name"), "posix")
    assert boxes(text) == [("0 create log", ["lost"])]


def test_only_what_is_asked_for_is_drawn_and_text_is_escaped(device: FaultDevice) -> None:
    end = len(device.trace)
    text = picture(device.trace, end, (), "posix", start=end - 1, remarks={end: "<told>"}, below=("a & b",))
    assert len(boxes(text)) == 1
    assert re.findall(r">([^<>]*&[^<>]*)<", text) == ["&lt;told&gt;", "a &amp; b"]


def test_an_index_that_the_trace_does_not_have_is_refused(device: FaultDevice) -> None:
    with pytest.raises(CrashIndexError):
        picture(device.trace, len(device.trace) + 1, (), "posix")


def test_names_of_each_folder_have_a_lane_and_a_sync_of_all_goes_through_every_lane() -> None:
    device = FaultDevice()
    device.make_folder("d")
    device.create("d/x")
    device.write("d/x", 0, b"data")
    device.sync_names("d")
    device.sync_all()
    drawn = picture(device.trace, 5, (), "posix")
    lanes = [text for text in ("names", "names in d", "d/x") if f">{text}</text>" in drawn]
    assert lanes == ["names", "names in d", "d/x"]
    walls = [line for line in drawn.splitlines() if 'class="wall"' in line and "y1" in line][:2]
    heights = [
        int(line.split('y2="')[1].split('"')[0]) - int(line.split('y1="')[1].split('"')[0]) for line in walls
    ]
    assert heights[1] > 2 * heights[0]
    assert "2 write d/x" in drawn
