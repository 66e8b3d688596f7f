"""Trees as values: equal by paths, hashed by paths, written out as they are."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from powercut.faultfs import FaultDevice, Image
from powercut.faultfs.disk.tree import Item, Kind

TREE = Image({"d": 5, "5/x": 1, "z": 1, "5/l": 7}, {1: b"bytes"}, {5}, {7: "../z"})


def test_paths_lead_to_folders_links_and_files_that_names_share() -> None:
    assert TREE.paths() == {
        "d": Item(Kind.FOLDER, 5),
        "d/l": Item(Kind.LINK, 7, b"../z"),
        "d/x": Item(Kind.FILE, 1, b"bytes"),
        "z": Item(Kind.FILE, 1, b"bytes"),
    }
    assert TREE.content() == {"d/x": b"bytes", "z": b"bytes"}
    assert TREE.groups() == {1: ("d/x", "z")}
    assert repr(TREE) == "Image({d/, d/l -> b'../z', d/x: 5, z: 5})"


def test_inode_numbers_of_folders_do_not_matter() -> None:
    other = Image({"d": 1, "1/x": 2, "z": 2, "1/l": 3}, {2: b"bytes"}, {1}, {3: "../z"})
    assert other == TREE
    assert (TREE.key(), hash(TREE)) == (other.key(), hash(other))


@pytest.mark.parametrize(
    "other",
    [
        Image({"d": 5, "5/x": 1, "z": 1, "5/l": 7}, {1: b"bytes"}, {5}, {7: "z"}),
        Image({"d": 5, "5/x": 1, "z": 2, "5/l": 7}, {1: b"bytes", 2: b"bytes"}, {5}, {7: "../z"}),
        Image({"d": 5, "5/x": 1, "z": 1, "5/l": 7, "e": 6}, {1: b"bytes"}, {5, 6}, {7: "../z"}),
        Image({"e": 5, "5/x": 1, "z": 1, "5/l": 7}, {1: b"bytes"}, {5}, {7: "../z"}),
        Image({"d": 5, "5/x": 1, "z": 1, "5/l": 7, "m": 7}, {1: b"bytes"}, {5}, {7: "../z"}),
        Image({"d": 5, "5/x": 1, "z": 1, "5/l": 7}, {1: b"bytes", 7: b"../z"}, {5}),
        Image.of({"d": b"", "z": b"bytes"}),
    ],
)
def test_another_path_target_or_kind_is_another_content(other: Image) -> None:
    assert other != TREE
    assert other.key() != TREE.key()


def test_a_name_that_no_path_leads_to_is_not_there() -> None:
    lost = Image(
        {**TREE.names, "9/lost": 4, "9/inner": 10, "10/x": 1}, {**TREE.files, 4: b""}, {5, 9, 10}, TREE.links
    )
    assert lost == TREE
    assert lost.key() == TREE.key()
    ring = Image({**TREE.names, "10/b": 9, "9/a": 10}, TREE.files, {5, 9, 10}, TREE.links)
    assert ring == TREE


def test_a_folder_of_two_names_is_under_both_and_one_in_itself_is_not_followed() -> None:
    twice = Image({"d": 1, "e": 1, "1/x": 2}, {2: b""}, {1})
    assert list(twice.paths()) == ["d", "d/x", "e", "e/x"]
    within = Image({"d": 1, "1/e": 2, "2/d": 1}, {}, {1, 2})
    assert list(within.paths()) == ["d", "d/e"]


def test_a_tree_is_written_out_with_its_folders_and_links(tmp_path: Path) -> None:
    TREE.materialise(tmp_path / "out")
    root = tmp_path / "out"
    assert sorted(str(path.relative_to(root)) for path in root.rglob("*")) == ["d", "d/l", "d/x", "z"]
    assert (root / "d").is_dir()
    assert os.readlink(root / "d/l") == "../z"
    assert (root / "z").read_bytes() == b"bytes"
    assert (root / "z").stat().st_ino == (root / "d/x").stat().st_ino


def test_a_device_over_an_image_has_its_image(growing_device: Callable[[int, int], FaultDevice]) -> None:
    for seed in range(40):
        image = growing_device(seed, 12).image()
        assert FaultDevice(image).image() == image
        assert FaultDevice(image).image().key() == image.key()
