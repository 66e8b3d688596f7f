"""The README's programs do what it says they do."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from verifier import StoreMachine, StoreViolationError, run_machine

_README = Path(__file__).resolve().parents[2] / "README.md"
_SETTINGS = settings(max_examples=50, stateful_step_count=12, derandomize=True, database=None, deadline=None)
_MISSING = '        device.sync("log")\n\n    def checkpoint'


def _blocks(language: str) -> list[str]:
    text = _README.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def _machine(edit: Callable[[str], str] = str) -> type[StoreMachine]:
    """The README's store, edited."""
    names: dict[str, object] = {}
    exec(edit(_blocks("python")[0]), names)
    machine = names["LogMachine"]
    assert isinstance(machine, type)
    assert issubclass(machine, StoreMachine)
    return machine


def _mended(source: str) -> str:
    assert source.count(_MISSING) == 1
    return source.replace(_MISSING, _MISSING.replace("\n\n", "\n" + _blocks("python")[1] + "\n"))


def _without_checksum(source: str) -> str:
    return _mended(source).replace('checksum != b"%08x" % crc32(body)', "not body")


def _without_first_sync(source: str) -> str:
    return _mended(source).replace('        device.sync("log")\n', "", 1)


def _told(story: str) -> list[str]:
    """The lines of a story; which operation was lost is Hypothesis's choice, and so is its length."""
    story = re.sub(r"(upsert|delete|rmw|insert|read) (key-\d #1) -> .*", r"operation \2", story)
    return re.sub(r"(write +log  0\+)\d+", r"\1length", story).splitlines()


def test_store_of_the_readme_loses_what_the_readme_says() -> None:
    with pytest.raises(StoreViolationError) as raised:
        run_state_machine_as_test(_machine(), settings=_SETTINGS)
    (promised,) = _blocks("text")
    assert _told(str(raised.value)) == _told(promised)


def test_one_line_mends_it() -> None:
    run_state_machine_as_test(_machine(_mended), settings=_SETTINGS)


@pytest.mark.parametrize("edit", [_without_checksum, _without_first_sync])
def test_other_omission_is_found_too(edit: Callable[[str], str]) -> None:
    assert edit(_blocks("python")[0]) != _mended(_blocks("python")[0])
    _, finding = run_machine(seed=1, examples=400, steps=10, geometry="tiny", machine=_machine(edit))
    assert finding is not None


def test_example_of_the_store_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    source = _blocks("python")[2]
    assert "FasterKv" in source
    exec(source, {})
    assert (tmp_path / "data").is_dir()
