"""Flushing: the flush worker driven by the program, a round at a time, in whichever task asks.

    size 0   one round
    size 1   a second passes, then one round
    size 2   three rounds
    size 3   it is stopped, with what is frozen written where the key is even, and begins again

What operations return must not depend on it, so every oracle of the run judges it. Besides, a round is
counted, what it says that it wrote is how far `flushed` came, and that stays below what is frozen; what is
stopped has written all whole frozen pages, unless the device refused.

A store whose geometry is none of FLUSHES has no worker, and an operation is nothing to it.

Threads: none.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Final

from powercut.engine import (
    BehindTail,
    FasterKv,
    Flusher,
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

__all__ = ["FLUSHES", "GATHERING", "FlushError", "check_stopped", "flush"]

_SOON: Final = {"threshold_pages": 1, "elevated": 0.2, "high": 0.4, "critical": 0.6}
FLUSHES: Final[dict[str, Callable[[], FlushSettings]]] = {
    "flushed": lambda: FlushSettings(threshold_pages=2, threshold_bytes=2048),
    "lagging": lambda: FlushSettings(target=BehindTail(512), **_SOON),  # type: ignore[arg-type]
    "ageing": lambda: FlushSettings(target=OlderThan(0.5), threshold_seconds=0.5),
    "behind": lambda: FlushSettings(threshold_pages=1),
    "gathered": lambda: FlushSettings(target=BehindTail(0), threshold_pages=2),
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


def flush(store: FasterKv, runtime: Runtime, operation: Operation) -> None:
    """Carry the operation out. Raises FlushError."""
    flusher, control = store.flusher, store.spaces[0]
    before, flushed = flusher.metrics(), control[w.FLUSHED]
    is_over = operation.size == 3 and operation.key % 2 == 0 and before.state == "idle"
    _carry_out(flusher, runtime, operation)
    after, now, frozen = flusher.metrics(), control[w.FLUSHED], control[w.SAFE_READ_ONLY]
    if after.state != flusher.state or round(after.mean_bytes * after.flushes) != after.bytes:
        _object(f"it is {flusher.state} and says {after}")
    if now > frozen:
        _object(f"flushed is {now}, above what is frozen, {frozen}")
    if isinstance(runtime, SteppedRuntime):  # Nobody else flushes meanwhile.
        written = after.bytes - before.bytes
        # The first page is written from its start on, where no address is.
        start = flushed if flushed > w.FIRST_ADDRESS or now == flushed else 0
        if written != now - start:
            _object(f"wrote {written} bytes: flushed went from {flushed} to {now}")
        frozen -= frozen % store.settings.page_bytes
        is_excused = after.failures > before.failures or _is_poisoned(store)
        if is_over and now < frozen and not is_excused:
            _object(f"stopped with {frozen} frozen and {now} flushed")
    flusher.start()


def _carry_out(flusher: Flusher, runtime: Runtime, operation: Operation) -> None:
    if operation.size == 3:
        flusher.stop(final=operation.key % 2 == 0)
        return
    if operation.size == 1 and isinstance(runtime, SteppedRuntime):
        runtime.seconds += 1.0
    rounds = _ROUNDS if operation.size == 2 else 1
    if flusher.settings.is_lazy:  # It would sleep until somebody rings, and here nobody does.
        for _ in range(rounds):
            flusher.drive(1)
    else:
        flusher.drive(rounds)


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
