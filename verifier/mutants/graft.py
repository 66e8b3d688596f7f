"""The graft: a bug planted in a process that has everything imported, by exchanging the code of functions.

Most bugs are inside functions that no import calls. What an import leaves is then the same with the bug and
without it, but for the code of these functions; so they are given the code that they would have had.

    ran        code that was run while everything was imported
    own code   what a code object does by itself: neither its lines, nor the code that stands inside it

Invariants
  1  grafted is what can be told from an import with the bug by nothing: of all code that has run the own code
     is unchanged, and every function of the module has the code of the edited source. Else nothing is changed
  2  a module that was not imported yet is imported with the bug, as `hook` does
  3  machine code and kernels without calls are made of the edited source

Threads: one; it watches what one thread imports.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from types import CodeType, FrameType, FunctionType
from typing import Any, Final

from .hook import edit_on_import, note_planted, read_source
from .planted import Plantable

__all__ = ["Imported"]

_INLINING: Final = "powercut.engine.compiler.inlining"


class Imported:
    """The imports inside its `with`: code that ran, code of modules, functions by their code.

    The functions are those that are there when it ends.
    """

    def __init__(self) -> None:
        self._modules: dict[str, CodeType] = {}
        self._ran: dict[int, CodeType] = {}  # By identity, and held: equal code stands in many places.
        self._functions: dict[int, list[FunctionType]] = {}

    def __enter__(self) -> Imported:
        sys.setprofile(self._note)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)
        for each in gc.get_objects():
            if type(each) is FunctionType:
                self._functions.setdefault(id(each.__code__), []).append(each)

    def _note(self, frame: FrameType, event: str, _: Any) -> None:
        if event != "call":
            return
        code = frame.f_code
        self._ran[id(code)] = code
        if code.co_name == "<module>" and "__spec__" in frame.f_globals:
            # The first is the module's own; a dataclass has more of that name run in it.
            self._modules.setdefault(frame.f_globals["__name__"], code)

    def graft(self, bug: Plantable) -> bool:
        """Plant the bug in what is imported; False: that takes an import with the bug in it."""
        edited = bug.edited(read_source(bug))
        module = sys.modules.get(bug.module)
        if module is None:
            edit_on_import((bug,))
        else:
            old = self._modules.get(bug.module)
            if old is None or module.__spec__ is None:
                return False
            new = compile(edited, old.co_filename, "exec", dont_inherit=True)
            exchanged = self._exchanged(old, new)
            if exchanged is None:
                return False
            for function, code in exchanged:
                function.__code__ = code
            edit_on_import((bug,), module)
            inlining = sys.modules.get(_INLINING)
            if inlining is not None and module in inlining.KERNELS:
                inlining.load_inlined.cache_clear()
        note_planted(bug)
        return True

    def _exchanged(self, old: CodeType, new: CodeType) -> list[tuple[FunctionType, CodeType]] | None:
        """The functions with the code to come; None: code that ran differs, or one is left without."""
        exchanged: list[tuple[FunctionType, CodeType]] = []
        for before, after in _pairs(old, new):
            functions = self._functions.get(id(before), [])
            if after is None:
                if functions:
                    return None
                continue
            if id(before) in self._ran and _own(before) != _own(after):
                return None
            if functions and before.co_freevars != after.co_freevars:
                return None
            exchanged += [(function, after) for function in functions]
        return exchanged


def _pairs(old: CodeType, new: CodeType | None) -> Iterator[tuple[CodeType, CodeType | None]]:
    """All code in the old one, each with what stands in its place in the new one, if anything does."""
    yield old, new
    before, after = _inner(old), [] if new is None else _inner(new)
    is_alike = [each.co_name for each in before] == [each.co_name for each in after]
    for number, each in enumerate(before):
        yield from _pairs(each, after[number] if is_alike else None)


def _inner(code: CodeType) -> list[CodeType]:
    return [each for each in code.co_consts if isinstance(each, CodeType)]


def _own(code: CodeType) -> CodeType:
    """The code without its lines, and with names in the place of the code inside it."""
    # From Python 3.13 on a class is told its first line by a constant.
    line = code.co_firstlineno if "__firstlineno__" in code.co_names else None
    constants = tuple(
        each.co_name if isinstance(each, CodeType) else None if each == line else each
        for each in code.co_consts
    )
    return code.replace(co_consts=constants, co_firstlineno=1, co_linetable=b"")
