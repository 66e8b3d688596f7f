"""Modes: the two ways to run the kernels, behind one face.

    interpreted   the Python source over memoryviews; where threads may really run at once, one lock a batch
    compiled      the same source as machine code without the interpreter's lock (extra `speed`)

`POWERCUT_KERNELS` says which: `compiled`, `interpreted`, or `auto`, which takes compiled kernels where
numba is installed, and else says once what is missing. A Runtime of one task gets interpreted ones unless
it asks for the others by name: it is there to watch.

Invariants
  1  a result does not depend on the mode
  2  nothing here imports numba before compiled kernels are asked for

Threads: any.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from ..compiler.inlining import load_inlined
from ..errors import SettingsError
from ..kernels import words as w
from ..kernels.atomics import Space, cas, fetch_add, is_watched, store
from ..kernels.batch import run_batch
from ..kernels.picks import run_pick
from ..kernels.splits import split
from ..kernels.walks import relink, run_walk
from ..runtime import Runtime
from .spaces import Spaces, address_of, put_bytes, words_of

if TYPE_CHECKING:
    from ..compiler.compilation import Compiled as Code

__all__ = ["MODES", "Bound", "Compiled", "Interpreted", "Mode", "Stamps", "choose_mode"]

MODES: Final = ("auto", "compiled", "interpreted")
COMPILED_LEAST: Final = 1 << 20  # Bytes of log for which loading compiled kernels is worth it.
VARIABLE: Final = "POWERCUT_KERNELS"


class Bound(Protocol):
    """The kernels, bound to the spaces of a store and to one session's batch."""

    def run(self) -> int:
        """Run the staged batch; why it stopped."""

    def pick(self) -> int:
        """`picks.run_pick` over the frozen log that is staged."""

    def run_key(self, kind: int, key: bytes) -> int:
        """Stage one operation without a value, which fits, and run it."""

    def read_key(self, kind: int, key: bytes) -> bytes | int:
        """Run a READ or PEEK: the value found in memory, else the result, or why << RESULT_BITS."""

    def run_pair(self, kind: int, key: bytes, value: bytes) -> int:
        """Stage one operation with a value, which fits, and run it."""


Relink = Callable[[int, int], tuple[int, int]]  # address, end
Walk = Callable[[], int]
Split = Callable[[int, int], int]  # The main bucket to be made first, and the one behind the last.


class Stamps(NamedTuple):
    """The versions that records can have: from `checked` on none of counter + 1 below `fuzzy`, and from there
    on none but those two.
    """

    checked: int
    fuzzy: int
    counter: int


class Mode(Protocol):
    """One way to run the kernels."""

    name: str

    def bind(self, spaces: Spaces, batch: Space) -> Bound:
        """The kernels over these spaces; `batch` holds what the other spaces' addresses need."""

    def relinker(self, spaces: Spaces, log_bytes: int, stamps: Stamps) -> Relink:
        """`walks.relink` over these spaces, for so many bytes of log and of image in all."""

    def walker(self, spaces: Spaces, walk: Space) -> Walk:
        """`walks.run_walk` over these spaces; `walk` holds what the other spaces' addresses need."""

    def splitter(self, spaces: Spaces, spare: Space) -> Split:
        """`splits.split` over these spaces."""

    def cas(self, space: Space, word: int, expected: int, value: int) -> bool:
        """One indivisible compare and swap, beside kernels too."""

    def fetch_add(self, space: Space, word: int, delta: int) -> int:
        """One indivisible addition; the value before."""


class _BoundInterpreted:
    def __init__(self, spaces: Spaces, batch: Space) -> None:
        self._spaces = spaces
        self._batch = batch
        self._bytes = batch.cast("B")
        self._inlined = load_inlined()

    def run(self) -> int:
        return self._work(run_batch if is_watched() else self._inlined.run_batch)

    def pick(self) -> int:
        return self._work(run_pick if is_watched() else self._inlined.run_pick)

    def _work(self, work: Callable[[Space, Space, Space, Space, Space], int]) -> int:
        spaces = self._spaces
        try:
            return work(spaces.control, spaces.index, spaces.log, spaces.epochs, self._batch)
        except BaseException:
            # Interrupted anywhere: a record may be locked for ever, or half written.
            spaces.on_break()
            store(spaces.epochs, self._batch[w.B_ROW] + w.ROW_STATE, w.IDLE)
            raise

    def run_key(self, kind: int, key: bytes) -> int:
        batch = self._batch
        batch[w.B_KIND] = kind
        batch[w.B_START] = 0
        batch[w.B_COUNT] = 1
        batch[w.B_ISSUE] = 1
        batch[w.B_KEY_BYTES] = len(key)
        put_bytes(self._bytes, batch[w.B_KEYS], key)
        return self.run()

    def read_key(self, kind: int, key: bytes) -> bytes | int:
        batch = self._batch
        if why := self.run_key(kind, key):
            return why << w.RESULT_BITS
        if batch[w.OP_RESULT] != w.FOUND or batch[w.OP_PLACE] == w.COLD:
            return batch[w.OP_RESULT]
        start = batch[w.OP_VALUE] * w.WORD_BYTES
        return bytes(self._bytes[start : start + batch[w.OP_VALUE_BYTES]])

    def run_pair(self, kind: int, key: bytes, value: bytes) -> int:
        batch = self._batch
        batch[w.B_VALUE_BYTES] = len(value)
        put_bytes(self._bytes, batch[w.B_VALUES], value)
        return self.run_key(kind, key)


class _BoundParallel(_BoundInterpreted):
    def __init__(self, spaces: Spaces, batch: Space, lock: AbstractContextManager[object]) -> None:
        super().__init__(spaces, batch)
        self._lock = lock

    def _work(self, work: Callable[[Space, Space, Space, Space, Space], int]) -> int:
        with self._lock:
            return super()._work(work)


class Interpreted:
    """The Python source; where threads may really run at once, under a lock."""

    name = "interpreted"

    def __init__(self, runtime: Runtime) -> None:
        self._lock = runtime.lock() if runtime.is_parallel else None

    def bind(self, spaces: Spaces, batch: Space) -> Bound:
        if self._lock is None:
            return _BoundInterpreted(spaces, batch)
        return _BoundParallel(spaces, batch, self._lock)

    def relinker(self, spaces: Spaces, log_bytes: int, stamps: Stamps) -> Relink:
        # The others are worth their loading to who will run them again and again.
        is_plain = is_watched() or self._lock is not None
        work = relink if is_plain else load_inlined().relink
        return partial(work, spaces.control, spaces.index, spaces.log, _group(stamps))

    def walker(self, spaces: Spaces, walk: Space) -> Walk:
        inlined = load_inlined().run_walk

        def run() -> int:
            work = run_walk if is_watched() else inlined
            try:
                with self._lock or nullcontext():
                    return work(spaces.control, spaces.index, spaces.log, spaces.epochs, walk)
            except BaseException:
                store(spaces.epochs, walk[w.B_ROW] + w.ROW_STATE, w.IDLE)  # A walk changes nothing else.
                raise

        return run

    def splitter(self, spaces: Spaces, spare: Space) -> Split:
        inlined = load_inlined().split

        def run(start: int, stop: int) -> int:
            work = split if is_watched() else inlined
            try:
                with self._lock or nullcontext():
                    return work(spaces.control, spaces.index, spaces.log, spare, start, stop)
            except BaseException:
                spaces.on_break()  # Interrupted anywhere: a bucket may be half split.
                raise

        return run

    def cas(self, space: Space, word: int, expected: int, value: int) -> bool:
        if self._lock is None:
            return cas(space, word, expected, value)
        with self._lock:
            return cas(space, word, expected, value)

    def fetch_add(self, space: Space, word: int, delta: int) -> int:
        if self._lock is None:
            return fetch_add(space, word, delta)
        with self._lock:
            return fetch_add(space, word, delta)


class _BoundCompiled:
    def __init__(self, code: Code, batch: Space) -> None:
        address = address_of(batch)
        self._batch = batch  # Kept alive, for the code knows only where it is.
        self.run = partial(code.run, address)
        self.pick = partial(code.run_pick, address)
        self.run_key = partial(code.run_key, address)
        self.read_key = partial(code.read_key, address)
        self.run_pair = partial(code.run_pair, address)


class Compiled:
    """Machine code, loaded when a session first binds to it or there is much to go over."""

    name = "compiled"

    def __init__(self, runtime: Runtime) -> None:
        # Until the first binding no compiled kernel works on the store's spaces, and Python will do.
        self._before = Interpreted(runtime)
        self._loaded: Code | None = None

    def _code(self) -> Code:
        if self._loaded is None:
            from ..compiler.compilation import load_compiled

            self._loaded = load_compiled()
        return self._loaded

    def bind(self, spaces: Spaces, batch: Space) -> Bound:
        _place(spaces, batch)
        return _BoundCompiled(self._code(), batch)

    def relinker(self, spaces: Spaces, log_bytes: int, stamps: Stamps) -> Relink:
        if log_bytes < COMPILED_LEAST and self._loaded is None:
            return self._before.relinker(spaces, log_bytes, stamps)
        code, group = self._code(), _group(stamps)
        control, index, log = (address_of(each) for each in (spaces.control, spaces.index, spaces.log))
        scratch = address_of(group)

        def work(address: int, end: int, _kept: Space = group) -> tuple[int, int]:
            reached, why = code.relink(control, index, log, scratch, address, end)
            return int(reached), int(why)

        return work

    def walker(self, spaces: Spaces, walk: Space) -> Walk:
        if spaces.control[w.TAIL] < COMPILED_LEAST and self._loaded is None:
            return self._before.walker(spaces, walk)
        _place(spaces, walk)
        return partial(self._code().run_walk, address_of(walk))

    def splitter(self, spaces: Spaces, spare: Space) -> Split:
        code = self._code()  # Sessions may bind to it meanwhile.
        control, index, log = (address_of(each) for each in (spaces.control, spaces.index, spaces.log))
        left_over = address_of(spare)

        def run(start: int, stop: int, _kept: Space = spare) -> int:
            return code.split(control, index, log, left_over, start, stop)

        return run

    def cas(self, space: Space, word: int, expected: int, value: int) -> bool:
        if self._loaded is None:
            return self._before.cas(space, word, expected, value)
        return bool(self._loaded.cas(address_of(space) + word * w.WORD_BYTES, expected, value))

    def fetch_add(self, space: Space, word: int, delta: int) -> int:
        if self._loaded is None:
            return self._before.fetch_add(space, word, delta)
        return int(self._loaded.fetch_add(address_of(space) + word * w.WORD_BYTES, delta))


def _place(spaces: Spaces, batch: Space) -> None:
    """Write where the other spaces are into the first words of a batch or a walk."""
    for word, space in (
        (w.B_CONTROL, spaces.control),
        (w.B_INDEX, spaces.index),
        (w.B_LOG, spaces.log),
        (w.B_EPOCHS, spaces.epochs),
    ):
        batch[word] = address_of(space)


def _group(stamps: Stamps) -> Space:
    """Room for what `relink` knows of the records of one group, and what their versions are held against."""
    group = words_of(w.GROUP_WORDS)
    group[w.G_CHECKED], group[w.G_FUZZY], group[w.G_VERSION] = stamps
    return group


_warned = False


def choose_mode(runtime: Runtime, wanted: str | None = None) -> Mode:
    """The mode that is asked for, by `wanted` or else by POWERCUT_KERNELS.

    Raises SettingsError for an unknown one, and where compiled kernels are demanded and cannot be had.
    """
    global _warned
    if wanted is None:
        # One task at a time is being watched: what is compiled announces nothing.
        wanted = (os.environ.get(VARIABLE) or "auto") if runtime.is_parallel else "interpreted"
    if type(wanted) is not str or wanted not in MODES:
        raise SettingsError(f"kernels {wanted!r}: expected one of {', '.join(MODES)}")
    if wanted == "interpreted" or (wanted == "auto" and not runtime.is_parallel):
        return Interpreted(runtime)
    from ..compiler.compilation import available

    if available():
        return Compiled(runtime)
    if wanted == "compiled":
        raise SettingsError("compiled kernels need numba: install powercut[speed]")
    if not _warned:
        _warned = True
        warnings.warn(
            "kernels are interpreted, correct and slow: install powercut[speed] for compiled ones",
            RuntimeWarning,
            stacklevel=3,
        )
    return Interpreted(runtime)
