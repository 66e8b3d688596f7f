"""docs/durable-files.md, the laws and the evidence say the same of each idiom."""

from pathlib import Path

import pytest

from powercut.faultfs import Law
from powercut.faultfs.ground.claims import LAWS_OF_USERS
from powercut.faultfs.ground.evidence import Evidence, Sighting, kept
from powercut.faultfs.ground.idioms import IDIOMS, law_rows, lost_on, lost_under, seen_rows

PLAIN = [each for each in kept() if not each.head.mkfs and not each.head.mount]


@pytest.fixture(scope="module")
def page() -> str:
    return (Path(__file__).parents[3] / "docs" / "durable-files.md").read_text(encoding="utf-8")


def test_page_has_the_table_of_the_laws(page: str) -> None:
    table = "\n".join(law_rows(LAWS_OF_USERS))
    assert table in page, table


def test_page_has_the_table_of_the_file_systems(page: str) -> None:
    table = "\n".join(seen_rows(PLAIN))
    assert table in page, table


def test_page_has_a_section_of_each_idiom_with_its_program(page: str) -> None:
    for idiom in IDIOMS.values():
        calls = str(idiom.program).partition(": ")[2]
        assert f"## `{idiom.name}`: {idiom.title[:1].lower()}{idiom.title[1:]}" in page
        assert calls in page, calls


@pytest.mark.parametrize("collection", PLAIN, ids=lambda each: each.title)
def test_idiom_that_a_law_of_the_file_system_calls_safe_is_lost_on_no_image(collection: object) -> None:
    from powercut.faultfs.ground.claims import laws_of
    from powercut.faultfs.ground.evidence import Collection

    assert isinstance(collection, Collection)
    for idiom in IDIOMS.values():
        seen = collection.programs[str(idiom.program)]
        for law in laws_of(collection.head):
            if not lost_under(idiom, law):
                assert list(lost_on(idiom, seen)) == [], (idiom.name, law)


def test_right_recipes_are_safe_under_every_law_that_is_one_of_a_disk() -> None:
    for name in ("append", "append-allocated"):
        assert all(lost_under(IDIOMS[name], law) == [] for law in LAWS_OF_USERS)


def test_wrong_recipes_are_lost_under_posix() -> None:
    for name in ("replace-folder-only", "replace-file-only", "rewrite", "append-then-name"):
        assert lost_under(IDIOMS[name], Law.POSIX)


def test_state_that_is_found_before_and_after_the_end_is_told_as_after() -> None:
    idiom = IDIOMS["replace"]
    seen = [Sighting("f=", [(3, 2 * len(idiom.program.calls))], 4, "")]
    (found,) = lost_on(idiom, Evidence("x", str(idiom.program), 1, 4, 0, seen))
    assert found == ("empty", True, 4)


def test_breach_is_told_apart_by_when_it_is_found() -> None:
    idiom = IDIOMS["replace"]
    last = 2 * len(idiom.program.calls)
    old, empty, new = "f=O*8192", "f=", "f=N*8192"
    assert idiom.breach(old, [0, last - 1]) == ""
    assert idiom.breach(old, [last]) == "O*8192"
    assert idiom.breach(new, [last]) == ""
    assert idiom.breach(empty, [3]) == "empty"
    assert idiom.breach("-", [3]) == "absent"
    assert idiom.breach("!mount 22", [3]) == "!mount 22"
    assert idiom.breach("f=N*8192 t~f", [last]) == ""
    seen = [Sighting(old, [(0, last)], 7, ""), Sighting(empty, [(2, 3)], 2, "")]
    found = list(lost_on(idiom, Evidence("x", str(idiom.program), 1, 9, 0, seen)))
    assert [(each.state, each.is_after, each.images) for each in found] == [
        ("O*8192", True, 7),
        ("empty", False, 2),
    ]
