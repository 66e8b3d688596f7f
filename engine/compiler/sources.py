"""Kernel sources: one module of kernels as it is read: its functions, their signatures, its constants.

A constant is an integer expression of literals, of the module's own constants, and of `w.NAME`; it is
computed here, by Python's rules, and must come out as a word. `~` means the 64-bit complement.

Pure: text in, syntax trees out. What stands inside a function is for `dialect` to judge.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.abc import InspectLoader
from types import ModuleType
from typing import NoReturn

from ..errors import EngineError

__all__ = [
    "BOOL",
    "NOTHING",
    "PAIR",
    "SPACE",
    "WORD",
    "CompilationError",
    "Kernel",
    "KernelSource",
    "source_of",
]

MASK64 = (1 << 64) - 1
WORD, SPACE, BOOL, PAIR, NOTHING = "word", "space", "bool", "pair", "nothing"


class CompilationError(EngineError):
    """The kernels cannot be compiled; the interpreted ones serve, slower."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """The signature of one function, in names of the kinds above."""

    parameters: tuple[str, ...]
    result: str


ANNOTATIONS = {"int": WORD, "Space": SPACE, "bool": BOOL, "tuple[int, int]": PAIR, "None": NOTHING}


def source_of(module: ModuleType) -> str:
    """The source as the module's loader gives it, which need not be what the file holds."""
    loader = module.__spec__.loader if module.__spec__ else None
    source = loader.get_source(module.__name__) if isinstance(loader, InspectLoader) else None
    if source is None:
        raise CompilationError(f"{module.__name__} has no source to compile")
    return source


class KernelSource:
    """One source: its functions, its constants, and what it imports."""

    def __init__(self, name: str, source: str, constants: Mapping[str, int]) -> None:
        self.name = name
        self.shared = constants
        self.aliases: set[str] = set()  # Names of the module of constants.
        self.own: dict[str, int] = {}
        self.functions: dict[str, ast.FunctionDef] = {}
        self._imported: dict[str, ast.stmt] = {}
        try:
            tree = ast.parse(source)
        except SyntaxError as error:
            raise CompilationError(f"{name}, line {error.lineno}: {error.msg}") from error
        for statement in tree.body:
            self._take(statement)

    def _take(self, statement: ast.stmt) -> None:
        match statement:
            case ast.Expr(value=ast.Constant(value=str())):
                pass
            case ast.ImportFrom(module="__future__"):
                pass
            case ast.ImportFrom(module=None, level=1, names=[ast.alias(name="words") as alias]):
                self.aliases.add(alias.asname or alias.name)
            case ast.ImportFrom(level=1, names=names):
                for alias in names:
                    if alias.asname:
                        self.refuse(statement, f"{alias.name} under another name")
                    self._imported[alias.name] = statement
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if name != "__all__":
                self.own[name] = self.word(value)
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                self.own[name] = self.word(value)
            case ast.Assign(targets=[ast.Name(id="__all__")]):
                pass
            case ast.FunctionDef(name=name):
                self.functions[name] = statement
            case _:
                self.refuse(statement, type(statement).__name__)

    def check_imports(self, known: Mapping[str, Kernel]) -> None:
        for name, statement in self._imported.items():
            if name not in known and name != "Space":
                self.refuse(statement, f"an import of {name}, which is no kernel")

    def signature(self, function: ast.FunctionDef) -> Kernel:
        arguments = function.args
        if arguments.posonlyargs or arguments.kwonlyargs or arguments.vararg or arguments.kwarg:
            self.refuse(function, f"{function.name} with other than plain parameters")
        if arguments.defaults or function.decorator_list:
            self.refuse(function, f"{function.name} with a default or a decorator")
        kinds = []
        for argument in arguments.args:
            kind = ANNOTATIONS.get(ast.unparse(argument.annotation) if argument.annotation else "")
            if kind not in (WORD, SPACE, BOOL):
                self.refuse(argument, f"parameter {argument.arg} that is neither Space, int nor bool")
            kinds.append(kind)
        result = ANNOTATIONS.get(ast.unparse(function.returns) if function.returns else "")
        if result is None or result == SPACE:
            self.refuse(function, f"the result annotation of {function.name}")
        return Kernel(tuple(kinds), result)

    def refuse(self, node: ast.stmt | ast.expr | ast.arg, what: str) -> NoReturn:
        raise CompilationError(f"{self.name}, line {node.lineno}: {what} is not in the dialect of kernels")

    def word(self, node: ast.expr) -> int:
        """The value of a constant expression, which must be a word."""
        value = self.constant(node)
        if value is None:
            self.refuse(node, f"`{ast.unparse(node)}` as a constant")
        if not 0 <= value <= MASK64:
            self.refuse(node, f"`{ast.unparse(node)}`, which is no 64-bit word,")
        return value

    def constant(self, node: ast.expr) -> int | None:
        """The value of an expression of constants, by Python's rules; None if it is none."""
        match node:
            case ast.Constant(value=int(value)) if not isinstance(value, bool):
                return value
            case ast.Name(id=name) if name in self.own:
                return self.own[name]
            case ast.Attribute(value=ast.Name(id=alias), attr=name) if alias in self.aliases:
                if name not in self.shared:
                    self.refuse(node, f"{alias}.{name}, a constant that does not exist,")
                return self.shared[name]
            case ast.UnaryOp(op=ast.Invert(), operand=operand):
                inner = self.constant(operand)
                return None if inner is None else inner ^ MASK64
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _FOLDED:
                a, b = self.constant(left), self.constant(right)
                if a is None or b is None or (b > 64 and isinstance(op, ast.LShift)):
                    return None
                return _FOLDED[type(op)](a, b)
        return None


_FOLDED: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
}
