"""A content as text, and back."""

from random import Random

import pytest

from powercut.faultfs import Image
from powercut.faultfs.errors import ProgramError
from powercut.faultfs.ground.contents import is_failure, parse, parse_bytes, tell, tell_bytes


@pytest.mark.parametrize(
    "text",
    [
        *("-", "old=", "old=O*8192+N*100 other=X*4096", "a=0*3+A*1 b~a c=<ff>*2+<20>*1", "a= b~a c="),
        *("a/", "a/ a/b/ a/b/f=O*1 a/f~a/b/f b/ b/f~a/b/f", "a/ a/l->../m l->a m~l"),
    ],
)
def test_text_of_a_content_is_the_text_again(text: str) -> None:
    assert tell(parse(text)) == text


def test_random_contents_come_back_as_they_were() -> None:
    generator = Random(5)
    for _ in range(200):
        files = {inode: generator.randbytes(generator.randint(0, 4)) * 2 for inode in range(1, 4)}
        names = {name: generator.randint(1, 3) for name in generator.sample("abcd", generator.randint(0, 4))}
        image = Image(names, {inode: files[inode] for inode in set(names.values())})
        assert parse(tell(image)) == image


def test_names_of_one_file_are_told_apart_from_two_equal_files() -> None:
    assert tell(Image({"a": 1, "b": 1}, {1: b"N"})) == "a=N*1 b~a"
    assert tell(Image({"a": 1, "b": 2}, {1: b"N", 2: b"N"})) == "a=N*1 b=N*1"


def test_runs_of_a_long_file_are_short() -> None:
    data = b"O" * 8192 + bytes(100)
    assert tell_bytes(data) == "O*8192+0*100"
    assert parse_bytes("O*8192+0*100") == data


@pytest.mark.parametrize(
    "text",
    [
        *("old", "b~a", "old=N", "old=N*", "old=*3", "old=é*3", "old=<zz>*1", "old=N*-1"),
        *("a/f=", "a= a/f=", "a/ b/f=", "l->a l/f=", "a/ b~c"),
    ],
)
def test_text_that_is_no_content_is_refused(text: str) -> None:
    with pytest.raises(ProgramError):
        parse(text)


def test_what_stands_in_a_folder_is_told_by_its_path() -> None:
    image = Image({"a": 1, "1/f": 2, "l": 3}, {2: b"N"}, {1}, {3: "a/f"})
    assert tell(image) == "a/ a/f=N*1 l->a/f"
    assert parse("a/ a/f=N*1 l->a/f") == image
    assert parse("a/ a/f=N*1 l->a/g") != image


def test_failure_is_no_content() -> None:
    assert is_failure("!mount 22")
    assert not is_failure("-")
