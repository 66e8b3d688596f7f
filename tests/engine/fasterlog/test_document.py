"""The programs of docs/log.md run, one after another in one folder."""

import re
from pathlib import Path

import pytest

_DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "log.md"


def test_every_program_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    programs = re.findall(r"^```python\n(.*?)^```$", _DOCUMENT.read_text(encoding="utf-8"), re.M | re.S)
    assert [program.count("assert ") for program in programs] == [3, 3, 6]
    for program in programs:
        exec(program, {"__name__": "document"})
