"""Objects: machine code made callable from Python, and the machine that it is for.

An object file is loaded by llvmlite's linker; each of its entry points becomes a built-in function with
the calling convention METH_FASTCALL, which the interpreter calls without anything in between. A loaded
object stays for the life of the process.

Threads: load once; what was loaded may be called from any thread.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any

__all__ = ["INTERFACE", "load_object", "machine_name", "target_machine"]

INTERFACE = (
    "PyBool_FromLong",
    "PyBytes_AsString",
    "PyBytes_FromStringAndSize",
    "PyBytes_Size",
    "PyErr_BadArgument",
    "PyErr_Occurred",
    "PyEval_RestoreThread",
    "PyEval_SaveThread",
    "PyLong_AsUnsignedLongLong",
    "PyLong_FromUnsignedLongLong",
    "PyTuple_New",
    "PyTuple_SetItem",
)

METH_FASTCALL = 0x80


class _Definition(ctypes.Structure):
    """PyMethodDef."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("documentation", ctypes.c_char_p),
    )


_kept: list[object] = []  # Engines and definitions: the interpreter points into them.


@functools.cache
def _binding() -> Any:
    """llvmlite, ready for this machine. Imported when first needed: it maps a library of 100 MB."""
    llvm: Any = import_module("llvmlite.binding")
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    for name in INTERFACE:
        # The linker does not search the process itself.
        llvm.add_symbol(name, ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value)
    return llvm


def machine_name() -> str:
    """The processor and what it can do: code for one need not run on another."""
    llvm = _binding()
    return "|".join(
        (llvm.get_process_triple(), llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten())
    )


def target_machine() -> Any:
    llvm = _binding()
    # Code may lie farther from Python's functions than 2 GB: the large model, and no table of addresses.
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=llvm.get_host_cpu_features().flatten(),
        opt=3,
        reloc="static",
        codemodel="jitdefault",
        jit=True,
    )


def load_object(content: bytes, names: Iterable[str]) -> list[Callable[..., Any]]:
    """The entry points `names` of an object file, as functions."""
    llvm = _binding()
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), target_machine())
    engine.add_object_file(llvm.ObjectFileRef.from_data(content))
    engine.finalize_object()
    make = ctypes.pythonapi.PyCFunction_NewEx
    make.restype, make.argtypes = ctypes.py_object, [ctypes.c_void_p] * 3
    functions = []
    for name in names:
        public = name.removeprefix("powercut_").encode()
        definition = _Definition(public, engine.get_function_address(name), METH_FASTCALL, None)
        _kept.append((engine, definition))
        functions.append(make(ctypes.addressof(definition), None, None))
    return functions
