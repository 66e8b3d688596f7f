"""Stores that an earlier run wrote are read to the last byte, and no single damage to them goes unnoticed."""

import shutil
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import pytest
from fastcrc import crc32

from powercut.engine import CorruptionError, EngineError, FasterKv, Settings, UnsupportedVersionError
from powercut.engine.inspection import inspect_store

Image = dict[str, bytes]
Read = Callable[[Image], object]


def outcome(read: Read, image: Image) -> object:
    """The content, or the class of the refusal."""
    try:
        return read(image)
    except EngineError as error:
        return type(error)


def test_a_golden_store_is_read_exactly(image: Image, expected: object, read_content: Read) -> None:
    assert read_content(image) == expected


def test_the_same_program_writes_the_same_bytes(both: tuple[Image, Image]) -> None:
    image, written_now = both
    assert list(written_now) == list(image)
    for file, data in image.items():
        assert written_now[file] == data, file


def test_a_golden_folder_opens_for_writing(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "store")
    with FasterKv.open(tmp_path / "store", memory=1 << 20) as store:
        before = dict(store.items())
        with store.session("later") as session:
            session.upsert(b"later", b"yes")
        store.checkpoint()
    with FasterKv.open(tmp_path / "store", memory=1 << 20) as store:
        assert dict(store.items()) == before | {b"later": b"yes"}


@pytest.mark.parametrize("name", ["described-2", "described", "indexed", "overflowing"])
def test_an_image_of_the_index_is_read_whichever_release_wrote_it(name: str) -> None:
    where = Path(__file__).parent / "golden" / name
    settings = Settings(1024, 2048, 512, 512, index_buckets=2)  # As many buckets as it has.
    with FasterKv.open(where, settings=settings, read_only=True) as store:
        read = [each for each in store.findings if each.file.startswith("index-")]
    assert len(read) > 1
    assert {each.verdict for each in read} == {"accepted"}


def test_a_golden_store_is_sound_to_inspection(folder: Path) -> None:
    seen = inspect_store(folder)
    assert seen.damage == []
    assert seen.store_id == bytes(range(16))
    assert seen.is_sound


def test_the_larger_image_has_all_that_it_should() -> None:
    """A larger image without all this would make the tests here prove less than they say."""
    seen = inspect_store(Path(__file__).parent / "golden" / "two-checkpoints")
    assert len(seen.chain) == 2
    assert len(seen.segments) >= 3
    assert seen.voids
    assert [mark.name for mark in seen.sessions] == ["east", "nörd"]
    assert seen.life == 2


def test_a_flipped_byte_anywhere_is_refused_or_harmless(
    image: Image, expected: object, read_content: Read
) -> None:
    refused = 0
    for file, data in image.items():
        for at in range(0, len(data), 41):
            harmed = bytearray(data)
            harmed[at] ^= 0x10
            what = outcome(read_content, image | {file: bytes(harmed)})
            assert what in (CorruptionError, expected), (file, at)
            refused += what is CorruptionError
    assert refused > 100 or not image.get("tables")


@pytest.mark.parametrize("harm", ["deleted", "emptied", "zeroed", "halved"])
def test_a_harmed_file_is_refused_or_harmless(
    image: Image, expected: object, read_content: Read, harm: str
) -> None:
    for file, data in image.items():
        harmed = dict(image)
        match harm:
            case "deleted":
                del harmed[file]
            case "emptied":
                harmed[file] = b""
            case "zeroed":
                harmed[file] = bytes(len(data))
            case "halved":
                harmed[file] = data[: len(data) // 2]
        what = outcome(read_content, harmed)
        if file.startswith(("root", "index")) or not image.get("tables"):
            assert what == expected, file
        else:
            assert what is CorruptionError, file


def test_two_files_that_changed_places_are_refused_or_harmless(
    image: Image, expected: object, read_content: Read
) -> None:
    for left, right in combinations(image, 2):
        what = outcome(read_content, image | {left: image[right], right: image[left]})
        assert what in (CorruptionError, expected), (left, right)


def test_no_valid_root_beside_segments_is_refused(image: Image, read_content: Read) -> None:
    harmed = {file: bytes(512) if file.startswith("root") else data for file, data in image.items()}
    assert outcome(read_content, harmed) is CorruptionError


def test_roots_of_another_format_are_another_version_and_no_damage(image: Image, read_content: Read) -> None:
    """FORMAT.md promises to keep in place the magic number, the version and the checksum."""
    for at in (8, 12, 124):  # format version, kind, flags
        other = bytearray(image["root-a"])
        other[at] ^= 2
        other[508:] = crc32.iscsi(bytes(other[:508])).to_bytes(4, "little")
        harmed = image | {file: bytes(other) for file in ("root-a", "root-b", "root-c")}
        assert outcome(read_content, harmed) is UnsupportedVersionError
