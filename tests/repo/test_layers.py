"""Imports go down: between the packages, and inside each of them.

Invariants, for every module of the three packages, wherever in the module the import stands
    1  engine and faultfs import nothing of ours but their own modules; verifier may import both
    2  inside a package imports are relative and go to a strictly lower rank of RANKS
    3  a module without a rank is an error, so a new file is ranked in the commit that adds it
    4  engine touches files, clocks, threads and entropy in SEAMS only
    5  the module `random` gives a class to be seeded, never its hidden global generator
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

# Lowest first; modules of one row do not import each other. `__init__` and `__main__` stand above all rows.
# A subpackage is ranked as one module.
RANKS: dict[str, tuple[tuple[str, ...], ...]] = {
    "engine": (
        ("errors",),
        ("settings", "layout", "words", "poison", "arrays", "sources", "entries", "objects"),
        ("device", "atomics", "spaces", "extents", "dialect"),
        ("runtime", "probe", "phases", "stats", "intrinsics", "pins"),
        ("records",),
        ("kernels",),
        ("batch",),
        ("compilation",),
        ("modes",),
        ("epoch", "staging"),
        ("hybridlog", "roots", "sessions"),
        ("index", "tables"),
        ("driver",),
        ("single", "reader"),
        ("bulk", "pending", "audit"),
        ("session",),
        ("checkpoint", "recovery", "compaction", "flusher"),
        ("store", "log"),
        ("inspection",),
    ),
    "faultfs": (
        ("errors",),
        ("events",),
        ("image",),
        ("trace",),
        ("chains",),
        ("windows",),
        ("history",),
        ("journal",),
        ("survival", "plan", "product"),
        ("findings", "journalled"),
        ("search", "walk"),
        ("device", "sampling"),
        ("planned", "enumeration"),
        ("readset",),
        ("branching",),
        ("render",),
    ),
    "verifier": (
        ("errors", "verdict", "stepped"),
        ("tape",),
        ("model", "programs", "rot"),
        ("subjects", "sites"),
        ("history", "geometries", "place"),
        ("prefix", "linear", "decay"),
        ("schedule", "queries", "issuing", "doubts"),
        ("concurrent",),
        ("interleavings", "run", "timeline"),
        ("world",),
        ("recoveries", "enumerated"),
        ("judgements",),
        ("coverage",),
        ("crashes",),
        ("faults", "damage", "stress", "kill"),
        ("machine",),
        ("passes",),
        ("shrink", "mend"),
        ("comparison",),
        ("report",),
        ("mutants",),
        ("kept", "profiles"),
        ("gate",),
        ("cli",),
    ),
}
MAY_IMPORT = {"engine": set[str](), "faultfs": set[str](), "verifier": {"engine", "faultfs"}}

SEAMS = {"device", "runtime", "compilation", "spaces"}  # The last maps memory without a file.
SEALED_MODULES = {
    *("time", "datetime", "threading", "_thread", "concurrent", "asyncio", "multiprocessing", "queue"),
    *("random", "secrets", "uuid", "fcntl", "mmap", "tempfile", "shutil"),
}
OPENERS = {"open", "read_bytes", "write_bytes", "read_text", "write_text"}
TOP = 1_000


def ranks_of(package: str) -> dict[str, int]:
    ranks = {module: rank for rank, row in enumerate(RANKS[package]) for module in row}
    return ranks | {"__init__": TOP, "__main__": TOP + 1}


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
    ranks = ranks_of(package)
    own = module[1]
    if own not in ranks:
        return [f"1: {'.'.join(module)} has no rank in RANKS of {package}"]
    faults = []
    for line, is_relative, target in imports_of(ast.parse(source), module):
        name = ".".join(target)
        if not is_relative:
            if target[0] == package:
                faults.append(f"{line}: imports {name} absolutely; write it relative")
            elif target[0] in RANKS and target[0] not in MAY_IMPORT[package]:
                faults.append(f"{line}: {package} imports {name}")
        elif target[0] != package or len(target) < 2:
            faults.append(f"{line}: the relative import of {name or 'nothing'} leaves {package}")
        elif len(module) > 2 and target[1] == own:
            continue  # within one subpackage, which has one rank
        elif target[1] not in ranks:
            faults.append(f"{line}: imports {name}, which has no rank in RANKS of {package}")
        elif ranks[target[1]] >= ranks[own]:
            faults.append(f"{line}: {own} (rank {ranks[own]}) imports {target[1]} (rank {ranks[target[1]]})")
    return faults


def seam_faults(module: tuple[str, ...], source: str) -> list[str]:
    """Every breach of invariant 4 in one module of engine."""
    if module[1] in SEAMS:
        return []
    tree = ast.parse(source)
    faults = [
        f"{line}: imports {target[0]}, which only {sorted(SEAMS)} may"
        for line, is_relative, target in imports_of(tree, module)
        if not is_relative and target[0] in SEALED_MODULES
    ]
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        # FasterKv.open is a name of ours, so `.open` is a breach only on a module that opens files.
        match node.func:
            case ast.Name(id="open"):
                faults.append(f"{node.lineno}: calls open")
            case ast.Attribute(
                value=ast.Name(id="os" | "io" | "posix" as owner), attr=("open" | "fdopen") as name
            ):
                faults.append(f"{node.lineno}: calls {owner}.{name}")
            case ast.Attribute(attr=name) if name in OPENERS - {"open"}:
                faults.append(f"{node.lineno}: calls .{name}")
    return faults


def generator_faults(source: str) -> list[str]:
    """Every breach of invariant 5 in one module; a parameter may well be called `random`."""
    nodes = list(ast.walk(ast.parse(source)))
    imports = [alias for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    modules = {alias.asname or alias.name for alias in imports if alias.name == "random"}
    faults = []
    for node in nodes:
        match node:
            case ast.Attribute(value=ast.Name(id=owner), attr=name) if owner in modules and name != "Random":
                faults.append(f"{node.lineno}: uses the hidden generator of random.{name}")
            case ast.ImportFrom(module="random", names=names):
                faults += [f"{node.lineno}: imports random.{a.name}" for a in names if a.name != "Random"]
    return faults


def modules_of(root: Path, package: str) -> Iterator[tuple[tuple[str, ...], str]]:
    for path in sorted((root / package).rglob("*.py")):
        yield path.relative_to(root).with_suffix("").parts, path.read_text(encoding="utf-8")


@pytest.mark.parametrize("package", RANKS)
def test_imports_go_down(root: Path, package: str) -> None:
    modules = list(modules_of(root, package))
    assert modules, f"{package} holds no module"
    faults = [
        f"{'/'.join(module)}.py:{fault}"
        for module, source in modules
        for fault in [
            *layer_faults(package, module, source),
            *generator_faults(source),
            *(seam_faults(module, source) if package == "engine" else []),
        ]
    ]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    ("package", "module", "source", "expected"),
    [
        ("engine", "engine.index", "import faultfs", "engine imports faultfs"),
        ("engine", "engine.index", "from verifier.tape import Tape", "engine imports verifier.tape"),
        ("faultfs", "faultfs.image", "from engine import Device", "faultfs imports engine"),
        ("engine", "engine.index", "from engine.errors import EngineError", "write it relative"),
        ("verifier", "verifier.gate", "import verifier.tape", "write it relative"),
        ("engine", "engine.errors", "from .store import FasterKv", "imports store"),
        ("engine", "engine.settings", "from .layout import WORD", "imports layout"),
        ("engine", "engine.errors", "def f():\n    from . import store", "2: errors (rank 0) imports store"),
        ("engine", "engine.index", "from . import FasterKv", "no rank"),
        ("engine", "engine.index", "from ..faultfs import image", "leaves engine"),
        ("engine", "engine.novelty", "", "no rank"),
        ("engine", "engine.store", "from .novelty import x", "no rank"),
        ("verifier", "verifier.mutants.catalogue", "from ..gate import run", "imports gate"),
        ("verifier", "verifier.mutants.__init__", "from ..cli import main", "imports cli"),
    ],
)
def test_import_that_does_not_go_down_is_named(package: str, module: str, source: str, expected: str) -> None:
    (fault,) = layer_faults(package, tuple(module.split(".")), source)
    assert expected in fault


@pytest.mark.parametrize(
    ("package", "module", "source"),
    [
        ("engine", "engine.store", "from . import errors\nfrom .session import Session\nimport numpy"),
        ("engine", "engine.__init__", "from .inspection import inspect"),
        (
            "verifier",
            "verifier.world",
            "import engine\nfrom faultfs import FaultDevice\nfrom .tape import Tape",
        ),
        ("verifier", "verifier.mutants.catalogue", "from ..report import Report\nfrom .planted import Edit"),
        ("verifier", "verifier.mutants.__init__", "from .catalogue import ALL"),
    ],
)
def test_import_that_goes_down_is_accepted(package: str, module: str, source: str) -> None:
    assert layer_faults(package, tuple(module.split(".")), source) == []


@pytest.mark.parametrize(
    "source",
    [
        "import time",
        "from threading import Lock",
        "def f():\n    import random",
        "import concurrent.futures",
        "open('x')",
        "import os\nos.open('x', 0)",
        "import io\nio.open('x')",
        "from pathlib import Path\nPath('x').read_bytes()",
    ],
)
def test_engine_module_that_bypasses_its_seams_is_named(source: str) -> None:
    assert len(seam_faults(("engine", "hybridlog"), source)) == 1
    assert seam_faults(("engine", "device"), source) == []


def test_method_of_ours_named_open_is_no_bypass() -> None:
    assert seam_faults(("engine", "store"), "FasterKv.open(path)\nimport os\nos.environ") == []


@pytest.mark.parametrize(
    "source",
    ["import random\nrandom.choice(x)", "import random as r\nr.seed(3)", "from random import shuffle"],
)
def test_hidden_generator_is_named(source: str) -> None:
    assert len(generator_faults(source)) == 1


@pytest.mark.parametrize(
    "source",
    [
        "import random\nr = random.Random(3)\nr.choice(x)",
        "from random import Random\ndef f(random: Random):\n    random.choice(x)",
    ],
)
def test_seeded_generator_is_accepted(source: str) -> None:
    assert generator_faults(source) == []


def test_every_row_of_ranks_holds_each_module_once() -> None:
    for rows in RANKS.values():
        modules = [module for row in rows for module in row]
        assert sorted(modules) == sorted(set(modules))
