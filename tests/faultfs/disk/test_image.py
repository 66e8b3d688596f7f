"""Images are values: equal by what names show, hashed by content."""

from hypothesis import given
from hypothesis import strategies as st

from powercut.faultfs import Image
from powercut.faultfs.disk.image import file_key, named_key, span_key

CONTENTS = st.dictionaries(st.sampled_from("abc"), st.binary(max_size=3) | st.just(bytes(600)), max_size=3)


@given(CONTENTS, CONTENTS)
def test_keys_are_equal_exactly_where_contents_are(one: dict[str, bytes], other: dict[str, bytes]) -> None:
    assert (
        (Image.of(one).key() == Image.of(other).key()) == (one == other) == (Image.of(one) == Image.of(other))
    )


def test_inode_numbers_do_not_matter() -> None:
    one, other = Image({"a": 1, "b": 2}, {1: b"x", 2: b"y"}), Image({"a": 9, "b": 4}, {9: b"x", 4: b"y"})
    assert one == other
    assert (one.key(), hash(one)) == (other.key(), hash(other))


def test_which_names_share_a_file_matters() -> None:
    shared, apart = Image({"a": 1, "b": 1}, {1: b"x"}), Image({"a": 1, "b": 2}, {1: b"x", 2: b"x"})
    assert shared.content() == apart.content()
    assert shared != apart
    assert shared.key() != apart.key()


def test_a_file_without_a_name_does_not_matter() -> None:
    assert Image({"a": 1}, {1: b"x", 2: b"lost"}) == Image.of({"a": b"x"})
    assert Image({"a": 1}, {1: b"x", 2: b"lost"}).key() == Image.of({"a": b"x"}).key()


def test_swapped_contents_have_another_key() -> None:
    assert Image.of({"a": b"x", "b": b"y"}).key() != Image.of({"a": b"y", "b": b"x"}).key()


def test_the_place_of_a_grain_matters() -> None:
    assert file_key(b"x" * 512 + bytes(512)) != file_key(bytes(512) + b"x" * 512)


def test_a_longer_run_of_zeros_has_another_key() -> None:
    assert file_key(bytes(511)) != file_key(bytes(512))


def test_a_file_key_moves_by_the_sector_that_changed() -> None:
    before, after = b"o" * 2048, b"o" * 512 + b"n" * 1024 + b"o" * 512
    moved = span_key(512, before[512:1536]) ^ span_key(512, after[512:1536])
    assert file_key(before) ^ moved == file_key(after)


def test_an_empty_disk_has_key_0_and_the_key_of_a_content_never_changes() -> None:
    assert Image({}, {}).key() == 0
    # Kept results name contents by their keys: a change here must be a change of format.
    assert f"{Image.of({'a': b'x', 'b': bytes(600)}).key():032x}" == "af61f9f3bf3bb3679f475049d4b6bed0"


def test_names_that_join_to_the_same_text_are_told_apart() -> None:
    assert named_key(("a", "b"), 1) != named_key(("ab",), 1)


def test_content_is_sorted_by_name() -> None:
    assert list(Image.of({"b": b"", "a": b"", "c": b""}).content()) == ["a", "b", "c"]


def test_an_image_is_unequal_to_what_is_no_image() -> None:
    assert Image.of({"a": b""}) != {"a": b""}
