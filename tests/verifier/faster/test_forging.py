"""Forging: what is named is changed and no more; every field of the document is; all checksums are right."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from powercut.engine import CorruptionError, EngineError, FasterKv, SerialError, UnsupportedVersionError
from powercut.engine.metadata.rolls import Roll
from powercut.faultfs import FaultDevice, Image
from powercut.faultfs.faults.rot import Damage, How
from powercut.verifier.faster.forging import Forgeries, forgeries_of
from powercut.verifier.faster.records import BLOCK, ENTRIES, ROOT, Field, rolls_of
from powercut.verifier.faster.stepped import SteppedRuntime
from powercut.verifier.finders.damage import OLDER_REFUSED, Sweep, search_damage
from powercut.verifier.finders.sites import MEDIA
from powercut.verifier.oracles.damage import HARMLESS, REFUSED, UNCONTRADICTED
from powercut.verifier.runs.play import play
from powercut.verifier.verdict import Breach

_DOCUMENT = Path(__file__).parents[3] / "FORMAT.md"
_GOLDEN = Path(__file__).parents[2] / "format" / "golden"
_AROUND = ("block flags", "block format version")
_SAY_NO_NUMBER = ("magic", "checksum", "reserved", "name")


def _rows(marker: str) -> list[tuple[int, int, str]]:
    text = _DOCUMENT.read_text()
    table = re.search(r"\n((?:\|.*\n)+)", text[text.index("\n" + marker) :])
    assert table is not None
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in table[1].splitlines()[2:]]
    return [(int(at), int(size), name) for at, size, name, *_ in rows]


@pytest.mark.parametrize(
    ("marker", "fields"),
    [
        ("## The root record", ROOT),
        ("## A table block", BLOCK),
        *(
            (f"A{'n' * (e.name[0] in 'aeiou')} {e.name if e.name != 'void' else 'void range'}", e.fields)
            for e in ENTRIES
        ),
    ],
)
def test_every_field_of_the_document_that_says_a_number_is_forged(
    marker: str, fields: tuple[Field, ...]
) -> None:
    drawn = {(at, size, name) for at, size, name in _rows(marker) if not name.endswith(_SAY_NO_NUMBER[:3])}
    drawn = {row for row in drawn if "reserved" not in row[2]}
    assert drawn == {(field.at, field.size, field.name) for field in fields}


def test_a_forgery_changes_what_it_names_and_checksums_are_right() -> None:
    content = Sweep(MEDIA["closed"]).content
    forged = Forgeries(content)
    number = next(n for n, each in enumerate(forged.every) if each[:3] == ("session serial", "one more", 2))
    changed = forged.changes(number)
    assert sorted(changed) == ["root-a", "root-b", "root-c", "tables"]
    device = FaultDevice(Image.of({**content, **{name: data or b"" for name, data in changed.items()}}))
    before = FasterKv.open(FaultDevice(Image.of(content)), runtime=SteppedRuntime(), memory=1 << 20).serials()
    after = FasterKv.open(device, runtime=SteppedRuntime(), memory=1 << 20).serials()
    assert sum(after.values()) == sum(before.values()) + 1
    assert not forged.is_contradicted(number)
    assert forged.changes(len(forged.every)) == {}
    assert Forgeries({}).every == []


def test_contents_share_their_forgeries_where_roots_and_tables_are_equal() -> None:
    content = Sweep(MEDIA["closed"]).content
    first = forgeries_of(content)
    assert first.sites == Forgeries(content).sites
    assert forgeries_of({**content, "segment-00000000": b""}) is first
    for name in ("root-a", "tables"):
        other = forgeries_of({**content, name: content[name][:-1]})
        assert other is not first
        assert other.changes(0) != first.changes(0)
    assert forgeries_of({}).every == []


@pytest.mark.parametrize(("medium", "step"), [("created", 1), ("closed", 3)])
def test_values_of_a_medium_end_as_they_may(medium: str, step: int) -> None:
    """A part of each field's values; the stage `damage` has all of them, of these media and of others."""
    sweep = Sweep(MEDIA[medium])
    every = list(sweep.forgeries())
    part = every[::step]
    assert {sweep.site(each) for each in part} == {sweep.site(each) for each in every}
    assert sweep.run(part) is None
    kinds = (REFUSED, HARMLESS, OLDER_REFUSED, UNCONTRADICTED)
    ends = {end: sweep.coverage.reached.get(f"forged, {end}", 0) for end in kinds}
    assert sum(ends.values()) == sum(sweep.coverage.fired.values()) == len(part)
    assert ends[REFUSED] > ends[HARMLESS] > 0


def _held(content: Mapping[str, bytes]) -> object:
    """All that checkpoints say of sessions; the class of a refusal."""
    device = FaultDevice(Image.of(content))
    try:
        with FasterKv.open(device, read_only=True, runtime=SteppedRuntime(), memory=1 << 20) as store:
            return store.serials(), store.checkpoints()
    except EngineError as error:
        return type(error)


@pytest.mark.parametrize("start", range(4))
def test_wrong_values_of_sessions_that_come_and_go_are_refused_or_could_be(start: int) -> None:
    """A part of the values each; all of those that say something of sessions."""
    content = {path.name: path.read_bytes() for path in sorted((_GOLDEN / "sessions").iterdir())}
    forged = Forgeries(content)
    rolls = rolls_of(forged.tables)
    assert rolls is not None
    assert [len(roll) for roll in rolls] == [3, 4, 3, 2]
    assert [sorted(mark.name for mark in roll.values()) for roll in rolls[2:]] == [
        [b"first", b"late", b"resting"],
        [b"first", b"resting"],
    ]
    sound = _held(content)
    ends = Counter[str]()
    about = [n for n, each in enumerate(forged.every) if "session" in each.words or each.words in _AROUND]
    for number in about[start::4]:
        changed = forged.changes(number)
        found = _held({**content, **{name: data or b"" for name, data in changed.items()}})
        if found in (sound, SerialError, CorruptionError, UnsupportedVersionError):
            ends[HARMLESS if found == sound else REFUSED] += 1
        else:
            ends[UNCONTRADICTED] += 1
            assert not forged.is_contradicted(number), forged.tell(number)
    assert ends[REFUSED] > 80
    assert ends[HARMLESS] > 0
    assert ends[UNCONTRADICTED] > 0


def test_a_store_that_does_not_look_at_serials_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Roll, "check", lambda *_: None)
    sweep = Sweep(MEDIA["closed"])
    serials = [each for each in sweep.forgeries() if sweep.site(each) == "forged session serial"]
    finding = sweep.run(serials)
    assert finding is not None
    assert finding.verdict.breach is Breach.SILENT
    assert "session serial" in finding.verdict.detail
    assert play(finding.tape).verdict == finding.verdict
    again, _ = search_damage(finding.tape)
    assert again is not None
    monkeypatch.undo()
    assert play(finding.tape).verdict != finding.verdict


def test_a_forgery_of_which_there_is_none_changes_nothing() -> None:
    sweep = Sweep(MEDIA["created"])
    assert sweep.run([Damage(How.FORGE, argument=100_000)]) is None
    assert not sweep.coverage.fired
