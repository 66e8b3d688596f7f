"""Compilation: the kernels as machine code, made once per machine and kept.

    kernels ─ dialect ─▶ typed text ─ intrinsics (numba, llvmlite) ─▶ kernels.o ─ objects ─▶ functions

The cache folder is named by a digest of everything that the code depends on: every kernel source and
constant, the modules of this translator, Python, numba, llvmlite, and the processor. It holds
`kernels.py` (the typed text, for people), `kernels.o` (the object, behind its own checksum) and `lock`.
Nothing in it is ever changed, so nothing in it is ever stale; the whole folder may be deleted.

Invariants
  C1  an object is loaded only if its checksum is right; any other is made anew
  C2  an object is complete when it gets its name; it is made under the folder's lock, so processes
      that start at once compile once
  C3  a folder that cannot be written costs the compilation each time, and nothing else

The first compilation takes some seconds and imports numba; a later process loads the object in a tenth
of a second and does not import numba. Importing this module imports neither.

Threads: any; two at once wait for each other at the lock.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import importlib.metadata
import importlib.util
import os
import platform
import sys
import sysconfig
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..kernels import batch, cached, moves, near, picks, probe, records, settling, slots, splits, walks, words
from ..kernels import operations as kernels
from . import entries, objects
from .sources import CompilationError, source_of

__all__ = ["CompilationError", "Compiled", "available", "load_compiled", "load_from"]

KERNELS = (probe, slots, records, cached, moves, picks, kernels, near, batch, walks, splits, settling)
ENTRIES = (
    "run",
    "run_key",
    "read_key",
    "run_pair",
    "relink",
    "run_walk",
    "run_pick",
    "split",
    "settle",
    "cas",
    "fetch_add",
)
CHECKSUM_BYTES = 32


@dataclass(frozen=True, slots=True)
class Compiled:
    """The entry points. Addresses are of memory that the caller keeps alive; every integer is a word.

    `run`, `run_key` and `run_pair` work a batch off and return why it stopped (`words`), `run_walk` goes on
    with a walk; the other spaces are found in the first words of either. `read_key` runs like `run_key` and
    returns the value found in memory, else the result, or why << RESULT_BITS. `run_key` and `run_pair` stage
    one operation before: they write the key (and the value) zero padded to where B_KEYS (B_VALUES) says, and
    B_KEY_BYTES (B_VALUE_BYTES), B_KIND, B_START, B_COUNT and B_ISSUE. That there is room for them is for the
    caller to see to.

    A wrong type raises TypeError, an integer that is no word OverflowError; neither has any effect. A wrong
    address is not noticed.
    """

    run: Callable[[int], int]  # batch
    run_key: Callable[[int, int, bytes], int]  # batch, kind, key
    read_key: Callable[[int, int, bytes], bytes | int]  # batch, kind, key; a READ or a PEEK
    run_pair: Callable[[int, int, bytes, bytes], int]  # batch, kind, key, value
    relink: Callable[[int, int, int, int, int, int], tuple[int, int]]  # three spaces, group, address, end
    run_walk: Callable[[int], int]  # walk
    run_pick: Callable[[int], int]  # batch
    split: Callable[[int, int, int, int, int, int], int]  # three spaces, spare, start, stop
    settle: Callable[[int, int, int, int, int], int]  # control, index, chart, start, stop
    cas: Callable[[int, int, int], bool]  # address of a word, expected, value
    fetch_add: Callable[[int, int], int]  # address of a word, delta; the value before


@functools.cache
def available() -> bool:
    """True if kernels can be compiled here; imports nothing. Looked for once a process."""
    # Boundaries are read in an order that x86 keeps by itself, and others need not.
    is_fit = platform.machine().lower() in ("x86_64", "amd64") and sys.implementation.name == "cpython"
    return is_fit and all(importlib.util.find_spec(name) is not None for name in ("numba", "llvmlite"))


@functools.cache
def load_compiled() -> Compiled:
    """The kernels of this package, compiled if this machine has not done so yet."""
    sources = {module.__name__.rpartition(".")[2]: source_of(module) for module in KERNELS}
    constants = {name: value for name, value in vars(words).items() if type(value) is int}
    return load_from(sources, constants, cache_root())


def load_from(sources: Mapping[str, str], constants: Mapping[str, int], root: Path) -> Compiled:
    """Kernels of any sources (module: text), which must define `run_batch` and what else ENTRIES call."""
    if not available():
        raise CompilationError("compiled kernels need numba: pip install 'powercut[speed]'")
    folder = root / f"kernels-{digest(sources, constants)}"
    content = _read(folder)
    if content is None:
        with _lock(folder):
            content = _read(folder) or _compile(sources, constants, folder)
    return Compiled(*objects.load_object(content, [f"{entries.PREFIX}{name}" for name in ENTRIES]))


def cache_root() -> Path:
    """The place of the folders: POWERCUT_CACHE, else the user's cache folder."""
    chosen = os.environ.get("POWERCUT_CACHE")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "powercut"


def digest(sources: Mapping[str, str], constants: Mapping[str, int]) -> str:
    """Names the object: equal digests, equal code."""
    translator = [Path(__file__), *(Path(__file__).with_name(f"{name}.py") for name in _TRANSLATOR)]
    parts = [
        *(f"{name}\n{source}" for name, source in sources.items()),
        *(f"{name}={value}" for name, value in sorted(constants.items())),
        *(path.read_text(encoding="utf-8") for path in translator),
        *(f"{name} {importlib.metadata.version(name)}" for name in ("numba", "llvmlite")),
        f"{sys.version} {sysconfig.get_config_var('SOABI')}",
        objects.machine_name(),
    ]
    mixed = hashlib.sha256()
    for part in parts:
        encoded = part.encode()
        mixed.update(len(encoded).to_bytes(8, "little") + encoded)
    return mixed.hexdigest()[:32]


_TRANSLATOR = ("sources", "dialect", "entries", "intrinsics", "objects")


def _compile(sources: Mapping[str, str], constants: Mapping[str, int], folder: Path) -> bytes:
    sys.stderr.write("powercut: compiling kernels (once per machine)...\n")
    from . import intrinsics  # Imports numba, which takes a second and 100 MB.

    translation = intrinsics.generate(sources, constants)
    text = folder / "kernels.py"
    _write(text, f'"""Generated: the kernels as they are compiled."""\n\n{translation.text}'.encode())
    content = intrinsics.compile_object(translation, str(text), objects.INTERFACE)
    _write(folder / "kernels.o", hashlib.sha256(content).digest() + content)
    return content


def _read(folder: Path) -> bytes | None:
    """The object, if it is whole (invariant C1)."""
    try:
        stored = (folder / "kernels.o").read_bytes()
    except OSError:
        return None
    content = stored[CHECKSUM_BYTES:]
    return content if hashlib.sha256(content).digest() == stored[:CHECKSUM_BYTES] else None


def _write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all (invariants C2, C3)."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError:
        return


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """Hold the folder's lock; without a folder there is no one to wait for (invariant C3)."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        yield
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)
