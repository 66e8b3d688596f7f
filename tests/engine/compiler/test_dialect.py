"""The dialect of kernels: what is refused, by name and line, and what the rest becomes."""

import pytest

from powercut.engine.compiler import dialect
from powercut.engine.compiler.sources import CompilationError
from powercut.engine.kernels import words

MASK64 = (1 << 64) - 1
CONSTANTS = {name: value for name, value in vars(words).items() if type(value) is int}
HEAD = """from . import words as w
from .atomics import Space, load, prefetch, store
"""


def kernel(body: str, head: str = "space: Space, number: int", result: str = "int") -> str:
    lines = "\n    ".join(body.split("\n"))
    return f"{HEAD}def f({head}) -> {result}:\n    {lines}\n"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (kernel("return -1"), "`-1`"),
        (kernel("return number + 1.5"), "`1.5`"),
        (kernel("return number / 2"), "`number / 2`"),
        (kernel("return 'a'"), "`'a'`"),
        (kernel("return 1 << 64"), "`1 << 64`, which is no 64-bit word"),
        (kernel("return w.READ - w.UPSERT"), "which is no 64-bit word"),
        (kernel("return w.NOVELTY"), "w.NOVELTY, a constant that does not exist"),
        (kernel("return number ** 2"), "`number ** 2`"),
        (kernel("return abs(number)"), "the call `abs(number)`"),
        (kernel("return unknown"), "`unknown`"),
        (kernel("return space.nbytes"), "`space.nbytes`"),
        (kernel("return [number][0]"), "where a space is wanted"),
        (kernel("return {1: 2}"), "`{1: 2}`"),
        (kernel("return (lambda: 1)()"), "the call"),
        (kernel("return number if number is None else 1"), "`number is None`"),
        (kernel("return sum(x for x in range(3))"), "the call"),
        (kernel("return load(number, 1)"), "`number` where a space is wanted"),
        (kernel("return load(space, space)"), "`space`"),
        (kernel("return space + 1"), "`space`"),
        (kernel("return load(space)"), "which needs 2 arguments"),
        (kernel("return load(space, word=1)"), "the call"),
        (kernel("return store(space, 1, 2)"), "which gives a nothing"),
        (kernel("return f(space, 1) + prefetch(space, 1)"), "which gives a nothing"),
        (kernel("return number, 1"), "`(number, 1)`"),
        (kernel("return"), "a return of other than word"),
        (kernel("space = number\nreturn 1"), "`number` where a space is wanted"),
        (kernel("for space in range(3):\n    pass\nreturn 1"), "another value for the space"),
        (kernel("load = number\nreturn 1"), "load as a name of f's own"),
        (kernel("n5_ = number\nreturn n5_ + 5"), "n5_ as a name of f's own"),
        (kernel("for x in space:\n    pass\nreturn 1"), "For"),
        (kernel("for x in number.bits():\n    pass\nreturn 1"), "to loop over"),
        (kernel("while number:\n    pass\nelse:\n    return 1"), "While"),
        (kernel("try:\n    return 1\nfinally:\n    pass"), "Try"),
        (kernel("with space:\n    return 1"), "With"),
        (kernel("raise ValueError"), "Raise"),
        (kernel("assert number"), "Assert"),
        (kernel("import os\nreturn 1"), "Import"),
        (kernel("def g():\n    pass\nreturn 1"), "FunctionDef"),
        (kernel("a = b = number\nreturn a"), "Assign"),
        (kernel("space[load(space, 1)] += 1\nreturn 1"), "a call in the place"),
        (kernel("space[1:2] = space\nreturn 1"), "`space`"),
        (kernel("return space[1:2]"), "`1:2`"),
        (kernel("return 1", head="space"), "parameter space"),
        (kernel("return 1", head="number: float"), "parameter number"),
        (kernel("return 1", head="number: int = 3"), "a default"),
        (kernel("return 1", head="*numbers: int"), "plain parameters"),
        (kernel("return 1", result="float"), "the result annotation"),
        (kernel("return 1") + "def load() -> int:\n    return 1\n", "a second function named load"),
        ("class Novelty:\n    pass\n", "ClassDef"),
        ("import os\n", "Import"),
        ("from .store import FasterKv\n", "an import of FasterKv"),
        ("LIMIT = -1\n", "`-1` as a constant"),
        ("LIMIT = 1 << 64\n", "which is no 64-bit word"),
        ("NAMES = ('a',)\n", "as a constant"),
        ("def f(:\n", "line 1"),
    ],
)
def test_what_is_not_in_the_dialect_is_named(source: str, expected: str) -> None:
    with pytest.raises(CompilationError) as caught:
        dialect.translate({"sample": source}, CONSTANTS)
    assert str(caught.value).startswith("sample, line ")
    assert expected in str(caught.value)


def test_refusal_names_the_line() -> None:
    with pytest.raises(CompilationError, match=r"^sample, line 5: `-1`"):
        dialect.translate({"sample": kernel("a = number\nreturn -1")}, CONSTANTS)


def test_integers_become_words_of_one_type() -> None:
    made = dialect.translate({"sample": kernel("space[w.LINK] = number & ~w.LOCK\nreturn 5")}, CONSTANTS)
    assert "put_(space, LINK_, number & n" in made.text
    assert set(made.words.values()) == {words.LINK, MASK64 ^ words.LOCK, 5}
    assert "5" not in made.text.replace("n5_", "").replace(str(MASK64 ^ words.LOCK), "")
