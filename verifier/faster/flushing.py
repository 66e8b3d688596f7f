"""Flushing: the flush worker driven by the program, a round at a time, in whichever task asks.

    size 0   one round
    size 1   a second passes, then one round
    size 2   three rounds
    size 3   it is stopped, with what is frozen written where the key is even, and begins again

What operations return must not depend on it, so every oracle of the run judges it. Besides, `flushed` stays
below what is frozen, and where nobody runs beside it, boundaries, metrics and pauses are those of a reference
(`worker`), unless the device refused.

A store whose geometry is none of FLUSHES has no worker, and an operation is nothing to it.

Threads: none.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from powercut.engine import (
    BehindTail,
    FasterKv,
    Flusher,
    FlushMetrics,
    FlushSettings,
    InvariantError,
    OlderThan,
    PoisonedError,
    Runtime,
    Settings,
)
from powercut.engine.kernels import words as w

from ..tapes.tape import Operation
from .stepped import SteppedRuntime
from .worker import Boundaries, WorkerReference, told_of

__all__ = ["FLUSHES", "GATHERING", "FlushBench", "FlushError", "check_stopped"]

# What the settings of each geometry's worker are given. Shares that a log of few pages comes to exactly are
# there for what holds at an edge and not beside it.
_GIVEN: Final[dict[str, dict[str, Any]]] = {
    "flushed": {"threshold_pages": 2, "threshold_bytes": 2048},
    "lagging": {
        "target": BehindTail(512),
        "threshold_pages": 1,
        "elevated": 0.2,
        "high": 0.45,
        "critical": 0.5,
    },
    "ageing": {
        "target": OlderThan(0.5),
        "threshold_seconds": 0.5,
        "interval": 0.25,
        "elevated": 0.4375,
        "high": 0.5,
        "critical": 1.0,
    },
    "behind": {"threshold_pages": 1},
    "gathered": {"target": BehindTail(0), "threshold_pages": 2},
}
FLUSHES: Final[dict[str, Callable[[], FlushSettings]]] = {
    name: partial(FlushSettings, **given) for name, given in _GIVEN.items()
}
# Few pages, and writes of several: a page is one extent of two write units; a page has one large value.
_NARROW: Final = {"ring_pages": 4, "index_buckets": 1, "write_bytes": 2048}
GATHERING: Final = {
    "behind": Settings(1024, 2048, 512, 1024, **(_NARROW | {"ring_pages": 2})),
    "gathered": Settings(512, 2048, 512, 512, **_NARROW),
}
_ROUNDS: Final = 3


class FlushError(Exception):
    """The worker says one thing and has done another."""


class FlushBench:
    """The worker of one opening, and its reference."""

    def __init__(self, store: FasterKv, runtime: Runtime, geometry: str) -> None:
        self._store = store
        self._runtime = runtime
        self._control = store.spaces[0]
        self._reference: WorkerReference | None = None
        # Where others run beside it, they flush as well.
        if geometry in _GIVEN and isinstance(runtime, SteppedRuntime):
            page, ring = store.settings.page_bytes, len(store.spaces[2]) * w.WORD_BYTES
            self._reference = WorkerReference(_GIVEN[geometry], page, ring)

    def flush(self, operation: Operation) -> None:
        """Carry the operation out. Raises FlushError."""
        flusher, control = self._store.flusher, self._control
        before, log = flusher.metrics(), Boundaries.of(control)
        is_alone = _is_poisoned(self._store)
        seconds = self._carry_out(flusher, operation)
        after, now = flusher.metrics(), control[w.FLUSHED]
        if after.state != flusher.state or round(after.mean_bytes * after.flushes) != after.bytes:
            _object(f"it is {flusher.state} and says {after}")
        if after.mean_seconds * after.flushes > after.seconds * (1 + 1e-9):
            _object(f"it says {after}")
        if now > control[w.SAFE_READ_ONLY]:
            _object(f"flushed is {now}, above what is frozen, {control[w.SAFE_READ_ONLY]}")
        if self._reference is not None and not is_alone:
            self._judge(self._reference, operation, log, before, seconds)
        flusher.start()

    def _carry_out(self, flusher: Flusher, operation: Operation) -> float:
        """When its rounds began."""
        runtime = self._runtime
        if operation.size == 3:
            flusher.stop(final=operation.key % 2 == 0)
            return runtime.now()
        if operation.size == 1 and isinstance(runtime, SteppedRuntime):
            runtime.seconds += 1.0
        began = runtime.now()
        flusher.drive(_rounds(operation))
        return began

    def _judge(
        self,
        reference: WorkerReference,
        operation: Operation,
        log: Boundaries,
        before: FlushMetrics,
        seconds: float,
    ) -> None:
        """Hold what the worker did and says against the reference."""
        after, found = self._store.flusher.metrics(), Boundaries.of(self._control)
        rounds, failed = _rounds(operation), after.failures - before.failures
        if _is_poisoned(self._store) or (failed and (failed != rounds or after.bytes != before.bytes)):
            self._reference = None  # How far it came before the device refused is the device's affair.
            return
        if failed:
            expected = reference.fail(log, seconds, rounds)
        elif operation.size == 3:
            expected = reference.stop(log, seconds, final=operation.key % 2 == 0)
        else:
            expected = reference.drive(log, seconds, rounds)
        if found != expected:
            _object(f"the log came to {found}: expected {expected}")
        told, promised = (
            told_of(after),
            reference.metrics(found, "stopped" if operation.size == 3 else "idle"),
        )
        for name, value in promised.items():
            if told[name] != value:
                _object(f"{name} is {told[name]}: expected {value}")
        if operation.size != 3 and self._runtime.now() != reference.seconds:
            _object(f"it waited until {self._runtime.now()}: expected {reference.seconds}")


def _rounds(operation: Operation) -> int:
    return 0 if operation.size == 3 else _ROUNDS if operation.size == 2 else 1


def _is_poisoned(store: FasterKv) -> bool:
    """True if a sync has failed: the store says so at every entry."""
    try:
        store.serials()
    except PoisonedError:
        return True
    return False


def _object(what: str) -> None:
    raise FlushError(f"the flush worker: {what}")


def check_stopped(store: FasterKv) -> None:
    """Check that a closed store's worker has flushed every frozen page, and before the device closed (W5).

    What the device refused is not objected to. Raises InvariantError.
    """
    told = store.flusher.metrics()
    if told.state == "off" or (told.failures and f"[Errno {errno.EBADF}]" not in told.last_error):
        return
    control, page = store.spaces[0], store.settings.page_bytes
    frozen = control[w.SAFE_READ_ONLY] // page * page
    if told.failures or told.state != "stopped" or control[w.FLUSHED] < frozen:
        detail = f"{told.state}, flushed {control[w.FLUSHED]} of {frozen} frozen bytes; {told.last_error}"
        raise InvariantError("W5", detail)
