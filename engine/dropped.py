"""Stores that nobody closed: collected, or left to the end of the process, their lock is given back.

A store is gone once its log is, which whatever works on it knows: the store itself, its sessions, iterators,
tickets and workers. So no device is taken from under a session that has outlived its store.

Invariants
  1  what it holds of the store is as much as it takes to count, and nothing that leads to the log
  2  the lock is given back after the last write that is under way: a file's number may be another's then

Threads: the collector's, whichever that is; it waits for nothing.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from weakref import finalize

from .checkpoint.parts import Parts
from .device import Lease
from .metadata.roots import Roots
from .poison import Poison
from .runtime import Spawning

__all__ = ["watch_over"]


def watch_over(parts: Parts, lease: Lease) -> Callable[[], object]:
    """See to the store when it is collected; the function that is returned ends that, as for one closed."""
    runtime = parts.disk.runtime
    if not isinstance(runtime, Spawning):
        return lambda: None  # Of a harness, which has thousands and cuts their power.
    keeper = finalize(
        parts.log.segments, _drop, lease, parts.roots, parts.sessions.ledger, parts.disk.poison, runtime
    )
    return keeper.detach


def _drop(
    lease: Lease, roots: Roots, unsaved: Callable[[], dict[str, int]], poison: Poison, runtime: Spawning
) -> None:
    if poison.is_forked:
        return  # It is the parent's.
    lost = sum(unsaved().values())
    if roots.is_owing:
        runtime.spawn("powercut-dropped", lambda: _give_back(lease, roots))
    else:
        lease.release()
    if lost:
        warnings.warn(
            f"a store was dropped with {lost} operations that no checkpoint holds: close it, or use `with`",
            ResourceWarning,
            stacklevel=2,
        )


def _give_back(lease: Lease, roots: Roots) -> None:
    roots.await_third()
    lease.release()
