"""Machine code of the kernels: the instructions behind the dialect, and the one object made of both.

numba compiles the translated functions, llvmlite makes one object file of what it gave. The object
needs nothing of either when it runs: the only symbols it leaves open are functions of Python's C
interface (`objects.INTERFACE`), so a later process loads it without importing numba.

    load   acquire      store      release          get, put   plain, for words private to the caller
    cas    seq_cst      fetch_add  seq_cst          prefetch   for reading, to be kept in all caches

Invariants
  M1  every value in a kernel is a uint64, a bool, a pair of words or nothing: no sign, no float
  M2  no kernel can raise: the trap behind a raised exception is gone after optimisation, or it is an error
  M3  `copy` loads each word with acquire and stores it with release, so that a reader who saw one word of
      a change also sees the link word that announced it

Importing this module imports numba; `compilation` does that only where there is no object yet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Any

import numpy

from . import entries
from .dialect import ATOMICS, Translation, translate
from .objects import target_machine
from .sources import BOOL, NOTHING, PAIR, SPACE, WORD, CompilationError, Kernel

__all__ = ["compile_object", "generate"]

# By name, so that what is typed here does not depend on which stubs an optional dependency brings.
numba: Any = import_module("numba")
types: Any = import_module("numba.core.types")
cgutils: Any = import_module("numba.core.cgutils")
errors: Any = import_module("numba.core.errors")
extending: Any = import_module("numba.extending")
ir: Any = import_module("llvmlite.ir")
llvm: Any = import_module("llvmlite.binding")

_WORD = ir.IntType(64)
_TYPES = {
    SPACE: types.uint64,  # An address.
    WORD: types.uint64,
    BOOL: types.boolean,
    PAIR: types.UniTuple(types.uint64, 2),
    NOTHING: types.none,
}

# -- instructions ----------------------------------------------------------------------------------


def _intrinsic(kernel: Kernel, emit: Callable[..., Any]) -> Any:
    """The intrinsic in place of a call of `kernel`; `emit` takes LLVM's builder and words, gives a value."""
    result = _TYPES[kernel.result]

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value = emit(builder, *arguments)
        return context.get_dummy_value() if result is types.none else value

    def typed(*arguments: Any) -> Any:
        return result(*[types.uint64] * len(kernel.parameters)), generate

    # numba counts the parameters, and takes no function of any number of them.
    fitting = (
        lambda _: typed(),
        lambda _, a: typed(),
        lambda _, a, b: typed(),
        lambda _, a, b, c: typed(),
        lambda _, a, b, c, d: typed(),
    )
    return extending.intrinsic(fitting[len(kernel.parameters)])


def _at(builder: Any, space: Any, word: Any) -> Any:
    return builder.gep(builder.inttoptr(space, _WORD.as_pointer()), [word])


def _swapped(builder: Any, place: Any, expected: Any, value: Any) -> Any:
    return builder.extract_value(builder.cmpxchg(place, expected, value, "seq_cst", "seq_cst"), 1)


def _prefetched(builder: Any, place: Any) -> None:
    byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
    kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
    function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
    builder.call(function, [builder.bitcast(place, byte), number(0), number(3), number(1)])


_GET = Kernel((SPACE, WORD), WORD)
_PUT = Kernel((SPACE, WORD, WORD), NOTHING)
_INSTRUCTIONS = {
    "get_": _intrinsic(_GET, lambda b, s, n: b.load(_at(b, s, n), align=8)),
    "put_": _intrinsic(_PUT, lambda b, s, n, value: b.store(value, _at(b, s, n), align=8)),
    "load": _intrinsic(_GET, lambda b, s, n: b.load_atomic(_at(b, s, n), "acquire", 8)),
    "store": _intrinsic(_PUT, lambda b, s, n, value: b.store_atomic(value, _at(b, s, n), "release", 8)),
    "cas": _intrinsic(ATOMICS["cas"], lambda b, s, n, old, new: _swapped(b, _at(b, s, n), old, new)),
    "fetch_add": _intrinsic(
        ATOMICS["fetch_add"], lambda b, s, n, delta: b.atomic_rmw("add", _at(b, s, n), delta, "seq_cst")
    ),
    "prefetch": _intrinsic(ATOMICS["prefetch"], lambda b, s, n: _prefetched(b, _at(b, s, n))),
}

# Invariant M3. As the dialect's translation would be.
_MANY = """
def copy(source, start, target, at, words):
    for word in range(words):
        store(target, at + word, load(source, start + word))


def same(left, start, right, at, words):
    for word in range(words):
        if load(left, start + word) != load(right, at + word):
            return False
    return True
"""


# What entry points may call besides: functions of Python's C interface, pointers passed as words.
_ONE = Kernel((WORD,), WORD)
_INTERFACE = {
    "c_word": ("PyLong_AsUnsignedLongLong", _ONE),
    "c_object": ("PyLong_FromUnsignedLongLong", _ONE),
    "c_bytes": ("PyBytes_FromStringAndSize", Kernel((WORD, WORD), WORD)),
    "c_truth": ("PyBool_FromLong", _ONE),
    "c_data": ("PyBytes_AsString", _ONE),
    "c_size": ("PyBytes_Size", _ONE),
    "c_tuple": ("PyTuple_New", _ONE),
    "c_set_item": ("PyTuple_SetItem", Kernel((WORD, WORD, WORD), NOTHING)),
    "c_error": ("PyErr_Occurred", Kernel((), WORD)),
    "c_refuse": ("PyErr_BadArgument", Kernel((), NOTHING)),
    "c_release": ("PyEval_SaveThread", Kernel((), WORD)),
    "c_regain": ("PyEval_RestoreThread", Kernel((WORD,), NOTHING)),
}
_EXTRA = {
    "c_space": Kernel((WORD,), SPACE),
    "c_unaligned": Kernel((WORD,), WORD),
    "c_place": Kernel((SPACE, WORD), WORD),
    **{name: kernel for name, (_, kernel) in _INTERFACE.items()},
}


def _called(name: str, kernel: Kernel) -> Any:
    def emit(builder: Any, *arguments: Any) -> Any:
        result = ir.VoidType() if kernel.result == NOTHING else _WORD
        kind = ir.FunctionType(result, [_WORD] * len(arguments))
        return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), arguments)

    return _intrinsic(kernel, emit)


_ENTERING = {
    "c_space": _intrinsic(_EXTRA["c_space"], lambda b, address: address),
    "c_unaligned": _intrinsic(
        _EXTRA["c_unaligned"], lambda b, address: b.load(_at(b, address, _WORD(0)), align=1)
    ),
    "c_place": _intrinsic(_EXTRA["c_place"], lambda b, s, n: b.add(s, b.shl(n, _WORD(3)))),
    **{name: _called(function, kernel) for name, (function, kernel) in _INTERFACE.items()},
}

# -- compilation -------------------------------------------------------------------------------------

# Entry points are called by the wrappers below, never by Python: numba's own wrappers are not wanted.
_OPTIONS = {"nogil": True, "error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True}


def generate(sources: Mapping[str, str], constants: Mapping[str, int]) -> Translation:
    """The kernels and the entry points around them, translated."""
    return translate({**sources, "entries": entries.source()}, constants, _EXTRA)


def compile_object(translation: Translation, file: str, allowed: Iterable[str]) -> bytes:
    """An object file of all entry points, which leaves open no symbol but those `allowed`.

    `file` is where the generated text stands, for numba's messages.
    """
    namespace: dict[str, Any] = {name: numpy.uint64(value) for name, value in translation.words.items()}
    namespace |= _INSTRUCTIONS | _ENTERING
    kernels = {name: ATOMICS[name] for name in ("copy", "same")} | translation.kernels
    exec(_MANY, namespace)
    exec(compile(translation.text, file, "exec"), namespace)
    for name in kernels:
        namespace[name] = numba.njit(**_OPTIONS)(namespace[name])
    public = [name for name in translation.kernels if name.startswith(entries.PREFIX)]
    module = llvm.parse_assembly("")
    for name in public:
        dispatcher = namespace[name]
        try:
            dispatcher.compile((types.uint64, types.uint64))
        except errors.NumbaError as error:
            raise CompilationError(f"{name}: {error}") from error
        (compiled,) = dispatcher.overloads.values()
        part = llvm.parse_assembly(compiled.library.get_llvm_str())
        module.triple, module.data_layout = part.triple, part.data_layout
        module.link_in(part)
        module.link_in(llvm.parse_assembly(_wrapper(name, compiled.fndesc.mangled_name, module.triple)))
    for name, kernel in kernels.items():
        _check_types(name, kernel, namespace[name])
    return _object(module, public, {*allowed})


def _check_types(name: str, kernel: Kernel, dispatcher: Any) -> None:
    """Raise unless every integer is a word (invariant M1)."""
    wanted = tuple(_TYPES[kind] for kind in kernel.parameters), _TYPES[kernel.result]
    for compiled in dispatcher.overloads.values():
        found = compiled.signature.args, compiled.signature.return_type
        if found != wanted:
            raise CompilationError(f"{name}: has the types {found}, not {wanted}")
        for variable, kind in compiled.type_annotation.typemap.items():
            if isinstance(kind, types.Float | types.Complex) or (
                isinstance(kind, types.Integer) and kind.signed
            ):
                raise CompilationError(f"{name}: {variable} is {kind}, not a word")


def _wrapper(name: str, native: str, triple: str) -> str:
    """The C function `name` around the function that numba made, in LLVM's own language."""
    module = ir.Module()
    module.triple = triple
    place = _WORD.as_pointer()
    kind = ir.FunctionType(ir.IntType(32), [place, place.as_pointer(), _WORD, _WORD])
    inner = ir.Function(module, kind, native)
    outer = ir.Function(module, ir.FunctionType(_WORD, [_WORD] * 3), name)
    builder = ir.IRBuilder(outer.append_basic_block())
    result, exception = builder.alloca(_WORD), builder.alloca(place)
    status = builder.call(inner, [result, exception, *outer.args[1:]])
    with builder.if_then(builder.icmp_unsigned("!=", status, status.type(0)), likely=False):
        builder.call(ir.Function(module, ir.FunctionType(ir.VoidType(), []), "llvm.trap"), [])
    builder.ret(builder.load(result))
    return str(module)


def _object(module: Any, public: Iterable[str], allowed: set[str]) -> bytes:
    """Optimise the whole, check what it leaves open (invariant M2), and emit it."""
    for value in [*module.functions, *module.global_variables]:
        if not value.is_declaration and value.name not in public:
            value.linkage = "internal"
    machine = target_machine()
    passes = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=3))
    passes.getModulePassManager().run(module, passes)
    module.verify()
    for value in [*module.functions, *module.global_variables]:
        if value.is_declaration and value.name not in allowed:
            if value.name == "llvm.trap":
                raise CompilationError("a kernel can raise an exception")
            if not value.name.startswith("llvm."):
                raise CompilationError(f"a kernel needs the symbol {value.name}")
    emitted: bytes = machine.emit_object(module)
    return emitted
