"""The page of a tape, its structure without a browser: rows, lanes, what was lost, what was alive."""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser
from typing import Any

import pytest

from powercut.faultfs import FaultDevice
from powercut.verifier.faster.geometries import GEOMETRIES
from powercut.verifier.faster.stepped import SteppedRuntime
from powercut.verifier.faster.subject import FasterSubject
from powercut.verifier.programs.exploring.report import Report
from powercut.verifier.runs.play import play
from powercut.verifier.spec.history import crash_index
from powercut.verifier.tapes.tape import Era, Kind, Operation, Tape
from powercut.verifier.telling.html import page_of
from powercut.verifier.telling.html.alive import fates_of
from powercut.verifier.telling.html.program import page_of_reports

VOID = {"meta", "link", "br", "img", "input", "hr"}
PROGRAM = (Operation(), Operation(Kind.CHECKPOINT))


class Elements(HTMLParser):
    """All elements, and whether each is closed where it should be."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.classes = Counter[str]()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.found.append((tag, given))
        self.classes.update((given.get("class") or "").split())
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag


@pytest.mark.parametrize("what", ["tape", "program"])
def test_a_page_is_whole_and_asks_nobody_for_anything(shown: Any, report: Report, what: str) -> None:
    page = shown.page if what == "tape" else page_of_reports([report])
    elements = Elements(page)
    links = [value for _, given in elements.found for key, value in given.items() if key in ("href", "src")]
    assert links == ["data:,"]
    assert "default-src 'none'" in page
    assert not re.search(r"url\(|@import|https?://|<new>", page)
    assert [tag for tag, _ in elements.found].count("script") == 1


def test_a_page_says_what_the_text_says(shown: Any) -> None:
    run, mended, page = shown.run, shown.mend, shown.page
    assert run.verdict.breach.value in page
    assert "a.json" in page
    assert "Expected beside recovered" in page
    assert all(f"missing here: {sync}" in page for sync in mended.syncs)


def test_each_session_the_names_and_each_file_have_a_lane(shown: Any) -> None:
    first = shown.page.split('class="heads"')[1].split('class="say"')[0]
    labels = re.findall(r"<span[^>]*>([^<]*)</span>", first)
    assert labels[:3] == ["s0", "s1", "names"]
    files = {event.name for event in shown.run.segments[0].trace.events if event.name}
    assert set(labels[3:]) == files


def test_what_was_lost_is_hollow_and_all_calls_before_the_cut_are_there(
    shown: Any,
) -> None:
    tape, run, _, page = shown
    crash, trace = tape.eras[0].crash, run.segments[0].trace
    assert crash is not None
    cut = crash_index(trace, crash)
    fates = fates_of(trace, cut, crash.survivors, tape.law)
    first = page.split('class="row line cut"')[0]
    looks = {"READ", "SIZE", "LIST"}
    calls = [at for at in range(cut) if trace.events[at].kind.name not in looks]
    assert [
        int(at) for at in re.findall(r'class="row call \w+" tabindex="0"><div class="at">(\d+)', first)
    ] == calls
    lost = {at for at, fate in fates.items() if fate.word == "lost"}
    hollow = re.findall(r'class="row call lost" tabindex="0"><div class="at">(\d+)', first)
    assert {int(at) for at in hollow} == lost != set()
    assert first.count('class="mark lost"') == first.count('class="row call lost"') + 1  # And in the legend.


def test_a_call_tells_which_versions_were_alive_at_the_cut(shown: Any) -> None:
    tape, run, _, _ = shown
    crash, trace = tape.eras[0].crash, run.segments[0].trace
    assert crash is not None
    fates = fates_of(trace, crash_index(trace, crash), crash.survivors, tape.law)
    for fate in fates.values():
        for moved in fate.moved:
            assert sum(version.survived for version in moved.versions) <= 1
            assert sum(version.is_own for version in moved.versions) == 1
            assert all(version.is_alive for version in moved.versions if version.survived)
    lost = next(fate for fate in fates.values() if fate.word == "lost")
    assert any(
        version.is_alive and version.is_own and not version.survived for version in lost.moved[0].versions
    )


def test_what_a_store_calls_its_files_is_never_markup() -> None:
    class Strange(FasterSubject):
        def __init__(self, device: FaultDevice) -> None:
            name = "<script>alert(1)<&"
            if name not in device.list():
                device.create(name)
            super().__init__(device, GEOMETRIES["tiny"], SteppedRuntime())

    tape = Tape((Era(PROGRAM),))
    page = page_of(tape, play(tape, Strange), Strange)
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;&amp;" in page
    Elements(page)
