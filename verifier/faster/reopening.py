"""Reopening: a store opened with other memory than before, openings that it must refuse, and second openers.

key of REOPEN_AS   which memory: a larger ring, more or fewer buckets, or all of it from `memory`
size               0  nothing else
                   1  first come openings that are refused, and one that only reads: none writes; and what
                      else may lie where a store is looked for (`folders`)
                   2  at every call of the store to its device, from this opening to its close, others
                      try to open the device too, and are refused
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from powercut.engine import FasterKv, Settings, SettingsError, StoreLockedError
from powercut.engine.inspection import inspect_store
from powercut.faultfs import FaultDevice

from . import folders
from .foresight import READING
from .stepped import SteppedRuntime

__all__ = ["MEMORY", "Guarded", "TrespassError", "check_refusals", "knock", "variant"]

MEMORY: Final = 1 << 20
_CALLS: Final = frozenset(
    {"list", "create", "remove", "size", "read_into", "write", "truncate", "sync", "sync_names", "close"}
)


class TrespassError(Exception):
    """A second opener was let in, or an opening that was refused has written."""


def variant(settings: Settings, number: int) -> tuple[Settings | None, int]:
    """The settings and the memory of the opening of this number."""
    ring, buckets = settings.ring_pages or 2, settings.index_buckets or 1
    variants: tuple[tuple[Settings | None, int], ...] = (
        (replace(settings, ring_pages=2 * ring), MEMORY),
        (replace(settings, ring_pages=8 * ring), MEMORY),
        (replace(settings, index_buckets=4 * buckets), MEMORY),
        (replace(settings, index_buckets=32 * buckets, ring_pages=2 * ring), MEMORY),
        (replace(settings, index_buckets=1), MEMORY),
        (None, 16 * settings.page_bytes),
        (replace(settings, ring_pages=None, index_buckets=None), 64 * settings.page_bytes),
        (settings, MEMORY),
    )
    return variants[number % len(variants)]


def knock(device: FaultDevice, settings: Settings, at: str) -> None:
    """Try to have the device that another has: to write, to read, to inspect. Raises TrespassError."""
    runtime = SteppedRuntime()
    ways: tuple[Callable[[], object], ...] = (
        lambda: FasterKv.open(device, settings=settings, runtime=runtime, kernels="interpreted"),
        lambda: FasterKv.open(device, read_only=True, runtime=runtime, kernels="interpreted"),
        lambda: inspect_store(device),
    )
    for way in ways:
        try:
            way()
        except StoreLockedError:
            continue
        raise TrespassError(f"a second opener was let in at {at}")


def check_refusals(device: FaultDevice, settings: Settings) -> None:
    """Open the store of nobody in ways that are refused, and then only for reading. Raises TrespassError."""
    before = len(device.trace)
    other = settings.page_bytes * 2
    wrong = replace(settings, page_bytes=other, segment_bytes=max(other, settings.segment_bytes))
    refused: tuple[dict[str, Any], ...] = (
        *({"settings": wrong}, {"memory": 1}, {"version": (1, 1)}),
        {"read_only": True, "version": (1 << 40, 1)},
    )
    for given in refused:
        try:
            FasterKv.open(device, runtime=SteppedRuntime(), kernels="interpreted", **given).close()
        except SettingsError:
            continue
        raise TrespassError(f"an opening with {given} was not refused")
    with FasterKv.open(device, read_only=True, runtime=SteppedRuntime(), kernels="interpreted") as store:
        dict(store.items())
    if any(event.kind not in READING for event in device.trace.events[before:]):
        raise TrespassError("an opening that was refused, or only read, has written")
    if told := folders.objection(device, settings):
        raise TrespassError(told)


class Guarded:
    """A device at each call to which somebody knocks; otherwise the one that it is made of."""

    def __init__(self, device: FaultDevice, settings: Settings) -> None:
        self._device = device
        self._settings = settings

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._device, name)
        if name not in _CALLS:
            return call

        def knocked(*arguments: Any) -> Any:
            knock(self._device, self._settings, name)
            return call(*arguments)

        return knocked
