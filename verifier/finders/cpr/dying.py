"""A load that dies: writers and checkpoints over a real folder, until their process kills itself at a call.

The load is that of `load`, but it has no end: writers append stamps of their own to keys that they share,
checkpoints of every kind follow each other, pages turn, the flush worker is at work. The process ends by
SIGKILL at the n-th call of a kind that it makes of its device, before it or after it, counted from the
opening on; its other threads are wherever they are.

    key of an operation    serial // STRIDE + a mixture of seed, life, session and serial, below WINDOW

so that whoever recovers the folder knows every key, and an operation that a life lost is none of the next.

Invariants
  1  `issued` holds an operation before the store is given it; `told` and `waited` hold a serial when
     somebody was told that it is durable, and not before
  2  a life ends by SIGKILL with `struck` set, or by its own exit: it never returns

Threads: those of the load; the process that forks has one.
"""

from __future__ import annotations

import mmap
import os
import signal
import threading
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Final, NoReturn

import numpy as np

from powercut.engine import EngineError, FasterKv, FileDevice
from powercut.engine.device import Buffer

from ...tracing.requests import die_with_parent
from .load import (
    BATCH,
    FLUSH,
    KINDS,
    SETTINGS,
    SINGLE,
    STRIDE,
    TICK_SECONDS,
    WINDOW,
    WRITERS,
    Words,
    appending,
    stamps_of,
)

__all__ = ["CAPPED", "REFUSED", "Death", "Life", "Memory", "keys_of", "live"]

EACH: Final = BATCH  # Operations of a writer beside each checkpoint.
CAP: Final = 2_000  # Checkpoints of a life that nobody kills.
REFUSED, BROKEN, CAPPED = 2, 3, 4  # Exits: an error of the store, one of the harness, a life not killed.
_MIXERS: Final = np.array([0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB], np.uint64)


@dataclass(frozen=True, slots=True)
class Death:
    """Die at the call of that kind and number, counted from 1; before it or after it."""

    call: str
    number: int
    is_after: bool


class Memory:
    """The progress of a life, in memory that outlives it; a column a writer."""

    def __init__(self) -> None:
        self._words = np.frombuffer(mmap.mmap(-1, mmap.PAGESIZE), np.uint64)
        self.issued, self.told, self.waited = (self._words[at * WRITERS :][:WRITERS] for at in range(3))
        self._more = self._words[3 * WRITERS :]

    def clear(self) -> None:
        self._words[:] = 0

    @property
    def struck(self) -> bool:
        return bool(self._more[0])

    def strike(self) -> None:
        self._more[0] = 1

    @property
    def checkpoints(self) -> int:
        return int(self._more[1])

    def acknowledge(self) -> None:
        self._more[1] += np.uint64(1)


@dataclass(frozen=True, slots=True)
class Life:
    """One life: where, how far it has come when it begins, and how it ends."""

    folder: Path
    seed: int
    number: int  # From 1: of all lives on all folders.
    death: Death
    kernels: str = "compiled"


def keys_of(seed: int, life: int, session: int, first: int, amount: int) -> Words:
    """The keys of so many operations of a writer, from that serial on."""
    serials = np.arange(first, first + amount, dtype=np.uint64)
    with np.errstate(over="ignore"):
        mixed = serials * _MIXERS[0] + np.uint64(session) * _MIXERS[1] + np.uint64(life) * _MIXERS[2]
        mixed += np.uint64(seed)
        for shift, mixer in ((30, _MIXERS[1]), (27, _MIXERS[2])):
            mixed = (mixed ^ (mixed >> np.uint64(shift))) * mixer
    keys: Words = serials // np.uint64(STRIDE) + (mixed >> np.uint64(33)) % np.uint64(WINDOW)
    return keys


class _DyingDevice(FileDevice):
    """The device that ships; its process dies at one of its calls."""

    def __init__(self, folder: Path, death: Death, memory: Memory) -> None:
        self._death, self._memory = death, memory
        self._counts: Counter[str] = Counter()
        self._guard = threading.Lock()
        super().__init__(folder, create=True)

    @contextmanager
    def _call(self, kind: str) -> Iterator[None]:
        with self._guard:
            self._counts[kind] += 1
            is_last = kind == self._death.call and self._counts[kind] == self._death.number
        if is_last and not self._death.is_after:
            self._die()
        yield
        if is_last:
            self._die()

    def _die(self) -> None:
        self._memory.strike()
        os.kill(os.getpid(), signal.SIGKILL)

    def create(self, name: str) -> None:
        with self._call("create"):
            super().create(name)

    def remove(self, name: str) -> None:
        with self._call("remove"):
            super().remove(name)

    def write(self, name: str, offset: int, buffer: Buffer) -> int:
        with self._call("write"):
            return super().write(name, offset, buffer)

    def sync(self, name: str) -> None:
        with self._call("sync"):
            super().sync(name)

    def sync_names(self) -> None:
        with self._call("sync_names"):
            super().sync_names()


class _Crew:
    """The threads of one life."""

    def __init__(self, life: Life, store: FasterKv, memory: Memory) -> None:
        self._life, self._store, self._memory = life, store, memory
        self._ended = [0] * WRITERS  # Of this life.
        self._done = 0
        self._never = threading.Event()
        self.end: threading.Event = threading.Event()
        self.error: BaseException | None = None

    def write(self, number: int) -> None:
        name = f"s{number}"
        session = self._store.session(name)
        issued, waited = self._memory.issued, self._memory.waited
        for batch in count():
            while self._ended[number] >= (self._done + 1) * EACH:
                self._never.wait(TICK_SECONDS)
            first = session.serial + 1
            keys = keys_of(self._life.seed, self._life.number, number, first, BATCH)
            stamps = stamps_of(number, first, BATCH)
            issued[number] = first + BATCH - 1
            if batch % SINGLE == number % SINGLE:
                for key, stamp in zip(keys, stamps, strict=True):
                    session.rmw(key.tobytes(), appending(stamp.tobytes()))
            else:
                session.append_many(keys, stamps)
            self._ended[number] += BATCH
            if first > 1 and session.wait_durable(first - 1, timeout=0):
                waited[number] = first - 1

    def checkpoint(self) -> None:
        for number in range(CAP):
            while min(self._ended) < number * EACH // 2:
                self._never.wait(TICK_SECONDS)
            kind, is_indexed = KINDS[number % len(KINDS)]
            point = self._store.checkpoint(kind, index=is_indexed, timeout=None)
            for each in range(WRITERS):
                self._memory.told[each] = point.serials.get(f"s{each}", 0)
            self._memory.acknowledge()
            self._done += 1
        self.end.set()

    def start(self, work: Callable[[], None]) -> None:
        def run() -> None:
            try:
                work()
            except BaseException as error:  # noqa: BLE001 (told by who forked)
                self.error = error
                self.end.set()

        threading.Thread(target=run, daemon=True).start()


def live(life: Life, memory: Memory, parent: int) -> NoReturn:
    """Live to the death of this process; never returns. What it could not do it says in the file `error`."""
    status, told = CAPPED, life.folder.with_name("error")
    try:
        die_with_parent(parent)
        device = _DyingDevice(life.folder, life.death, memory)
        store = FasterKv.open(
            device, create=True, settings=SETTINGS, kernels=life.kernels, flush=FLUSH, keep=2
        )
        crew = _Crew(life, store, memory)
        for number in range(WRITERS):
            crew.start(partial(crew.write, number))
        crew.start(crew.checkpoint)
        crew.end.wait()
        if crew.error is not None:
            raise crew.error
    except EngineError as error:
        status = REFUSED
        told.write_text(f"{type(error).__name__}: {error}")
    except BaseException:  # noqa: BLE001 (told by who forked)
        status = BROKEN
        told.write_text(traceback.format_exc(limit=-3))
    finally:
        os._exit(status)
