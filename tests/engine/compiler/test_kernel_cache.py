"""The kept machine code: what names it, when it is made anew, and that it is made once."""

import inspect
import os
import subprocess
import sys
from array import array
from importlib.machinery import SourceFileLoader
from pathlib import Path
from shutil import copytree
from types import SimpleNamespace

import pytest

from powercut.engine.compiler import compilation
from powercut.engine.compiler.compilation import CompilationError, Compiled
from powercut.engine.compiler.sources import source_of
from powercut.engine.kernels import probe, words

pytestmark = pytest.mark.skipif(not compilation.available(), reason="needs powercut[speed]")

CONSTANTS = {name: value for name, value in vars(words).items() if type(value) is int}
SMALL = """from . import words as w
from .atomics import Space

def run_batch(control: Space, index: Space, log: Space, epochs: Space, batch: Space) -> int:
    return helper(batch[w.B_KIND])
def helper(kind: int) -> int:
    return kind + 1
def relink(control: Space, index: Space, log: Space, group: Space, address: int, end: int) -> tuple[int, int]:
    return address, end
def run_walk(control: Space, index: Space, log: Space, epochs: Space, walk: Space) -> int:
    return 0
def run_pick(control: Space, index: Space, log: Space, epochs: Space, batch: Space) -> int:
    return 0
def split(control: Space, index: Space, log: Space, spare: Space, start: int, stop: int) -> int:
    return stop
def settle(index: Space, chart: Space, start: int, stop: int) -> int:
    return stop
def free_rest(control: Space, index: Space, chart: Space) -> None:
    return
"""


def answer(kernels: Compiled) -> int:
    """The result of the kernels of SMALL for 40."""
    batch = array("Q", bytes(8 * 128))
    batch[words.B_KEYS] = 100
    return kernels.run_key(batch.buffer_info()[0], 40, b"")


def folder_of(root: Path, sources: dict[str, str]) -> Path:
    return root / f"kernels-{compilation.digest(sources, CONSTANTS)}"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder with the code of SMALL, compiled once."""
    folder = tmp_path_factory.mktemp("small")
    assert answer(compilation.load_from({"small": SMALL}, CONSTANTS, folder)) == 41
    return folder


@pytest.fixture
def root(small: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(copytree(small, tmp_path / "root"))


def test_digest_names_everything_the_code_depends_on(monkeypatch: pytest.MonkeyPatch) -> None:
    digests = {compilation.digest({"small": SMALL}, CONSTANTS)}
    digests.add(compilation.digest({"small": SMALL.replace("kind + 1", "kind + 2")}, CONSTANTS))
    digests.add(compilation.digest({"small": SMALL}, CONSTANTS | {"READ": 9}))
    with monkeypatch.context() as patch:
        patch.setattr("powercut.engine.compiler.objects.machine_name", lambda: "another processor")
        digests.add(compilation.digest({"small": SMALL}, CONSTANTS))
    with monkeypatch.context() as patch:
        patch.setattr("importlib.metadata.version", lambda name: f"{name} of tomorrow")
        digests.add(compilation.digest({"small": SMALL}, CONSTANTS))
    with monkeypatch.context() as patch:
        patch.setattr("sys.version", "another Python")
        digests.add(compilation.digest({"small": SMALL}, CONSTANTS))
    with monkeypatch.context() as patch:
        patch.setattr("powercut.engine.compiler.compilation._TRANSLATOR", ())
        digests.add(compilation.digest({"small": SMALL}, CONSTANTS))
    assert len(digests) == 7
    assert compilation.digest({"small": SMALL}, CONSTANTS) in digests


def test_edited_helper_is_compiled_anew(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    edited = {"small": SMALL.replace("kind + 1", "kind + 2")}
    for sources, expected in (({"small": SMALL}, 41), (edited, 42), ({"small": SMALL}, 41)):
        kernels = compilation.load_from(sources, CONSTANTS, root)
        assert answer(kernels) == expected
    assert capfd.readouterr().err.count("compiling kernels (once per machine)") == 1


def test_damaged_object_is_made_anew(root: Path) -> None:
    kept = folder_of(root, {"small": SMALL}) / "kernels.o"
    whole = kept.read_bytes()
    flipped = [whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :] for at in (0, 31, 32, len(whole) - 1)]
    for damaged in (whole[:-1], whole[:16], b"", *flipped):
        kept.write_bytes(damaged)
        assert compilation._read(kept.parent) is None
    assert answer(compilation.load_from({"small": SMALL}, CONSTANTS, root)) == 41
    assert compilation._read(kept.parent) is not None
    assert not list(kept.parent.glob("*.[0-9]*"))


def test_folder_that_cannot_be_written_costs_only_the_compilation(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    kernels = compilation.load_from({"small": SMALL}, CONSTANTS, tmp_path / "file" / "kernels")
    assert answer(kernels) == 41


CHILD = """
import sys
from pathlib import Path
from powercut.engine.compiler import compilation
assert "numba" not in sys.modules and "llvmlite" not in sys.modules
constants = {name: value for name, value in vars(compilation.words).items() if type(value) is int}
print("started", flush=True)
sys.stdin.readline()
compilation.load_from({"small": sys.argv[1]}, constants, compilation.cache_root())
print("numba" in sys.modules)
"""


def test_processes_that_start_at_once_compile_once(tmp_path: Path) -> None:
    environment = os.environ | {"POWERCUT_CACHE": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    children = [
        subprocess.Popen(
            [sys.executable, "-c", CHILD, SMALL],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            text=True,
        )
        for _ in range(2)
    ]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "started\n"
    for child in children:
        assert child.stdin is not None
        child.stdin.write("\n")
        child.stdin.flush()
    spoken = [child.communicate() for child in children]
    assert sorted(out for out, _ in spoken) == ["False\n", "True\n"]
    # Said once, and nothing else is.
    assert "".join(error for _, error in spoken) == "powercut: compiling kernels (once per machine)...\n"


def test_cache_folder_is_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POWERCUT_CACHE", "/somewhere")
    assert compilation.cache_root() == Path("/somewhere")
    monkeypatch.delenv("POWERCUT_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert compilation.cache_root() == Path("/cache/powercut")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/somebody")
    assert compilation.cache_root() == Path("/somebody/.cache/powercut")


def test_source_is_what_the_loader_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "def hash_words" in source_of(probe)

    class Edited(SourceFileLoader):
        def get_source(self, fullname: str) -> str:
            return f"edited {fullname}"

    edited = Edited("powercut.engine.kernels.probe", "/nowhere")
    monkeypatch.setattr(probe, "__spec__", SimpleNamespace(loader=edited))
    assert source_of(probe) == "edited powercut.engine.kernels.probe"


def test_without_numba_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr(compilation, "available", inspect.unwrap(compilation.available))
    assert not compilation.available()
    with pytest.raises(CompilationError, match="speed"):
        compilation.load_from({"small": SMALL}, CONSTANTS, tmp_path)


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ("kind == 1", "has the types"),
        ("kind + 1 if (kind == 1) + (kind == 2) else kind + 2", "is int64, not a word"),
        ("helper(kind)", "helper"),
    ],
)
def test_kernel_whose_values_are_no_words_is_refused_and_not_kept(
    tmp_path: Path, wrong: str, expected: str
) -> None:
    sources = {"small": SMALL.replace("kind + 1", wrong)}
    with pytest.raises(CompilationError, match=expected):
        compilation.load_from(sources, CONSTANTS, tmp_path)
    assert not (folder_of(tmp_path, sources) / "kernels.o").exists()
