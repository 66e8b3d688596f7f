"""The page of a program: it says what the text says, and shows lanes, losses, the power cut and mends."""

from __future__ import annotations

import re
from html import unescape

from msgspec.structs import replace

from powercut.verifier.programs.exploring.report import Report
from powercut.verifier.programs.exploring.text import tell
from powercut.verifier.telling.html.program import page_of_reports


def test_it_says_what_the_text_says(report: Report) -> None:
    shown = " ".join(unescape(re.sub(r"<[^>]*>", " ", page_of_reports([report]))).split())
    lines = [
        report.kinds[0].story.lanes[1],
        *(each.text for kind in report.kinds for each in kind.story.told),
        *(report.root, report.kinds[0].real, "a note", "so it is", "so it was", "app.py:3 save"),
        *("exit 0, '1' (step 1)", "exit 0, '0' (as at: before the first step)"),
        *("again: exit 1, ''", "an error"),
        *(*report.mend, *report.needless, *report.unsynced, "name f: the file it was before"),
        "9 crash states, exhaustive",
    ]
    for line in lines:
        assert " ".join(line.split()) in shown
    assert tell(report).splitlines()[0] in shown


def test_marks_stand_in_their_lanes(report: Report) -> None:
    page = page_of_reports([report])
    story = page.split('<div class="story"')[1]
    assert re.findall(r"<span[^>]*>([^<]*)</span>", story)[:5] == ["p0", "p1", "./", "sub/", "&lt;new&gt;"]
    rows = {
        re.sub("<[^>]*>", "", text): (kind, re.findall(r'class="mark (\w+)" style="--lane:(\d+)"', marks))
        for kind, marks, text in re.findall(
            r'<div class="row ([^"]*)".*?<div class="track">(.*?)</div><div class="text">(.*?)</div>', story
        )
    }
    assert rows["rename(data/&lt;new&gt;, data/f)lostapp.py:3 save"] == (
        "call lost",
        [("op", "0"), ("lost", "2"), ("lost", "3")],
    )
    assert rows["out: &#x27;ok&#x27;"] == ("call look", [("op", "1")])
    assert rows["sync()no crash state needs it"] == (
        "call sync",
        [("op", "0"), ("sync", "2"), ("sync", "3"), ("sync", "4")],
    )
    missing = "missing here: fsync of the folder . after rename of &lt;new&gt; to f"
    assert rows[missing] == ("mended", [("mend", "2")])
    assert rows["the power is cut: 7 of 7 events were issued"] == ("line cut", [])


def test_files_beyond_the_lanes_share_the_last(report: Report) -> None:
    page = page_of_reports([report])
    wide = page.split('<div class="story wide"')[1]
    heads = re.findall(r"<span[^>]*>([^<]*)</span>", wide)
    assert heads[14] == "others"
    assert wide.count('class="mark lost" style="--lane:14"') == 7


def test_a_consistent_report_has_no_story(report: Report) -> None:
    page = page_of_reports([replace(report, kinds=[], gone=[], mend=[], mend_searches=0)])
    assert "as known: no crash state is wrong otherwise" in page
    assert '<div class="story' not in page
