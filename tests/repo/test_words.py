"""Words: first lines of docstrings, the glossary of ARCHITECTURE.md, and the width of documents.

Invariants
    1  no docstring begins with a word of OPENERS: its first line says what acts by a verb, what is by a noun
    2  each word of the glossary occurs in a docstring or in another part of the documents
    3  a docstring that says `cut` says `power` too: the word means the power cut, and nothing else
    4  a docstring says none of SECOND_WORDS, which have another word in the glossary
    5  no name in the code has a word of SECOND_NAMES
    6  a line of a document has at most WIDTH characters, unless it is a table's, an image's or a code block's

Words in backticks are names of the code, and are left out.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.once

FOLDERS = ("engine", "faultfs", "verifier", "powercut", "bench", "ci", "docs", "tests")
DOCUMENTS = ("*.md", "docs/*.md", "tests/*.md", "findings/*.md")
WIDTH = 100
OPENERS = ("What", "Whether", "Likewise", "How", "Who", "Nobody", "Why", "Else", "Invariant")
SECOND_WORDS = ("blow", "blows", "borne", "chase", "decay", "dice", "passage", "passages", "road", "roads")

SECOND_NAMES = ("moment", "moments")  # The place of an index, of a call, or of a span of them.

Told = list[tuple[str, list[tuple[int, str]]]]
CODE = re.compile(r"`[^`]*`")
FENCE = re.compile(r"\s*(```|~~~)")
# A row of the glossary's table: the words that share it, and their meaning.
ROW = re.compile(r"^\| ([^|`]+) \| [^|]+ \|$", re.MULTILINE)


def docstrings(text: str) -> Iterator[tuple[int, str]]:
    """Every docstring of a module's text with the number of its first line."""
    nodes: list[ast.AST] = [ast.parse(text)]
    while nodes:
        node = nodes.pop()
        # Statements hold all definitions; what stands in an expression has no docstring.
        nodes += [each for each in ast.iter_child_nodes(node) if not isinstance(each, ast.expr)]
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            docstring = ast.get_docstring(node)
            if docstring is not None:
                yield node.body[0].lineno, docstring


@pytest.fixture(scope="module")
def told(root: Path) -> Told:
    """Every module with its docstrings, read once."""
    return [
        (str(path.relative_to(root)), list(docstrings(path.read_text(encoding="utf-8"))))
        for path in modules_of(root)
    ]


def has_word(text: str, words: tuple[str, ...]) -> bool:
    """True if one of the words is in the text, outside of backticks, in whichever case."""
    wanted = "|".join(map(re.escape, words))
    return re.search(rf"\b(?:{wanted})\b", CODE.sub("", text), re.IGNORECASE) is not None


def word_faults(where: str, found: Iterable[tuple[int, str]]) -> list[str]:
    """Every breach of invariants 1, 3 and 4 in the docstrings of a module."""
    faults = []
    for line, docstring in found:
        opener = re.split(r"\W", docstring, maxsplit=1)[0]
        if opener in OPENERS:
            faults.append(f"{where}:{line}: begins with {opener}")
        if has_word(docstring, ("cut", "cuts")) and not has_word(docstring, ("power",)):
            faults.append(f"{where}:{line}: says cut, and not of which power")
        faults += [f"{where}:{line}: says {word}" for word in SECOND_WORDS if has_word(docstring, (word,))]
    return faults


def names_in(text: str) -> Iterator[tuple[int, str]]:
    """Every name that a module's text defines or binds, with the number of its line."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.attr
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.lineno, node.name


def name_faults(where: str, text: str) -> list[str]:
    """Every breach of invariant 5 in a module's text."""
    if not any(word in text.lower() for word in SECOND_NAMES):
        return []  # To read it as code takes long.
    return [
        f"{where}:{line}: named {name}"
        for line, name in names_in(text)
        if not name.startswith("test_") and set(name.lower().split("_")) & set(SECOND_NAMES)
    ]


def glossary(text: str) -> list[str]:
    """The words of the table under the heading Words."""
    section = re.search(r"^## Words\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert section is not None
    return [word for row in ROW.findall(section[1])[1:] for word in row.split(", ")]


def without_glossary(text: str) -> str:
    """A document without the section Words."""
    return re.sub(r"^## Words\n.*?(?=^## |\Z)", "", text, flags=re.MULTILINE | re.DOTALL)


def wide_lines(where: str, text: str) -> list[str]:
    """Every breach of invariant 6 in a document's text."""
    faults = []
    is_code = False
    for number, line in enumerate(text.splitlines(), start=1):
        if FENCE.match(line):
            is_code = not is_code
        elif not is_code and len(line) > WIDTH and not line.lstrip().startswith(("|", "![")):
            faults.append(f"{where}:{number}: {len(line)} characters, expected at most {WIDTH}")
    return faults


def modules_of(root: Path) -> list[Path]:
    return [path for folder in FOLDERS for path in sorted((root / folder).rglob("*.py"))]


def documents_of(root: Path) -> list[Path]:
    return [path for pattern in DOCUMENTS for path in sorted(root.glob(pattern))]


def test_docstrings_are_read_alone(told: Told) -> None:
    faults = [fault for where, found in told for fault in word_faults(where, found)]
    assert not faults, "\n".join(faults)


def test_names_have_no_second_word(root: Path) -> None:
    faults = [
        fault
        for path in modules_of(root)
        for fault in name_faults(str(path.relative_to(root)), path.read_text(encoding="utf-8"))
    ]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    "code",
    ["{0} = 1", "for _{0} in x: pass", "def f(first_{0}): pass", "class {0}: pass", "x.{0} = 1", "{0}: int"],
)
def test_name_with_a_second_word_is_named(code: str) -> None:
    for word in SECOND_NAMES:
        assert len(name_faults("a.py", code.format(word))) == 1
        assert name_faults("a.py", code.format(f"{word}um")) == []
        assert name_faults("a.py", f"def test_at_each_{word}(): pass") == []


def test_words_of_the_glossary_are_in_use(root: Path, told: Told) -> None:
    words = glossary((root / "ARCHITECTURE.md").read_text(encoding="utf-8"))
    assert len(words) == len(set(words)) > 25
    texts = [without_glossary(path.read_text(encoding="utf-8")) for path in documents_of(root)]
    texts += [docstring for _, found in told for _, docstring in found]
    whole = " ".join(" ".join(texts).split())
    unused = [word for word in words if re.search(rf"\b{word}s?\b", whole, re.IGNORECASE) is None]
    assert unused == []


def test_documents_wrap(root: Path) -> None:
    documents = documents_of(root)
    assert root / "docs" / "law.md" in documents
    faults = [
        fault
        for path in documents
        for fault in wide_lines(str(path.relative_to(root)), path.read_text(encoding="utf-8"))
    ]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    ("docstring", "expected"),
    [
        *[(f"{opener} it is.", f"begins with {opener}") for opener in OPENERS],
        ("The cut that a subject names.", "says cut, and not of which power"),
        ("Divide the work.\n\n    Cuts it in two.", "says cut, and not of which power"),
        *[(f"The {word} of it.", f"says {word}") for word in SECOND_WORDS],
    ],
)
def test_docstring_with_a_word_that_has_no_place_is_named(docstring: str, expected: str) -> None:
    module = (
        f'"""A module."""\n\n\nclass Sound:\n    """{docstring}"""\n\n    def f(self):\n        """Act."""\n'
    )
    assert word_faults("a.py", docstrings(module)) == [f"a.py:5: {expected}"]


@pytest.mark.parametrize(
    "docstring",
    [
        "The content that a store holds: what it listed, and how many keys.",
        "The image that a power cut leaves.",
        "Cut the power, and say where the cut fell.",
        "The version after the first `cut` steps of the `road`.",
        "Whatever is there.",
    ],
)
def test_docstring_without_such_a_word_is_accepted(docstring: str) -> None:
    assert word_faults("a.py", docstrings(f'"""{docstring}"""\n\n\ndef f():\n    x = "What"\n')) == []


def test_glossary_is_read_row_by_row() -> None:
    text = "## Words\n\n| word | means |\n|---|---|\n| cold, warm | places |\n\n## Next\n\n| no | x |\n"
    assert glossary(text) == ["cold", "warm"]
    assert without_glossary(text) == "## Next\n\n| no | x |\n"


@pytest.mark.parametrize(
    ("before", "expected"),
    [("", 1), ("* ", 1), ("| ", 0), ("![", 0), ("```sh\n", 0), ("```sh\nls\n```\n", 1)],
)
def test_wide_line_is_named(before: str, expected: int) -> None:
    assert wide_lines("A.md", f"{before}{'x' * WIDTH}") == [] or before
    assert len(wide_lines("A.md", f"{before}{'x' * (WIDTH + 1)}")) == expected
