"""Labels: the name of the phase under way, on every call that a device takes.

Invariant: what a device holds holds no store that holds the device. Such a ring would be left to the garbage
collector, once for every opening of a search.
"""

from __future__ import annotations

from collections.abc import Callable
from weakref import ref

from powercut.engine import FasterKv

__all__ = ["labels"]


def labels(store: FasterKv) -> Callable[[], str]:
    """The function that names the phase under way; "" where no checkpoint enters one."""
    held = ref(store)

    def label() -> str:
        store = held()
        phase = None if store is None else store.entering
        return "" if phase is None else phase._name_  # As `name`, which costs as much as the call.

    return label
