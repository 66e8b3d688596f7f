"""ARCHITECTURE.md has one line for each module, in an order in which imports go down.

Invariants
    1  the table under a package's heading names exactly the modules and subpackages of its folder
    2  of two modules of one package, one that imports the other stands below it
"""

import ast
import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.once

PACKAGES = ("engine", "faultfs", "verifier")
ROW = re.compile(r"^\| `(\w+)` \|", re.MULTILINE)


def modules_of(folder: Path) -> set[str]:
    """Modules and subpackages of a package, `__init__` left out."""
    files = {path.stem for path in folder.glob("*.py")}
    return (files | {path.parent.name for path in folder.glob("*/__init__.py")}) - {"__init__", "__main__"}


def listed(text: str, package: str) -> list[str]:
    """The modules in the table under the package's heading, in order."""
    section = re.search(rf"^## {package}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert section is not None
    return ROW.findall(section[1])


def imported(folder: Path, module: str) -> set[str]:
    """The modules of the same package that one imports; a subpackage's own are left out."""
    path = folder / f"{module}.py"
    inner = sorted((folder / module).rglob("*.py"))
    files = [(path, 1)] if path.exists() else [(each, len(each.relative_to(folder).parts)) for each in inner]
    names: set[str] = set()
    for file, level in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level == level:
                names |= {node.module.split(".")[0]} if node.module else {each.name for each in node.names}
    return names


def order_faults(order: list[str], imports: dict[str, set[str]]) -> list[str]:
    """Every import that goes up in this order."""
    place = {module: number for number, module in enumerate(order)}
    return [
        f"{module} imports {other}, which stands below it"
        for module in order
        for other in sorted(imports[module] & place.keys())
        if place[other] > place[module]
    ]


@pytest.mark.parametrize("package", PACKAGES)
def test_every_module_has_its_line(root: Path, package: str) -> None:
    order = listed((root / "ARCHITECTURE.md").read_text(encoding="utf-8"), package)
    assert sorted(order) == sorted(modules_of(root / package))


@pytest.mark.parametrize("package", PACKAGES)
def test_lines_stand_in_the_order_of_imports(root: Path, package: str) -> None:
    order = listed((root / "ARCHITECTURE.md").read_text(encoding="utf-8"), package)
    imports = {module: imported(root / package, module) for module in order}
    assert any(imports.values())
    assert order_faults(order, imports) == []


def test_import_that_goes_up_is_named() -> None:
    imports = {"low": {"high"}, "high": {"low"}}
    assert order_faults(["low", "high"], imports) == ["low imports high, which stands below it"]


def test_module_without_a_line_is_seen(tmp_path: Path) -> None:
    for name in ("known.py", "absent.py", "__init__.py"):
        (tmp_path / name).touch()
    (tmp_path / "nested").mkdir()
    (tmp_path / "nested" / "__init__.py").touch()
    assert modules_of(tmp_path) == {"known", "absent", "nested"}
    assert listed("## engine\n\n| `known` | a |\n\n## faultfs\n\n| `other` | b |\n", "engine") == ["known"]
