"""Places: a key tells its folder and its name."""

import pytest

from powercut.faultfs.disk.places import ROOT, key_of, split


@pytest.mark.parametrize(
    ("folder", "name", "key"), [(ROOT, "log", "log"), (12, "log", "12/log"), (3, "4", "3/4")]
)
def test_a_key_is_split_into_what_it_was_made_of(folder: int, name: str, key: str) -> None:
    assert key_of(folder, name) == key
    assert split(key) == (folder, name)
