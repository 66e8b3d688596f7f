"""Settling, in either mode: the kernel of `kernels.settling` over an index and the charts of an image.

Invariants
  1  a result does not depend on the mode

Threads: any, each with a chart and buckets of its own.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from ..compiler.inlining import load_inlined
from ..kernels import words as w
from ..kernels.atomics import Space
from .modes import COMPILED_LEAST, VARIABLE
from .spaces import address_of

__all__ = ["Settle", "bind_settling", "compiles"]

Settle = Callable[[Space, int, int], int]  # chart, start, stop


def compiles() -> bool:
    """True if who has no store, and so no mode, may have kernels compiled. Imports nothing of theirs."""
    from ..compiler.compilation import available

    return (os.environ.get(VARIABLE) or "auto") != "interpreted" and available()


def bind_settling(control: Space, index: Space, count: int, *, is_compiled: bool) -> Settle:
    """The kernel over this index, of which so many buckets are to be settled: with start = stop those that no
    link led to come back, and that is all.
    """
    if is_compiled and count * w.BUCKET_WORDS * w.WORD_BYTES >= COMPILED_LEAST:
        from ..compiler.compilation import load_compiled

        code, kept = load_compiled(), (control, index)  # The code knows only where they are.
        first, second = (address_of(space) for space in kept)

        def settle(chart: Space, start: int, stop: int, _kept: tuple[Space, Space] = kept) -> int:
            return code.settle(first, second, address_of(chart), start, stop)

        return settle
    inlined = load_inlined()

    def interpreted(chart: Space, start: int, stop: int) -> int:
        if start == stop:
            inlined.free_rest(control, index, chart)
            return stop
        return inlined.settle(index, chart, start, stop)

    return interpreted
