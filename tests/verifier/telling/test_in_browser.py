"""Pages in a real browser: no complaint, no request, no overflow, keys, light and dark, without scripts.

Skipped where there is no browser; tests/verifier/telling/test_html.py holds the structure without one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from powercut.verifier.cli.pages import page_of_gate
from powercut.verifier.gate.document import GateReport, Hunted, Stage, Unreached
from powercut.verifier.gate.plans import Floor
from powercut.verifier.programs.exploring.report import Report
from powercut.verifier.telling.html.program import page_of_reports

OVERFLOW = """
[document.documentElement.scrollWidth - innerWidth].concat(
  [].slice.call(document.querySelectorAll("body *")).filter(function (n) {
    return n.getBoundingClientRect().right > innerWidth + 1 && !n.closest(".scroll")
  }).map(function (n) { return n.className }))
"""


def gate_report() -> GateReport:
    """A gate with a stage below its floor, a bug that survived, and a way that nothing took."""
    bugs = [Hunted(f"bug-{n}", "a bug of theirs", "prefix", "LOST_ACK", n != 7, 0.1, 3) for n in range(60)]
    floor: Floor = {"programs": 500, "checked": 9, "reached": {"a step with quite a long name": 3}}
    report = GateReport("ci", 0)
    report.stages["crash"] = Stage("posix", floor, programs=400, checked=1000, seconds=1.5)
    report.stages["mutants"] = Stage("posix", {}, mutants=bugs)
    ways = [Unreached("store.py:12 if x: false", ""), Unreached("store.py:14 entered", "a reason")]
    report.stages["reach"] = Stage("", {}, unreached=ways)
    report.conclude()
    return report


@pytest.fixture(scope="module")
def pages(shown: Any, report: Report, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("pages")
    texts = {"tape": shown.page, "gate": page_of_gate(gate_report())}
    texts["program"] = page_of_reports([report, report])
    for name, text in texts.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return [folder / f"{name}.html" for name in ("gate", "tape", "program")]


@pytest.mark.parametrize("width", [360, 1400])
@pytest.mark.parametrize("is_dark", [False, True], ids=["light", "dark"])
def test_pages_fit_and_nothing_is_asked_for_or_complained_of(
    browser: Any, pages: list[Path], width: int, is_dark: bool
) -> None:
    for path in pages:
        browser.open(path, width, is_dark=is_dark)
        assert browser.run(OVERFLOW) == [0]
        assert browser.requests() == [path.as_uri()]
        assert browser.complaints() == []
        paper = browser.run("getComputedStyle(document.documentElement).backgroundColor")
        assert (sum(map(int, paper[4:-1].split(","))) < 384) == is_dark


def test_a_browser_that_complains_is_heard(browser: Any, tmp_path: Path) -> None:
    bad = tmp_path / "bad.html"
    bad.write_text('<div style="width:2000px">x</div><script>nothing()</script>')
    browser.open(bad, 360)
    assert browser.complaints() != []
    assert browser.run(OVERFLOW)[0] > 0


def test_keys_go_from_call_to_call_and_show_what_was_alive(browser: Any, pages: list[Path]) -> None:
    browser.open(pages[1], 1400)
    shown = "[].slice.call(document.querySelectorAll('.alive')).filter(n => n.offsetWidth).length"
    assert browser.run(shown) == 0
    browser.run("document.querySelector('.call.lost').focus()")
    assert browser.run(shown) == 1
    assert "could survive" in browser.run("document.activeElement.innerText")
    number = "+document.activeElement.querySelector('.at').innerText"
    before = browser.run(number)
    browser.press("ArrowUp")
    assert browser.run(number) < before
    browser.press("ArrowDown")
    assert browser.run(number) == before
    browser.press("Escape")
    assert browser.run(shown) == 0


def test_a_page_is_readable_with_scripts_off_and_calls_are_reached_by_tab(
    browser: Any, pages: list[Path]
) -> None:
    browser.open(pages[1], 360, has_scripts=False)
    for _ in range(3):
        browser.press("Tab")
    assert "the power is cut" in browser.run("document.body.innerText")
    assert browser.run("document.activeElement.className").startswith("row call")
    browser.open(pages[1], 360)  # Scripts are on again for the next one.
