"""Files, clocks, threads and chance have one way into the three packages.

Invariants, wherever in a module the import stands
    1  engine touches files, clocks, threads and entropy in SEAMS only
    2  the module `random` gives a class to be seeded, never its hidden global generator
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.once

# The last but one maps memory without a file; the last ends a wait in the event loop of the caller's own.
SEAMS = {
    *("engine/device/file", "engine/device/memory", "engine/runtime"),
    *("engine/compiler/compilation", "engine/shared/spaces", "engine/fasterlog/waiting"),
}
SEALED_MODULES = {
    *("time", "datetime", "threading", "_thread", "concurrent", "asyncio", "multiprocessing", "queue"),
    *("random", "secrets", "uuid", "fcntl", "mmap", "tempfile", "shutil"),
}
OPENERS = {"open", "read_bytes", "write_bytes", "read_text", "write_text"}


def absolute_imports(source: str) -> Iterator[tuple[int, str]]:
    """(line, first name) of every import that is not relative."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.split(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.lineno, node.module.split(".")[0]


def seam_faults(module: str, source: str) -> list[str]:
    """Every breach of invariant 1 in one module of engine."""
    if module in SEAMS:
        return []
    faults = [
        f"{line}: imports {name}, which only {sorted(SEAMS)} may"
        for line, name in absolute_imports(source)
        if name in SEALED_MODULES
    ]
    for node in ast.walk(ast.parse(source)):
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
    """Every breach of invariant 2 in one module; a parameter may well be called `random`."""
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


def test_seams_are_the_only_way(root: Path) -> None:
    faults = []
    for path in sorted(
        each for name in ("engine", "faultfs", "verifier") for each in (root / name).rglob("*.py")
    ):
        module, source = path.relative_to(root).with_suffix("").as_posix(), path.read_text(encoding="utf-8")
        found = generator_faults(source)
        if module.startswith("engine/"):
            found += seam_faults(module, source)
        faults += [f"{module}.py:{fault}" for fault in found]
    assert not faults, "\n".join(faults)


def test_every_seam_is_there(root: Path) -> None:
    assert all((root / f"{seam}.py").exists() for seam in SEAMS)


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
    assert len(seam_faults("engine/log/ring", source)) == 1
    assert seam_faults("engine/device/file", source) == []


def test_method_of_ours_named_open_is_no_bypass() -> None:
    assert seam_faults("engine/store", "FasterKv.open(path)\nimport os\nos.environ") == []


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
