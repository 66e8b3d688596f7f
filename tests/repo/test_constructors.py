"""A constructor of the engine takes values, not a list of parts: six parameters are enough."""

import ast
from pathlib import Path

import pytest

pytestmark = pytest.mark.once

MOST = 6


def long_constructors(source: str) -> list[str]:
    """`Class: parameters` of every `__init__` with more than MOST of them, itself not counted."""
    faults = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.ClassDef):
            continue
        for each in node.body:
            if isinstance(each, ast.FunctionDef) and each.name == "__init__":
                given = each.args
                count = len(given.posonlyargs) + len(given.args) + len(given.kwonlyargs) - 1
                if count > MOST or given.vararg or given.kwarg:
                    faults.append(f"{node.name}: {count} parameters")
    return faults


def test_no_constructor_of_the_engine_has_more_than_six_parameters(root: Path) -> None:
    faults = [
        f"{path.relative_to(root)}: {fault}"
        for path in sorted((root / "engine").rglob("*.py"))
        for fault in long_constructors(path.read_text(encoding="utf-8"))
    ]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ("a, b, c, d, e, f", []),
        ("a, b, c, *, d, e, f", []),
        ("a, b, c, d, e, f, g", ["C: 7 parameters"]),
        ("a, b, c, d, *, e, f, g=1", ["C: 7 parameters"]),
        ("*parts", ["C: 0 parameters"]),
    ],
)
def test_a_longer_one_is_named(parameters: str, expected: list[str]) -> None:
    assert long_constructors(f"class C:\n    def __init__(self, {parameters}): ...") == expected
