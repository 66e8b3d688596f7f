"""The dialect of the kernels: what their source may say, and its translation to typed words.

A kernel is a plain function of Python that also runs as machine code, with the same result. That
holds for a small part of the language only, and this module refuses the rest by name and line.

    word    0 <= n < 2**64; every integer is one
    space   an array of words, compiled: the address of its first; passed on, and subscripted
    bool    of a comparison, `not`, or a function that is annotated so

Invariants
  L1  an integer literal, constant expression or `w.NAME` becomes a global that holds one typed word:
      a bare literal would be signed, and signed with unsigned makes a float
  L2  a space stands only where a space is wanted, a word only where a word is: compiled, both are
      64 bits, and one taken for the other would be an access to anywhere
  L3  what is not listed in `_Function` is refused: floats, strings, negative numbers, exceptions,
      displays, closures, attributes, defaults, any name that is neither local nor a kernel

Bodies stay as they are but for L1 and subscripts (`get_`, `put_`). What cannot be seen in the text is left to
whoever writes a kernel: nothing goes below 0, what passes 2**64 is masked, no shift is by 64 or more.
Pure: text in, text out.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NoReturn

from .sources import BOOL, NOTHING, PAIR, SPACE, WORD, Kernel, KernelSource

__all__ = ["ATOMICS", "Translation", "translate"]

ATOMICS: dict[str, Kernel] = {
    "load": Kernel((SPACE, WORD), WORD),
    "store": Kernel((SPACE, WORD, WORD), NOTHING),
    "cas": Kernel((SPACE, WORD, WORD, WORD), BOOL),
    "fetch_add": Kernel((SPACE, WORD, WORD), WORD),
    "prefetch": Kernel((SPACE, WORD), NOTHING),
    "copy": Kernel((SPACE, WORD, SPACE, WORD, WORD), NOTHING),
    "same": Kernel((SPACE, WORD, SPACE, WORD, WORD), BOOL),
}


@dataclass(frozen=True, slots=True)
class Translation:
    """The generated functions, and what they need around them."""

    text: str
    words: dict[str, int]  # Globals of L1.
    kernels: dict[str, Kernel]


def translate(
    sources: Mapping[str, str], constants: Mapping[str, int], extra: Mapping[str, Kernel] | None = None
) -> Translation:
    """Translate modules (file name: source), in this order; `constants` are those that `w` names.

    `extra` are functions that the sources may call besides their own and the atomics.
    """
    modules = [KernelSource(name, source, constants) for name, source in sources.items()]
    known = dict(ATOMICS) | dict(extra or {})
    kernels: dict[str, Kernel] = {}
    for module in modules:
        for name, function in module.functions.items():
            if name in kernels or name in known:
                module.refuse(function, f"a second function named {name}")
            if name.endswith("_"):
                module.refuse(function, f"{name}, a name as generated ones are,")
            kernels[name] = module.signature(function)
    known |= kernels
    for module in modules:
        module.check_imports(known)
    words: dict[str, int] = {}
    functions = [
        ast.unparse(_Function(module, function, known, words).translated())
        for module in modules
        for function in module.functions.values()
    ]
    return Translation("\n\n\n".join(functions) + "\n", words, kernels)


_OPERATORS = (
    *(ast.Add, ast.Sub, ast.Mult, ast.FloorDiv, ast.Mod),
    *(ast.BitAnd, ast.BitOr, ast.BitXor, ast.LShift, ast.RShift),
)
_COMPARISONS = (ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE)


class _Function:
    """The translation of one function: checks each construct and gives the one that takes its place."""

    def __init__(
        self,
        module: KernelSource,
        function: ast.FunctionDef,
        known: Mapping[str, Kernel],
        words: dict[str, int],
    ) -> None:
        self._module = module
        self._function = function
        self._known = known
        self._words = words
        self._kernel = known[function.name]
        parameters = [argument.arg for argument in function.args.args]
        # A name is a space or a word in the whole function: where it is first bound decides.
        self._kinds = dict(zip(parameters, self._kernel.parameters, strict=True))
        for node in ast.walk(function):
            match node:
                case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=ast.Name(id=callee))):
                    result = known[callee].result if callee in known else WORD
                    self._kinds.setdefault(name, SPACE if result == SPACE else WORD)
                case ast.Name(id=name, ctx=ast.Store()):
                    self._kinds.setdefault(name, WORD)
        for name in self._kinds:
            is_taken = name in known or name in module.own or name in module.aliases or name == "range"
            if is_taken or (name.endswith("_") and name != "_"):
                module.refuse(function, f"{name} as a name of {function.name}'s own")

    def translated(self) -> ast.FunctionDef:
        function = self._function
        body = list(function.body)
        if isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
            body = body[1:] or [ast.Pass()]
        # Parsed, for what a function definition is made of differs between versions of Python.
        (made,) = ast.parse(f"def {function.name}(): pass").body
        assert isinstance(made, ast.FunctionDef)
        made.args.args = [ast.arg(a.arg) for a in function.args.args]
        made.body = self._body(body)
        return ast.fix_missing_locations(made)

    def _refuse(self, node: ast.stmt | ast.expr, what: str) -> NoReturn:
        self._module.refuse(node, what)

    def _body(self, body: Iterable[ast.stmt]) -> list[ast.stmt]:
        return [self._statement(statement) for statement in body]

    def _statement(self, node: ast.stmt) -> ast.stmt:
        match node:
            case ast.Assign(targets=[ast.Name(id=name) as target], value=value):
                is_space = self._kinds[name] == SPACE
                return ast.Assign([target], self._space(value) if is_space else self._word(value))
            case ast.Assign(
                targets=[ast.Tuple(elts=[ast.Name() as a, ast.Name() as b])], value=ast.Call() as call
            ):
                self._word_name(a)
                self._word_name(b)
                return ast.Assign(node.targets, self._call(call, (PAIR,)))
            case ast.Assign(targets=[ast.Subscript() as target], value=value):
                return self._put(target, self._word(value))
            case ast.AnnAssign(target=ast.Name() as local, value=ast.expr() as value):
                self._word_name(local)
                return ast.Assign([local], self._word(value))
            case ast.AugAssign(target=ast.Name() as local, op=op, value=value) if isinstance(op, _OPERATORS):
                self._word_name(local)
                return ast.AugAssign(local, op, self._word(value))
            case ast.AugAssign(target=ast.Subscript() as target, op=op, value=value) if isinstance(
                op, _OPERATORS
            ):
                if any(isinstance(part, ast.Call) for part in ast.walk(target)):
                    self._refuse(node, "a call in the place that is changed")
                old = ast.Subscript(target.value, target.slice, ast.Load())
                return self._put(target, ast.BinOp(self._word(old), op, self._word(value)))
            case ast.If(test=test, body=body, orelse=orelse):
                return ast.If(self._word(test), self._body(body), self._body(orelse))
            case ast.While(test=test, body=body, orelse=[]):
                return ast.While(self._word(test), self._body(body), [])
            case ast.For(target=ast.Name() as local, iter=ast.Call() as call, body=body, orelse=[]):
                self._word_name(local)
                return ast.For(local, self._range(call), self._body(body), [])
            case ast.Return(value=value):
                return ast.Return(self._result(node, value))
            case ast.Expr(value=ast.Call() as call):
                return ast.Expr(self._call(call, (WORD, BOOL, PAIR, NOTHING)))
            case ast.Break() | ast.Continue() | ast.Pass():
                return node
        self._refuse(node, type(node).__name__)

    def _result(self, node: ast.stmt, value: ast.expr | None) -> ast.expr | None:
        wanted = self._kernel.result
        if (value is None) != (wanted == NOTHING):
            self._refuse(node, f"a return of other than {wanted}")
        match value:
            case None:
                return None
            case ast.Tuple(elts=[left, right]) if wanted == PAIR:
                return ast.Tuple([self._word(left), self._word(right)], ast.Load())
            case ast.Call() as call if wanted == PAIR:
                return self._call(call, (PAIR,))
        return self._word(value)

    def _range(self, call: ast.Call) -> ast.expr:
        match call:
            case ast.Call(func=ast.Name(id="range"), args=[_] | [_, _] as bounds, keywords=[]):
                return ast.Call(call.func, [self._word(bound) for bound in bounds], [])
        self._refuse(call, f"`{ast.unparse(call)}` to loop over")

    def _word_name(self, node: ast.Name) -> None:
        if self._kinds[node.id] == SPACE:
            self._refuse(node, f"another value for the space {node.id}")

    def _put(self, target: ast.Subscript, value: ast.expr) -> ast.stmt:
        place = [self._space(target.value), self._word(target.slice)]
        return ast.Expr(ast.Call(ast.Name("put_", ast.Load()), [*place, value], []))

    def _space(self, node: ast.expr) -> ast.expr:
        match node:
            case ast.Name(id=name) if self._kinds.get(name) == SPACE:
                return node
            case ast.Call(func=ast.Name(id=name)) if name in self._known:
                return self._call(node, (SPACE,))
        self._refuse(node, f"`{ast.unparse(node)}` where a space is wanted")

    def _word(self, node: ast.expr) -> ast.expr:
        """An expression whose value is a word or a bool."""
        if self._module.constant(node) is not None:
            return self._global(node, self._module.word(node))
        match node:
            case ast.Constant(value=bool()):
                return node
            case ast.Name(id=name) if self._kinds.get(name) in (WORD, BOOL):
                return node
            case ast.BinOp(left=left, op=op, right=right) if isinstance(op, _OPERATORS):
                return ast.BinOp(self._word(left), op, self._word(right))
            case ast.UnaryOp(op=ast.Not() | ast.Invert() as unary, operand=operand):
                return ast.UnaryOp(unary, self._word(operand))
            case ast.BoolOp(op=op, values=values):
                return ast.BoolOp(op, [self._word(value) for value in values])
            case ast.Compare(left=left, ops=ops, comparators=others) if all(
                isinstance(op, _COMPARISONS) for op in ops
            ):
                return ast.Compare(self._word(left), ops, [self._word(other) for other in others])
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return ast.IfExp(self._word(test), self._word(body), self._word(orelse))
            case ast.Subscript(value=space, slice=index):
                place = [self._space(space), self._word(index)]
                return ast.Call(ast.Name("get_", ast.Load()), place, [])
            case ast.Call():
                return self._call(node, (WORD, BOOL))
        self._refuse(node, f"`{ast.unparse(node)}`")

    def _call(self, call: ast.Call, wanted: tuple[str, ...]) -> ast.Call:
        name = call.func.id if isinstance(call.func, ast.Name) else ""
        kernel = self._known.get(name)
        if kernel is None or name in self._kinds or call.keywords:
            self._refuse(call, f"the call `{ast.unparse(call)}`")
        if kernel.result not in wanted:
            self._refuse(call, f"`{ast.unparse(call)}`, which gives a {kernel.result},")
        if len(call.args) != len(kernel.parameters):
            self._refuse(call, f"`{ast.unparse(call)}`, which needs {len(kernel.parameters)} arguments,")
        arguments = [
            self._space(argument) if kind == SPACE else self._word(argument)
            for argument, kind in zip(call.args, kernel.parameters, strict=True)
        ]
        return ast.Call(call.func, arguments, [])

    def _global(self, node: ast.expr, value: int) -> ast.expr:
        """The global of one constant (invariant L1), named so that the generated text can be read."""
        name = f"{node.attr}_" if isinstance(node, ast.Attribute) else f"n{value}_"
        self._words[name] = value
        return ast.Name(name, ast.Load())
