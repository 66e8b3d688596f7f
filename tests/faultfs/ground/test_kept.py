"""The kept evidence is held against the laws: on every machine, root or not."""

from functools import cache
from itertools import product
from pathlib import Path

import pytest

from powercut.faultfs import Law
from powercut.faultfs.ground import tables
from powercut.faultfs.ground.claims import laws_of
from powercut.faultfs.ground.contents import parse, tell
from powercut.faultfs.ground.evidence import Collection, kept
from powercut.faultfs.ground.judging import Verdict, judge, outside_of
from powercut.faultfs.ground.program import Program
from powercut.faultfs.ground.scenarios import SCENARIOS, is_playable
from powercut.faultfs.ground.tables import evidence_rows

pytestmark = pytest.mark.once

COLLECTIONS = {each.title: each for each in kept()}
WHOLE = [title for title, each in COLLECTIONS.items() if not each.head.mkfs]
CLAIMS = [(title, law) for title, each in COLLECTIONS.items() for law in laws_of(each.head)]
FULL = "old=O*8192+0*25165824 other=X*4096"


@cache
def judged(title: str, law: Law) -> Verdict:
    return judge(COLLECTIONS[title], law)


@pytest.mark.parametrize(("title", "law"), CLAIMS)
def test_law_has_all_that_the_file_system_showed(title: str, law: Law) -> None:
    verdict = judged(title, law)
    assert verdict.contents > (500 if title in WHOLE else 2)
    assert [(each.program, each.place, each.sighting) for each in verdict.outside] == []


def outside_a_law(title: str, law: Law) -> set[str]:
    """The scenarios that showed a content which the law lacks."""
    scenarios = [each for each in COLLECTIONS[title].programs.values() if not each.is_drawn]
    return {each.name for each in scenarios if next(outside_of(each, law), None)}


def test_evidence_is_no_law_s_that_is_too_strict() -> None:
    """Each file system shows what `strict` and `prefix` lack, and ext4 what its law of before 5.6 does."""
    for title in WHOLE:
        assert len(outside_a_law(title, Law.STRICT)) > 80
        assert len(outside_a_law(title, Law.PREFIX)) > 20
    outside = outside_a_law("ext4", Law.EXT4_ORDERED)
    assert {"append-alone", "replace-folder-synced", "replace-unsynced"} <= outside


@pytest.mark.parametrize("title", WHOLE)
def test_kept_file_has_every_scenario_and_drawn_programs_and_is_in_normal_form(title: str) -> None:
    collection = COLLECTIONS[title]
    programs = {each.program for each in collection.programs.values()}
    assert {
        str(each) for each in SCENARIOS.values() if is_playable(each, collection.head.file_system)
    } <= programs
    assert sum(each.is_drawn for each in collection.programs.values()) >= 200
    for evidence in collection.programs.values():
        assert str(Program.parse(evidence.program)) == evidence.program
        for sighting in evidence.seen:
            assert tell(parse(sighting.content)) == sighting.content
            assert all(0 <= step <= 2 * evidence.program.count(";") + 2 for step in sighting.half_steps())


def test_kept_files_are_small() -> None:
    from powercut.faultfs.ground.evidence import save

    assert sum(len(save(each)) for each in COLLECTIONS.values()) < 1_000_000


def test_faults_document_has_the_table_of_the_evidence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "judge", lambda collection, law: judged(collection.title, law))
    table = "\n".join(evidence_rows(COLLECTIONS.values()))
    page = (Path(__file__).parents[3] / "FAULTS.md").read_text(encoding="utf-8")
    assert table in page, table


def contents(collection: Collection, name: str) -> set[str]:
    return {
        sighting.content
        for each in collection.programs.values()
        if each.name == name
        for sighting in each.seen
    }


def test_findings_of_the_file_systems_are_in_the_evidence() -> None:
    """The states that made the laws what they are."""
    assert "old=O*8192+0*" in str(contents(COLLECTIONS["ext4 -g 256"], "allocate-long") - {FULL})
    assert "old=0*8192 other=X*4096" in contents(COLLECTIONS["ext4"], "replace-folder-synced")
    for title, seen in product(("ext4", "xfs"), ("old=O*8192+N*100+0*3996 other=X*4096",)):
        assert seen in contents(COLLECTIONS[title], "append-little-far")
    assert "old=O*100+0*3996 other=X*4096" in contents(COLLECTIONS["xfs"], "hole-in-page-beside")
