"""FAULTS.md and the tests speak of the same clauses."""

import re
from pathlib import Path

HERE = Path(__file__).parent
CLAUSE = re.compile(r"\bF(\d+)\b")


def untested(document: str, tests: dict[str, str]) -> list[int]:
    """The clauses that the document defines and no test names."""
    defined = {int(number) for number in re.findall(r"^\*\*F(\d+)\*\*", document, re.MULTILINE)}
    named = {int(number) for text in tests.values() for number in CLAUSE.findall(text)}
    return sorted(defined - named)


def undefined(document: str, texts: dict[str, str]) -> list[tuple[str, int]]:
    """The clauses that a text names and the document does not define."""
    defined = {int(number) for number in re.findall(r"^\*\*F(\d+)\*\*", document, re.MULTILINE)}
    return sorted(
        (name, int(number))
        for name, text in texts.items()
        for number in CLAUSE.findall(text)
        if int(number) not in defined
    )


def other_tests() -> dict[str, str]:
    paths = sorted(path for path in HERE.rglob("test_*.py") if path != Path(__file__))
    return {path.name: path.read_text("utf-8") for path in paths}


def document() -> str:
    return (HERE.parents[1] / "FAULTS.md").read_text("utf-8")


def test_every_clause_is_named_by_a_test() -> None:
    assert untested(document(), other_tests()) == []


def test_no_test_names_a_clause_that_does_not_exist() -> None:
    assert undefined(document(), other_tests()) == []


def test_clauses_are_numbered_without_a_gap() -> None:
    numbers = [int(number) for number in re.findall(r"^\*\*F(\d+)\*\*", document(), re.MULTILINE)]
    assert numbers == list(range(1, len(numbers) + 1))


def test_a_clause_without_a_test_is_found() -> None:
    assert untested("**F1** one\n**F2** two, see F9\n", {"test_x.py": "# F1"}) == [2]


def test_a_test_of_a_clause_that_is_gone_is_found() -> None:
    assert undefined("**F1** one", {"test_x.py": "F1: and F7:"}) == [("test_x.py", 7)]
