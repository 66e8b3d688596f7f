"""The programs of README, docs and CONTRIBUTING do what is said there."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from powercut.engine.compiler.compilation import available
from powercut.engine.shared.modes import VARIABLE
from powercut.verifier import StoreMachine, StoreViolationError, run_machine

_ROOT = Path(__file__).resolve().parents[2]
_SETTINGS = settings(max_examples=50, stateful_step_count=12, derandomize=True, database=None, deadline=None)
_MISSING = '        device.sync("log")\n\n    def checkpoint'


def _text(document: str = "README.md") -> str:
    return (_ROOT / document).read_text(encoding="utf-8")


def _blocks(language: str, document: str = "README.md") -> list[str]:
    text = _text(document)
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


_SNAPSHOT, _SNAPSHOT_MEND, _FIRST = _blocks("python")
_MACHINE, _MEND = _blocks("python", "docs/your-store.md")
_EXAMPLES = [_FIRST, *_blocks("python", "docs/store.md"), *_blocks("python", "docs/checkpoints.md")]
_COMMAND = "from powercut.verifier.cli import main; main()"
# The folder of its store, by which an example is named.
_FOLDER = re.compile(r'FasterKv\.open\("(\w+)"')


def _folder(example: str) -> str:
    found = _FOLDER.search(example)
    assert found is not None, f"an example that opens no store:\n{example}"
    return found[1]


def _machine(source: str) -> type[StoreMachine]:
    """The machine that a document defines, or that it makes of a store."""
    names: dict[str, Any] = {"__name__": "document"}
    exec(source, names)
    own = [name for name in names if name.endswith("Machine") and names[name] is not StoreMachine]
    machine = names[own[0]] if own else StoreMachine.of(names["Snapshot"])
    assert issubclass(machine, StoreMachine)
    return machine


def _mended(source: str) -> str:
    assert source.count(_MISSING) == 1
    return source.replace(_MISSING, _MISSING.replace("\n\n", "\n" + _MEND + "\n"))


def _without_checksum(source: str) -> str:
    return _mended(source).replace('checksum != b"%08x" % crc32(body)', "not body")


def _without_first_sync(source: str) -> str:
    return _mended(source).replace('        device.sync("log")\n', "", 1)


def _mended_snapshot(source: str) -> str:
    last = '        self.device.rename("new", "now")\n'
    assert source.count(last) == 1
    return source.replace(last, last + _SNAPSHOT_MEND)


def _told(story: str) -> list[str]:
    """The lines of a story; which operation was lost is Hypothesis's choice, and so is its length."""
    story = re.sub(r"(upsert|delete|rmw|insert|read) (key-\d #1) -> .*", r"operation \2", story)
    return re.sub(r"(write +\w+  0\+)\d+", r"\1length", story).splitlines()


@pytest.mark.parametrize("document", ["README.md", "docs/your-store.md"])
def test_store_of_a_document_loses_what_the_document_says(document: str) -> None:
    # Two steps show it: the longer the programs, the more there is to search and to take away again.
    short = settings(_SETTINGS, stateful_step_count=8)
    with pytest.raises(StoreViolationError) as raised:
        run_state_machine_as_test(_machine(_blocks("python", document)[0]), settings=short)
    promised = _blocks("text", document)[0]
    assert _told(str(raised.value)) == _told(promised)


@pytest.mark.parametrize("mended", [_mended_snapshot(_SNAPSHOT), _mended(_MACHINE)], ids=["README", "docs"])
def test_one_line_mends_it(mended: str) -> None:
    run_state_machine_as_test(_machine(mended), settings=settings(_SETTINGS, max_examples=10))


@pytest.mark.parametrize(
    "store", [_mended_snapshot(_SNAPSHOT) + "Store = Snapshot\n", _mended(_MACHINE) + "Store = Log\n"]
)
def test_what_is_mended_stands_the_one_command(
    store: str, tmp_path: Path, forked: Callable[..., subprocess.CompletedProcess[bytes]]
) -> None:
    """No law of its default may ask for what no store can do."""
    (tmp_path / "own.py").write_text(store)
    command = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {_COMMAND}"
    done = forked(command, "gate", "--store", "own:Store", "--stage", "crash", folder=tmp_path)
    assert done.returncode == 0, done.stdout.decode()
    bound = b"            complete: programs of at most 2 steps, and at most 2 after each recovery"
    assert bound in done.stdout


@pytest.mark.parametrize("edit", [_without_checksum, _without_first_sync])
def test_other_omission_is_found_too(edit: Callable[[str], str]) -> None:
    assert edit(_MACHINE) != _mended(_MACHINE)
    _, finding = run_machine(_machine(edit(_MACHINE)), seed=1, examples=400, steps=10)
    assert finding is not None


def test_demo_finds_makes_small_tells_and_mends(
    forked: Callable[..., subprocess.CompletedProcess[bytes]],
) -> None:
    """In a process of its own: it plants a bug."""
    done = forked("from powercut.verifier.cli import main; main()", "demo")
    assert done.returncode == 0, done.stderr
    told = done.stdout.decode()
    for promised in (
        "planted   root-never-synced",
        "shrunk    to 2 operations",
        "LOST",
        "what would mend it",
    ):
        assert promised in told


def test_readme_is_short() -> None:
    lines = _text().splitlines()
    assert len(lines) <= 150
    assert [line for line in lines if len(line) > 100 and not line.startswith(("|", "!["))] == []


# -- the store: every example, in both kernel modes --------------------------------------------------

_MODES = [
    "interpreted",
    pytest.param("compiled", marks=pytest.mark.skipif(not available(), reason="numba is not installed")),
]


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, and a kind of kernels that can be had here."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(VARIABLE, "compiled" if available() else "interpreted")
    return tmp_path


@pytest.mark.parametrize("kernels", _MODES)
@pytest.mark.parametrize("example", _EXAMPLES, ids=_folder)
def test_example_of_the_store_runs_and_reaches_each_of_its_assertions(
    example: str, kernels: str, empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, kernels)
    reached: set[int] = set()
    exec(_noting(example), {"_reach": reached.add})
    assert reached == set(range(_assertions(example)))
    assert (empty / _folder(example) / "root-a").is_file()


def _assertions(example: str) -> int:
    return sum(isinstance(node, ast.Assert) for node in ast.walk(ast.parse(example)))


class _Noting(ast.NodeTransformer):
    """Puts in front of each assertion that it was reached; whatever does not hold still raises."""

    def __init__(self) -> None:
        self.count = 0

    def visit_Assert(self, node: ast.Assert) -> list[ast.stmt]:
        noted = ast.parse(f"_reach({self.count})").body
        self.count += 1
        return [*noted, node]


def _noting(example: str) -> str:
    return ast.unparse(ast.fix_missing_locations(_Noting().visit(ast.parse(example))))


def _denying(example: str, number: int) -> str:
    """The example with one of its assertions turned into its opposite."""
    tree = ast.parse(example)
    assertion = [node for node in ast.walk(tree) if isinstance(node, ast.Assert)][number]
    assertion.test = ast.UnaryOp(ast.Not(), assertion.test)
    return ast.unparse(ast.fix_missing_locations(tree))


@pytest.mark.parametrize("number", range(_assertions(_FIRST)))
@pytest.mark.usefixtures("empty")
def test_assertion_of_an_example_that_does_not_hold_is_told(number: int) -> None:
    with pytest.raises(AssertionError):
        exec(_noting(_denying(_FIRST, number)), {"_reach": set[int]().add})


def test_assertion_that_is_not_reached_is_told() -> None:
    reached: set[int] = set()
    exec(_noting("assert True\nif False:\n    assert True"), {"_reach": reached.add})
    assert reached == {0}


def test_every_example_asserts_something() -> None:
    assert [_folder(example) for example in _EXAMPLES if _assertions(example) < 3] == []
    assert len(_EXAMPLES) >= 4


def test_search_of_contributing_ends_and_finds_nothing() -> None:
    (example,) = _blocks("python", "CONTRIBUTING.md")
    names: dict[str, Any] = {}
    exec(example, names)
    searched = names["searched"]
    assert searched.exploration.schedules + searched.spared > 1_000
