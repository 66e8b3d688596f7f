"""A planted bug is the bug that it says: its edit names nothing that its module does not have.

A name that is missing raises where the edit comes to be run, and what is found then is not what was planted.
"""

import builtins
import dis
from collections.abc import Iterator
from types import CodeType

import pytest

from powercut.verifier.mutants.bank import BANK, CONTROL
from powercut.verifier.mutants.hook import read_source
from powercut.verifier.mutants.planted import Mutant

pytestmark = pytest.mark.once


def codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield from codes(each)


def missing_names(source: str) -> set[str]:
    """Global names that some function of the source reads and nothing in it sets."""
    module = compile(source, "source", "exec", dont_inherit=True)
    known = {*dir(builtins), "__file__", "__package__"}
    read: set[str] = set()
    for code in codes(module):
        for step in dis.get_instructions(code):
            if step.opname in ("STORE_NAME", "STORE_GLOBAL") and code is module:
                known.add(step.argval)
            elif step.opname == "LOAD_GLOBAL":
                read.add(step.argval)
    return read - known


@pytest.mark.parametrize("mutant", [*BANK, CONTROL], ids=lambda mutant: mutant.name)
def test_an_edit_names_only_what_its_module_has(mutant: Mutant) -> None:
    assert missing_names(mutant.edited(read_source(mutant))) == set()


def test_a_name_that_is_missing_is_told() -> None:
    source = "import os\nA = 1\ndef f():\n    def g():\n        return os, A, len, missing\n    return g"
    assert missing_names(source) == {"missing"}
