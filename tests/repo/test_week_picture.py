"""The picture of a week is a function of its figures, and the one that the documents show is such a one."""

from __future__ import annotations

import importlib.util
import re
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree

import pytest

pytestmark = pytest.mark.once

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def bench(root: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module that draws: its folder is no package and no part of the wheel."""
    specification = importlib.util.spec_from_file_location(
        "bench_week_picture", root / "bench" / "week_picture.py"
    )
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    monkeypatch.setitem(sys.modules, specification.name, module)
    specification.loader.exec_module(module)
    return module


@pytest.fixture
def samples(bench: ModuleType) -> list[Any]:
    each = bench.Sample(disk=2_000_000, memory=500_000, median=1e-6, worst=1e-3, user=1000, written=1500)
    return [replace(each, disk=1_000_000 * (1 + hour % 2), written=1000 + 10 * hour) for hour in range(48)]


def curves(text: str) -> list[list[tuple[float, float]]]:
    found = []
    for line in ElementTree.fromstring(text).iter(f"{SVG}polyline"):
        pairs = [point.split(",") for point in line.attrib["points"].split()]
        found.append([(float(x), float(y)) for x, y in pairs])
    return found


def test_each_figure_has_a_curve_whose_height_is_its_share(bench: ModuleType, samples: list[Any]) -> None:
    text = bench.draw(samples, limit=4_000_000, live=1_000_000)
    assert text == bench.draw(list(samples), 4_000_000, 1_000_000)
    budget, files, live, memory, worst, median, amplification = curves(text)
    assert {len(each) for each in (budget, files, live, memory, worst, median, amplification)} == {48}
    top, panel = bench.TOP, bench.PANEL
    assert {y for _, y in budget} == {top}  # All of the panel's height,
    assert [y for _, y in files[:2]] == [top + panel * 3 / 4, top + panel / 2]  # a quarter, a half.
    assert {y for _, y in live} == {top + panel * 3 / 4}
    third = top + 2 * (panel + bench.GAP)
    assert ({y for _, y in worst}, {y for _, y in median}) == ({third}, {third + panel})  # By powers of ten.
    last = top + 3 * (panel + bench.GAP)
    assert amplification[-1][1] == last
    assert amplification[0][1] == pytest.approx(last + panel * (1 - 1000 / 1470), abs=0.1)
    assert [x for x, _ in files] == sorted({x for x, _ in files})
    assert text.count('<line class="cut"') == 4 * 2  # A power cut a day in each panel.


def test_another_figure_is_another_picture(bench: ModuleType, samples: list[Any]) -> None:
    whole = bench.draw(samples, 4_000_000, 1_000_000)
    for name in ("disk", "memory", "median", "worst", "user", "written"):
        other = [*samples[:-1], replace(samples[-1], **{name: getattr(samples[-1], name) * 2})]
        if name != "memory":  # One curve alone is drawn by its own height.
            assert bench.draw(other, 4_000_000, 1_000_000) != whole, name
    assert bench.draw(samples, 5_000_000, 1_000_000) != whole


def test_the_picture_shown_is_of_a_whole_week_and_readable_in_the_dark(root: Path) -> None:
    shown = (root / "docs" / "week.svg").read_text(encoding="utf-8")
    assert {len(each) for each in curves(shown)} == {7 * 24}
    assert "prefers-color-scheme:dark" in shown
    assert re.search(r"!\[[^]]+\]\(week\.svg\)", (root / "docs" / "store.md").read_text(encoding="utf-8"))
