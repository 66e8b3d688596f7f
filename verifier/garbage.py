"""Garbage: the collector of rings, asked seldom where much is made and little of it is kept.

A search makes worlds, traces and openings by the thousand, and nearly all of them go when nobody refers to
them any more. Asked as often as Python does by itself, the collector looks through what stays, over and over.

Invariant: nothing that is searched or told depends on when rings are collected.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

__all__ = ["collect_seldom", "collected_seldom"]

_THRESHOLDS: Final = (100_000, 20, 20)  # Objects more than went, and generations: by default 700, 10, 10.


def collect_seldom() -> None:
    """Ask the collector seldom from now on."""
    gc.set_threshold(*_THRESHOLDS)


@contextmanager
def collected_seldom() -> Iterator[None]:
    """Ask the collector seldom, and afterwards as before."""
    before = gc.get_threshold()
    collect_seldom()
    try:
        yield
    finally:
        gc.set_threshold(*before)
