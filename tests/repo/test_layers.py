"""Imports go down: between the packages, between the folders of each, and inside a folder.

A store of one's own is tested without ours, so of the verifier few places know the engine.

Invariants, for every module of the three packages, wherever in the module the import stands
    1  engine and faultfs import nothing of ours but their own modules; verifier may import both
    2  inside a package imports are relative; in the folder where the ways of importer and imported part, the
       imported side has a strictly lower rank in ranks.toml, so there is no circle of folders
    3  a module or folder without a rank is an error, so a new file is ranked in the commit that adds it
    4  of verifier only what is listed in OPENS_ENGINE imports powercut.engine
"""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.once

RANKS: dict[str, list[list[str]]] = tomllib.loads(
    Path(__file__).with_name("ranks.toml").read_text(encoding="utf-8")
)

# FasterKv as a subject; threads and kills, which are about it alone; the contract of its device.
OPENS_ENGINE = (
    "verifier/faster/",
    "verifier/finders/kill/",
    "verifier/finders/cpr/",
    "verifier/finders/stress/",
    "verifier/mutants/hunts/contract",
    "verifier/mutants/hunts/stress",
)
PACKAGES = ("engine", "faultfs", "verifier")
MAY_IMPORT = {"engine": set[str](), "faultfs": set[str](), "verifier": {"engine", "faultfs"}}

TOP = 1_000


def rank_of(folder: str, name: str) -> int | None:
    """Its rank among what stands in the folder; None where it has none."""
    ranks = {each: rank for rank, row in enumerate(RANKS[folder]) for each in row}
    return {"__init__": TOP, "__main__": TOP + 1}.get(name, ranks.get(name))


def step_fault(module: tuple[str, ...], target: tuple[str, ...]) -> str | None:
    """The breach of invariants 2 and 3 in one import inside a package; both names dotted, with `__init__`."""
    for depth, (own, other) in enumerate(zip(module, target, strict=False)):
        folder = "/".join(module[:depth])
        if own == other:
            continue
        if folder not in RANKS:
            return None
        mine, its = rank_of(folder, own), rank_of(folder, other)
        if its is None:
            return f"imports {'.'.join(target)}, which has no rank in RANKS of {folder}"
        if mine is not None and its >= mine:
            return f"{own} (rank {mine}) imports {other} (rank {its}) of {folder}"
        return None
    return None  # A folder's own `__init__`.


def imports_of(tree: ast.AST, module: tuple[str, ...]) -> Iterator[tuple[int, bool, tuple[str, ...]]]:
    """(line, is relative, dotted target) of every import; `module` is the dotted name with `__init__`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, False, tuple(alias.name.split("."))
        elif isinstance(node, ast.ImportFrom):
            base = tuple(node.module.split(".")) if node.module else ()
            if node.level == 0:
                yield node.lineno, False, base
            elif base:
                yield node.lineno, True, (*module[: -node.level], *base)
            else:
                for alias in node.names:
                    yield node.lineno, True, (*module[: -node.level], alias.name)


def layer_faults(package: str, module: tuple[str, ...], source: str) -> list[str]:
    """Every breach of invariants 1 to 3 in one module, each as `line: what`."""
    for depth in range(1, len(module)):
        folder = "/".join(module[:depth])
        if folder in RANKS and rank_of(folder, module[depth]) is None:
            return [f"1: {'.'.join(module)} has no rank in RANKS of {folder}"]
    faults = []
    for line, is_relative, target in imports_of(ast.parse(source), module):
        name = ".".join(target)
        if not is_relative:
            ours = target[1:2] if target[0] == "powercut" else target[:1]
            if target[0] == "powercut" and not ours:
                faults.append(f"{line}: {package} imports the face of powercut")
            elif ours[0] == package:
                faults.append(f"{line}: imports {name} absolutely; write it relative")
            elif target[0] in PACKAGES:
                faults.append(f"{line}: imports {name}; its name is powercut.{name}")
            elif target[0] == "powercut" and ours[0] not in MAY_IMPORT[package]:
                faults.append(f"{line}: {package} imports {name}")
        elif not target or target[0] != package or len(target) < 2:
            faults.append(f"{line}: the relative import of {name or 'nothing'} leaves {package}")
        elif (fault := step_fault(module, target)) is not None:
            faults.append(f"{line}: {fault}")
    return faults


def engine_faults(module: tuple[str, ...], source: str) -> list[str]:
    """Every breach of invariant 4 in one module of verifier, as `line: what`."""
    if "/".join(module).startswith(OPENS_ENGINE):
        return []
    return [
        f"{line}: imports {'.'.join(target)}; only {', '.join(OPENS_ENGINE)} may"
        for line, is_relative, target in imports_of(ast.parse(source), module)
        if not is_relative and target[:2] == ("powercut", "engine")
    ]


def modules_of(root: Path, package: str) -> Iterator[tuple[tuple[str, ...], str]]:
    for path in sorted((root / package).rglob("*.py")):
        yield path.relative_to(root).with_suffix("").parts, path.read_text(encoding="utf-8")


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_go_down(root: Path, package: str) -> None:
    modules = list(modules_of(root, package))
    assert modules, f"{package} holds no module"
    faults = [
        f"{'/'.join(module)}.py:{fault}"
        for module, source in modules
        for fault in layer_faults(package, module, source)
    ]
    assert not faults, "\n".join(faults)


def test_few_places_of_the_verifier_know_the_engine(root: Path) -> None:
    faults = [
        f"{'/'.join(module)}.py:{fault}"
        for module, source in modules_of(root, "verifier")
        for fault in engine_faults(module, source)
    ]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    ("module", "source", "count"),
    [
        ("verifier.oracles.faults", "from powercut.engine import EngineError", 1),
        ("verifier.runs.world", "def f():\n    import powercut.engine.store", 1),
        ("verifier.oracles.faults", "from powercut.faultfs import Plan", 0),
        ("verifier.faster.subject", "from powercut.engine import FasterKv", 0),
        ("verifier.mutants.hunts.contract", "import powercut.engine.device", 0),
        ("verifier.mutants.hunts.crash", "import powercut.engine.device", 1),
    ],
)
def test_import_of_the_engine_is_named_where_it_does_not_belong(module: str, source: str, count: int) -> None:
    assert len(engine_faults(tuple(module.split(".")), source)) == count


@pytest.mark.parametrize(
    ("module", "source", "expected"),
    [
        ("engine.log.index", "from powercut import faultfs", "the face of powercut"),
        ("engine.log.index", "import powercut.faultfs", "engine imports powercut.faultfs"),
        ("engine.log.index", "from powercut.verifier.tapes import tape", "engine imports powercut.verifier"),
        ("faultfs.disk.image", "from powercut.engine import Device", "faultfs imports powercut.engine"),
        ("engine.log.index", "from powercut.engine.errors import EngineError", "write it relative"),
        ("verifier.gate.plans", "import powercut.verifier.tapes.tape", "write it relative"),
        ("verifier.gate.plans", "from engine import FasterKv", "its name is powercut.engine"),
        ("engine.errors", "from .store import FasterKv", "imports store"),
        (
            "engine.settings",
            "from .metadata.layout import WORD",
            "settings (rank 1) imports metadata (rank 4)",
        ),
        ("engine.metadata.layout", "from ..log.index import Index", "metadata (rank 4) imports log (rank 6)"),
        ("engine.kernels.probe", "from .batch import run", "probe (rank 2) imports batch (rank 6)"),
        ("engine.errors", "def f():\n    from . import store", "2: errors (rank 0) imports store"),
        ("engine.log.index", "from .. import FasterKv", "no rank"),
        ("engine.store", "from ..faultfs import image", "leaves engine"),
        ("engine.novelty", "", "no rank"),
        ("engine.novelty.errors", "", "no rank"),
        ("engine.log.novelty", "", "no rank"),
        ("engine.store", "from .novelty import x", "no rank"),
        ("verifier.mutants.hook", "from ..gate import run", "imports gate"),
        ("verifier.mutants.__init__", "from ..cli import main", "imports cli"),
    ],
)
def test_import_that_does_not_go_down_is_named(module: str, source: str, expected: str) -> None:
    names = tuple(module.split("."))
    (fault,) = layer_faults(names[0], names, source)
    assert expected in fault


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("engine.store", "from . import errors\nfrom .sessions.session import Session\nimport numpy"),
        ("engine.__init__", "from .inspection import inspect"),
        ("engine.log.__init__", "from .index import Index"),
        ("verifier.runs.world", "from powercut.faultfs import FaultDevice\nfrom ..tapes.tape import Tape"),
        ("verifier.mutants.hook", "from ..telling.report import Report\nfrom .planted import Mutant"),
        ("verifier.mutants.__init__", "from .bank import BANK"),
    ],
)
def test_import_that_goes_down_is_accepted(module: str, source: str) -> None:
    names = tuple(module.split("."))
    assert layer_faults(names[0], names, source) == []


def test_every_row_of_ranks_holds_each_module_once() -> None:
    for folder, rows in RANKS.items():
        modules = [module for row in rows for module in row]
        assert sorted(modules) == sorted(set(modules)), folder


def test_every_name_in_ranks_is_there(root: Path) -> None:
    for folder, rows in RANKS.items():
        for name in (each for row in rows for each in row):
            assert (root / folder / f"{name}.py").exists() or (root / folder / name).is_dir(), (folder, name)
